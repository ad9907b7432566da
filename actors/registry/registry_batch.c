/* SPDX-License-Identifier: MIT
 * What registry has planned and not committed: while one commit is at the disk, further operations are
 * planned on the model as it will be and make the next one together. Each keeps its own version, events and
 * row. */
#include "actors/registry/registry.h"

#include <stdlib.h>

#include "actors/registry/registry_home.h"

/* How much of a change the history shows as text. */
enum { HISTORY_TEXT = 1 << 16, HISTORY_VALUE = 1024 };

bool batch_is_empty(const struct registry *r)
{
    return r->at_disk == NULL && r->batch == NULL;
}

bool batch_has_room(const struct registry *r)
{
    return r->batch == NULL ||
           (r->batch->write_count < REGISTRY_BATCH_MAX && r->batch->write_bytes < REGISTRY_BATCH_BYTES);
}

static void drop_task(struct store_task *t)
{
    if (t != NULL)
        store_task_free_content(t);
    free(t);
}

void batch_forget_ahead(struct registry *r)
{
    model_free(TAKE(r->ahead));
}

void batch_drop(struct registry *r)
{
    drop_task(TAKE(r->batch));
    batch_forget_ahead(r);
}

static int copy_change(void *model, const struct change *c)
{
    return model_apply(model, c, NULL);
}

static int apply_writes(struct model *model, const struct store_task *t)
{
    int e = 0;
    for (const struct store_write *w = t != NULL ? t->writes : NULL; w != NULL; w = w->next)
        for (size_t i = 0; i < w->changes.count && e == 0; i++)
            e = model_apply(model, &w->changes.at[i], NULL);
    return e;
}

/* The model with what is at the disk and what stands behind it, in the order of their planning. */
static int make_ahead(struct registry *r)
{
    AUTO(model) *ahead = model_new();
    if (ahead == NULL || model_each(r->model, copy_change, ahead) < 0 ||
        apply_writes(ahead, r->at_disk) < 0 || apply_writes(ahead, r->batch) < 0)
        return -ERR_NOMEM; /* structure is no reason: all this was applied before or will be */
    r->ahead = TAKE(ahead);
    return 0;
}

int batch_known(struct registry *r, struct known *known)
{
    bool empty = batch_is_empty(r);
    if (empty)
        r->ahead_version = r->version;
    if (!empty && r->ahead == NULL && make_ahead(r) < 0)
        return -ERR_NOMEM;
    *known = KNOWN(r->ahead != NULL ? r->ahead : r->model, &r->world);
    return 0;
}

/* The value that a change replaces; at NULL: none. */
static struct span value_before(const struct known *known, const struct change *c)
{
    enum property property;
    if (c->kind == CHANGE_PROPERTY)
        return property_lookup(c->key, c->qid == QID_GLOBAL, &property) == 0
                   ? property_stored(known, c->qid, property)
                   : c->value;
    const struct item *item = model_item(known->model, c->qid, c->kind, c->key);
    return item != NULL ? (struct span){item->value, item->value_len} : (struct span){NULL, 0};
}

/* A line holds one item: a new line in its value is written as in admin.vm.property.GetAll. */
static void put_value(struct text *line, struct span value)
{
    text_byte(line, '=');
    for (size_t i = 0; i < value.len && i < HISTORY_VALUE; i++) {
        if (value.at[i] == '\n' || value.at[i] == '\\')
            text_byte(line, '\\');
        text_byte(line, (char)(value.at[i] == '\n' ? 'n' : value.at[i]));
    }
}

/* The history's words for one side of the changes. */
static void describe(const struct known *known, const struct plan *p, bool after, struct text *line)
{
    for (size_t i = 0; i < p->changes && line->len < HISTORY_TEXT; i++) {
        const struct change *c = &p->change[i];
        if (c->kind == CHANGE_LEFTOVER) /* registry's own book of what is under way */
            continue;
        struct span value = after ? c->value : value_before(known, c);
        bool there = after ? !c->gone : value.at != NULL;
        text_format(line, "%s%d %s %.*s", line->len > 0 ? "\n" : "", c->qid == QID_GLOBAL ? -1 : (int)c->qid,
                    change_kind_name(c->kind), (int)c->key.len, c->key.at != NULL ? c->key.at : "");
        if (there)
            put_value(line, value);
    }
}

/* The row of the history, and the delta as it will be told. */
static int fill(struct store_write *w, const struct registry *r, const struct known *known,
                const struct pending_operation *o)
{
    int e = 0;
    for (size_t i = 0; i < o->plan.changes && e == 0; i++)
        e = change_list_add(&w->changes, &o->plan.change[i]);
    if (e < 0)
        return e;
    change_list_done(&w->changes);
    text_format(&w->caller, "%u", o->request.context.caller);
    text_append(&w->result, o->plan.result);
    text_add(&w->method, o->method);
    text_format(&w->subject, "%d", o->target == QID_GLOBAL ? -1 : (int)o->target);
    home_name_those_that_end(known->model, o->plan.change, o->plan.changes, &w->gone_homes);
    describe(known, &o->plan, false, &w->before);
    describe(known, &o->plan, true, &w->after);
    publish_encode(&o->plan, r->ahead_version + 1, o->announced ? o->plan.commit_at : 0, &w->events);
    const struct text *const texts[] = {&w->caller, &w->method, &w->subject, &w->before,
                                        &w->after,  &w->events, &w->result,  &w->gone_homes};
    for (size_t i = 0; i < COUNT(texts) && e == 0; i++)
        e = texts[i]->failed;
    return e;
}

/* A change that does not fit half way spoils what is ahead: it is made anew without it. */
static int apply_ahead(struct registry *r, const struct store_write *w)
{
    int e = 0;
    for (size_t i = 0; r->ahead != NULL && i < w->changes.count && e == 0; i++)
        e = model_apply(r->ahead, &w->changes.at[i], NULL);
    if (e < 0)
        batch_forget_ahead(r);
    return e;
}

int batch_add(struct registry *r, const struct known *known, const struct pending_operation *o, bool find)
{
    struct store_write *w = store_write_new(o->number, o->op);
    if (w == NULL)
        return -ERR_NOMEM;
    w->find = find;
    if (r->batch == NULL)
        r->batch = store_task_new(STORE_COMMIT);
    int e = r->batch != NULL ? 0 : -ERR_NOMEM;
    if (e == 0 && !find)
        e = fill(w, r, known, o);
    if (e == 0 && !find)
        e = apply_ahead(r, w);
    if (e == 0) {
        store_task_add(r->batch, w);
        r->ahead_version += !find;
        return 0;
    }
    store_write_free(w);
    if (r->batch != NULL && r->batch->writes == NULL)
        drop_task(TAKE(r->batch));
    return e;
}

void batch_give(struct registry *r, struct out *out)
{
    if (r->at_disk != NULL || r->batch == NULL || r->stopping)
        return;
    r->at_disk = TAKE(r->batch);
    out_task(out, &r->at_disk->task);
}
