/* SPDX-License-Identifier: MIT
 * The history: who changed what, and how much of it is kept. A question and a trimming are done in steps, so
 * that no change waits long behind them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/registry/registry.h"
#include "base/log.h"

enum history_bound {
#define HISTORY(name, number, reason) HISTORY_##name = number,
#include "actors/registry/registry_history.def"
};
/* As the row of the message has it. */
enum { HISTORY_CUT = 3072, HISTORY_BYTES = 7 << 20 };

/* ---- on the worker thread ---- */

static struct span cut(struct span s)
{
    return (struct span){s.at, s.len < HISTORY_CUT ? s.len : HISTORY_CUT};
}

static uint32_t qid_of(struct span text)
{
    uint64_t qid;
    return text_number(text, 0, UINT32_MAX, &qid) == 0 ? (uint32_t)qid : QID_GLOBAL;
}

static int add_row(void *self, const struct db_history *row)
{
    struct store_task *t = self;
    struct logbook_row item = {
        .version = row->version,
        .time = row->time_ms,
        .caller = qid_of(row->caller),
        .target = qid_of(row->subject),
        .before = cut(row->before),
        .after = cut(row->after),
    };
    struct op_id op = {0, 0};
    if (row->op.len == sizeof op)
        memcpy(&op, row->op.at, sizeof op);
    item.op_high = op.high;
    item.op_low = op.low;
    (void)text_copy(item.method, sizeof item.method, row->method);
    logbook_row_add(&t->rows.rows, &t->row_bytes, &item);
    return t->row_bytes.failed;
}

int store_history(struct store *s, struct store_task *t, struct fault *why)
{
    char about[16] = "";
    if (t->question.only != 0)
        snprintf(about, sizeof about, "%d", t->question.qid == QID_GLOBAL ? -1 : (int)t->question.qid);
    struct db_wanted wanted = {
        .from = t->version > HISTORY_scan ? t->version - HISTORY_scan : 0,
        .below = t->version,
        .since_ms = t->question.since,
        .about = span_of(about),
        .most = t->question.most - t->rows.rows.count,
    };
    t->row_bytes.limit = HISTORY_BYTES;
    int r = db_list(s->db, &wanted, add_row, t, why);
    t->version = wanted.from;
    return r == -ERR_TOO_BIG
               ? fault_set(why, ERR_TOO_BIG, "so much does not fit into one answer; ask for fewer changes")
               : r;
}

int store_trim(struct store *s, struct store_task *t, struct fault *why)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t age = (uint64_t)HISTORY_days * 86400, seconds = (uint64_t)now.tv_sec;
    struct db_keep keep = {
        .rows_least = HISTORY_rows_least,
        .rows_most = HISTORY_rows_most,
        .since_ms = seconds > age ? (seconds - age) * 1000 : 0,
        .step = HISTORY_step,
    };
    int r = db_trim(s->db, &keep, why);
    t->version = r > 0 ? (uint64_t)r : 0;
    return r < 0 ? r : 0;
}

/* ---- in the core ---- */

void history_ask(struct registry *r, struct out *out, const struct envelope *e, const struct logbook *m)
{
    struct request request = request_of(e);
    struct store_task *t =
        r->loaded && r->questions < REGISTRY_EARLY_MAX ? store_task_new(STORE_HISTORY) : NULL;
    if (t == NULL) {
        reply_error(out, &request, -ERR_BUSY, NULL);
        return;
    }
    r->questions++;
    t->asker = request;
    t->question = *m;
    t->version = r->version + 1;
    out_task(out, &t->task);
}

/* Answered, or asked on for older rows behind the changes that wait. */
void history_read(struct registry *r, struct out *out, struct store_task *t)
{
    struct store_task *next = NULL;
    if (t->task.r == 0 && t->version > 0 && t->rows.rows.count < t->question.most)
        next = store_task_new(STORE_HISTORY);
    if (next != NULL) {
        next->asker = t->asker;
        next->question = t->question;
        next->version = t->version;
        next->rows = t->rows;
        next->row_bytes = t->row_bytes;
        t->row_bytes = TEXT_WITH_LIMIT(0);
        out_task(out, &next->task);
        return;
    }
    r->questions--;
    if (t->task.r < 0)
        reply_error(out, &t->asker, t->task.r, &t->task.why);
    else
        (void)REPLY(out, logbook, &t->asker, &t->rows);
}

void history_trim(struct registry *r, struct out *out)
{
    struct store_task *t = r->loaded && !r->stopping ? store_task_new(STORE_TRIM) : NULL;
    if (t != NULL)
        out_task(out, &t->task);
    else
        out_timer(out, TIMER_TRIM, out->now + HISTORY_every * SECONDS);
}

void history_trimmed(struct registry *r, struct out *out, const struct store_task *t)
{
    if (t->task.r < 0)
        log_line(LOG_WARN, "the history was not shortened: %s", t->task.why.text);
    if (t->version >= HISTORY_step)
        history_trim(r, out);
    else
        out_timer(out, TIMER_TRIM, out->now + HISTORY_every * SECONDS);
}
