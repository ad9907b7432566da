/* SPDX-License-Identifier: MIT
 * See devbus_bus.h: the core of every bus on demand. */
#include "actors/devbus/devbus_bus.h"

#include "actors/devbus/devbus_news.h"
#include "actors/devbus/devbus_say.h"
#include "actors/devbus/devbus_take.h"
#include "base/own.h"

/* Idle for so long, it ends. */
#define LINGER (10 * SECONDS)

static bool is_idle(const struct devbus *bus)
{
    return bus->table.used == 0 && bus->listing.exposed.count == 0 && bus->listing.questions == 0 &&
           !devbus_names_are_open(&bus->listing.names) && devbus_ask_is_idle(&bus->ask) &&
           (bus->kind->knows_all == NULL || bus->settled) &&
           (bus->kind->is_idle == NULL || bus->kind->is_idle(bus));
}

/* Other names have not passed the guest's process. */
static bool lists_all(const char *port)
{
    return port[0] != '\0';
}

/* An id that nobody tells any more: a device without a parent, as its name says. */
static bool name_it(void *arg, struct devbus_device *d)
{
    struct devbus *bus = arg;
    struct span port, backend = span_split(span_of(d->key), ':', &port);
    (void)text_copy(d->backend, sizeof d->backend, backend);
    (void)text_copy(d->port, sizeof d->port, port);
    const struct device_item *item = devbus_exposed_find(&bus->listing.exposed, d->backend, d->port);
    (void)text_copy(d->device_id, sizeof d->device_id,
                    span_of(item != NULL ? item->device_id : "0000:0000::?******"));
    return d->port[0] != '\0';
}

static void write_asks(const void *arg, struct text *note)
{
    devbus_left_write(&((const struct devbus *)arg)->ask, note);
}

static void read_ask(void *arg, struct out *out, struct span word)
{
    devbus_left_read(&((struct devbus *)arg)->ask, out, word);
}

void devbus_begin(struct devbus *bus, struct out *out, const struct devbus_kind *kind, struct span note)
{
    bus->kind = kind;
    bus->table.device_class = kind->device_class;
    bus->table.holds_timer = DEVBUS_TIMER_HOLDS;
    bus->table.marks = kind->hears_vms;
    bus->table.name = name_it;
    bus->table.write_more = write_asks;
    bus->table.read_more = read_ask;
    bus->table.arg = bus;
    bus->listing.table = &bus->table;
    bus->listing.lists = kind->lists != NULL ? kind->lists : lists_all;
    bus->listing.arg = bus;
    bus->listing.names.timer = DEVBUS_TIMER_NAMES;
    bus->ask.listing = &bus->listing;
    bus->ask.timer = DEVBUS_TIMER_ASK;
    bus->ask.find = kind->free;
    bus->ask.find_arg = bus;
    devbus_read_note(&bus->table, out, note);
}

void devbus_ready(struct out *out)
{
    out_timer(out, DEVBUS_TIMER_REST, out->now + LINGER);
    out_ready(out);
}

void devbus_ask_all(const struct devbus *bus, struct out *out)
{
    struct context context = {.deadline = 0};
    if (bus->kind->hears_vms)
        (void)EVENT(out, vm_tell, ((struct address){KIND_VM, EVERY_INSTANCE}), &context, NO_MESSAGE(vm_tell));
    devbus_ask_guests(out);
}

/* Whatever an incarnation before knew, others know still. */
void devbus_hello(void *bus_, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct devbus *bus = bus_;
    (void)epoch;
    if (last_correlation > bus->seq)
        bus->seq = last_correlation;
    devbus_ask_all(bus, out);
    devbus_tell_all(&bus->table, out);
    devbus_ask_look(&bus->ask, out);
    bus->settled = false;
    if (bus->kind->knows_all != NULL)
        out_timer(out, DEVBUS_TIMER_SETTLED, out->now + DEVBUS_SETTLE);
}

