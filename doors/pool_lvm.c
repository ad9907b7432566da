/* SPDX-License-Identifier: MIT
 * The driver lvm_thin: a volume is thin logical volumes. In storage. Spec: storage 7. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_lvm_inside.h"

static struct pool *lvm_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    struct lvm *p = calloc(1, sizeof *p);
    (void)calls;
    if (p == NULL)
        return NULL;
    if (pool_parameter(lines, "volume_group", p->group, sizeof p->group, why) == 0 &&
        pool_parameter(lines, "thin_pool", p->thin, sizeof p->thin, why) == 0) {
        if (names_vid(p->group) && names_vid(p->thin) && strchr(p->group, '/') == NULL &&
            strchr(p->thin, '/') == NULL)
            return &p->pool;
        fault_set(why, ERR_QUBES, "volume_group and thin_pool are names, without '/' or blanks");
    }
    free(p);
    return NULL;
}

static void lvm_free(struct pool *p)
{
    free(p);
}

/* ---- the pool ---- */

static int lvm_do_setup(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    const struct lvm *p = (const struct lvm *)pool;
    LVM_WORK(w, pool, h, NULL);
    (void)e, (void)ret;
    const struct lv *thin = lvm_find(&w, p->thin);
    if (thin == NULL)
        return fault_set(h->why, ERR_STORAGE, "Thin pool %s/%s does not exist", p->group, p->thin);
    if (thin->attr[0] != 't')
        return fault_set(h->why, ERR_STORAGE, "Volume %s/%s is not a thin pool", p->group, p->thin);
    return 0;
}

static int lvm_do_usage(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    LVM_WORK(w, pool, h, NULL);
    (void)e;
    const struct lv *thin = lvm_find(&w, w.p->thin);
    ret->known = true;
    if (thin == NULL)
        return 0;
    ret->size = thin->size;
    ret->usage = thin->usage;
    ret->list = TEXT_WITH_LIMIT(512);
    text_format(&ret->list,
                "data_size=%" PRIu64 "\ndata_usage=%" PRIu64 "\nmetadata_size=%" PRIu64
                "\nmetadata_usage=%" PRIu64 "\n",
                thin->size, thin->usage, thin->metadata_size, thin->metadata_usage);
    return 0;
}

static bool ends(const char *name, const char *tail)
{
    size_t len = strlen(name), least = strlen(tail);
    return len > least && strcmp(name + len - least, tail) == 0;
}

static int lvm_do_list(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    LVM_WORK(w, pool, h, NULL);
    (void)e;
    ret->list = TEXT_WITH_LIMIT((size_t)LVS_MOST * 300);
    for (size_t i = 0; i < w.count; i++)
        if (strcmp(w.at[i].pool, w.p->thin) == 0 && !ends(w.at[i].name, "-snap") &&
            !ends(w.at[i].name, "-import") && !ends(w.at[i].name, "-back") && !ends(w.at[i].name, "-half"))
            text_format(&ret->list, "vid=%s/%s\n", w.p->group, w.at[i].name);
    return 0;
}

/* ---- life ---- */

static int lvm_do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop)
        return 0;
    if (w.v->size == 0)
        return fault_set(h->why, ERR_STORAGE, "volume %s needs a size", w.v->vid);
    r = lvm_make(&w, w.main, NULL, w.v->size);
    if (r < 0) {
        struct fault first = *h->why;
        lvm_remove(&w, w.half);
        *h->why = first;
    }
    return r;
}

static int lvm_do_remove(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if ((r = lvm_remove(&w, w.snap)) < 0 || (r = lvm_remove(&w, w.import)) < 0 ||
        (r = lvm_remove(&w, w.half)) < 0 || (r = lvm_prune(&w, 0)) < 0)
        return r;
    return lvm_drop(&w, w.main);
}

static int lvm_do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    const char *base = w.v->snap_on_start ? w.source : w.main;
    if (volume_kind(w.v) == VOLUME_VOLATILE || lvm_find(&w, lvm_current(&w, base)) != NULL)
        return 0;
    return fault_set(h->why, ERR_STORAGE, "volume %s missing", w.v->snap_on_start ? w.v->source : w.v->vid);
}

static int activate_if_not(struct lvm_work *w, const char *name)
{
    const struct lv *lv = lvm_find(w, name);
    return lv != NULL && lv->attr[4] != 'a' ? lvm_activate(w, name) : 0;
}

static int start_copy(struct lvm_work *w)
{
    char base[LV_NAME_MAX + 1];
    int r = lvm_remove(w, w->snap);
    snprintf(base, sizeof base, "%s", lvm_current(w, w->v->snap_on_start ? w->source : w->main));
    if (r < 0)
        return r;
    return w->v->save_on_stop ? lvm_make(w, w->snap, base, 0) : lvm_clone(w, base, w->snap);
}

