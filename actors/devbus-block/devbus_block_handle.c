/* SPDX-License-Identifier: MIT
 * The core of devbus-block: what it hears, and when it may rest. */
#include <string.h>

#include "actors/devbus-block/devbus_block.h"

/* Idle for so long, it ends. */
#define LINGER (10 * SECONDS)

static bool is_idle(const struct devbus_block *self)
{
    return self->table.used == 0 && self->listing.exposed.count == 0 && self->listing.questions == 0 &&
           self->jobs == 0;
}

static int begin(void *self_, struct out *out, const struct life *life)
{
    struct devbus_block *self = self_;
    block_begin(self, out, life->note);
    out_timer(out, BLOCK_TIMER_REST, out->now + LINGER);
    out_ready(out);
    return 0;
}

/* Whatever an incarnation before knew, others know still. */
static void hello(void *self_, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct devbus_block *self = self_;
    (void)epoch;
    if (last_correlation > self->seq)
        self->seq = last_correlation;
    block_ask_all(out);
    devbus_tell_all(&self->table, out);
}

static void on_bus_list(struct devbus_block *self, struct out *out, const struct envelope *e,
                        const struct bus_list *m)
{
    devbus_list(&self->listing, out, e, m);
}

/* There is nothing to look at before a disk is attached: prepare says all there is to say. */
static void on_bus_plan(struct devbus_block *self, struct out *out, const struct envelope *e,
                        const struct bus_plan *m)
{
    struct request request = request_of(e);
    (void)self, (void)m;
    REPLY(out, bus_plan, &request, (&(struct bus_plan_reply){.checks.count = 0}));
}

static void on_bus_prepare(struct devbus_block *self, struct out *out, const struct envelope *e,
                           const struct bus_prepare *m)
{
    block_prepare(self, out, e, m);
}

static void on_bus_confirm(struct devbus_block *self, struct out *out, const struct envelope *e,
                           const struct bus_confirm *m)
{
    block_confirm(self, out, e, m);
}

static void on_bus_release(struct devbus_block *self, struct out *out, const struct envelope *e,
                           const struct bus_release *m)
{
    block_release(self, out, e, m);
}

/* The guest need not let go of a disk first. */
static void on_bus_part(struct devbus_block *self, struct out *out, const struct envelope *e,
                        const struct bus_part *m)
{
    struct request request = request_of(e);
    (void)self, (void)m;
    REPLY(out, bus_part, &request, (&(struct bus_part_reply){.sbdf = ""}));
}

static void on_bus_has(struct devbus_block *self, struct out *out, const struct envelope *e,
                       const struct bus_has *m)
{
    block_has(self, out, e, m);
}

static void on_bus_tell(struct devbus_block *self, struct out *out, const struct envelope *e,
                        const struct bus_tell *m)
{
    (void)e, (void)m;
    devbus_tell_all(&self->table, out);
}

/* No disk was ever taken from a driver of dom0's. */
static void on_bus_return(struct devbus_block *self, struct out *out, const struct envelope *e,
                          const struct bus_return *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_exposed(struct devbus_block *self, struct out *out, const struct envelope *e,
                           const struct bus_exposed *m)
{
    block_exposed(self, out, e, m);
}

/* Disks are plugged by libvirt, and the hypervisor shows whose they are. */
static void on_bus_plug(struct devbus_block *self, struct out *out, const struct envelope *e,
                        const struct bus_plug *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_unplug(struct devbus_block *self, struct out *out, const struct envelope *e,
                          const struct bus_unplug *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_over(struct devbus_block *self, struct out *out, const struct envelope *e,
                        const struct bus_over *m)
{
    (void)m;
    block_over(self, out, e);
}

#define MAILBOX "proto/devbus.def"
#define SELF    struct devbus_block
#include "runtime/dispatch.h"

static void hear(void *self_, struct out *out, const struct envelope *e)
{
    struct devbus_block *self = self_;
    if (e->class == CLASS_CANCEL)
        devbus_list_cancel(&self->listing, out, e);
    else
        dispatch(self, out, e, &self->refused);
    out_timer(out, BLOCK_TIMER_REST, out->now + LINGER);
}

static void answered(void *self_, struct out *out, const struct answer *a)
{
    struct devbus_block *self = self_;
    if (!a->progress)
        (void)devbus_listed(&self->listing, out, a);
}

static void timer(void *self_, struct out *out, uint64_t number)
{
    struct devbus_block *self = self_;
    if (number == BLOCK_TIMER_HOLDS)
        devbus_holds_end(&self->table, out);
    if (number == BLOCK_TIMER_SETTLED)
        block_settled(self, out);
    if (number == BLOCK_TIMER_SWEEP)
        block_sweep(self, out, NULL);
    if (number == BLOCK_TIMER_REST && is_idle(self))
        out_retire(out);
    out_timer(out, BLOCK_TIMER_REST, out->now + LINGER);
}

static void end(void *self_)
{
    struct devbus_block *self = self_;
    devbus_exposed_free(&self->listing.exposed);
    block_end(self);
}

const struct actor devbus_block_actor = {
    .name = "devbus-block",
    .kind = KIND_DEVBUS_BLOCK,
    .size = sizeof(struct devbus_block),
    .begin = begin,
    .hello = hello,
    .hear = hear,
    .answered = answered,
    .timer = timer,
    .end = end,
};
