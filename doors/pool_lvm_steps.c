/* SPDX-License-Identifier: MIT
 * The commands of LVM that volumes need, and the steps made of them; in storage. Spec: storage 7.3, 7.4. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/char.h"
#include "base/own.h"
#include "doors/pool_disk.h"
#include "doors/pool_lvm_inside.h"

/* The program that LVM is to begin where no dmeventd serves: none. It is the host's to begin, for one of ours
 * would end with the pool's process. */
#define NO_MONITOR "/nonexistent/dmeventd"
static const char hosts_monitor[] = "--config=dmeventd/executable=\"" NO_MONITOR "\"";

/* What its commands say of that, and of each volume that promises more than the thin pool has. */
static const char *const noise[] = {"exceeds the size of thin pool", NO_MONITOR, "WARNING: Failed to monitor",
                                    "WARNING: Failed to unmonitor", NULL};

enum { VID = 2 * LV_NAME_MAX + 2 };

void lvm_work_free(struct lvm_work *w)
{
    free(w->at);
}

int lvm_refresh(struct lvm_work *w)
{
    static const char columns[] = "vg_name,pool_lv,name,lv_size,data_percent,lv_attr,origin,lv_metadata_size,"
                                  "metadata_percent,vg_extent_size,thin_id";
    const char *argv[] = {"lvm", "lvs",       "--quiet", "--quiet", "--noheadings",
                          "-o",  columns,     "--units", "b",       "--reportformat=json",
                          "--",  w->p->group, NULL};
    AUTO_TEXT said = {0};
    struct lv *lvs = NULL;
    size_t count = 0;
    int r = tool_run(w->h, argv, NULL, &said);
    if (r < 0 || (r = lvm_report_read(text_span(&said), w->p->group, &lvs, &count, w->h->why)) < 0)
        return r;
    free(w->at);
    w->at = lvs;
    w->count = count;
    return 0;
}

/* "<group>/<name>" of this pool's group, with room for what is appended to it. */
static int name_of(const struct lvm_work *w, const char *vid, char to[LV_NAME_MAX + 1])
{
    size_t len = strlen(w->p->group);
    if (strncmp(vid, w->p->group, len) != 0 || vid[len] != '/' || strchr(vid + len + 1, '/') != NULL ||
        strlen(vid + len + 1) > LV_NAME_MAX - 24 || vid[len + 1] == '\0')
        return fault_set(w->h->why, ERR_STORAGE, "volume id %s is not of the form %s/NAME", vid, w->p->group);
    return text_copy(to, LV_NAME_MAX + 1, span_of(vid + len + 1));
}

int lvm_begin(struct lvm_work *w, const struct lvm *p, const struct pool_hand *h, const struct volume *v)
{
    *w = (struct lvm_work){.p = p, .h = h, .v = v};
    int r = v != NULL ? name_of(w, v->vid, w->main) : 0;
    if (r >= 0 && v != NULL && v->source[0] != '\0')
        r = name_of(w, v->source, w->source);
    if (r < 0)
        return r;
    if (v != NULL && volume_kind(v) == VOLUME_BOTH)
        return fault_set(h->why, ERR_STORAGE, "volume %s: snapshots that are saved are not supported here",
                         v->vid);
    snprintf(w->snap, sizeof w->snap, "%.*s-snap", LV_NAME_MAX - 24, w->main);
    snprintf(w->import, sizeof w->import, "%.*s-import", LV_NAME_MAX - 24, w->main);
    snprintf(w->half, sizeof w->half, "%.*s-half", LV_NAME_MAX - 24, w->main);
    return lvm_refresh(w);
}

const struct lv *lvm_find(const struct lvm_work *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->at[i].name, name) == 0)
            return &w->at[i];
    return NULL;
}

const struct lv *lvm_newest(const struct lvm_work *w, const char *name, uint64_t *seconds)
{
    const struct lv *newest = NULL;
    uint64_t time = 0;
    for (size_t i = 0; i < w->count; i++)
        if (names_lv_revision(name, w->at[i].name, &time) && (newest == NULL || time > *seconds)) {
            newest = &w->at[i];
            *seconds = time;
        }
    return newest;
}

