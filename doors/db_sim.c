/* SPDX-License-Identifier: MIT
 * The simulated store. In tests and the simulator. */
#include "doors/db_sim.h"

#include <assert.h>
#include <string.h>

#include "doors/db_calls.h"

enum { BUCKETS = 8192 };

/* An item with its bytes behind it; in the list of all (order of first setting) and in one bucket. */
struct entry {
    struct entry *before, *after, *chain;
    uint32_t qid;
    struct span kind, key, value;
    char *own_value;
    char bytes[];
};

/* A history row with its bytes behind it. */
struct record {
    struct record *after;
    struct db_history row;
    char bytes[];
};

struct setting {
    struct setting *after;
    struct span key, value;
    char bytes[];
};

struct db_disk {
    struct entry *first, *last, *bucket[BUCKETS];
    struct record *oldest, *newest;
    struct setting *settings;
    bool in_use;
    unsigned fault_in;
    enum db_sim_fault fault;
};

struct db_sim {
    struct db base;
    struct db_disk *disk;
};

static struct span put(char **at, struct span from)
{
    char *start = *at;
    if (from.len > 0)
        memcpy(start, from.at, from.len);
    *at += from.len;
    return (struct span){start, from.len};
}

static size_t bucket_of(struct span kind, uint32_t qid, struct span key)
{
    uint64_t hash = 14695981039346656037u ^ qid;
    for (size_t i = 0; i < kind.len; i++)
        hash = (hash ^ (unsigned char)kind.at[i]) * 1099511628211u;
    for (size_t i = 0; i < key.len; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * 1099511628211u;
    return (size_t)((hash ^ hash >> 32) % BUCKETS);
}

static struct entry **find_entry(struct db_disk *disk, const struct db_item *item)
{
    struct entry **at = &disk->bucket[bucket_of(item->kind, item->qid, item->key)];
    while (*at != NULL && !((*at)->qid == item->qid && span_equal((*at)->kind, item->kind) &&
                            span_equal((*at)->key, item->key)))
        at = &(*at)->chain;
    return at;
}

static struct entry *entry_new(const struct db_item *item)
{
    struct entry *e = calloc(1, sizeof *e + item->kind.len + item->key.len);
    char *value = malloc(item->value.len + 1);
    if (e == NULL || value == NULL) {
        free(e);
        free(value);
        return NULL;
    }
    char *at = e->bytes, *value_at = value;
    e->qid = item->qid;
    e->kind = put(&at, item->kind);
    e->key = put(&at, item->key);
    e->value = put(&value_at, item->value);
    e->own_value = value;
    return e;
}

static void entry_free(struct entry *e)
{
    if (e != NULL)
        free(e->own_value);
    free(e);
}

static void unlink_entry(struct db_disk *disk, struct entry **at)
{
    struct entry *e = *at;
    assert(e != NULL);
    *at = e->chain;
    *(e->before != NULL ? &e->before->after : &disk->first) = e->after;
    *(e->after != NULL ? &e->after->before : &disk->last) = e->before;
    entry_free(e);
}

/* `fresh` becomes the item, or gives its value to the one that is there and is freed. */
static void apply_set(struct db_disk *disk, struct entry *fresh, const struct db_item *item)
{
    struct entry **at = find_entry(disk, item), *there = *at;
    if (there != NULL) {
        free(there->own_value);
        there->own_value = TAKE(fresh->own_value);
        there->value = fresh->value;
        entry_free(fresh);
        return;
    }
    *at = fresh;
    fresh->before = disk->last;
    *(disk->last != NULL ? &disk->last->after : &disk->first) = fresh;
    disk->last = fresh;
}

static void apply_drop_all(struct db_disk *disk, uint32_t qid)
{
    for (struct entry *e = disk->first, *next; e != NULL; e = next) {
        next = e->after;
        if (e->qid == qid)
            unlink_entry(disk,
                         find_entry(disk, &(struct db_item){.kind = e->kind, .qid = qid, .key = e->key}));
    }
}

static void apply(struct db_disk *disk, const struct db_item *items, struct entry **fresh, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].verb == DB_SET)
            apply_set(disk, TAKE(fresh[i]), &items[i]);
        else if (items[i].verb == DB_DROP_ALL_OF)
            apply_drop_all(disk, items[i].qid);
        else if (*find_entry(disk, &items[i]) != NULL)
            unlink_entry(disk, find_entry(disk, &items[i]));
    }
}

