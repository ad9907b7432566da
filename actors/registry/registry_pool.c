/* SPDX-License-Identifier: MIT
 * Pools: where they lie, and what the processes that serve them ask; in registry. */
#include <string.h>

#include "actors/registry/registry_storage.h"
#include "base/log.h"
#include "model/plan_storage.h"

void pool_place_lines(struct registry *r, struct span name, struct span lines)
{
    bool reads;
    char what[POOL_WHEREABOUTS + 1];
    (void)pool_directory(lines, &reads);
    if (pool_whereabouts(lines, what) < 0)
        log_line(LOG_ERROR, "pool %.*s cannot be served: its names are too long", (int)name.len, name.at);
    if (r->pool_place != NULL)
        r->pool_place(r->pool_place_arg, pool_instance(name), span_of(what), reads);
}

void pools_place_all(struct registry *r)
{
    const struct item *at = model_items(r->model, QID_GLOBAL, CHANGE_POOL);
    for (; at != NULL; at = at->next)
        pool_place_lines(r, (struct span){at->key, at->key_len}, (struct span){at->value, at->value_len});
    if (r->pools_placed != NULL)
        r->pools_placed(r->pool_place_arg);
}

void pools_follow(struct registry *r, struct out *out, const struct plan *p)
{
    struct context c = {0};
    for (size_t i = 0; i < p->changes; i++) {
        const struct change *change = &p->change[i];
        struct pool_config m = {.lines = change->gone ? (struct span){NULL, 0} : change->value};
        if (change->kind != CHANGE_POOL || text_copy(m.pool, sizeof m.pool, change->key) < 0)
            continue;
        pool_place_lines(r, change->key, m.lines);
        (void)EVENT(out, pool_config, ((struct address){KIND_STORAGE, pool_instance(change->key)}), &c, &m);
    }
}

void pool_tell_to(struct registry *r, struct out *out, const struct request *to)
{
    struct pool_tell_reply m;
    struct fault why;
    struct span name, lines;
    const struct plan_job *new = storage_new_pool(r, to->source.instance);
    if (new != NULL) {
        name = new->pool;
        lines = new->lines;
    } else if (!pool_at(&r->known, to->source.instance, &name, &lines)) {
        reply_error(out, to, fault_set(&why, ERR_STORAGE, "there is no such storage pool any more"), &why);
        return;
    }
    m.lines = lines;
    if (text_copy(m.pool, sizeof m.pool, name) < 0)
        reply_error(out, to, -ERR_RANGE, NULL);
    else
        (void)REPLY(out, pool_tell, to, &m);
}

void volume_tell_to(struct registry *r, struct out *out, const struct envelope *e,
                    const struct volume_tell *m)
{
    struct request to = request_of(e);
    struct volume_known v;
    struct fault why;
    AUTO_TEXT made = TEXT_WITH_LIMIT(4096);
    if (!r->loaded) {
        reply_error(out, &to, -ERR_BUSY, NULL);
        return;
    }
    int found = claims_subject(r, &to.context) != NULL
                    ? volume_known(&r->known, to.context.subject.instance, span_of(m->volume), &made, &v)
                    : 0;
    if (found == 1 && span_is(v.pool, m->pool) &&
        pool_instance(v.pool) == to.source.instance) { /* nobody hears of another pool's volumes */
        (void)REPLY(out, volume_tell, &to,
                    (&(struct volume_tell_reply){.lines = v.lines, .in_place = v.in_place ? 1 : 0}));
        return;
    }
    reply_error(out, &to,
                fault_set(&why, ERR_STORAGE, "the VM has no volume %s in pool %s", m->volume, m->pool), &why);
}

/* Behind whoever waits for it: it is planned anew when they are done. */
void leftovers_remove_of(struct registry *r, struct out *out, const struct plan_job *jobs)
{
    for (const struct item *at = model_items(r->model, QID_GLOBAL, CHANGE_LEFTOVER); at != NULL;
         at = at->next)
        for (const struct plan_job *job = jobs; job != NULL; job = job->next)
            if (leftover_key_is(job, (struct span){at->key, at->key_len}))
                operate_own(r, out, OPERATION_leftover_remove, QID_GLOBAL, at->key, NULL);
}

void leftovers_remove(struct registry *r, struct out *out)
{
    const struct item *at = model_items(r->model, QID_GLOBAL, CHANGE_LEFTOVER);
    if (!r->loaded || !r->greeted || r->leftovers_seen)
        return;
    r->leftovers_seen = true;
    bool was = r->applying;
    r->applying = true; /* all are asked for before the first begins: each takes its item away */
    for (; at != NULL; at = at->next) {
        log_line(LOG_INFO, "volume %s is of no VM: it is removed", at->key);
        operate_own(r, out, OPERATION_leftover_remove, QID_GLOBAL, at->key, NULL);
    }
    r->applying = was;
    operate_go_on(r, out);
}
