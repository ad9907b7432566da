/* SPDX-License-Identifier: MIT
 * The registry's tasks on the worker thread; see registry_store.h. */
#include "actors/registry/registry_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry_transfer.h"
#include "base/grow.h"
#include "base/log.h"

enum { ITEMS_BYTES = 256 << 20, DELTA_BYTES = 16 << 20, REPORT_BYTES = 1 << 20 };

int change_list_add(struct change_list *list, const struct change *c)
{
    if (GROW(list->at, list->count, list->room, 256) < 0)
        return -ERR_NOMEM;
    list->bytes.limit = ITEMS_BYTES;
    text_append(&list->bytes, c->key);
    text_append(&list->bytes, c->value);
    list->at[list->count++] = *c;
    return list->bytes.failed;
}

int change_list_take(void *list, const struct change *c)
{
    return change_list_add(list, c);
}

void change_list_done(struct change_list *list)
{
    const char *at = list->bytes.at != NULL ? list->bytes.at : "";
    for (size_t i = 0; i < list->count; i++) {
        struct change *c = &list->at[i];
        c->key.at = at;
        c->value.at = at + c->key.len;
        at += c->key.len + c->value.len;
    }
}

void change_list_free(struct change_list *list)
{
    free(list->at);
    text_free(&list->bytes);
    *list = (struct change_list){0};
}

struct store_task *store_task_new(enum store_what what)
{
    struct store_task *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->task.what = what;
    t->path.limit = 256;
    t->report.limit = REPORT_BYTES;
    return t;
}

struct store_write *store_write_new(uint64_t number, struct op_id op)
{
    struct store_write *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->number = number;
    w->op = op;
    w->caller.limit = w->method.limit = w->subject.limit = 1024;
    w->before.limit = w->after.limit = 4 << 20;
    w->events.limit = DELTA_BYTES;
    w->result.limit = 1024;
    w->gone_homes.limit = 1 << 20;
    return w;
}

void store_write_free(struct store_write *w)
{
    struct text *const texts[] = {&w->caller, &w->method, &w->subject, &w->before,
                                  &w->after,  &w->events, &w->result,  &w->gone_homes};
    change_list_free(&w->changes);
    for (size_t i = 0; i < COUNT(texts); i++)
        text_free(texts[i]);
    free(w);
}

void store_task_add(struct store_task *t, struct store_write *w)
{
    *(t->last_write != NULL ? &t->last_write->next : &t->writes) = w;
    t->last_write = w;
    t->write_count++;
    t->write_bytes += w->changes.bytes.len + w->before.len + w->after.len + w->events.len;
}

void store_task_free_content(struct store_task *t)
{
    change_list_free(&t->changes);
    while (t->deltas != NULL) {
        struct past_delta *first = t->deltas;
        t->deltas = first->next;
        text_free(&first->body);
        free(first);
    }
    while (t->writes != NULL) {
        struct store_write *first = t->writes;
        t->writes = first->next;
        store_write_free(first);
    }
    t->last_write = NULL;
    text_free(&t->row_bytes);
    text_free(&t->path);
    text_free(&t->report);
    text_free(&t->document);
}

static int take_item(void *self, const struct db_item *item)
{
    struct change c = {.qid = item->qid, .key = item->key, .value = item->value};
    while (c.kind < CHANGE_KINDS && !span_is(item->kind, change_kind_name(c.kind)))
        c.kind++;
    if (c.kind == CHANGE_KINDS) {
        log_line(LOG_WARN, "the store holds an item of unknown kind %.*s; it is kept and ignored",
                 (int)item->kind.len, item->kind.at);
        return 0;
    }
    return change_list_add(self, &c);
}

static int take_delta(void *self, const struct db_history *row)
{
    struct store_task *t = self;
    struct past_delta **end = &t->deltas, *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -ERR_NOMEM;
    while (*end != NULL)
        end = &(*end)->next;
    d->version = row->version;
    d->body = TEXT_WITH_LIMIT(DELTA_BYTES);
    text_append(&d->body, row->events);
    *end = d;
    return d->body.failed;
}

static int load(struct store *s, struct store_task *t, struct fault *why)
{
    uint64_t since = t->version;
    int r = s->db == NULL ? s->open(s, why) : 0;
    if (r == 0)
        r = db_load(s->db, &t->version, take_item, &t->changes, why);
    if (r == 0 && t->version == 0)
        return store_commit_first(s, t, why);
    if (r == 0 && since != 0)
        r = db_since(s->db, since, take_delta, t, why);
    change_list_done(&t->changes);
    if (r == 0)
        transfer_look(s, t);
    return r;
}

void store_perform(void *doors, struct task *task)
{
    static int (*const todo[])(struct store *, struct store_task *,
                               struct fault *) = {[STORE_LOAD] = load,
                                                  [STORE_COMMIT] = store_commit,
                                                  [STORE_EXPORT] = transfer_export,
                                                  [STORE_CHECK] = transfer_check,
                                                  [STORE_READ] = transfer_read,
                                                  [STORE_DOCUMENT] = transfer_document,
                                                  [STORE_HISTORY] = store_history,
                                                  [STORE_TRIM] = store_trim};
    task->r = todo[task->what](doors, (struct store_task *)task, &task->why);
}