static struct record *record_new(const struct db_history *row)
{
    const struct span *from[] = {&row->op,     &row->caller, &row->method, &row->subject,
                                 &row->before, &row->after,  &row->events, &row->result};
    size_t size = 0;
    for (size_t i = 0; i < COUNT(from); i++)
        size += from[i]->len;
    struct record *r = calloc(1, sizeof *r + size);
    if (r == NULL)
        return NULL;
    r->row = *row;
    struct span *to[] = {&r->row.op,     &r->row.caller, &r->row.method, &r->row.subject,
                         &r->row.before, &r->row.after,  &r->row.events, &r->row.result};
    char *at = r->bytes;
    for (size_t i = 0; i < COUNT(from); i++)
        *to[i] = put(&at, *from[i]);
    return r;
}

static const struct record *find_record(const struct db_disk *disk, struct span op)
{
    const struct record *r = disk->oldest;
    while (r != NULL && !span_equal(r->row.op, op))
        r = r->after;
    return r;
}

/* The fault that is due now. */
static enum db_sim_fault next_fault(struct db_disk *disk)
{
    if (disk->fault_in == 0 || --disk->fault_in > 0)
        return DB_SIM_NONE;
    return disk->fault;
}

static int fault_now(enum db_sim_fault fault, struct fault *why)
{
    static const struct {
        enum err code;
        const char *text;
    } rows[] = {
        [DB_SIM_NONE] = {ERR_NONE, ""},
        [DB_SIM_FULL] = {ERR_IO, "the disk is full; make room and try again"},
        [DB_SIM_FAIL_BEFORE] = {ERR_IO, "input or output failed; see the kernel log for the disk"},
        [DB_SIM_FAIL_AFTER] = {ERR_IO, "input or output failed; see the kernel log for the disk"},
        [DB_SIM_READ_ONLY] = {ERR_DENIED, "no permission to write there"},
    };
    if (fault == DB_SIM_NONE)
        return 0;
    return fault_set(why, rows[fault].code, "store (simulated): %s", rows[fault].text);
}

static int answer(const struct db_history *row, bool repeated, struct db_outcome *ret, struct fault *why)
{
    struct text result = TEXT_WITH_LIMIT(SIZE_MAX / 4);
    text_append(&result, row->result);
    if (result.failed < 0)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    *ret = (struct db_outcome){.version = row->version, .repeated = repeated, .result = result};
    return 0;
}

/* Everything that needs memory, so that applying cannot fail half way. */
static struct entry **fresh_entries(const struct db_item *items, size_t count)
{
    struct entry **fresh = calloc(count + 1, sizeof *fresh);
    for (size_t i = 0; fresh != NULL && i < count; i++) {
        if (items[i].verb == DB_SET && (fresh[i] = entry_new(&items[i])) == NULL) {
            while (i-- > 0)
                entry_free(fresh[i]);
            free(fresh);
            return NULL;
        }
    }
    return fresh;
}

/* One write with all the memory that it will need. */
struct ready {
    const struct db_write *write;
    struct entry **fresh;
    struct record *record;
    struct db_outcome outcome;
};

static void ready_free(struct ready *r)
{
    for (size_t i = 0; r->write != NULL && r->fresh != NULL && i < r->write->count; i++)
        entry_free(r->fresh[i]);
    free(r->fresh);
    free(r->record);
    text_free(&r->outcome.result);
}

