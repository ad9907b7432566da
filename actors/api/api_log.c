/* SPDX-License-Identifier: MIT
 * bulkhead.History: who changed what, from the store's history; in api. The payload has words:
 * since=MILLISECONDS (of the epoch), number=N, vm=NAME. The answer has eight texts for each change, newest
 * first, each ended by a NUL: version, milliseconds, operation, caller, method, VM, and the changed items as
 * they were and as they are. */
#include <inttypes.h>

#include "actors/api/api_inside.h"

enum { LOG_USUAL = 50, LOG_MOST = 1000 };
#define LOG_WITHIN (20 * SECONDS)

static int read_vm(const struct api *self, struct span name, struct logbook *m, struct fault *why)
{
    const struct vm *vm = name.len > 0 ? model_named(self->model, name) : NULL;
    if (vm == NULL)
        return fault_set(why, ERR_VM_NOT_FOUND, "No such domain: '%.*s'",
                         (int)(name.len < 64 ? name.len : 64), name.len > 0 ? name.at : "");
    m->only = 1;
    m->qid = vm_qid(vm);
    return 0;
}

static int read_word(const struct api *self, struct span word, struct logbook *m, struct fault *why)
{
    struct span value, key = span_split(word, '=', &value);
    uint64_t number = 0;
    if (span_is(key, "vm"))
        return read_vm(self, value, m, why);
    if (span_is(key, "since") && text_number(value, 0, INT64_MAX, &number) == 0)
        m->since = number;
    else if (span_is(key, "number") && text_number(value, 1, LOG_MOST, &number) == 0)
        m->most = (uint32_t)number;
    else
        return fault_set(why, ERR_PROTOCOL,
                         "the history is asked with since=MILLISECONDS, number=1 to %d, vm=NAME", LOG_MOST);
    return 0;
}

/* A VM by its name, or by its qid when it is no more. */
static void add_vm(const struct api *self, uint32_t qid, struct text *reply)
{
    const struct vm *vm = qid <= QID_MAX ? model_vm(self->model, qid) : NULL;
    if (vm != NULL && vm_name(vm) != NULL)
        text_add(reply, vm_name(vm));
    else if (qid != QID_GLOBAL)
        text_format(reply, "#%" PRIu32, qid);
    text_byte(reply, '\0');
}

static void add_text(struct span s, struct text *reply)
{
    text_append(reply, s);
    text_byte(reply, '\0');
}

static void add_row(const struct api *self, const struct logbook_row *row, struct text *reply)
{
    text_format(reply, "%" PRIu64, row->version);
    text_byte(reply, '\0');
    text_format(reply, "%" PRIu64, row->time);
    text_byte(reply, '\0');
    text_format(reply, "%016" PRIx64 "%016" PRIx64, row->op_high, row->op_low);
    text_byte(reply, '\0');
    add_vm(self, row->caller, reply);
    add_text(span_of(row->method), reply);
    add_vm(self, row->target, reply);
    add_text(row->before, reply);
    add_text(row->after, reply);
}

static int done(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                struct fault *why)
{
    struct logbook_reply m;
    struct logbook_row row;
    (void)c, (void)why;
    if (a->r < 0)
        return a->r;
    if (logbook_reply_decode(&m, a->e->body) < 0)
        return -ERR_BAD;
    struct reader in = list_reader(&m.rows);
    while (logbook_row_next(&in, &row) == 1)
        add_row(self, &row, reply);
    return reply->failed;
}

int api_do_history(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    struct logbook m = {.most = LOG_USUAL};
    struct span rest = q->request.payload;
    int r = 0;
    (void)reply;
    while (rest.len > 0 && r == 0) {
        struct span word = span_split(rest, ' ', &rest);
        r = word.len > 0 ? read_word(self, word, &m, why) : 0;
    }
    if (r < 0)
        return r;
    struct call like = {
        .done = done,
        .to = {KIND_REGISTRY, 0},
        .type = MESSAGE_logbook,
        .context = api_context(self, q, out->now + LOG_WITHIN),
    };
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    logbook_encode(&body, &m);
    return api_ask(self, out, q, &like, &body);
}