const char *lvm_current(const struct lvm_work *w, const char *name)
{
    uint64_t seconds = 0;
    const struct lv *newest = lvm_find(w, name) == NULL ? lvm_newest(w, name, &seconds) : NULL;
    return newest != NULL ? newest->name : name;
}

/* ---- one command each ---- */

static void vid_of(const struct lvm_work *w, const char *name, char to[VID])
{
    snprintf(to, VID, "%s/%s", w->p->group, name);
}

/* The number in: Failed to process message "create_snap 6 5". */
static bool stuck_at(const char *complaint, uint64_t *number)
{
    static const char begin[] = "Failed to process message \"create_";
    const char *at = strstr(complaint, begin);
    struct span rest, verb = span_split(span_of(at != NULL ? at + sizeof begin - 1 : ""), ' ', &rest);
    size_t len = 0;
    while (len < rest.len && char_is_digit(rest.at[len]))
        len++;
    return verb.len > 0 && text_number((struct span){rest.at, len}, 1, UINT32_MAX, number) == 0;
}

/* One that lvcreate gives its own name, and that nobody needs when lvcreate did not end. */
static const struct lv *on_its_way(const struct lvm_work *w, uint64_t number)
{
    static const char *const tails[] = {"-half", "-snap", "-import", "-volatile"};
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; w->at[i].number == number && k < COUNT(tails); k++) {
            size_t len = strlen(w->at[i].name), tail = strlen(tails[k]);
            if (strcmp(w->at[i].pool, w->p->thin) == 0 && w->at[i].attr[5] != 'o' && len > tail &&
                strcmp(w->at[i].name + len - tail, tails[k]) == 0)
                return &w->at[i];
        }
    return NULL;
}

/* The pool makes a thin device, and then notes that it did LVM's step. After a power cut in between it has a
 * device that LVM goes on telling it to make, first thing in every command, and each one fails. */
static bool unstuck(struct lvm_work *w)
{
    enum { MAPPED = 2 * VID };
    char vid[VID], mapped[MAPPED], node[MAPPED + 8], order[48];
    uint64_t number = 0;
    struct fault quiet;
    struct pool_hand hand = *w->h;
    if (!stuck_at(w->h->why->text, &number) || lvm_refresh(w) < 0 || on_its_way(w, number) == NULL)
        return false;
    vid_of(w, w->p->thin, vid);
    if (!names_mapper(mapped, sizeof mapped, vid))
        return false;
    snprintf(node, sizeof node, "%s-tpool", mapped);
    vid_of(w, on_its_way(w, number)->name, vid);
    snprintf(order, sizeof order, "delete %" PRIu64, number);
    hand.why = &quiet;
    const char *remove[] = {"lvm", "lvremove", hosts_monitor, "--force", "--", vid, NULL};
    const char *tell[] = {"dmsetup", "message", node, "0", order, NULL};
    return tool_run(&hand, remove, noise, NULL) >= 0 || /* it fails, but no more is it active */
           (tool_run(&hand, tell, NULL, NULL) >= 0 && tool_run(&hand, remove, noise, NULL) >= 0);
}

static int command(struct lvm_work *w, const char *const *argv)
{
    int r = tool_run(w->h, argv, noise, NULL);
    if (r < 0 && unstuck(w))
        r = tool_run(w->h, argv, noise, NULL);
    return r < 0 ? r : lvm_refresh(w);
}

/* Its tools take whole sectors only, and round up to extents themselves. */
static uint64_t sectors(uint64_t size)
{
    return (size + 511) / 512 * 512;
}

int lvm_create(struct lvm_work *w, const char *name, uint64_t size)
{
    char pool[VID], named[VID], sized[48];
    vid_of(w, w->p->thin, pool);
    snprintf(named, sizeof named, "--name=%s", name);
    snprintf(sized, sizeof sized, "--virtualsize=%" PRIu64 "B", sectors(size));
    const char *argv[] = {
        "lvm", "lvcreate", hosts_monitor, "--thin", "--setactivationskip=n", "--activate=y", named,
        sized, "--",       pool,          NULL};
    return command(w, argv);
}