static int make_ready(struct ready *r, const struct db_write *w, uint64_t version, struct fault *why)
{
    *r =
        (struct ready){.write = w, .fresh = fresh_entries(w->items, w->count), .record = record_new(&w->row)};
    if (r->fresh == NULL || r->record == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    r->record->row.version = version;
    return answer(&r->record->row, false, &r->outcome, why);
}

static void keep(struct db_disk *disk, struct ready *r)
{
    apply(disk, r->write->items, r->fresh, r->write->count);
    *(disk->newest != NULL ? &disk->newest->after : &disk->oldest) = r->record;
    disk->newest = TAKE(r->record);
}

/* The row of an operation that is on the disk or among these; NULL for none. */
static const struct db_history *row_of(const struct db_disk *disk, const struct ready *ready, size_t made,
                                       struct span op)
{
    for (size_t i = 0; i < made; i++)
        if (span_equal(ready[i].record->row.op, op))
            return &ready[i].record->row;
    const struct record *r = find_record(disk, op);
    return r != NULL ? &r->row : NULL;
}

/* Makes ready what comes before the first repeated one, whose answer is *again. How many, or -ERR_. */
static int make_all_ready(struct db_disk *disk, const struct db_write *writes, size_t count,
                          struct ready *ready, struct db_outcome *again, struct fault *why)
{
    uint64_t last = disk->newest != NULL ? disk->newest->row.version : 0;
    for (size_t i = 0; i < count; i++) {
        const struct db_history *row = row_of(disk, ready, i, writes[i].row.op);
        int r = row != NULL ? answer(row, true, again, why)
                            : make_ready(&ready[i], &writes[i], last + i + 1, why);
        if (r < 0 || row != NULL)
            return r < 0 ? r : (int)i;
    }
    return (int)count;
}

static int sim_commit(struct db *db, const struct db_write *writes, size_t count, struct db_outcome *ret,
                      struct fault *why)
{
    struct db_disk *disk = ((struct db_sim *)db)->disk;
    struct db_outcome again = {0};
    AUTO_MEMORY struct ready *ready = calloc(count, sizeof *ready);
    if (ready == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    int made = make_all_ready(disk, writes, count, ready, &again, why), r = made;
    enum db_sim_fault fault = made > 0 ? next_fault(disk) : DB_SIM_NONE;
    if (fault != DB_SIM_NONE)
        r = fault_now(fault, why);
    for (int i = 0; i < made && (r >= 0 || fault == DB_SIM_FAIL_AFTER); i++)
        keep(disk, &ready[i]);
    for (int i = 0; i < made && r >= 0; i++) {
        ret[i] = ready[i].outcome;
        ready[i].outcome.result = TEXT_WITH_LIMIT(0);
    }
    for (size_t i = 0; i < count; i++)
        ready_free(&ready[i]);
    if (r >= 0 && (size_t)made < count) {
        ret[made] = again;
        return made + 1;
    }
    text_free(&again.result);
    return r;
}

static int sim_load(struct db *db, uint64_t *version, db_each_item *each, void *self, struct fault *why)
{
    (void)why;
    struct db_disk *disk = ((struct db_sim *)db)->disk;
    for (const struct entry *e = disk->first; e != NULL; e = e->after) {
        int r = each(self, &(struct db_item){DB_SET, e->qid, e->kind, e->key, e->value});
        if (r < 0)
            return r;
    }
    *version = disk->newest != NULL ? disk->newest->row.version : 0;
    return 0;
}

static int sim_find(struct db *db, struct span op, db_each_history *each, void *self, struct fault *why)
{
    const struct record *r = find_record(((struct db_sim *)db)->disk, op);
    if (r == NULL)
        return fault_set(why, ERR_UNKNOWN, "no such operation in the history");
    int answer_of_each = each(self, &r->row);
    return answer_of_each < 0 ? answer_of_each : 0;
}

static int sim_since(struct db *db, uint64_t version, db_each_history *each, void *self, struct fault *why)
{
    (void)why;
    int r = 0;
    for (const struct record *at = ((struct db_sim *)db)->disk->oldest; r >= 0 && at != NULL; at = at->after)
        if (at->row.version > version)
            r = each(self, &at->row);
    return r < 0 ? r : 0;
}

/* Does a line of the text begin with `about` and a space? */
static bool has_line_about(struct span text, struct span about)
{
    while (text.len > about.len) {
        struct span rest, line = span_split(text, '\n', &rest);
        if (line.len > about.len && span_equal((struct span){line.at, about.len}, about) &&
            line.at[about.len] == ' ')
            return true;
        text = rest;
    }
    return false;
}

static bool is_wanted(const struct db_history *row, const struct db_wanted *w)
{
    return row->version >= w->from && row->version < w->below && row->time_ms >= w->since_ms &&
           (w->about.len == 0 || span_equal(row->subject, w->about) ||
            has_line_about(row->before, w->about) || has_line_about(row->after, w->about));
}

/* The newest wanted row below this version. */
static const struct record *newest_below(const struct db_disk *disk, const struct db_wanted *w)
{
    const struct record *found = NULL;
    for (const struct record *at = disk->oldest; at != NULL; at = at->after)
        if (is_wanted(&at->row, w))
            found = at;
    return found;
}

static int sim_list(struct db *db, const struct db_wanted *wanted, db_each_history *each, void *self,
                    struct fault *why)
{
    const struct db_disk *disk = ((struct db_sim *)db)->disk;
    struct db_wanted w = *wanted;
    const struct record *at;
    int r = 0;
    (void)why;
    while (r >= 0 && w.most-- > 0 && (at = newest_below(disk, &w)) != NULL) {
        r = each(self, &at->row);
        w.below = at->row.version;
    }
    return r < 0 ? r : 0;
}

static int sim_trim(struct db *db, const struct db_keep *keep, struct fault *why)
{
    struct db_disk *disk = ((struct db_sim *)db)->disk;
    uint64_t last = disk->newest != NULL ? disk->newest->row.version : 0;
    int r = fault_now(next_fault(disk), why), rows = 0;
    for (unsigned i = 0; r == 0 && i < keep->step && disk->oldest != NULL; i++) {
        struct record *old = disk->oldest;
        if (old->row.version + keep->rows_least > last ||
            (old->row.version + keep->rows_most > last && old->row.time_ms >= keep->since_ms))
            break;
        disk->oldest = old->after;
        free(old);
        rows++;
    }
    return r < 0 ? r : rows;
}

static struct setting **find_setting(struct db_disk *disk, struct span key)
{
    struct setting **at = &disk->settings;
    while (*at != NULL && !span_equal((*at)->key, key))
        at = &(*at)->after;
    return at;
}

static int sim_meta_get(struct db *db, struct span key, struct text *value, struct fault *why)
{
    struct setting *s = *find_setting(((struct db_sim *)db)->disk, key);
    if (s == NULL)
        return fault_set(why, ERR_UNKNOWN, "the store has no such setting");
    text_append(value, s->value);
    if (value->failed < 0)
        return fault_set(why, (enum err) - value->failed, "store: a setting is larger than expected");
    return 0;
}

static int sim_meta_set(struct db *db, struct span key, struct span value, struct fault *why)
{
    struct db_disk *disk = ((struct db_sim *)db)->disk;
    enum db_sim_fault fault = next_fault(disk);
    if (fault != DB_SIM_NONE && fault != DB_SIM_FAIL_AFTER)
        return fault_now(fault, why);
    struct setting *fresh = calloc(1, sizeof *fresh + key.len + value.len);
    if (fresh == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    char *at = fresh->bytes;
    fresh->key = put(&at, key);
    fresh->value = put(&at, value);
    struct setting **place = find_setting(disk, key), *old = *place;
    fresh->after = old != NULL ? old->after : NULL;
    *place = fresh;
    free(old);
    return fault_now(fault, why);
}

static void sim_close(struct db *db)
{
    ((struct db_sim *)db)->disk->in_use = false;
    free(db);
}

static const struct db_calls calls = {
    .close = sim_close,
    .load = sim_load,
    .commit = sim_commit,
    .find = sim_find,
    .since = sim_since,
    .list = sim_list,
    .trim = sim_trim,
    .meta_get = sim_meta_get,
    .meta_set = sim_meta_set,
};

int db_sim_open(struct db_disk *disk, struct db **ret, struct fault *why)
{
    if (disk->in_use)
        return fault_set(why, ERR_BUSY, "the simulated store is held by another user; stop that one first");
    struct db_sim *db = calloc(1, sizeof *db);
    if (db == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    *db = (struct db_sim){{&calls}, disk};
    disk->in_use = true;
    *ret = &db->base;
    return 0;
}

void db_sim_kill(struct db **db)
{
    db_free(TAKE(*db));
}

void db_sim_fail(struct db_disk *disk, unsigned nth, enum db_sim_fault fault)
{
    disk->fault_in = nth;
    disk->fault = fault;
}

struct db_disk *db_disk_new(void)
{
    return calloc(1, sizeof(struct db_disk));
}

void db_disk_free(struct db_disk *disk)
{
    if (disk == NULL)
        return;
    for (struct entry *e = disk->first, *next; e != NULL; e = next) {
        next = e->after;
        entry_free(e);
    }
    for (struct record *r = disk->oldest, *next; r != NULL; r = next) {
        next = r->after;
        free(r);
    }
    for (struct setting *s = disk->settings, *next; s != NULL; s = next) {
        next = s->after;
        free(s);
    }
    free(disk);
}
