/* SPDX-License-Identifier: MIT
 * Host's core: its mailbox, its connection, what it does when either changes. */
#include "actors/host/host.h"

#include <string.h>

#include "base/log.h"

#define CONNECT_MOST   (5 * SECONDS)
#define LOOK_MOST      (5 * SECONDS)
#define BACK_OFF_LEAST (100 * MILLISECONDS)
#define BACK_OFF_MOST  (2 * SECONDS)

static const struct fault connection_lost = {ERR_NO_CONNECTION, "libvirtd closed the connection"};

static void give(struct out *out, enum host_what what, uint64_t deadline)
{
    struct host_task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        out_leave(out); /* a fresh incarnation has the memory, or the supervisor waits */
        return;
    }
    t->task.what = what;
    t->task.deadline = deadline;
    out_task(out, &t->task);
}

static void look(struct host *h, struct out *out)
{
    h->look_wanted = true;
    if (h->looking || !h->connected)
        return;
    h->look_wanted = false;
    h->looking = true;
    h->lost = false;
    host_look_begins(h);
    give(out, HOST_LIST, out->now + LOOK_MOST);
}

static void reconnect_later(struct host *h, struct out *out)
{
    h->connected = false;
    h->back_off = h->back_off == 0 ? BACK_OFF_LEAST : h->back_off * 2;
    if (h->back_off > BACK_OFF_MOST)
        h->back_off = BACK_OFF_MOST;
    out_timer(out, TIMER_CONNECT, out->now + h->back_off);
    out_ready(out); /* without a hypervisor it still answers */
}

static void connect_now(struct host *h, struct out *out)
{
    if (h->looking || h->connected || h->hung > 1)
        return;
    h->looking = true;
    h->lost = false;
    host_look_begins(h);
    give(out, HOST_CONNECT, out->now + CONNECT_MOST);
}

static int begin(void *self, struct out *out, const struct life *life)
{
    struct host *h = self;
    (void)life;
    connect_now(h, out);
    return 0;
}

static void end(void *self)
{
    struct host *h = self;
    struct host_vm *vm, *next;
    HASH_ITER(hh, h->vms, vm, next)
    {
        HASH_DEL(h->vms, vm);
        free(vm);
    }
    host_entries_free(h);
    free(h->domains);
}

static void ask_roster(struct host *h, struct out *out)
{
    struct context nobody = {.deadline = out->now + 5 * SECONDS};
    if (h->roster_asked)
        return;
    h->roster_asked =
        ASK(out, roster, ((struct address){KIND_REGISTRY, 0}), &nobody, 0, NO_MESSAGE(roster)) == 0;
}

static void hello(void *self, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct host *h = self;
    (void)last_correlation;
    h->epoch = epoch;
    ask_roster(h, out);
    host_tell_all(h, out);
}

static void put_vm(struct host *h, const struct roster_item *item)
{
    struct host_vm *vm = host_find(h, item->uuid);
    if (vm == NULL) {
        vm = calloc(1, sizeof *vm);
        if (vm == NULL)
            return;
        memcpy(vm->uuid, item->uuid, sizeof vm->uuid);
        HASH_ADD_STR(h->vms, uuid, vm);
        if (vm->hh.tbl == NULL) {
            free(vm);
            return;
        }
        for (size_t i = 0; i < h->domain_count; i++) {
            if (strcmp(h->domains[i].uuid, vm->uuid) != 0)
                continue;
            vm->active = true;
            vm->domid = h->domains[i].domid;
            vm->state = h->domains[i].state;
        }
    }
    vm->qid = item->qid;
    vm->generation = item->generation;
}

static void take_roster(struct host *h, struct out *out, const struct answer *a)
{
    struct roster_reply m;
    struct roster_item item;
    h->roster_asked = false;
    if (a->r < 0 || a->e == NULL || roster_reply_decode(&m, a->e->body) < 0) {
        out_timer(out, TIMER_ROSTER, out->now + 50 * MILLISECONDS);
        return;
    }
    struct reader in = list_reader(&m.vms);
    while (roster_item_next(&in, &item) == 1)
        if (item.qid != 0)
            put_vm(h, &item);
    h->has_roster = true;
    host_entries_roster(h, out);
    host_tell_all(h, out);
}

static void answered(void *self, struct out *out, const struct answer *a)
{
    if (!a->progress)
        take_roster(self, out, a);
}

static void failed(struct host *h, struct out *out, const struct fault *why)
{
    if (h->connected || h->back_off == 0)
        log_line(LOG_WARN, "no ear at the hypervisor: %s", why->text);
    h->lost = h->looking;
    reconnect_later(h, out);
}

