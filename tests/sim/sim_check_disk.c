/* SPDX-License-Identifier: MIT
 * Disks at rest: each in one VM that runs, while its backend exposes it; and what the bus believes, and each
 * api says, is what the hypervisor's domains have. */
#include <stdio.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "actors/devbus-block/devbus_block.h"
#include "actors/registry/registry.h"
#include "doors/sim_inside.h"
#include "tests/sim/sim.h"

/* Nothing is behind it: it was to be taken out. */
static void check_backend(struct sim *s, const struct sim_domain *d, const char *disk)
{
    struct span port, backend = span_split(span_of(disk), ':', &port);
    char name[32];
    (void)text_copy(name, sizeof name, backend);
    if (!sim_exposes(s, name, port.at))
        sim_broken(s, "%s has %s, which its backend does not expose any more", d->name, disk);
}

static void check_bus(struct sim *s, const struct vm *vm, const char *disk)
{
    const struct proc *p = proc_find(s, (struct address){KIND_DEVBUS_BLOCK, 0});
    struct devbus_block *bus = p != NULL && p->running ? p->core : NULL;
    const struct devbus_device *d = bus == NULL ? NULL : devbus_find(&bus->bus.table, disk);
    if (d == NULL || d->state != DEVBUS_ATTACHED || d->qid != vm_qid(vm))
        sim_broken(s, "%s has %s, and its bus believes: %s, of qid %u", vm_name(vm), disk,
                   d == NULL ? "nobody's" : devbus_state_name(d->state), d == NULL ? 0 : d->qid);
}

/* What is held for a start or an attachment is so until its time is over. */
static void check_table(struct sim *s)
{
    const struct proc *p = proc_find(s, (struct address){KIND_DEVBUS_BLOCK, 0});
    const struct devbus_block *bus = p != NULL && p->running ? p->core : NULL;
    for (size_t i = 0; bus != NULL && i < bus->bus.table.used; i++) {
        const struct devbus_device *d = &bus->bus.table.device[i];
        bool held = d->state == DEVBUS_HELD && d->until > s->now;
        if (!held && (d->state != DEVBUS_ATTACHED || sim_holder(s->hypervisor, d->key) == NULL))
            sim_broken(s, "nobody has %s, and its bus believes: %s, of qid %u", d->key,
                       devbus_state_name(d->state), d->qid);
    }
    if (bus != NULL && (bus->jobs > 0 || bus->bus.listing.questions > 0))
        sim_broken(s, "devbus-block still works at rest");
}

static size_t count_said(const struct api *api, const struct vm *vm, const char *disk)
{
    struct reader in = api_attached(api, vm_qid(vm), DEVICE_block);
    struct attached_item item;
    char said[SIM_DISK_MAX + 1];
    size_t count = 0;
    while (attached_item_next(&in, &item) == 1) {
        snprintf(said, sizeof said, "%.31s:%.31s", item.backend, item.port);
        count += disk == NULL || strcmp(said, disk) == 0;
    }
    return count;
}

static void check_api(struct sim *s, uint32_t instance, const struct vm *vm, const struct sim_domain *d)
{
    const struct api *api = proc_find(s, (struct address){KIND_API, instance})->core;
    size_t has = 0;
    for (size_t i = 0; api != NULL && d != NULL && i < SIM_ATTACHED_MAX; i++) {
        const struct sim_plugged *p = &d->plugged[i];
        if (p->xml == NULL || p->disk[0] == '\0')
            continue;
        has++;
        if (count_said(api, vm, p->disk) != 1)
            sim_broken(s, "api/%u does not say that %s has %s", instance, vm_name(vm), p->disk);
    }
    if (api != NULL && count_said(api, vm, NULL) != has)
        sim_broken(s, "api/%u says that %s has %zu disks, and it has %zu", instance, vm_name(vm),
                   count_said(api, vm, NULL), has);
}

static void check_vm(struct sim *s, const struct vm *vm)
{
    const struct sim_domain *d = sim_find(s->hypervisor, vm_uuid(vm));
    for (size_t i = 0; d != NULL && i < SIM_ATTACHED_MAX; i++) {
        const struct sim_plugged *p = &d->plugged[i];
        if (p->xml == NULL || p->disk[0] == '\0')
            continue;
        check_bus(s, vm, p->disk);
        check_backend(s, d, p->disk);
    }
    check_api(s, 0, vm, d);
    check_api(s, 1, vm, d);
}

void sim_check_disks(struct sim *s)
{
    const struct registry *r = proc_find(s, (struct address){KIND_REGISTRY, 0})->core;
    if (!s->options.disks)
        return;
    check_table(s);
    for (size_t i = 0; i < model_vm_count(r->model); i++)
        if (vm_is_qubes(model_vm_at(r->model, i)))
            check_vm(s, model_vm_at(r->model, i));
}
