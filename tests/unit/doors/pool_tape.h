/* SPDX-License-Identifier: MIT
 * A disk whose writes are recorded by the kernel's dm-log-writes, and disks that hold any first part of them:
 * what a power cut leaves. Root only. All lie in memory, in a folder of /dev/shm; the disk in use is
 * TAPE_DISK; who includes this defines TAPE_NAME before.
 *
 * The log: sector 0 has a magic number, a version, the number of entries and the size of a sector; from
 * sector 1 on each entry takes a sector, which begins with what it concerns (first sector, number of sectors,
 * flags, length of its text), and the written bytes follow it. A discard has no bytes, a mark has its text in
 * its own sector. A write is logged when it is done and a flush has followed it, so a part that ends behind a
 * flush is what the disk had promised to keep. */
#ifndef TESTS_UNIT_DOORS_POOL_TAPE_H
#define TESTS_UNIT_DOORS_POOL_TAPE_H

#include "base/own.h"
#include "tests/unit/doors/pool_bench.h"

#define TAPE_DISK  "/dev/mapper/" TAPE_NAME
#define TAPE_MAGIC UINT64_C(0x6a736677736872)
#define TAPE_MIB   (1024L * 1024)

enum { TAPE_FLUSH = 1, TAPE_FUA = 2, TAPE_DISCARD = 4, TAPE_MARK = 8, TAPE_MOST = 65536 };

static struct {
    char folder[64];
    unsigned sector; /* bytes */
    struct {
        uint64_t sector, sectors, flags;
        off_t at; /* of its bytes in the log */
    } entries[TAPE_MOST];
    unsigned count, begin, end; /* between these two marks lies what is tried */
} tape;

static inline const char *tape_file(const char *name)
{
    static char path[4][128];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", tape.folder, name);
    return to;
}

static inline bool tape_there(void)
{
    snprintf(tape.folder, sizeof tape.folder, "/dev/shm/pool-tape.XXXXXX");
    return geteuid() == 0 &&
           run_quietly("PATH=$PATH:/usr/sbin:/sbin; dmsetup targets | grep -q '^log-writes'") &&
           mkdtemp(tape.folder) != NULL;
}

static inline void tape_do(const char *command)
{
    char line[1024];
    snprintf(line, sizeof line, "PATH=$PATH:/usr/sbin:/sbin; cd %s && %s", tape.folder, command);
    if (!run_quietly(line)) {
        fprintf(stderr, "failed: %s\n", line);
        abort();
    }
}

/* Bytes [at, at + len) of one file to another, but for zeros if `sparse`. */
static inline void tape_copy(int from, off_t from_at, int to, off_t to_at, off_t len, bool sparse)
{
    static char bytes[65536];
    while (len > 0) {
        size_t most = len < (off_t)sizeof bytes ? (size_t)len : sizeof bytes;
        ssize_t n = pread(from, bytes, most, from_at);
        if (n <= 0)
            abort();
        bool zero = sparse && bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)n - 1) == 0;
        if (!zero && pwrite(to, bytes, (size_t)n, to_at) != n)
            abort();
        from_at += n, to_at += n, len -= n;
    }
}