static void take_look(struct host *h, struct out *out, struct host_task *t)
{
    bool first = t->task.what == HOST_CONNECT;
    if (first) {
        h->connected = true;
        h->back_off = 0;
        h->figures = t->figures;
    }
    host_take_domains(h, out, t);
    if (first)
        host_tell_all(h, out);
    out_ready(out);
    if (h->look_wanted)
        look(h, out);
}

static void sampled(struct host *h, struct out *out, struct host_task *t)
{
    if (t->task.r < 0)
        host_sample_fails(h, out, t->task.r, &t->task.why);
    else
        host_sample_taken(h, out, t);
    free(t->samples);
    free(t->words);
}

/* A task that was under way when its connection went away has seen the past, and nobody listens any more. */
static void looked(struct host *h, struct out *out, struct host_task *t)
{
    h->looking = false;
    if (t->task.r < 0)
        failed(h, out, &t->task.why);
    else if (h->lost)
        failed(h, out, &connection_lost);
    else
        take_look(h, out, t);
    free(t->domains);
}

static void done(void *self, struct out *out, const struct done *d)
{
    static const struct fault late = {ERR_TIMEOUT, "libvirtd does not answer"};
    struct host *h = self;
    struct host_task *t = (struct host_task *)d->task;
    if (d->overdue && d->what == HOST_SAMPLE)
        host_sample_fails(h, out, -ERR_TIMEOUT, &late);
    if (d->overdue) {
        h->looking = h->looking && d->what == HOST_SAMPLE;
        h->hung++;
        failed(h, out, &late);
    } else if (d->cleared) {
        h->hung -= h->hung > 0;
        free(t->domains); /* of a connection that was given up */
        free(t->samples);
        free(t->words);
        connect_now(h, out);
    } else if (d->what == HOST_SAMPLE) {
        sampled(h, out, t);
    } else {
        looked(h, out, t);
    }
}

static void timer(void *self, struct out *out, uint64_t number)
{
    if (number == TIMER_ROSTER)
        ask_roster(self, out);
    else if (number == TIMER_ENTRIES)
        host_entries_late(self, out);
    else
        connect_now(self, out);
}

void host_heard(struct host *h, struct out *out, const struct hostwatch_event *event)
{
    struct host_vm *vm = host_find(h, event->uuid);
    if (event->what == VIRT_EVENT_DEFINED || event->what == VIRT_EVENT_UNDEFINED)
        return;
    if (vm != NULL)
        vm->late = (struct host_event){true, event->what, event->detail};
    look(h, out);
}

void host_lost(struct host *h, struct out *out)
{
    h->lost = h->looking;
    if (h->connected)
        failed(h, out, &connection_lost);
}

static void on_host_tell(struct host *h, struct out *out, const struct envelope *e, const struct host_tell *m)
{
    (void)m;
    if (e->source_kind == KIND_REGISTRY && h->connected)
        host_say_observed_all(h, out); /* changes wait for this: before anything else */
    if (e->source_kind == KIND_REGISTRY)
        ask_roster(h, out); /* it may have missed changes of the roster: the answer tells all */
    host_say_facts(h, out);
    if (e->source_kind == KIND_API && h->connected)
        host_say_running(h, out);
}

static void on_sample(struct host *h, struct out *out, const struct envelope *e, const struct sample *m)
{
    (void)m;
    host_sample_ask(h, out, e);
}

static void on_entries(struct host *h, struct out *out, const struct envelope *e, const struct entries *m)
{
    host_entries_ask(h, out, e, m);
}

static void on_roster_change(struct host *h, struct out *out, const struct envelope *e,
                             const struct roster_change *m)
{
    struct host_vm *vm = host_find(h, m->vm.uuid);
    (void)out, (void)e;
    if (m->gone && vm != NULL && vm->qid == m->vm.qid) {
        HASH_DEL(h->vms, vm);
        free(vm);
    } else if (!m->gone) {
        put_vm(h, &m->vm);
    }
}

#define MAILBOX "proto/host.def"
#define SELF    struct host
#include "runtime/dispatch.h"

static void hear(void *self, struct out *out, const struct envelope *e)
{
    struct host *h = self;
    dispatch(h, out, e, &h->refused);
}

const struct actor host_actor = {
    .name = "host",
    .kind = KIND_HOST,
    .size = sizeof(struct host),
    .begin = begin,
    .hello = hello,
    .hear = hear,
    .answered = answered,
    .done = done,
    .timer = timer,
    .end = end,
    .perform = host_perform,
};
