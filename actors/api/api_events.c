/* SPDX-License-Identifier: MIT
 * Subscriptions to Admin events (events 2, admin-api-wire 5) and to traces; in api. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/api/api_inside.h"

enum { TOKEN_TEXT = 64 };

/* Where a subscriber that resumes stands. */
struct token {
    uint64_t epoch, number;
    uint32_t index;
};

static void token_print(char text[TOKEN_TEXT], uint64_t epoch, uint64_t number, uint32_t index)
{
    snprintf(text, TOKEN_TEXT, "%" PRIu64 ".%" PRIu64 ".%" PRIu32, epoch, number, index);
}

static int token_parse(struct span s, struct token *t)
{
    struct span number, index, epoch = span_split(s, '.', &number);
    uint64_t place;
    number = span_split(number, '.', &index);
    if (text_number(epoch, 1, UINT64_MAX, &t->epoch) < 0 ||
        text_number(number, 0, UINT64_MAX, &t->number) < 0 || text_number(index, 0, UINT32_MAX, &place) < 0)
        return -ERR_PROTOCOL;
    t->index = (uint32_t)place;
    return 0;
}

static void add_part(struct text *t, struct span s)
{
    text_append(t, s);
    text_byte(t, '\0');
}

/* A value as the wire takes it: strict ASCII, no NUL. */
static void add_value(struct text *t, struct span s)
{
    size_t from = t->len;
    add_part(t, s);
    for (size_t i = from; t->failed == 0 && i + 1 < t->len; i++)
        if (t->at[i] == '\0' || (unsigned char)t->at[i] > 126)
            t->at[i] = '?';
}

/* events 2: questions that the reference asks itself are none of a subscriber's business. */
static bool is_forwarded(struct span name)
{
    static const char *const hidden[] = {
        "admin-permission:", "device-get:", "device-list:", "device-list-attached:"};
    for (size_t i = 0; i < COUNT(hidden); i++)
        if (span_starts(name, hidden[i]))
            return false;
    return !span_is(name, "domain-is-fully-usable");
}

/* events 2: what is told of a VM behind its domain-delete is not told to those who listen to all. */
static bool is_own(struct span name)
{
    return span_is(name, "domain-remove-from-disk");
}

/* A removed VM keeps its name in all that was said before it was removed. */
static const struct departed *departed(const struct api *self, uint32_t qid, uint64_t number)
{
    for (size_t i = 0; i < self->departed_count; i++)
        if (self->departed[i].qid == qid && self->departed[i].number >= number)
            return &self->departed[i];
    return NULL;
}

static struct span subject_name(const struct api *self, uint32_t qid, uint64_t number)
{
    const struct departed *gone = departed(self, qid, number);
    if (gone != NULL)
        return span_of(gone->name);
    const struct vm *vm = qid != QID_GLOBAL ? model_vm(self->model, qid) : NULL;
    return vm != NULL && vm_name(vm) != NULL ? span_of(vm_name(vm)) : (struct span){NULL, 0};
}

static void write_record(struct text *t, struct span subject, const struct event_item *event)
{
    struct event_argument argument;
    struct reader in = list_reader(&event->arguments);
    text_clear(t);
    text_append(t, (struct span){"1", 2});
    add_part(t, subject);
    add_value(t, event->name);
    while (event_argument_next(&in, &argument) == 1) {
        add_part(t, span_of(argument.key));
        add_value(t, argument.value);
    }
}

static int send_bytes(struct api *self, uint64_t conn, struct span bytes)
{
    return self->ops->send(self->ops_arg, conn, bytes);
}

static int send_record(struct api *self, const struct subscriber *s, const struct record *r,
                       struct span bytes)
{
    AUTO_TEXT all = TEXT_WITH_LIMIT(REPLY_MOST);
    char token[TOKEN_TEXT];
    text_append(&all, bytes);
    if (s->numbered) {
        token_print(token, self->epoch, r->number, r->index);
        add_part(&all, span_of("number"));
        add_part(&all, span_of(token));
    }
    text_byte(&all, '\0');
    return all.failed < 0 ? all.failed : send_bytes(self, s->conn, text_span(&all));
}

static void drop(struct api *self, struct subscriber *s)
{
    DL_DELETE(self->subscribers, s);
    self->subscriber_count--;
    free(s);
}

bool api_subscriber_gone(struct api *self, uint64_t conn)
{
    struct subscriber *s;
    DL_SEARCH_SCALAR(self->subscribers, s, conn, conn);
    if (s != NULL)
        drop(self, s);
    return s != NULL;
}

static bool wants(const struct subscriber *s, const struct record *r)
{
    if (r->noticed && !s->numbered)
        return false;
    if (s->qid == QID_GLOBAL)
        return !r->own;
    return s->qid == r->qid && s->generation == r->generation;
}

static void deliver(struct api *self, const struct record *r, struct span bytes)
{
    struct subscriber *s, *next;
    DL_FOREACH_SAFE(self->subscribers, s, next)
    {
        if (wants(s, r) && send_record(self, s, r, bytes) < 0)
            drop(self, s);
    }
}

static uint32_t subject_generation(const struct api *self, const struct envelope *e, uint32_t qid)
{
    const struct departed *gone = departed(self, qid, e->number);
    const struct vm *vm = qid != QID_GLOBAL ? model_vm(self->model, qid) : NULL;
    if (e->subject_kind == KIND_VM && e->subject_instance == qid)
        return e->subject_generation;
    if (gone != NULL)
        return gone->generation;
    return vm != NULL ? vm_generation(vm) : 0;
}