/* What a bus before has told api, and is so no more, nobody says. */
static void settles(struct devbus *bus, struct out *out)
{
    if (bus->kind->knows_all == NULL)
        return;
    bus->settled = bus->kind->knows_all(bus);
    if (!bus->settled) {
        out_timer(out, DEVBUS_TIMER_SETTLED, out->now + 1 * SECONDS);
        return;
    }
    devbus_tell_only(&bus->table, out);
    if (bus->kind->settled != NULL)
        bus->kind->settled(bus, out);
}

void devbus_say_ended(struct devbus *bus, struct out *out, struct subject vm)
{
    AUTO_TEXT name = TEXT_WITH_LIMIT(64);
    text_format(&name, "device-detach:%s", bus->kind->device_class);
    for (size_t i = 0; i < bus->table.used; i++) {
        const struct devbus_device *d = &bus->table.device[i];
        AUTO_TEXT port = TEXT_WITH_LIMIT(512);
        text_format(&port, "%s:%s", d->backend, d->port);
        if (d->qid == vm.instance && d->state == DEVBUS_ATTACHED)
            devbus_say(out, &bus->seq, vm, name.at, "port",
                       d->port[0] != '\0' ? text_span(&port) : span_of(d->key));
    }
}

/* ---- the mailbox ---- */

static void on_bus_list(struct devbus *bus, struct out *out, const struct envelope *e,
                        const struct bus_list *m)
{
    if (bus->kind->list != NULL)
        bus->kind->list(bus, out, e, m);
    else
        devbus_list(&bus->listing, out, e, m);
}

/* There is nothing to look at before such a device is attached: prepare says all there is to say. */
static void on_bus_plan(struct devbus *bus, struct out *out, const struct envelope *e,
                        const struct bus_plan *m)
{
    struct request request = request_of(e);
    (void)bus, (void)m;
    REPLY(out, bus_plan, &request, (&(struct bus_plan_reply){.checks.count = 0}));
}

static void on_bus_prepare(struct devbus *bus, struct out *out, const struct envelope *e,
                           const struct bus_prepare *m)
{
    devbus_ask_arrived(&bus->ask, e->subject_instance, m->backend, m->port);
    if (bus->kind->prepare != NULL)
        bus->kind->prepare(bus, out, e, m);
    else
        devbus_refuse(out, e);
}

/* A request that a bus may not know: its own function, or the refusal. */
#define MAY_DO(name, does)                                                                                   \
    static void on_##name(struct devbus *bus, struct out *out, const struct envelope *e,                     \
                          const struct name *m)                                                              \
    {                                                                                                        \
        if (bus->kind->does != NULL)                                                                         \
            bus->kind->does(bus, out, e, m);                                                                 \
        else                                                                                                 \
            devbus_refuse(out, e);                                                                           \
    }
MAY_DO(bus_confirm, confirm)
MAY_DO(bus_plug, plug)
MAY_DO(bus_unplug, unplug)

static void on_bus_release(struct devbus *bus, struct out *out, const struct envelope *e,
                           const struct bus_release *m)
{
    devbus_let_go(bus, out, e, m);
}

/* A guest need not let go first of what libvirt takes; what the bus takes is asked for by bus_unplug. */
static void on_bus_part(struct devbus *bus, struct out *out, const struct envelope *e,
                        const struct bus_part *m)
{
    struct request request = request_of(e);
    (void)m;
    if (bus->kind->unplug != NULL)
        devbus_refuse(out, e);
    else
        REPLY(out, bus_part, &request, (&(struct bus_part_reply){.sbdf = ""}));
}

static void on_bus_tell(struct devbus *bus, struct out *out, const struct envelope *e,
                        const struct bus_tell *m)
{
    (void)e, (void)m;
    devbus_tell_all(&bus->table, out);
}

/* None was ever taken from a driver of dom0's. */
static void on_bus_return(struct devbus *bus, struct out *out, const struct envelope *e,
                          const struct bus_return *m)
{
    (void)bus, (void)m;
    devbus_refuse(out, e);
}

