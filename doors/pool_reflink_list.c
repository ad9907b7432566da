/* SPDX-License-Identifier: MIT
 * Which volumes a directory of images holds, and loop devices on them; in storage. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/grow.h"
#include "doors/pool_reflink_inside.h"
#include "doors/pool_tool.h"

enum { VOLUMES_MOST = 65536 };

struct walk {
    const struct pool_hand *h;
    const struct reflink *p;
    char path[REFLINK_BASE_MAX + 1]; /* of the directory that is being listed */
    size_t stem;                     /* of the pool's directory and its slash */
    char **at;
    size_t count, room;
};

/* The volume whose file this is: the length of its name, or 0. */
static size_t volume_of(const char *entry)
{
    static const char *const tails[] = {"-dirty.img", "-precache.img", "-import.img", "-cow.img", ".img"};
    char time[NAMES_TIME];
    uint64_t number;
    size_t len = strlen(entry);
    const char *image = strstr(entry, ".img.");
    if (strchr(entry, '~') != NULL)
        return 0;
    if (image != NULL && names_read_revision(image, &number, time))
        return (size_t)(image - entry);
    for (size_t i = 0; i < COUNT(tails); i++) {
        size_t tail = strlen(tails[i]);
        if (len > tail && strcmp(entry + len - tail, tails[i]) == 0)
            return len - tail;
    }
    return 0;
}

static int keep(struct walk *w, const char *vid)
{
    if (w->count == VOLUMES_MOST)
        return fault_set(w->h->why, ERR_STORAGE, "%s holds more than %d files", w->p->dir, VOLUMES_MOST);
    if (GROW(w->at, w->count, w->room, 16) < 0 || (w->at[w->count] = strdup(vid)) == NULL)
        return fault_set(w->h->why, ERR_NOMEM, "no memory to list volumes");
    w->count++;
    return 0;
}

static int each_file(void *self, const char *entry)
{
    struct walk *w = self;
    char vid[VID_MAX + 1];
    size_t len = volume_of(entry);
    if (len == 0 ||
        snprintf(vid, sizeof vid, "%s/%.*s", w->path + w->stem, (int)len, entry) >= (int)sizeof vid)
        return 0;
    return keep(w, vid);
}

static int list_below(struct walk *w, const char *name, pool_entry *each)
{
    size_t len = strlen(w->path);
    if (len + 1 + strlen(name) >= sizeof w->path)
        return 0;
    snprintf(w->path + len, sizeof w->path - len, "/%s", name);
    w->h->why->code = ERR_NONE;
    int r = w->h->call->entries(w->path, each, w);
    if (r < 0 && w->h->why->code == ERR_NONE)
        r = errno == ENOENT || errno == ENOTDIR ? 0 : pool_broken(w->h, "list", w->path);
    w->path[len] = '\0';
    return r;
}

static int each_vm(void *self, const char *entry)
{
    return list_below(self, entry, each_file);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int reflink_do_list(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                    struct pool_outcome *ret)
{
    struct walk w = {.h = h, .p = (const struct reflink *)pool};
    (void)e;
    memcpy(w.path, w.p->dir, sizeof w.p->dir);
    w.stem = strlen(w.path) + 1;
    int r = list_below(&w, "appvms", each_vm);
    if (r >= 0)
        r = list_below(&w, "vm-templates", each_vm);
    if (w.count > 1)
        qsort(w.at, w.count, sizeof *w.at, by_text);
    ret->list = TEXT_WITH_LIMIT((size_t)VOLUMES_MOST * (VID_MAX + 6));
    for (size_t i = 0; i < w.count; i++) {
        if (r >= 0 && (i == 0 || strcmp(w.at[i], w.at[i - 1]) != 0))
            text_format(&ret->list, "vid=%s\n", w.at[i]);
        if (i > 0)
            free(w.at[i - 1]);
    }
    if (w.count > 0)
        free(w.at[w.count - 1]);
    free(w.at);
    return r;
}

/* ---- loop devices ---- */

int reflink_resize_loops(const struct pool_hand *h, const char *path)
{
    char of[POOL_PATH_MAX + 20], name[64];
    AUTO_TEXT said = {0};
    snprintf(of, sizeof of, "--associated=%s", path);
    const char *list[] = {"losetup", "--noheadings", "--output=NAME", of, NULL},
               *grow[] = {"losetup", "--set-capacity", name, NULL};
    int r = tool_run(h, list, NULL, &said);
    for (struct span rest = text_span(&said), line; r >= 0 && rest.len > 0;) {
        line = span_trim(span_split(rest, '\n', &rest));
        if (line.len > 0 && (r = text_copy(name, sizeof name, line)) >= 0)
            r = tool_run(h, grow, NULL, NULL);
    }
    return r;
}
