/* SPDX-License-Identifier: MIT
 * Who gets a disk: one VM at a time. Nothing has to be done to a disk before libvirt attaches it, so that to
 * prepare one is to check and to hold it. In devbus-block's core. Spec: devbus-block 4, 5, 7, 8. */
#include <stdlib.h>
#include <string.h>

#include "actors/devbus-block/devbus_block.h"
#include "actors/devbus-block/devbus_block_options.h"
#include "base/own.h"
#include "proto/devbus_values.h"

/* After a crash with disks attached: so long VMs' processes may take to say which. */
#define SETTLE (3 * SECONDS)
/* Longer than any call of theirs to libvirt. */
#define SETTLE_MOST (90 * SECONDS)

void block_settle(struct devbus_block *self, struct out *out)
{
    const struct devbus_table *t = &self->bus.table;
    bool is_of_people = t->noted[0] != '\0' && strchr(DEVBUS_WORDS, t->noted[0]) != NULL;
    self->is_heir = t->marked || (t->noted[0] != '\0' && !is_of_people);
    if (!t->marked)
        return;
    self->bus.table.unsettled = true;
    self->settled_at = out->now + SETTLE;
    self->settles_most = out->now + SETTLE_MOST;
    out_timer(out, BLOCK_TIMER_SETTLED, self->settled_at);
}

/* ---- preparing ---- */

/* What a start boots with is given as it was assigned: its options were not checked then. */
static int decide(struct devbus_block *self, struct out *out, const struct block_job *job,
                  struct text *options, const struct device_item **found, struct fault *why)
{
    struct devbus_wish wish = {.vm = job->request.context.subject,
                               .name = job->name,
                               .backend = job->backend,
                               .port = job->port,
                               .device_id = job->device_id,
                               .starts = job->purpose == BUS_TO_START,
                               .again = job->again,
                               .only_checks = job->only_checks};
    int r = devbus_wished(&self->bus, &wish, found, why);
    if (r == 0 && job->purpose == BUS_TO_ATTACH)
        r = block_options(span_of(job->options), (*found)->read_only != 0, options, why);
    if (r < 0)
        return r;
    if (job->purpose != BUS_TO_ATTACH)
        text_add(options, job->options);
    return devbus_take(&self->bus, out, &wish, text_span(options), *found, why);
}

static void prepare(struct devbus_block *self, struct out *out, const struct block_job *job)
{
    AUTO_TEXT options = TEXT_WITH_LIMIT(BLOCK_OPTIONS_MAX);
    const struct device_item *item = NULL;
    struct fault why = {0};
    struct bus_prepare_reply m = {.sbdf = ""};
    int r = decide(self, out, job, &options, &item, &why);
    if (r < 0) {
        reply_error(out, &job->request, r, &why);
        return;
    }
    memcpy(m.device_id, item->device_id, sizeof m.device_id);
    m.options = text_span(&options);
    REPLY(out, bus_prepare, &job->request, &m);
}

static void wait(struct devbus_block *self, struct out *out, const struct block_job *job)
{
    if (self->job == NULL)
        self->job = calloc(BLOCK_JOBS_MAX, sizeof *self->job);
    if (self->job == NULL || self->jobs == BLOCK_JOBS_MAX)
        reply_error(out, &job->request, -ERR_BUSY, NULL);
    else
        self->job[self->jobs++] = *job;
}

void block_prepare(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_prepare *m)
{
    struct devbus_block *self = (struct devbus_block *)bus;
    struct block_job job = {.request = request_of(e),
                            .purpose = m->purpose,
                            .again = m->again != 0,
                            .only_checks = m->only_checks != 0};
    struct fault why;
    memcpy(job.name, m->name, sizeof job.name);
    memcpy(job.backend, m->backend, sizeof job.backend);
    memcpy(job.port, m->port, sizeof job.port);
    memcpy(job.device_id, m->device_id, sizeof job.device_id);
    if (text_copy(job.options, sizeof job.options, m->options) < 0) {
        int r = fault_set(&why, ERR_VALUE, "the options of a block device are too long");
        reply_error(out, &job.request, r, &why);
    } else if (out->now < self->settled_at) {
        wait(self, out, &job);
    } else {
        prepare(self, out, &job);
    }
}

static bool waits_for_some(const struct devbus_block *self)
{
    for (size_t i = 0; i < sizeof self->unknown; i++)
        if (self->unknown[i] != 0)
            return true;
    return false;
}

static void settled(struct devbus_block *self, struct out *out)
{
    size_t jobs = self->jobs;
    if (self->settled_at != 0 && waits_for_some(self) && out->now < self->settles_most) {
        self->settled_at = out->now + 1 * SECONDS;
        out_timer(out, BLOCK_TIMER_SETTLED, self->settled_at);
        return;
    }
    self->settled_at = self->jobs = 0;
    self->bus.table.unsettled = false;
    for (size_t i = 0; i < jobs; i++)
        prepare(self, out, &self->job[i]);
    self->doubting = false;
    block_doubt(self, out);
}