int lvm_clone(struct lvm_work *w, const char *from, const char *to)
{
    char source[VID], target[VID], named[VID + 8];
    vid_of(w, from, source);
    vid_of(w, to, target);
    snprintf(named, sizeof named, "--name=%s", target);
    /* Asked for a --snapshot LVM first loads the module of the other kind, which a jailed process may not;
     * some versions take the two together for a contradiction. */
    const char *argv[] = {"lvm",          "lvcreate",    hosts_monitor, "--setactivationskip=n",
                          "--activate=y", "--type=thin", named,         "--",
                          source,         NULL};
    return command(w, argv);
}

int lvm_rename(struct lvm_work *w, const char *from, const char *to)
{
    char old[VID], new[VID];
    vid_of(w, from, old);
    vid_of(w, to, new);
    const char *argv[] = {"lvm", "lvrename", hosts_monitor, "--", old, new, NULL};
    return command(w, argv);
}

int lvm_remove(struct lvm_work *w, const char *name)
{
    char vid[VID], node[VID + 5];
    struct fault quiet;
    struct pool_hand hand = *w->h;
    if (lvm_find(w, name) == NULL)
        return 0;
    vid_of(w, name, vid);
    snprintf(node, sizeof node, "/dev/%s", vid);
    hand.why = &quiet;
    const char *discard[] = {"blkdiscard", "-p", "1G", node, NULL};
    tool_run(&hand, discard, NULL, NULL); /* spares LVM a long time under its lock; no harm without */
    const char *argv[] = {"lvm", "lvremove", hosts_monitor, "--force", "--", vid, NULL};
    int r = tool_run(w->h, argv, noise, NULL);
    if (r < 0 && unstuck(w) && (r = lvm_refresh(w)) >= 0)
        return lvm_find(w, name) == NULL ? 0 : command(w, argv); /* it was the one */
    return r < 0 ? r : lvm_refresh(w);
}

int lvm_resize(struct lvm_work *w, const char *name, uint64_t size)
{
    char vid[VID], sized[48];
    const struct lv *lv = lvm_find(w, name);
    uint64_t extent = lv != NULL && lv->extent > 0 ? lv->extent : 512;
    if (lv != NULL && lv->size == (size + extent - 1) / extent * extent)
        return 0; /* lvresize would call that an error */
    vid_of(w, name, vid);
    snprintf(sized, sizeof sized, "--size=%" PRIu64 "B", sectors(size));
    const char *argv[] = {"lvm", "lvresize", hosts_monitor, sized, "--", vid, NULL};
    int r = command(w, argv);
    return r < 0 ? r : lvm_settle(w, name);
}

int lvm_activate(struct lvm_work *w, const char *name)
{
    char vid[VID];
    vid_of(w, name, vid);
    const char *argv[] = {"lvm", "lvchange", hosts_monitor, "--activate=y", "--", vid, NULL};
    return command(w, argv);
}

/* ---- steps ---- */

/* When lvcreate is done the pool has the data, and on its disk; only then it gets the name. */
int lvm_make(struct lvm_work *w, const char *name, const char *from, uint64_t size)
{
    int r = lvm_remove(w, w->half);
    if (r >= 0)
        r = from != NULL ? lvm_clone(w, from, w->half) : lvm_create(w, w->half, size);
    if (r >= 0 && strcmp(name, w->half) != 0)
        r = lvm_rename(w, w->half, name);
    return r < 0 ? r : lvm_settle(w, name);
}

int lvm_drop(struct lvm_work *w, const char *name)
{
    int r = 0;
    if (lvm_find(w, name) == NULL)
        return 0;
    if ((r = lvm_remove(w, w->half)) < 0 || (r = lvm_rename(w, name, w->half)) < 0 ||
        (r = lvm_settle(w, w->half)) < 0)
        return r;
    return lvm_remove(w, w->half);
}