static int lvm_do_start(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                        struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if ((r = lvm_refuse_import(&w)) < 0)
        return r;
    if (volume_in_place(w.v))
        return (r = lvm_repair(&w)) < 0 || (r = lvm_prune(&w, 0)) < 0 ? r : activate_if_not(&w, w.main);
    if (w.v->save_on_stop && lvm_find(&w, w.snap) != NULL)
        return activate_if_not(&w, w.snap); /* what a crashed session wrote is kept */
    if (volume_kind(w.v) != VOLUME_VOLATILE)
        return start_copy(&w);
    return (r = lvm_remove(&w, w.main)) < 0 ? r : lvm_create(&w, w.main, w.v->size);
}

static int lvm_do_stop(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    if (!w.v->save_on_stop)
        return lvm_remove(&w, w.v->snap_on_start ? w.snap : w.main);
    r = lvm_commit(&w, w.snap, false); /* also what was started before it came to be used in place */
    return r < 0 ? r : lvm_repair(&w);
}

static int lvm_do_tidy(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    LVM_WORK(w, p, h, e->volume);
    (void)ret;
    return (r = lvm_remove(&w, w.half)) < 0 ? r : lvm_remove(&w, w.import);
}

/* ---- what is there ---- */

static int mapped_path(const struct lvm_work *w, const char *name, char to[POOL_PATH_MAX + 1])
{
    char mapped[2 * (2 * LV_NAME_MAX + 2)], vid[2 * LV_NAME_MAX + 2];
    snprintf(vid, sizeof vid, "%s/%s", w->p->group, name);
    if (!names_mapper(mapped, sizeof mapped, vid))
        return fault_set(w->h->why, ERR_STORAGE, "the name of %s is too long", w->v->vid);
    snprintf(to, POOL_PATH_MAX + 1, "/dev/mapper/%s", mapped);
    return 0;
}

static int lvm_do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                       struct pool_outcome *ret)
{
    uint64_t seconds = 0;
    LVM_WORK(w, p, h, e->volume);
    bool main = lvm_find(&w, w.main) != NULL,
         copied = volume_kind(w.v) != VOLUME_VOLATILE && !volume_in_place(w.v);
    const struct lv *snap = lvm_find(&w, w.snap), *current = lvm_find(&w, lvm_current(&w, w.main));
    if ((r = mapped_path(&w, copied ? w.snap : w.main, ret->path)) < 0 ||
        (r = mapped_path(&w, lvm_current(&w, w.main), ret->own)) < 0)
        return r;
    ret->known = true;
    ret->has_data = snap != NULL || current != NULL;
    ret->size = snap != NULL && copied ? snap->size : current != NULL ? current->size : w.v->size;
    ret->usage = current != NULL ? current->usage : 0;
    ret->dirty = ret->remains.dirty = w.v->save_on_stop && snap != NULL;
    ret->outdated =
        w.v->snap_on_start && snap != NULL && strcmp(snap->origin, lvm_current(&w, w.source)) != 0;
    ret->remains.running = !w.v->save_on_stop && (w.v->snap_on_start ? snap != NULL : main);
    ret->remains.import = lvm_find(&w, w.import) != NULL;
    ret->remains.temporary = lvm_find(&w, w.half) != NULL;
    ret->remains.interrupted = w.v->save_on_stop && !main && lvm_newest(&w, w.main, &seconds) != NULL;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int lvm_do_revisions(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                            struct pool_outcome *ret)
{
    char time[NAMES_TIME];
    size_t count = 0;
    LVM_WORK(w, p, h, e->volume);
    AUTO_MEMORY uint64_t *all = calloc(w.count + 1, sizeof *all);
    if (all == NULL)
        return fault_set(h->why, ERR_NOMEM, "no memory to list revisions");
    for (size_t i = 0; i < w.count; i++)
        count += names_lv_revision(w.main, w.at[i].name, &all[count]);
    qsort(all, count, sizeof *all, by_number);
    ret->list = TEXT_WITH_LIMIT(1 << 20);
    for (size_t i = 0; i < count; i++)
        if (names_time(time, (time_t)all[i]))
            text_format(&ret->list, "%" PRIu64 "-back=%s\n", all[i], time);
    return 0;
}

#define lvm_do_destroy    pool_nothing /* the thin pool was there before us */
#define lvm_do_wake       NULL
#define lvm_do_export_end pool_nothing

const struct pool_driver pool_lvm = {
    .open = lvm_open,
    .free = lvm_free,
    .verb =
        {
#define POOL_VERB(name, flags, help) [POOL_##name] = lvm_do_##name,
#include "doors/pool_verb.def"
        },
};