static void publish_one(struct api *self, const struct envelope *e, uint32_t index,
                        const struct event_item *event, bool noticed)
{
    struct record like = {
        .number = e->number,
        .index = index,
        .qid = event->qid,
        .generation = subject_generation(self, e, event->qid),
        .own = is_own(event->name),
        .noticed = noticed,
    };
    write_record(&self->record, subject_name(self, event->qid, e->number), event);
    if (self->record.failed < 0)
        return;
    api_history_add(&self->history, &like, text_span(&self->record));
    deliver(self, &like, text_span(&self->record));
}

void api_publish(struct api *self, const struct envelope *e, const struct wire_list *events)
{
    struct event_item event;
    struct reader in = list_reader(events);
    for (uint32_t index = 0; event_item_next(&in, &event) == 1; index++)
        if (is_forwarded(event.name))
            publish_one(self, e, index, &event, false);
}

void api_publish_noticed(struct api *self, const struct envelope *e, const struct wire_list *events)
{
    struct event_item event;
    struct reader in = list_reader(events);
    for (uint32_t index = 0; event_item_next(&in, &event) == 1; index++)
        publish_one(self, e, index, &event, true);
}

static void finish_all(struct api *self, struct span said)
{
    while (self->subscribers != NULL) {
        struct subscriber *s = self->subscribers;
        if (!s->numbered || send_bytes(self, s->conn, said) == 0)
            self->ops->finish(self->ops_arg, s->conn);
        drop(self, s);
    }
}

#define RECORD(event) ((struct span){"1\0\0" event "\0", sizeof("1\0\0" event "\0")})

void api_epoch_changed(struct api *self)
{
    finish_all(self, RECORD("epoch-changed"));
    if (self->trace_conn != 0)
        self->ops->finish(self->ops_arg, self->trace_conn); /* the new router traces nothing */
    self->trace_conn = 0;
    api_late_clear(self);
    api_history_lose(&self->history, 0);
}

void api_gap(struct api *self)
{
    finish_all(self, RECORD("gap"));
}

static int subscribe(struct api *self, const struct asked *q, bool numbered, struct subscriber **ret,
                     struct fault *why)
{
    if (vm_class(q->source) != CLASS_AdminVM)
        return fault_set(why, ERR_PERMISSION, "only dom0 may listen to events");
    if (self->subscriber_count >= SUBSCRIBERS_MOST)
        return fault_set(why, ERR_BUSY, "too many listen already; end one of them first");
    struct subscriber *s = calloc(1, sizeof *s);
    if (s == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a subscription");
    bool all = vm_class(q->dest) == CLASS_AdminVM;
    s->conn = q->conn;
    s->qid = all ? QID_GLOBAL : vm_qid(q->dest);
    s->generation = all ? 0 : vm_generation(q->dest);
    s->numbered = numbered;
    DL_APPEND(self->subscribers, s);
    self->subscriber_count++;
    self->ops->stream(self->ops_arg, q->conn);
    *ret = s;
    return 0;
}

int api_do_events(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                  struct fault *why)
{
    struct subscriber *s;
    int r = subscribe(self, q, false, &s, why);
    (void)out, (void)reply;
    if (r == 0 && send_bytes(self, q->conn, RECORD("connection-established")) < 0)
        drop(self, s);
    return r < 0 ? r : 1;
}

static bool is_after(const struct record *r, const struct token *t)
{
    return r->number > t->number || (r->number == t->number && r->index > t->index);
}

/* What became known after the token, or the word that something is missing. */
static int resume(struct api *self, const struct subscriber *s, const struct token *t)
{
    const struct history *h = &self->history;
    struct record *r;
    if (t->epoch != self->epoch)
        return send_bytes(self, s->conn, RECORD("epoch-changed"));
    bool lost = t->number < h->lost_number ||
                (t->number == h->lost_number && h->lost_index != UINT32_MAX && t->index < h->lost_index);
    if (lost || t->number > self->last_number)
        return send_bytes(self, s->conn, RECORD("gap"));
    DL_FOREACH(h->first, r)
    {
        if (is_after(r, t) && wants(s, r) && send_record(self, s, r, (struct span){r->bytes, r->len}) < 0)
            return -ERR_CLOSED;
    }
    return 0;
}

/* Where somebody who has heard nothing yet could resume. */
static int send_established(struct api *self, const struct subscriber *s)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(256);
    struct record here = {.number = self->last_number, .index = UINT32_MAX};
    text_append(&bytes, (struct span){"1\0", 3});
    add_part(&bytes, span_of("connection-established"));
    return send_record(self, s, &here, text_span(&bytes));
}

int api_do_numbered_events(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                           struct fault *why)
{
    struct subscriber *s;
    struct token token;
    bool resumes = q->request.argument.len > 0;
    (void)out, (void)reply;
    if (resumes && token_parse(q->request.argument, &token) < 0)
        return fault_set(why, ERR_PROTOCOL, "not a token of bulkhead.Events: epoch.number.index");
    int r = subscribe(self, q, true, &s, why);
    if (r < 0)
        return r;
    if (resumes ? resume(self, s, &token) < 0 : send_established(self, s) < 0)
        drop(self, s);
    return 1;
}