static inline void tape_clone(const char *from, const char *to)
{
    AUTO_FD in = open(tape_file(from), O_RDONLY | O_CLOEXEC);
    AUTO_FD out = open(tape_file(to), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    off_t size = lseek(in, 0, SEEK_END), data = 0;
    if (in < 0 || out < 0 || ftruncate(out, size) < 0)
        abort();
    while ((data = lseek(in, data, SEEK_DATA)) >= 0) {
        off_t hole = lseek(in, data, SEEK_HOLE);
        tape_copy(in, data, out, data, hole - data, true);
        data = hole;
    }
}

/* The disk is the file `name`. */
static inline void tape_insert(const char *name)
{
    char line[512];
    snprintf(line, sizeof line,
             "d=$(losetup -f --show %s) && "
             "dmsetup create " TAPE_NAME " --table \"0 $(blockdev --getsz $d) linear $d 0\"",
             name);
    tape_do(line);
}

/* The disk is the file `name`, and what is written is recorded. */
static inline void tape_record(const char *name)
{
    char line[512];
    snprintf(line, sizeof line,
             "rm -f log && truncate -s 512M log && d=$(losetup -f --show %s) && l=$(losetup -f --show log) "
             "&& "
             "dmsetup create " TAPE_NAME " --table \"0 $(blockdev --getsz $d) log-writes $d $l\"",
             name);
    tape_do(line);
}

static inline void tape_mark(const char *text)
{
    char line[128];
    snprintf(line, sizeof line, "dmsetup message " TAPE_NAME " 0 mark %s", text);
    tape_do(line);
}

static inline void tape_eject(void)
{
    tape_do("for d in $(dmsetup deps -o blkdevname " TAPE_NAME
            " | sed 's/.*://; s/[()]/ /g'); do all=\"$all /dev/$d\"; done; dmsetup "
            "remove --retry " TAPE_NAME " && losetup -d $all");
}

static inline void tape_read(void)
{
    uint64_t head[4] = {0}; /* little-endian, as this machine is */
    char text[16];
    AUTO_FD log = open(tape_file("log"), O_RDONLY | O_CLOEXEC);
    if (pread(log, head, sizeof head, 0) != (ssize_t)sizeof head || head[0] != TAPE_MAGIC ||
        head[2] > TAPE_MOST)
        abort();
    tape.sector = (uint32_t)head[3];
    tape.count = (unsigned)head[2];
    tape.begin = tape.end = 0;
    off_t at = tape.sector;
    for (unsigned i = 0; i < tape.count; i++) {
        if (pread(log, head, sizeof head, at) != (ssize_t)sizeof head)
            abort();
        tape.entries[i].sector = head[0];
        tape.entries[i].sectors = head[1];
        tape.entries[i].flags = head[2];
        tape.entries[i].at = at + tape.sector;
        memset(text, 0, sizeof text);
        if ((head[2] & TAPE_MARK) != 0 && head[3] < sizeof text &&
            pread(log, text, (size_t)head[3], at + (off_t)sizeof head) != (ssize_t)head[3])
            abort();
        if (strcmp(text, "begin") == 0)
            tape.begin = i;
        if (strcmp(text, "end") == 0)
            tape.end = i;
        at += tape.sector;
        if ((head[2] & TAPE_DISCARD) == 0)
            at += (off_t)head[1] * tape.sector;
    }
    if (tape.begin >= tape.end)
        abort();
}

/* The file `to` is what the disk is after the entries before `from`; it becomes what it is after `count`. */
static inline void tape_play_on(const char *to, unsigned from, unsigned count)
{
    AUTO_FD log = open(tape_file("log"), O_RDONLY | O_CLOEXEC);
    AUTO_FD disk = open(tape_file(to), O_RDWR | O_CLOEXEC);
    for (unsigned i = from; i < count; i++) {
        off_t at = (off_t)tape.entries[i].sector * tape.sector,
              len = (off_t)tape.entries[i].sectors * tape.sector;
        if ((tape.entries[i].flags & TAPE_DISCARD) == 0)
            tape_copy(log, tape.entries[i].at, disk, at, len, false);
        else if (len > 0 && fallocate(disk, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len) < 0)
            abort();
    }
}

/* The file `to` becomes what the disk `from` is after the first `count` entries. */
static inline void tape_play(const char *from, const char *to, unsigned count)
{
    tape_clone(from, to);
    tape_play_on(to, 0, count);
}

/* Which first parts are tried: the whole up to the end mark, then by turns one that ends behind a flush, and
 * any.
 */
static inline unsigned tape_cut(unsigned turn, unsigned *seed)
{
    unsigned among = tape.end - tape.begin, flushes = 0;
    *seed = *seed * 1103515245U + 12345;
    unsigned random = *seed >> 8;
    if (turn == 0)
        return tape.end;
    for (unsigned i = tape.begin; i < tape.end; i++)
        flushes += (tape.entries[i].flags & (TAPE_FLUSH | TAPE_FUA)) != 0;
    if (turn % 2 == 0 || flushes == 0)
        return tape.begin + random % among;
    random %= flushes;
    for (unsigned i = tape.begin;; i++)
        if ((tape.entries[i].flags & (TAPE_FLUSH | TAPE_FUA)) != 0 && random-- == 0)
            return i + 1;
}

static inline void tape_end(void)
{
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", tape.folder);
    (void)run_quietly(line);
}

#endif
