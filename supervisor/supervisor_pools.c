/* SPDX-License-Identifier: MIT
 * Where pools lie: registry names the directory of each, and that alone is what its process will see. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/own.h"

static struct pool_place *find(struct supervisor *s, uint32_t number)
{
    for (size_t i = 0; i < COUNT(s->pool); i++)
        if (s->pool[i].used && s->pool[i].number == number)
            return &s->pool[i];
    return NULL;
}

static struct pool_place *find_free(struct supervisor *s)
{
    for (size_t i = 0; i < COUNT(s->pool); i++)
        if (!s->pool[i].used)
            return &s->pool[i];
    return NULL;
}

/* Absolute, and no way up: what is bound is what was named. */
static bool is_plain(const char *path)
{
    return path[0] == '/' && path[1] != '\0' && strstr(path, "/../") == NULL && strstr(path, "//") == NULL &&
           (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

void pools_hear(struct supervisor *s, const struct child *asker, const struct control *r)
{
    struct pool_place *p = find(s, (uint32_t)r->number);
    char path[CONTROL_TEXT + 1];
    snprintf(path, sizeof path, "%.*s", (int)r->len, r->text);
    if (asker->key.kind != KIND_REGISTRY)
        return;
    if (p == NULL)
        p = find_free(s);
    if (r->number >= kind_most(KIND_STORAGE) || (path[0] != '\0' && !is_plain(path)) || p == NULL) {
        log_line(LOG_ERROR, "the pool at %s cannot be served: too many pools, or no absolute path", path);
        return;
    }
    p->number = (uint32_t)r->number;
    p->used = path[0] != '\0';
    p->reads = r->value == 1;
    memcpy(p->path, path, sizeof path);
}

int pools_argument(struct supervisor *s, const struct child *c, char argument[PATH_ROOM + 16])
{
    struct stat found;
    const struct pool_place *p = find(s, c->key.instance);
    if (p == NULL)
        return 0;
    if (!p->reads && mkdir(p->path, 0770) < 0 && errno != EEXIST)
        log_line(LOG_WARN, "cannot make %s: %s", p->path, strerror(errno));
    if (stat(p->path, &found) < 0 || !S_ISDIR(found.st_mode))
        return 0; /* its process says what is missing */
    snprintf(argument, PATH_ROOM + 16, "place.%s=%s", p->reads ? "pool-ro" : "pool", p->path);
    return 1;
}
