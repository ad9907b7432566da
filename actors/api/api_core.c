/* SPDX-License-Identifier: MIT
 * The Admin API's actor as the shell sees it, and the way of one request; in api. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/api/api_inside.h"

#include "base/char.h"

#define MAILBOX "proto/api.def"
#define SELF    struct api

static void on_delta(struct api *self, struct out *out, const struct envelope *e, const struct delta *m)
{
    api_take_delta(self, out, e, m);
}

static void on_happened(struct api *self, struct out *out, const struct envelope *e, const struct happened *m)
{
    api_take_happened(self, out, e, m);
}

static void on_noticed(struct api *self, struct out *out, const struct envelope *e, const struct noticed *m)
{
    (void)out;
    api_take_noticed(self, e, m);
}

static void on_facts(struct api *self, struct out *out, const struct envelope *e, const struct facts *m)
{
    api_facts_take(self, e, m, out->now);
}

static void on_running_all(struct api *self, struct out *out, const struct envelope *e,
                           const struct running_all *m)
{
    bool forgets = self->list_wanted;
    (void)out, (void)e;
    if (!self->is_loaded)
        return;
    self->list_wanted = false;
    api_facts_settle(self, m, forgets ? self->greeted_at : 0);
}

static void on_attached(struct api *self, struct out *out, const struct envelope *e, const struct attached *m)
{
    (void)out;
    api_attached_take(self, e, m);
}

static void on_attached_only(struct api *self, struct out *out, const struct envelope *e,
                             const struct attached_only *m)
{
    (void)out, (void)e;
    api_attached_take_only(self, m);
}

static void on_traced(struct api *self, struct out *out, const struct envelope *e, const struct traced *m)
{
    (void)e;
    api_trace_take(self, out, m);
}

#include "runtime/dispatch.h"

/* How far behind what was seen the router is told: a restarted api gets those again, and with
 * them can let its subscribers resume. */
enum { HISTORY_WINDOW = 2048, SEEN_EVERY = 256 };

/* Who lives says its facts again to a new router's api within that time, as a rule. What the old router had
 * not told of those at rest is lost with it: after that time host's list says who they are. */
#define FACTS_WITHIN (5 * SECONDS)

void api_attach(struct api *self, const struct api_ops *ops, void *arg)
{
    self->ops = ops;
    self->ops_arg = arg;
}

void api_settle(struct api *self, const struct api_settings *settings)
{
    self->device_classes = settings->device_classes;
    self->old_devices = settings->old_devices;
}

uint64_t api_next_tag(struct api *self)
{
    return ++self->last_tag;
}

static int begin(void *at, struct out *out, const struct life *life)
{
    struct api *self = at;
    (void)out;
    self->self = life->self;
    self->model = model_new();
    self->world = api_world(self);
    self->known = KNOWN(self->model, &self->world);
    self->reply = self->record = self->all_vms = self->system_info = TEXT_WITH_LIMIT(REPLY_MOST);
    return self->model != NULL ? 0 : -ERR_NOMEM;
}

static void hello(void *at, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct api *self = at;
    struct context nobody = {0};
    (void)last_correlation; /* this actor publishes nothing */
    self->now = out->now;
    if (self->epoch != 0 && self->epoch != epoch) {
        api_epoch_changed(self);
        self->greeted_at = out->now;
        self->list_wanted = false;
        out_timer(out, TIMER_FACTS, out->now + FACTS_WITHIN);
    }
    if (self->epoch != epoch)
        self->last_number = self->acked = 0;
    self->list_wanted =
        self->list_wanted || self->epoch == 0; /* it knows nobody: host's list says who runs */
    self->epoch = epoch;
    api_load(self, out);
    EVENT(out, vm_tell, ((struct address){KIND_VM, EVERY_INSTANCE}), &nobody, NO_MESSAGE(vm_tell));
    EVENT(out, host_tell, ((struct address){KIND_HOST, EVERY_INSTANCE}), &nobody, NO_MESSAGE(host_tell));
    EVENT(out, bus_tell, ((struct address){KIND_DEVBUS_PCI, EVERY_INSTANCE}), &nobody, NO_MESSAGE(bus_tell));
    EVENT(out, bus_tell, ((struct address){KIND_DEVBUS_BLOCK, EVERY_INSTANCE}), &nobody,
          NO_MESSAGE(bus_tell));
    EVENT(out, bus_tell, ((struct address){KIND_DEVBUS_USB, EVERY_INSTANCE}), &nobody, NO_MESSAGE(bus_tell));
    EVENT(out, bus_tell, ((struct address){KIND_DEVBUS_MIC, EVERY_INSTANCE}), &nobody, NO_MESSAGE(bus_tell));
    api_router_is_back(self, out);
}

