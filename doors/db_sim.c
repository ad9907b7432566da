/* SPDX-License-Identifier: MIT
 * The simulated store. In tests and the simulator. */
#include "doors/db_sim.h"

#include "doors/db_calls.h"
#include "doors/db_sim_disk.h"

struct db_sim {
    struct db base;
    struct db_disk *disk;
};

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

/* One write with all the memory that it will need. */
struct ready {
    const struct db_write *write;
    struct db_disk_item **fresh;
    struct db_disk_row *record;
    struct db_outcome outcome;
};

static void ready_free(struct ready *r)
{
    db_disk_items_free(r->fresh, r->write != NULL ? r->write->count : 0);
    free(r->record);
    text_free(&r->outcome.result);
}

static int make_ready(struct ready *r, const struct db_write *w, uint64_t version, struct fault *why)
{
    *r = (struct ready){
        .write = w, .fresh = db_disk_items_new(w->items, w->count), .record = db_disk_row_new(&w->row)};
    if (r->fresh == NULL || r->record == NULL)
        return fault_set(why, ERR_NOMEM, "store: out of memory");
    r->record->row.version = version;
    return answer(&r->record->row, false, &r->outcome, why);
}

static void keep(struct db_disk *disk, struct ready *r)
{
    db_disk_apply(disk, r->write->items, r->fresh, r->write->count);
    db_disk_row_add(disk, TAKE(r->record));
}

/* The row of an operation that is on the disk or among these; NULL for none. */
static const struct db_history *row_of(const struct db_disk *disk, const struct ready *ready, size_t made,
                                       struct span op)
{
    for (size_t i = 0; i < made; i++)
        if (span_equal(ready[i].record->row.op, op))
            return &ready[i].record->row;
    const struct db_disk_row *r = db_disk_row_find(disk, op);
    return r != NULL ? &r->row : NULL;
}

/* Makes ready what comes before the first repeated one, whose answer is *again. How many, or -ERR_. */
static int make_all_ready(struct db_disk *disk, const struct db_write *writes, size_t count,
                          struct ready *ready, struct db_outcome *again, struct fault *why)
{
    uint64_t last = db_disk_version(disk);
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
    for (const struct db_disk_item *e = disk->first; e != NULL; e = e->after) {
        int r = each(self, &(struct db_item){DB_SET, e->qid, e->kind, e->key, e->value});
        if (r < 0)
            return r;
    }
    *version = db_disk_version(disk);
    return 0;
}

static int sim_find(struct db *db, struct span op, db_each_history *each, void *self, struct fault *why)
{
    const struct db_disk_row *r = db_disk_row_find(((struct db_sim *)db)->disk, op);
    if (r == NULL)
        return fault_set(why, ERR_UNKNOWN, "no such operation in the history");
    int answer_of_each = each(self, &r->row);
    return answer_of_each < 0 ? answer_of_each : 0;
}

static int sim_since(struct db *db, uint64_t version, db_each_history *each, void *self, struct fault *why)
{
    (void)why;
    int r = 0;
    for (const struct db_disk_row *at = ((struct db_sim *)db)->disk->oldest; r >= 0 && at != NULL;
         at = at->after)
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
static const struct db_disk_row *newest_below(const struct db_disk *disk, const struct db_wanted *w)
{
    const struct db_disk_row *found = NULL;
    for (const struct db_disk_row *at = disk->oldest; at != NULL; at = at->after)
        if (is_wanted(&at->row, w))
            found = at;
    return found;
}

static int sim_list(struct db *db, const struct db_wanted *wanted, db_each_history *each, void *self,
                    struct fault *why)
{
    const struct db_disk *disk = ((struct db_sim *)db)->disk;
    struct db_wanted w = *wanted;
    const struct db_disk_row *at;
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
    uint64_t last = db_disk_version(disk);
    int r = fault_now(next_fault(disk), why), rows = 0;
    for (unsigned i = 0; r == 0 && i < keep->step && disk->oldest != NULL; i++) {
        struct db_disk_row *old = disk->oldest;
        if (old->row.version + keep->rows_least > last ||
            (old->row.version + keep->rows_most > last && old->row.time_ms >= keep->since_ms))
            break;
        disk->oldest = old->after;
        free(old);
        rows++;
    }
    return r < 0 ? r : rows;
}

static int sim_meta_get(struct db *db, struct span key, struct text *value, struct fault *why)
{
    struct db_disk_setting *s = *db_disk_setting_find(((struct db_sim *)db)->disk, key);
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
    if (!db_disk_setting_put(disk, key, value))
        return fault_set(why, ERR_NOMEM, "store: out of memory");
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
