/* SPDX-License-Identifier: MIT
 * Disks that VMs have and that nothing is behind any more: their frontends are told to take out what is left,
 * until they have. In devbus-block's core. Spec: devbus-block 8; devices 14.1. */
#include <string.h>

#include "actors/devbus-block/devbus_block.h"

/* A frontend that has died, or that libvirt refuses, is told again after so long. */
#define LOSE_AGAIN (10 * SECONDS)
/* Backends that have told nothing are asked again, as long as a guest may take for a look, and so often. */
#define DOUBT (10 * SECONDS)
enum { DOUBTS_MOST = 3 };

uint32_t block_mark(const char *name)
{
    uint32_t mark = 2166136261u;
    for (; *name != '\0'; name++)
        mark = (mark ^ (unsigned char)*name) * 16777619u;
    return mark | 1; /* 0: nobody */
}

static bool has_told(const struct devbus_block *self, const char *backend)
{
    for (size_t i = 0; i < self->bus.listing.exposed.count; i++)
        if (strcmp(self->bus.listing.exposed.at[i]->name, backend) == 0)
            return true;
    return false;
}

/* Each VM's process that lives says so when it is asked, under its name. */
static bool lives(const struct devbus_block *self, const char *name)
{
    uint32_t mark = block_mark(name);
    for (size_t i = 0; i <= BLOCK_VMS_MAX; i++)
        if (self->lives[i] == mark)
            return true;
    return strcmp(name, "dom0") == 0;
}

/* Who has begun a life since we began has told nothing because it exposes nothing: its guest process is asked
 * once, and speaks by itself only of what there is. */
static bool lives_anew(const struct devbus_block *self, const char *name)
{
    uint32_t mark = block_mark(name);
    for (size_t i = 0; i <= BLOCK_VMS_MAX; i++)
        if (self->lives[i] == mark && (self->ended[i / 8] & 1u << i % 8) != 0)
            return true;
    return false;
}

/* What came before us we may not have heard of yet: who has told nothing is believed to expose it, unless
 * nobody of that name lives, or has since we began. */
static bool is_gone(const struct devbus_block *self, const struct devbus_device *d, const char *told)
{
    bool is_told = d->until != 0 || (told != NULL && strcmp(d->backend, told) == 0);
    bool knows = is_told || !self->is_heir || has_told(self, d->backend);
    return (knows || lives_anew(self, d->backend) || (self->is_sure && !lives(self, d->backend))) &&
           devbus_exposed_find(&self->bus.listing.exposed, d->backend, d->port) == NULL;
}

static void take_away(struct out *out, struct devbus_device *d)
{
    struct vm_lose m = {.device_class = "block"};
    struct context about = context_about_vm(d->qid, d->generation);
    memcpy(m.backend, d->backend, sizeof m.backend);
    memcpy(m.port, d->port, sizeof m.port);
    memcpy(m.device_id, d->device_id, sizeof m.device_id);
    d->until = out->now + LOSE_AGAIN;
    (void)EVENT(out, vm_lose, ((struct address){KIND_VM, d->qid}), &about, &m);
}

void block_sweep(struct devbus *bus, struct out *out, const char *told)
{
    struct devbus_block *self = (struct devbus_block *)bus;
    uint64_t next = 0;
    for (size_t i = 0; i < self->bus.table.used; i++) {
        struct devbus_device *d = &self->bus.table.device[i];
        if (d->state != DEVBUS_ATTACHED || !devbus_is_named(&self->bus.table, d))
            continue;
        bool told_before = d->until > out->now;
        if (!told_before && !is_gone(self, d, told))
            continue;
        if (!told_before)
            take_away(out, d);
        if (next == 0 || d->until < next)
            next = d->until;
    }
    out_timer(out, BLOCK_TIMER_SWEEP, next);
}

static bool is_doubtful(struct devbus_block *self)
{
    for (size_t i = 0; i < self->bus.table.used; i++) {
        struct devbus_device *d = &self->bus.table.device[i];
        if (d->state == DEVBUS_ATTACHED && devbus_is_named(&self->bus.table, d) &&
            !has_told(self, d->backend))
            return true;
    }
    return false;
}

void block_doubt(struct devbus_block *self, struct out *out)
{
    if (self->settled_at != 0 || !self->is_heir || self->doubting || self->is_sure || !is_doubtful(self))
        return;
    self->is_sure = self->doubts++ == DOUBTS_MOST;
    self->doubting = !self->is_sure;
    if (self->is_sure) {
        block_sweep(&self->bus, out, NULL);
        return;
    }
    devbus_ask_all(&self->bus, out);
    out_timer(out, BLOCK_TIMER_SETTLED, out->now + DOUBT);
}