void api_ask_running(struct api *self, struct out *out)
{
    struct context nobody = {0};
    self->list_wanted = true;
    EVENT(out, host_tell, ((struct address){KIND_HOST, EVERY_INSTANCE}), &nobody, NO_MESSAGE(host_tell));
}

static void tell_seen(struct api *self, struct out *out)
{
    uint64_t seen = self->last_number > HISTORY_WINDOW ? self->last_number - HISTORY_WINDOW : 0;
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_events_seen,
                         .class = CLASS_EVENT,
                         .to_kind = KIND_ROUTER,
                         .number = seen,
                         .part = 1,
                         .parts = 1};
    if (seen < self->acked + SEEN_EVERY)
        return;
    if (out_send(out, &e) == 0)
        self->acked = seen;
}

static void hear(void *at, struct out *out, const struct envelope *e)
{
    struct api *self = at;
    self->now = out->now;
    if (e->number != 0 && e->number <= self->last_number)
        return; /* heard before: the router tells its ring again */
    if (e->number != 0 && self->last_number == 0)
        api_history_lose(&self->history, e->number - 1);
    dispatch(self, out, e, &self->refused);
    if (e->number == 0)
        return;
    self->last_number = e->number;
    tell_seen(self, out);
}

static void answered(void *at, struct out *out, const struct answer *a)
{
    struct api *self = at;
    self->now = out->now;
    if (a->tag == self->snapshot_tag)
        api_loaded(self, out, a);
    else if (a->tag == self->stats_tag)
        api_stats_answered(self, out, a);
    else
        api_answered(self, out, a);
}

/* The one timer of everything that waits for at most some time. */
void api_set_waiting(struct api *self, struct out *out)
{
    uint64_t next = api_calls_next(self);
    if (self->parked != NULL && (next == 0 || self->parked->until < next))
        next = self->parked->until;
    out_timer(out, TIMER_WAITING, next);
}

static void unpark_one(struct api *self, struct parked *p)
{
    DL_DELETE(self->parked, p);
    self->parked_count--;
    free(p);
}

static void give_up_waiting(struct api *self, struct out *out)
{
    struct fault why;
    fault_set(&why, ERR_TIMEOUT, "the registry has not told what it knows yet; try again");
    while (self->parked != NULL && self->parked->until <= out->now) {
        uint64_t conn = self->parked->conn;
        unpark_one(self, self->parked);
        api_send_fault(self, conn, -ERR_TIMEOUT, &why);
    }
    api_calls_overdue(self, out);
}

static void timer(void *at, struct out *out, uint64_t number)
{
    struct api *self = at;
    self->now = out->now;
    if (number == TIMER_RELOAD)
        api_load(self, out);
    else if (number == TIMER_FACTS)
        api_ask_running(self, out);
    else if (number == TIMER_STATS)
        api_stats_due(self, out);
    else
        give_up_waiting(self, out);
    api_set_waiting(self, out);
}

static void end(void *at)
{
    struct api *self = at;
    while (self->parked != NULL)
        unpark_one(self, self->parked);
    while (self->subscribers != NULL)
        (void)api_subscriber_gone(self, self->subscribers->conn);
    api_late_clear(self);
    api_stats_free(self);
    api_calls_free(self);
    api_facts_free(self);
    api_history_free(&self->history);
    free(self->departed);
    text_free(&self->reply);
    text_free(&self->record);
    text_free(&self->all_vms);
    text_free(&self->system_info);
    model_free(self->model);
    self->model = NULL;
}

const struct actor api_actor = {
    .name = "api",
    .kind = KIND_API,
    .size = sizeof(struct api),
    .begin = begin,
    .hello = hello,
    .hear = hear,
    .answered = answered,
    .timer = timer,
    .end = end,
};

