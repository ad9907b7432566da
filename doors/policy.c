/* SPDX-License-Identifier: MIT
 * See policy.h. Others change these files under their lock, too, and by rename: a lock is only good while the
 * file that it is on still has its name. */
#include "doors/policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

#define PREFIX "qubes.USB+"
/* Hidden, and no name of a service: nobody takes it for policy. */
#define HALF ".bulkhead-qubes.USB"

enum { LOCK_TRIES = 40, LOCK_PAUSE = 50 * 1000 * 1000, NAME_ROOM = sizeof PREFIX + POLICY_PORT };

static int failed(struct fault *why, const char *what, const char *name)
{
    return fault_set(why, ERR_IO, "%s /etc/qubes-rpc/policy/%s: %s", what, name, strerror(errno));
}

/* ---- names ---- */

static bool is_line(const char *line)
{
    size_t len = strlen(line);
    return len > 0 && len <= POLICY_LINE && line[0] != '#' && strpbrk(line, "\n\r") == NULL;
}

static int name_of(const char *port, const char *line, char name[NAME_ROOM], struct fault *why)
{
    if (!policy_is_port(span_of(port)) || !is_line(line))
        return fault_set(why, ERR_BAD, "%.63s is no port of a USB device that a policy could speak of", port);
    snprintf(name, NAME_ROOM, PREFIX "%s", port);
    return 0;
}

/* ---- files ---- */

/* The file under its name and locked, or -1 with `errno`; ENOENT only where it is not to be made. */
static int lock_once(int dir, const char *name, int flags)
{
    struct stat open_one, named;
    AUTO_FD file = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0660);
    if (file < 0 || flock(file, LOCK_EX | LOCK_NB) < 0 || fstat(file, &open_one) < 0)
        return -1;
    if (!S_ISREG(open_one.st_mode)) {
        errno = EINVAL; /* no file */
        return -1;
    }
    if (fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || named.st_ino != open_one.st_ino ||
        named.st_dev != open_one.st_dev) {
        errno = EWOULDBLOCK; /* it was replaced meanwhile */
        return -1;
    }
    return take_fd(&file);
}

static int lock(int dir, const char *name, int flags)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE};
    for (int i = 0; i < LOCK_TRIES; i++) {
        int file = lock_once(dir, name, flags);
        if (file >= 0 || errno != EWOULDBLOCK)
            return file;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    errno = EWOULDBLOCK;
    return -1;
}

static int read_all(int file, struct text *to, const char *name, struct fault *why)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(file, bytes, sizeof bytes)) > 0)
        text_append(to, (struct span){bytes, (size_t)got});
    if (got < 0)
        return failed(why, "cannot read", name);
    return to->failed != 0
               ? fault_set(why, ERR_TOO_BIG, "/etc/qubes-rpc/policy/%s is too long to be changed", name)
               : 0;
}

/* As the directory's other files: where we may not give it away it stays ours, which who runs us so knows. */
static int give(int dir, int file)
{
    struct stat home;
    if (fchmod(file, 0660) < 0 || fstat(dir, &home) < 0)
        return -1;
    return fchown(file, home.st_uid, home.st_gid) < 0 && errno != EPERM ? -1 : 0;
}

static int write_half(int dir, struct span s)
{
    if (unlinkat(dir, HALF, 0) < 0 && errno != ENOENT)
        return -1;
    AUTO_FD file = openat(dir, HALF, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return file < 0 || span_write(file, s) < 0 || give(dir, file) < 0 ? -1 : fsync(file);
}

static int replace(int dir, const char *name, struct span s, struct fault *why)
{
    int r = s.len > 0 ? write_half(dir, s) : unlinkat(dir, name, 0);
    if (r == 0 && s.len > 0)
        r = renameat(dir, HALF, dir, name);
    if (r == 0)
        return 0;
    r = failed(why, "cannot change", name);
    (void)unlinkat(dir, HALF, 0);
    return r;
}

/* What an empty file of ours, made to be locked, would leave. */
static void forget_empty(int dir, const char *name, int file)
{
    struct stat found;
    if (fstat(file, &found) == 0 && found.st_size == 0)
        (void)unlinkat(dir, name, 0);
}

typedef void change_text(struct text *to, struct span was, const char *line);

static int change(int dir, const char *name, const char *line, change_text *to, bool *changed,
                  struct fault *why)
{
    AUTO_TEXT was = TEXT_WITH_LIMIT(POLICY_FILE_MAX), is = TEXT_WITH_LIMIT(POLICY_FILE_MAX + 512);
    AUTO_FD file = lock(dir, name, to == policy_text_with ? O_CREAT : 0);
    *changed = false;
    if (file < 0 && errno == ENOENT && to != policy_text_with)
        return 0;
    if (file < 0 && errno == EWOULDBLOCK)
        return fault_set(why, ERR_BUSY,
                         "another program holds the lock of /etc/qubes-rpc/policy/%s; try again", name);
    if (file < 0)
        return failed(why, "cannot open", name);
    int r = read_all(file, &was, name, why);
    if (r < 0)
        return r;
    to(&is, text_span(&was), line);
    if (is.failed != 0)
        r = fault_set(why, ERR_NOMEM, "no memory for /etc/qubes-rpc/policy/%s", name);
    *changed = r == 0 && !span_equal(text_span(&is), text_span(&was));
    if (*changed)
        r = replace(dir, name, text_span(&is), why);
    if (r < 0)
        forget_empty(dir, name, file);
    return r;
}

int policy_add(int dir, const char *port, const char *line, struct fault *why)
{
    char name[NAME_ROOM];
    bool changed;
    int r = name_of(port, line, name, why);
    return r < 0 ? r : change(dir, name, line, policy_text_with, &changed, why);
}

int policy_remove(int dir, const char *port, const char *line, struct fault *why)
{
    char name[NAME_ROOM];
    bool changed;
    int r = name_of(port, line, name, why);
    return r < 0 ? r : change(dir, name, line, policy_text_without, &changed, why);
}

/* ---- what a crash left ---- */

static void sweep_one(int dir, const char *name, unsigned *found, int *r, struct fault *why)
{
    struct span rest = span_of(name);
    struct fault here;
    bool changed = false;
    if (!span_starts(rest, PREFIX))
        return;
    rest.at += sizeof PREFIX - 1, rest.len -= sizeof PREFIX - 1;
    int one = policy_is_port(rest) ? change(dir, name, "", policy_text_without, &changed, &here) : 0;
    *found += one == 0 && changed;
    if (one < 0 && *r == 0) {
        *r = one;
        *why = here;
    }
}

int policy_sweep(int dir, unsigned *found, struct fault *why)
{
    int r = 0;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *entry;
    *found = 0;
    if (list == NULL) {
        r = failed(why, "cannot list", "");
        if (copy >= 0)
            close(copy);
        return r;
    }
    (void)unlinkat(dir, HALF, 0);
    while ((entry = readdir(list)) != NULL)
        sweep_one(dir, entry->d_name, found, &r, why);
    closedir(list);
    return r;
}
