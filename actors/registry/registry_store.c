/* SPDX-License-Identifier: MIT
 * The registry's tasks on the worker thread; see registry_store.h. */
#include "actors/registry/registry_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/registry/registry_transfer.h"
#include "base/log.h"

enum { ITEMS_BYTES = 256 << 20, DELTA_BYTES = 16 << 20, REPORT_BYTES = 1 << 20 };

int change_list_add(struct change_list *list, const struct change *c)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 256 : list->room * 2;
        struct change *at = realloc(list->at, room * sizeof *at);
        if (at == NULL)
            return -ERR_NOMEM;
        list->at = at;
        list->room = room;
    }
    list->bytes.limit = ITEMS_BYTES;
    text_append(&list->bytes, c->key);
    text_append(&list->bytes, c->value);
    list->at[list->count++] = *c;
    return list->bytes.failed;
}

void change_list_done(struct change_list *list)
{
    const char *at = list->bytes.at;
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
    t->caller.limit = t->method.limit = t->subject.limit = 1024;
    t->before.limit = t->after.limit = 4 << 20;
    t->events.limit = DELTA_BYTES;
    t->path.limit = 256;
    t->report.limit = REPORT_BYTES;
    t->result.limit = 1024;
    return t;
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
    struct text *const texts[] = {&t->caller, &t->method, &t->subject, &t->before,   &t->after,
                                  &t->events, &t->path,   &t->report,  &t->document, &t->result};
    for (size_t i = 0; i < COUNT(texts); i++)
        text_free(texts[i]);
}

/* The store's words for a change, and back. */
static struct db_item item_of(const struct change *c)
{
    bool vm_ends = c->kind == CHANGE_VM && c->gone;
    return (struct db_item){
        .verb = vm_ends   ? DB_DROP_ALL_OF
                : c->gone ? DB_DROP
                          : DB_SET,
        .qid = c->qid,
        .kind = span_of(change_kind_name(c->kind)),
        .key = c->key,
        .value = c->value,
    };
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

static void op_text(struct op_id op, char bytes[16])
{
    memcpy(bytes, &op.high, 8);
    memcpy(bytes + 8, &op.low, 8);
}

/* A VM's row is dropped with all that is its own, and what else these changes say stands. */
static int commit_changes(struct store *s, struct store_task *t, struct fault *why)
{
    struct timespec now;
    char op[16];
    struct db_item *items = calloc(t->changes.count + 1, sizeof *items);
    if (items == NULL)
        return fault_set(why, ERR_NOMEM, "no memory to commit");
    size_t count = 0;
    for (size_t i = 0; i < t->changes.count; i++)
        if (t->changes.at[i].kind == CHANGE_VM && t->changes.at[i].gone)
            items[count++] = item_of(&t->changes.at[i]);
    for (size_t i = 0; i < t->changes.count; i++)
        if (t->changes.at[i].kind != CHANGE_VM || !t->changes.at[i].gone)
            items[count++] = item_of(&t->changes.at[i]);
    clock_gettime(CLOCK_REALTIME, &now);
    op_text(t->op, op);
    struct db_history row = {
        .time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
        .op = {op, sizeof op},
        .caller = text_span(&t->caller),
        .method = text_span(&t->method),
        .subject = text_span(&t->subject),
        .before = text_span(&t->before),
        .after = text_span(&t->after),
        .events = text_span(&t->events),
        .result = text_span(&t->result),
    };
    struct db_outcome outcome = {0};
    int r = db_commit(s->db, items, count, &row, &outcome, why);
    t->version = outcome.version;
    t->repeated = outcome.repeated;
    if (outcome.repeated) {
        text_clear(&t->result);
        text_append(&t->result, text_span(&outcome.result));
    }
    text_free(&outcome.result);
    free(items);
    return r;
}

static int found(void *self, const struct db_history *row)
{
    struct store_task *t = self;
    t->version = row->version;
    t->repeated = true;
    text_append(&t->result, row->result);
    return 0;
}

static int find_operation(struct store *s, struct store_task *t, struct fault *why)
{
    char op[16];
    op_text(t->op, op);
    int r = db_find(s->db, (struct span){op, sizeof op}, found, t, why);
    return r == -ERR_UNKNOWN ? 0 : r;
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

static int first_commit(struct store *s, struct store_task *t, struct fault *why)
{
    int r = store_first(s, t, why);
    if (r < 0)
        return r;
    change_list_done(&t->changes);
    text_add(&t->method, "import");
    t->op = (struct op_id){0, 1};
    return commit_changes(s, t, why);
}

static int load(struct store *s, struct store_task *t, struct fault *why)
{
    uint64_t since = t->version;
    int r = s->db == NULL ? s->open(s, why) : 0;
    if (r == 0)
        r = db_load(s->db, &t->version, take_item, &t->changes, why);
    if (r == 0 && t->version == 0)
        return first_commit(s, t, why);
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
                                                  [STORE_COMMIT] = commit_changes,
                                                  [STORE_FIND] = find_operation,
                                                  [STORE_EXPORT] = transfer_export,
                                                  [STORE_CHECK] = transfer_check,
                                                  [STORE_READ] = transfer_read,
                                                  [STORE_DOCUMENT] = transfer_document};
    task->r = todo[task->what](doors, (struct store_task *)task, &task->why);
}
