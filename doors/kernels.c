/* SPDX-License-Identifier: MIT
 * What is known of the kernel pool's directory; in api. */
#include "doors/kernels.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <utlist.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

enum { PATH_MOST = 1024, FILE_MOST = 4096, KNOWN_MOST = 256 };
#define LOOK_EVERY UINT64_C(1000000000)

/* One question that was asked of the directory, with its answer: a kernel (file empty) or a text. */
struct known_kernel {
    struct known_kernel *prev, *next;
    char *kernel, *file, *text; /* text NULL: there is none */
    enum kernel_found state;
    struct timespec changed; /* of the kernel's own directory */
};

struct kernels {
    char *directory;
    uint64_t looked_at;
    struct timespec changed;
    struct known_kernel *known;
    size_t count;
};

struct kernels *kernels_new(const char *directory)
{
    struct kernels *k = calloc(1, sizeof *k);
    if (k != NULL && directory != NULL && (k->directory = strdup(directory)) == NULL)
        k = (free(k), NULL);
    return k;
}

static void forget(struct kernels *k)
{
    struct known_kernel *at, *next;
    DL_FOREACH_SAFE(k->known, at, next)
    {
        free(at->kernel);
        free(at->file);
        free(at->text);
        free(at);
    }
    k->known = NULL;
    k->count = 0;
}

void kernels_free(struct kernels *k)
{
    if (k == NULL)
        return;
    forget(k);
    free(k->directory);
    free(k);
}

static bool path_of(const struct kernels *k, const char *kernel, const char *file, char path[PATH_MOST])
{
    int len = snprintf(path, PATH_MOST, "%s/%s/%s", k->directory, kernel, file);
    return len > 0 && len < PATH_MOST;
}

static bool is_plain(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static struct timespec changed_at(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? s.st_mtim : (struct timespec){0};
}

static bool same(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Forgets everything when any of the directories that were looked into has changed. */
static void look(struct kernels *k, uint64_t now)
{
    char path[PATH_MOST];
    struct known_kernel *at;
    bool stale = false;
    if (k->looked_at != 0 && now - k->looked_at < LOOK_EVERY)
        return;
    k->looked_at = now;
    struct timespec changed = changed_at(k->directory);
    stale = !same(changed, k->changed);
    DL_FOREACH(k->known, at)
    {
        stale = stale || !path_of(k, at->kernel, "", path) || !same(changed_at(path), at->changed);
    }
    if (stale)
        forget(k);
    k->changed = changed;
}

/* Without the ends of lines behind it, and nothing else: options are put behind the blank that ends such a
 * text. */
static char *read_text(const char *path)
{
    char bytes[FILE_MOST];
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t len = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;
    if (len < 0)
        return NULL;
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        len--;
    return strndup(bytes, (size_t)len);
}

static enum kernel_found state_of(const struct kernels *k, const char *kernel)
{
    char path[PATH_MOST];
    struct stat s;
    if (!path_of(k, kernel, "", path) || stat(path, &s) < 0 || !S_ISDIR(s.st_mode))
        return KERNEL_IS_ABSENT;
    return path_of(k, kernel, "vmlinuz", path) && stat(path, &s) == 0 ? KERNEL_IS_INSTALLED
                                                                      : KERNEL_IS_BROKEN;
}

static struct known_kernel *learn(struct kernels *k, const char *kernel, const char *file)
{
    char path[PATH_MOST];
    if (k->count >= KNOWN_MOST)
        forget(k);
    struct known_kernel *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL)
        return NULL;
    fresh->kernel = strdup(kernel);
    fresh->file = strdup(file);
    if (fresh->kernel == NULL || fresh->file == NULL) {
        free(fresh->kernel);
        free(fresh->file);
        free(fresh);
        return NULL;
    }
    if (path_of(k, kernel, "", path))
        fresh->changed = changed_at(path);
    if (file[0] == '\0')
        fresh->state = state_of(k, kernel);
    else if (path_of(k, kernel, file, path))
        fresh->text = read_text(path);
    DL_APPEND(k->known, fresh);
    k->count++;
    return fresh;
}

static const struct known_kernel *find(struct kernels *k, uint64_t now, const char *kernel, const char *file)
{
    struct known_kernel *at;
    if (k == NULL || k->directory == NULL || !is_plain(kernel))
        return NULL;
    look(k, now);
    DL_FOREACH(k->known, at)
    {
        if (strcmp(at->kernel, kernel) == 0 && strcmp(at->file, file) == 0)
            return at;
    }
    return learn(k, kernel, file);
}

enum kernel_found kernels_state(struct kernels *k, uint64_t now, const char *name)
{
    const struct known_kernel *found = find(k, now, name, "");
    return found != NULL ? found->state : KERNEL_IS_ABSENT;
}

const char *kernels_file(struct kernels *k, uint64_t now, const char *kernel, const char *file)
{
    const struct known_kernel *found = is_plain(file) ? find(k, now, kernel, file) : NULL;
    return found != NULL ? found->text : NULL;
}
