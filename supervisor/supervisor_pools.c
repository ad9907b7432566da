/* SPDX-License-Identifier: MIT
 * Where pools lie: registry names the directory of each, and that alone is what its process will see. */
#include "supervisor/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/effects/effects.h"

static const struct pool_place *find(const struct supervisor *s, uint32_t number)
{
    for (size_t i = 0; i < COUNT(s->pool); i++)
        if (s->pool[i].used && s->pool[i].number == number)
            return &s->pool[i];
    return NULL;
}

static struct pool_place *find_or_free(struct supervisor *s, uint32_t number)
{
    const struct pool_place *named = find(s, number);
    for (size_t i = 0; i < COUNT(s->pool); i++)
        if (named != NULL ? named == &s->pool[i] : !s->pool[i].used)
            return &s->pool[i];
    return NULL;
}

/* Absolute, and no way up: what is bound is what was named. */
static bool is_plain(const char *path)
{
    return path[0] == '/' && path[1] != '\0' && strstr(path, "/../") == NULL && strstr(path, "//") == NULL &&
           (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

/* It was one of an operation that registry did not live to end: whoever serves it ends. */
static void forget(struct supervisor *s, struct pool_place *p)
{
    struct child *c = child_find(s, (struct address){KIND_STORAGE, p->number});
    p->used = false;
    if (c != NULL)
        child_renew(s, c);
}

void pools_hear(struct supervisor *s, const struct child *asker, const struct control *r)
{
    struct pool_place *p = find_or_free(s, (uint32_t)r->number);
    char text[CONTROL_TEXT + 1];
    snprintf(text, sizeof text, "%.*s", (int)r->len, r->text);
    const char *what = strchr(text, ' ');
    bool directory = what != NULL && what[1] == '/';
    if (asker->key.kind != KIND_REGISTRY)
        return;
    if (r->number >= kind_most(KIND_STORAGE) || (directory && !is_plain(what + 1)) || p == NULL) {
        log_line(LOG_ERROR, "pool %s cannot be served: too many pools, or no plain path", text);
        return;
    }
    struct child *c = child_find(s, (struct address){KIND_STORAGE, (uint32_t)r->number});
    bool same = p->used && strcmp(p->text, text) == 0 && p->reads == (r->value == 1);
    if (c != NULL && !same && (p->used || c->pid > 0))
        child_renew(s, c); /* its jail and its note are of what was there before */
    p->number = (uint32_t)r->number;
    p->named_by = asker->incarnation;
    p->used = text[0] != '\0';
    p->reads = r->value == 1;
    memcpy(p->text, text, sizeof text);
    p->path = directory ? p->text + (what + 1 - text) : "";
}

void pools_hear_all(struct supervisor *s, const struct child *asker)
{
    if (asker->key.kind != KIND_REGISTRY)
        return;
    s->pools_named_by = asker->incarnation;
    for (size_t i = 0; i < COUNT(s->pool); i++)
        if (s->pool[i].used && s->pool[i].named_by != asker->incarnation)
            forget(s, &s->pool[i]);
}

/* Its word and the wake come by different lines: what it has written before is heard first. */
static bool has_named_all(struct supervisor *s)
{
    struct child *registry = child_find(s, (struct address){KIND_REGISTRY, 0});
    if (registry == NULL)
        return false;
    child_says(s, registry);
    return s->pools_named_by == registry->incarnation;
}

bool pools_await(struct supervisor *s, const struct child *c)
{
    if (c->key.kind != KIND_STORAGE)
        return false;
    bool all = has_named_all(s); /* where it lies now, not where it lay */
    return !all && find(s, c->key.instance) == NULL;
}

/* Where the VMs' own folders are; NULL: nowhere. */
static const char *folders(const struct supervisor *s)
{
    static const char key[] = "place.qubes-lib=";
    for (int i = 0; i < s->settings.options; i++)
        if (strncmp(s->settings.option[i], key, sizeof key - 1) == 0)
            return s->settings.option[i] + sizeof key - 1;
    return NULL;
}

static bool holds_folders(const struct supervisor *s, const char *path)
{
    const char *lib = folders(s);
    return lib != NULL && strcmp(lib, path) == 0;
}

/* A directory in which registry may write, and every one that is made in it later. */
static void share(int at, const char *name, gid_t registry)
{
    AUTO_FD fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat is;
    if (fd < 0 || fstat(fd, &is) < 0 || (is.st_gid == registry && (is.st_mode & 02070) == 02070))
        return;
    if (fchown(fd, (uid_t)-1, registry) < 0 || fchmod(fd, (is.st_mode & 07777) | 02070) < 0)
        log_line(LOG_WARN, "registry cannot write below %s: %s", name, strerror(errno));
}

/* Beside its volumes each VM's folder has firewall.xml and notes.txt, which registry writes. */
static void share_folders(const char *pool)
{
    static const char *const below[] = {"appvms", "vm-templates"};
    uint32_t registry;
    AUTO_FD dir = open(pool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || effects_uid(effects_table(), "registry", 0, &registry, NULL) < 0)
        return;
    for (size_t i = 0; i < COUNT(below); i++) {
        (void)mkdirat(dir, below[i], 0775);
        share(dir, below[i], registry);
        int fd = openat(dir, below[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        DIR *list = fd < 0 ? NULL : fdopendir(fd);
        if (list == NULL)
            continue;
        for (const struct dirent *e; (e = readdir(list)) != NULL;)
            if (e->d_name[0] != '.')
                share(dirfd(list), e->d_name, registry);
        closedir(list);
    }
}

void pools_share_folders(struct supervisor *s)
{
    const char *lib = folders(s);
    if (lib != NULL && geteuid() == 0)
        share_folders(lib);
}

int pools_arguments(struct supervisor *s, const struct child *c,
                    char argument[POOL_ARGUMENTS][PATH_ROOM + 16])
{
    struct stat found;
    const struct pool_place *p = find(s, c->key.instance);
    if (p == NULL)
        return 0;
    snprintf(argument[0], PATH_ROOM + 16, "option.pool=%s", p->text);
    if (p->path[0] == '\0')
        return 1;
    if (!p->reads && mkdir(p->path, 0770) < 0 && errno != EEXIST)
        log_line(LOG_WARN, "cannot make %s: %s", p->path, strerror(errno));
    if (stat(p->path, &found) < 0 || !S_ISDIR(found.st_mode))
        return 1; /* its process says what is missing */
    if (!p->reads && geteuid() == 0 && holds_folders(s, p->path))
        share_folders(p->path);
    snprintf(argument[1], PATH_ROOM + 16, "place.%s=%s", p->reads ? "pool-ro" : "pool", p->path);
    return 2;
}