/* Lower-case digits in every group; the last one is compared as a number, in either case. */
static int read_uuid(struct span text, char uuid[37])
{
    if (text.len != 36)
        return -ERR_VM_INVALID_UUID;
    for (size_t i = 0; i < 36; i++) {
        char c = text.at[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (i > 24 && c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        if (dash ? c != '-' : char_hex(c) < 0)
            return -ERR_VM_INVALID_UUID;
        uuid[i] = c;
    }
    uuid[36] = '\0';
    return 0;
}

static int find_by_uuid(const struct api *self, struct span name, const struct vm **vm, struct fault *why)
{
    char uuid[37];
    struct span text = {name.at + 5, name.len - 5};
    if (read_uuid(text, uuid) < 0)
        return fault_set(why, ERR_VM_INVALID_UUID, "VM UUID is not valid: '%.*s'",
                         text.len > 100 ? 100 : (int)text.len, text.at);
    *vm = model_by_uuid(self->model, span_of(uuid));
    return *vm != NULL ? 0 : fault_set(why, ERR_VM_NOT_FOUND, "no such domain: 'uuid:%s'", uuid);
}

static int find_vm(const struct api *self, struct span name, const struct vm **vm, struct fault *why)
{
    if (span_starts(name, "uuid:"))
        return find_by_uuid(self, name, vm, why);
    if ((*vm = model_named(self->model, name)) != NULL)
        return 0;
    int r = vm_name_check(name, why);
    return r < 0 ? r : fault_set(why, ERR_VM_NOT_FOUND, "no such domain: '%.*s'", (int)name.len, name.at);
}

/* admin-api-wire 2.2, steps 2 to 6. */
static int decode(const struct api *self, enum client_socket socket, struct span bytes, struct asked *q,
                  struct fault *why)
{
    int r = api_request_parse(bytes, &q->request, why);
    if (r == 0)
        r = find_vm(self, q->request.source, &q->source, why);
    if (r == 0 && socket == SOCKET_QREXEC && vm_class(q->source) == CLASS_AdminVM)
        r = fault_set(why, ERR_PERMISSION, "calls that come from qubes cannot speak as dom0");
    if (r == 0)
        r = find_vm(self, q->request.dest, &q->dest, why);
    if (r == 0)
        r = api_method_find(q->request.method, socket, &q->method, why);
    if (r == 0)
        r = api_method_check(q->method, q->request.payload.len, q->request.argument.len,
                             vm_class(q->dest) == CLASS_AdminVM, why);
    return r;
}

static void answer(struct api *self, struct out *out, uint64_t conn, enum client_socket socket,
                   struct span bytes)
{
    struct asked q = {.conn = conn};
    struct fault why;
    why.code = ERR_NONE;
    int r = decode(self, socket, bytes, &q, &why);
    if (r == 0) {
        api_reply_begin(&self->reply);
        r = q.method->answer(self, out, &q, &self->reply, &why);
    }
    if (r == 0)
        api_send_ok(self, conn, &self->reply);
    else if (r < 0)
        api_send_fault(self, conn, r, &why);
}

static void park(struct api *self, struct out *out, uint64_t conn, enum client_socket socket,
                 struct span bytes)
{
    struct api_request request;
    struct fault why;
    int r = api_request_parse(bytes, &request, &why);
    struct parked *p = r == 0 && self->parked_count < PARKED_MOST ? malloc(sizeof *p + bytes.len) : NULL;
    if (p == NULL) {
        api_send_fault(self, conn, r < 0 ? r : -ERR_BUSY, &why);
        return;
    }
    p->conn = conn;
    p->until = out->now + PARKED_FOR;
    p->socket = socket;
    p->len = bytes.len;
    memcpy(p->bytes, bytes.at, bytes.len);
    DL_APPEND(self->parked, p);
    self->parked_count++;
    api_set_waiting(self, out);
}

void api_unpark(struct api *self, struct out *out)
{
    while (self->parked != NULL && self->is_loaded) {
        struct parked *p = self->parked;
        DL_DELETE(self->parked, p);
        self->parked_count--;
        answer(self, out, p->conn, p->socket, (struct span){p->bytes, p->len});
        free(p);
    }
    api_set_waiting(self, out);
}

void api_hear_client(struct api *self, struct out *out, uint64_t conn, enum client_socket socket,
                     struct span bytes)
{
    self->now = out->now;
    if (self->is_loaded)
        answer(self, out, conn, socket, bytes);
    else
        park(self, out, conn, socket, bytes);
}

void api_client_gone(struct api *self, struct out *out, uint64_t conn)
{
    struct parked *p, *next;
    self->now = out->now;
    if (conn == self->trace_conn)
        api_trace_gone(self, out);
    if (api_subscriber_gone(self, conn) || api_stats_gone(self, conn))
        return;
    DL_FOREACH_SAFE(self->parked, p, next)
    {
        if (p->conn == conn)
            unpark_one(self, p);
    }
    api_calls_client_gone(self, conn);
}