void block_rings(struct devbus *bus, struct out *out, uint64_t timer)
{
    if (timer == BLOCK_TIMER_SETTLED)
        settled((struct devbus_block *)bus, out);
    if (timer == BLOCK_TIMER_SWEEP)
        block_sweep(bus, out, NULL);
}

void block_end(struct devbus *bus)
{
    struct devbus_block *self = (struct devbus_block *)bus;
    free(self->job);
    self->job = NULL;
}

/* ---- what has become of it ---- */

static int arrive(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_confirm *m,
                  const char *key, struct fault *why)
{
    struct devbus_device *d = devbus_add(&bus->table, key);
    if (d == NULL)
        return fault_set(why, ERR_BUSY, "VMs have too many block devices");
    if (d->state != DEVBUS_FREE && d->qid != e->subject_instance)
        return devbus_is_attached(m->backend, m->port, m->device_id, d->name, why);
    d->qid = e->subject_instance;
    d->generation = e->subject_generation;
    memcpy(d->name, m->name, sizeof d->name);
    memcpy(d->backend, m->backend, sizeof d->backend);
    memcpy(d->port, m->port, sizeof d->port);
    memcpy(d->device_id, m->device_id, sizeof d->device_id);
    (void)text_copy(d->options, sizeof d->options, m->options);
    (void)devbus_happens(&bus->table, out, d, DEVBUS_THERE);
    return 0;
}

void block_confirm(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_confirm *m)
{
    struct request request = request_of(e);
    struct fault why;
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key(m->backend, m->port, key);
    struct devbus_device *d = devbus_find(&bus->table, key);
    int r = m->present ? arrive(bus, out, e, m, key, &why) : 0;
    if (!m->present && d != NULL && d->qid == e->subject_instance)
        (void)devbus_happens(&bus->table, out, d, DEVBUS_NOT_THERE);
    if (r < 0) {
        reply_error(out, &request, r, &why);
        return;
    }
    devbus_tell(&bus->table, out, e->subject_instance, e->subject_generation);
    block_sweep(bus, out, NULL);
    block_doubt((struct devbus_block *)bus, out);
    REPLY(out, bus_confirm, &request, (&(struct bus_confirm_reply){.nothing = 0}));
}

/* ---- what a VM's process shows ---- */

static void describe(struct devbus *bus, const char *key, const struct bus_has *m,
                     const struct bus_disk *disk, struct subject vm)
{
    struct devbus_device *d = devbus_add(&bus->table, key);
    if (d == NULL)
        return;
    d->qid = vm.instance;
    memcpy(d->name, m->name, sizeof d->name);
    (void)text_copy(d->options, sizeof d->options, disk->options);
}

static void set_bit(uint8_t bits[BLOCK_VMS_MAX / 8 + 1], uint32_t qid, bool on)
{
    uint8_t bit = (uint8_t)(1u << qid % 8);
    if (qid <= BLOCK_VMS_MAX)
        bits[qid / 8] = (uint8_t)(on ? bits[qid / 8] | bit : bits[qid / 8] & ~bit);
}

void block_over(struct devbus *bus, struct out *out, struct subject vm)
{
    struct devbus_block *self = (struct devbus_block *)bus;
    set_bit(self->unknown, vm.instance, false);
    set_bit(self->ended, vm.instance, true);
    if (vm.instance <= BLOCK_VMS_MAX)
        self->lives[vm.instance] = 0;
    devbus_say_ended(bus, out, vm);
    devbus_sees(&bus->table, out, vm, true, NULL, 0);
}

static void sees(struct devbus_block *self, struct out *out, struct subject vm, const struct bus_has *m)
{
    char keys[BLOCK_HAS_MAX][DEVBUS_KEY_MAX + 1];
    struct reader in = list_reader(&m->disks);
    struct bus_disk disk;
    size_t count = 0;
    while (count < BLOCK_HAS_MAX && bus_disk_next(&in, &disk) == 1) {
        devbus_key(disk.backend, disk.port, keys[count]);
        if (keys[count][0] != '\0')
            describe(&self->bus, keys[count++], m, &disk, vm);
    }
    devbus_sees(&self->bus.table, out, vm, false, (const char(*)[DEVBUS_KEY_MAX + 1]) keys, count);
    block_sweep(&self->bus, out, NULL);
    block_doubt(self, out);
}

static void has(struct devbus_block *self, struct out *out, struct subject vm, const struct bus_has *m)
{
    set_bit(self->unknown, vm.instance, m->unknown != 0);
    if (m->starts)
        set_bit(self->ended, vm.instance, true);
    if (vm.instance <= BLOCK_VMS_MAX)
        self->lives[vm.instance] = block_mark(m->name);
    if (m->unknown == 0)
        sees(self, out, vm, m);
}

void block_has(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_has *m)
{
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    struct request request = request_of(e);
    if (m->over)
        block_over(bus, out, vm);
    else
        has((struct devbus_block *)bus, out, vm, m);
    REPLY(out, bus_has, &request, NO_MESSAGE(bus_has_reply));
}
