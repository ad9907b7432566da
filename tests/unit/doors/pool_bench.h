/* SPDX-License-Identifier: MIT
 * A bench for pools: volumes with known contents, and file systems of one's own on loop devices. */
#ifndef TESTS_UNIT_DOORS_POOL_BENCH_H
#define TESTS_UNIT_DOORS_POOL_BENCH_H

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "doors/pool.h"
#include "doors/pool_call.h"

#define BLOCK 4096L
#define SIZE  32768L

#define ORIGIN_LINES                                                                                         \
    "pool=p\nvid=appvms/v-m/private\nrevisions_to_keep=2\nrw=True\nsave_on_stop=True\nsnap_on_start=False\n" \
    "size=32768"

static inline struct volume volume_of(const char *name, const char *lines)
{
    struct volume v;
    struct fault why = {0};
    if (volume_read(&v, span_of(name), span_of(lines), &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        abort();
    }
    return v;
}

static inline struct pool *pool_at(const char *driver, const char *parameters, const struct pool_calls *calls)
{
    char lines[1024];
    struct pool *p = NULL;
    struct fault why = {0};
    snprintf(lines, sizeof lines, "name=p\ndriver=%s\n%s", driver, parameters);
    if (pool_open("p", span_of(lines), calls, &p, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        abort();
    }
    return p;
}

/* The whole file says `word`, block by block, but for every third block, which is a hole. */
static inline void write_pattern(const char *path, char word, size_t size)
{
    char block[BLOCK];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    memset(block, word, sizeof block);
    for (size_t at = 0; fd >= 0 && at < size; at += BLOCK)
        if (at / BLOCK % 3 != 2 && pwrite(fd, block, BLOCK, (off_t)at) != BLOCK)
            abort();
    if (fd < 0)
        abort();
    close(fd);
}

/* The word of a pattern whose blocks before `at` said `word`, and what the one at `at` adds to that. */
static inline char pattern_word(char word, off_t at, const char block[BLOCK])
{
    if (memcmp(block, block + 1, BLOCK - 1) != 0)
        return '?';
    if (at == 0 && block[0] != '\0')
        return block[0];
    if (at < SIZE && block[0] != (word == '0' || at / BLOCK % 3 == 2 ? '\0' : word))
        return '?';
    return word;
}

/* The word of a pattern, in a file or a device; '0' for nothing but zeros; '?' when it is mixed; '-' for no
 * file. */
static inline char read_pattern(const char *path, size_t *size)
{
    char block[BLOCK], word = '0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return '-';
    off_t end = lseek(fd, 0, SEEK_END);
    if (size != NULL)
        *size = (size_t)end;
    for (off_t at = 0; at + BLOCK <= end; at += BLOCK)
        word = (char)(pread(fd, block, BLOCK, at) != BLOCK ? '?' : pattern_word(word, at, block));
    close(fd);
    return word;
}

static inline bool run_quietly(const char *command)
{
    char line[2700];
    snprintf(line, sizeof line, "( %s ) >/dev/null 2>&1", command);
    return system(line) == 0; /* NOLINT: a fixed command of this test */
}

/* A file system on a loop device, gone with the mount namespace of this process. */
static inline bool mount_own(const char *type, const char *at, unsigned mib)
{
    static bool own;
    char line[2600]; /* the path, eight times */
    if (!own && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return false;
    own = true;
    if (strcmp(type, "tmpfs") == 0)
        return mount("none", at, "tmpfs", 0, "mode=755") == 0;
    const char *options = strcmp(type, "xfs") == 0     ? "-q -f -m reflink=1"
                          : strcmp(type, "btrfs") == 0 ? "-q -f"
                                                       : "-q -F";
    snprintf(
        line, sizeof line,
        "PATH=$PATH:/usr/sbin:/sbin; rm -f %s.image && truncate -s %uM %s.image && mkfs.%s %s %s.image && "
        "mount -o loop %s.image %s && rm %s.image",
        at, mib, at, type, options, at, at, at, at);
    return run_quietly(line);
}

#endif