int lvm_prune(struct lvm_work *w, uint64_t keep)
{
    int r = 0;
    for (;;) {
        const struct lv *oldest = NULL;
        uint64_t count = 0, time = 0, least = UINT64_MAX;
        for (size_t i = 0; i < w->count; i++)
            if (names_lv_revision(w->main, w->at[i].name, &time)) {
                count++;
                if (time < least) {
                    oldest = &w->at[i];
                    least = time;
                }
            }
        if (r < 0 || count <= keep || oldest == NULL)
            return r;
        char name[LV_NAME_MAX + 1];
        memcpy(name, oldest->name, sizeof name);
        r = lvm_drop(w, name);
    }
}

/* The committed state becomes the newest revision, whatever the clock says. */
int lvm_keep_aside(struct lvm_work *w, char aside[LV_NAME_MAX + 1])
{
    uint64_t last = 0, now = (uint64_t)(w->h->call->now() / 1000000);
    if (lvm_newest(w, w->main, &last) != NULL && now <= last)
        now = last + 1;
    snprintf(aside, LV_NAME_MAX + 1, "%.*s-%" PRIu64 "-back", LV_NAME_MAX - 24, w->main, now % 100000000000);
    return lvm_rename(w, w->main, aside);
}

/* LVM leaves what it wrote of its group in the disks' caches. A flush of a thin volume empties those of all
 * disks that its pool lies on, and a group is on each of them. */
int lvm_settle(struct lvm_work *w, const char *name)
{
    char path[VID + 5];
    const struct lv *lv = lvm_find(w, name);
    snprintf(path, sizeof path, "/dev/%s/%s", w->p->group, name);
    return lv != NULL && lv->attr[4] == 'a' ? disk_sync_file(w->h, path) : 0;
}

/* Between the two renames the newest revision is the committed state (lvm_current), and what was to follow it
 * is still there under its own name: the next start or stop goes on. */
int lvm_commit(struct lvm_work *w, const char *from, bool keep)
{
    char aside[LV_NAME_MAX + 1];
    int r = 0;
    if (lvm_find(w, from) == NULL && !keep)
        return 0;
    if (keep)
        r = lvm_make(w, w->half, from, 0);
    if (r >= 0 && lvm_find(w, w->main) != NULL)
        r = lvm_keep_aside(w, aside);
    if (r >= 0)
        r = lvm_rename(w, keep ? w->half : from, w->main);
    if (r < 0 || (r = lvm_settle(w, w->main)) < 0)
        return r;
    struct fault quiet;
    struct pool_hand hand = *w->h, *told = &hand;
    const struct pool_hand *real = w->h;
    told->why = &quiet; /* it is committed: an old revision more is no failure */
    w->h = told;
    lvm_prune(w, w->v->revisions_to_keep > 0 ? (uint64_t)w->v->revisions_to_keep : 0);
    w->h = real;
    return 0;
}

int lvm_repair(struct lvm_work *w)
{
    uint64_t seconds = 0;
    char name[LV_NAME_MAX + 1];
    const struct lv *newest = lvm_newest(w, w->main, &seconds);
    if (!w->v->save_on_stop || newest == NULL || lvm_find(w, w->main) != NULL)
        return 0;
    memcpy(name, newest->name, sizeof name);
    return lvm_rename(w, name, w->main);
}

int lvm_give_up(struct lvm_work *w, int r)
{
    struct fault first = *w->h->why;
    if (r >= 0)
        return r;
    lvm_remove(w, w->half);
    lvm_remove(w, w->import);
    lvm_repair(w);
    *w->h->why = first;
    return r;
}

int lvm_refuse_import(const struct lvm_work *w)
{
    if (lvm_find(w, w->import) == NULL)
        return 0;
    return fault_set(w->h->why, ERR_STORAGE, "Import operation in progress on %s", w->v->vid);
}

int lvm_refuse_dirty(const struct lvm_work *w)
{
    if (!w->v->save_on_stop || lvm_find(w, w->snap) == NULL)
        return 0;
    return fault_set(w->h->why, ERR_STORAGE, "Volume %s is dirty: it is not cleanly stopped", w->v->vid);
}