/* Of others the hypervisor knows nothing. */
static void on_bus_has(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_has *m)
{
    struct request request = request_of(e);
    if (bus->kind->has != NULL)
        bus->kind->has(bus, out, e, m);
    else
        REPLY(out, bus_has, &request, NO_MESSAGE(bus_has_reply));
}

static void is_over(struct devbus *bus, struct out *out, struct subject vm)
{
    bool has = false;
    devbus_say_ended(bus, out, vm);
    for (size_t i = 0; i < bus->table.used; i++)
        has = has || bus->table.device[i].qid == vm.instance;
    if (has)
        devbus_sees(&bus->table, out, vm, true, NULL, 0);
}

static void on_bus_over(struct devbus *bus, struct out *out, const struct envelope *e,
                        const struct bus_over *m)
{
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    (void)m;
    devbus_ask_over(&bus->ask, out, vm.instance);
    if (bus->kind->over != NULL)
        bus->kind->over(bus, out, vm);
    else
        is_over(bus, out, vm);
}

static void on_bus_exposed(struct devbus *bus, struct out *out, const struct envelope *e,
                           const struct bus_exposed *m)
{
    if (bus->kind->exposed != NULL)
        bus->kind->exposed(bus, out, e, m);
    else
        devbus_hears_news(bus, out, e, m);
}

static void on_bus_sound(struct devbus *bus, struct out *out, const struct envelope *e,
                         const struct bus_sound *m)
{
    if (bus->kind->sound != NULL)
        bus->kind->sound(bus, out, e, m);
}

static void on_bus_wanted(struct devbus *bus, struct out *out, const struct envelope *e,
                          const struct bus_wanted *m)
{
    devbus_ask_wanted(&bus->ask, out, e, m);
}

#define MAILBOX "proto/devbus.def"
#define SELF    struct devbus
#include "runtime/dispatch.h"

void devbus_hear(void *bus_, struct out *out, const struct envelope *e)
{
    struct devbus *bus = bus_;
    if (e->class == CLASS_CANCEL)
        devbus_list_cancel(&bus->listing, out, e);
    else
        dispatch(bus, out, e, &bus->refused);
    devbus_ask_look(&bus->ask, out);
    out_timer(out, DEVBUS_TIMER_REST, out->now + LINGER);
}

void devbus_answered(void *bus_, struct out *out, const struct answer *a)
{
    struct devbus *bus = bus_;
    bool is_ours =
        a->progress || devbus_listed(&bus->listing, out, a) || devbus_ask_answered(&bus->ask, out, a);
    if (!is_ours && bus->kind->answered != NULL)
        bus->kind->answered(bus, out, a);
    devbus_ask_look(&bus->ask, out);
    out_timer(out, DEVBUS_TIMER_REST, out->now + LINGER); /* whoever is made to say more has as long */
}

void devbus_rings(void *bus_, struct out *out, uint64_t number)
{
    struct devbus *bus = bus_;
    if (number == DEVBUS_TIMER_HOLDS)
        devbus_holds_end(&bus->table, out);
    else if (number == DEVBUS_TIMER_ASK)
        devbus_ask_rings(&bus->ask, out);
    else if (number == DEVBUS_TIMER_NAMES)
        devbus_names_ring(&bus->listing.names, out);
    else if (number == DEVBUS_TIMER_SETTLED)
        settles(bus, out);
    else if (number != DEVBUS_TIMER_REST && bus->kind->timer != NULL)
        bus->kind->timer(bus, out, number);
    devbus_ask_look(&bus->ask, out);
    if (number == DEVBUS_TIMER_REST && is_idle(bus))
        out_retire(out);
    out_timer(out, DEVBUS_TIMER_REST, out->now + LINGER);
}

void devbus_end(void *bus_)
{
    struct devbus *bus = bus_;
    devbus_ask_free(&bus->ask);
    devbus_exposed_free(&bus->listing.exposed);
    devbus_names_free(&bus->listing.names);
    if (bus->kind->end != NULL)
        bus->kind->end(bus);
}
