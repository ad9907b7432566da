/* SPDX-License-Identifier: MIT
 * The writes of a commit: operations that wait for the disk together. On the worker thread. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/registry/registry_home.h"
#include "actors/registry/registry_store.h"

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

/* A VM's row is dropped with all that is its own, and what else these changes say stands. */
static void put_items(const struct change_list *changes, struct db_item *items)
{
    for (int vms = 1; vms >= 0; vms--)
        for (size_t i = 0; i < changes->count; i++)
            if ((changes->at[i].kind == CHANGE_VM && changes->at[i].gone) == (vms == 1))
                *items++ = item_of(&changes->at[i]);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct db_history row_of(const struct store_write *w)
{
    return (struct db_history){
        .time_ms = now_ms(),
        .op = {(const char *)&w->op, sizeof w->op},
        .caller = text_span(&w->caller),
        .method = text_span(&w->method),
        .subject = text_span(&w->subject),
        .before = text_span(&w->before),
        .after = text_span(&w->after),
        .events = text_span(&w->events),
        .result = text_span(&w->result),
    };
}

/* All writes but those that only look. How many there are. */
static size_t put_writes(const struct store_task *t, struct db_write *writes, struct db_item *items)
{
    size_t count = 0;
    for (const struct store_write *w = t->writes; w != NULL; w = w->next) {
        if (w->find)
            continue;
        put_items(&w->changes, items);
        writes[count++] = (struct db_write){items, w->changes.count, row_of(w)};
        items += w->changes.count;
    }
    return count;
}

static size_t item_count(const struct store_task *t)
{
    size_t count = 0;
    for (const struct store_write *w = t->writes; w != NULL; w = w->next)
        count += w->find ? 0 : w->changes.count;
    return count;
}

static int found(void *self, const struct db_history *row)
{
    struct store_write *w = self;
    w->version = row->version;
    w->repeated = true;
    text_append(&w->result, row->result);
    return 0;
}

static void find_operation(struct store *s, struct store_write *w)
{
    int r = db_find(s->db, (struct span){(const char *)&w->op, sizeof w->op}, found, w, &w->why);
    w->r = r == -ERR_UNKNOWN ? 0 : r;
    w->done = true;
}

/* What was answered then, in place of what would be answered now. */
static void repeat_result(struct store_write *w, struct span result)
{
    text_clear(&w->result);
    text_append(&w->result, result);
}

/* What became of each, up to one that was repeated: what stands behind it has not happened. */
static void take_outcomes(struct store *s, struct store_task *t, struct db_outcome *outcomes, int done)
{
    struct db_outcome *next = outcomes;
    for (struct store_write *w = t->writes; w != NULL && !t->stopped; w = w->next) {
        if (w->find) {
            find_operation(s, w);
            continue;
        }
        w->version = next->version;
        w->repeated = t->stopped = next->repeated;
        w->done = true;
        if (w->repeated)
            repeat_result(w, text_span(&next->result));
        next++;
    }
    for (int i = 0; i < done; i++)
        text_free(&outcomes[i].result);
}

/* Directories follow what is committed, before anybody hears of it. */
static void follow(const struct store *s, const struct store_task *t)
{
    for (const struct store_write *w = t->writes; w != NULL; w = w->next)
        if (w->done && !w->repeated && !w->find)
            home_follow(s->qubes_lib, &w->changes, text_span(&w->gone_homes));
}

int store_commit(struct store *s, struct store_task *t, struct fault *why)
{
    struct db_item *items = calloc(item_count(t) + 1, sizeof *items);
    struct db_write *writes = calloc(t->write_count + 1, sizeof *writes);
    struct db_outcome *outcomes = calloc(t->write_count + 1, sizeof *outcomes);
    int done = -ERR_NOMEM;
    if (items == NULL || writes == NULL || outcomes == NULL)
        (void)fault_set(why, ERR_NOMEM, "no memory to commit; close what is not needed and try again");
    else
        done = db_commit_all(s->db, writes, put_writes(t, writes, items), outcomes, why);
    if (done >= 0)
        take_outcomes(s, t, outcomes, done);
    if (done >= 0)
        follow(s, t);
    free(items);
    free(writes);
    free(outcomes);
    return done < 0 ? done : 0;
}

int store_commit_first(struct store *s, struct store_task *t, struct fault *why)
{
    struct store_write *w = store_write_new(0, (struct op_id){0, 1});
    if (w == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for the first commit");
    int r = store_first(s, t, why);
    if (r == 0) {
        change_list_done(&t->changes);
        text_add(&w->method, "import");
        w->changes = t->changes; /* lent */
        store_task_add(t, w);
        r = store_commit(s, t, why);
        t->version = w->version;
        w->changes = (struct change_list){0};
        return r;
    }
    store_write_free(w);
    return r;
}
