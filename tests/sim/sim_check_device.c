/* SPDX-License-Identifier: MIT
 * PCI devices at rest: each with dom0's driver, with pciback or with one VM; and what the bus believes, and
 * each api says, is what the hypervisor's domains have. */
#include <stdio.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "actors/devbus-pci/devbus_pci.h"
#include "actors/registry/registry.h"
#include "doors/sim_inside.h"
#include "tests/sim/sim.h"

static const struct sim_domain *holder_of(struct sim *s, const char *sbdf)
{
    return sim_holder(s->hypervisor, sbdf);
}

static const struct vm *vm_of(struct sim *s, const struct sim_domain *d)
{
    const struct registry *r = proc_find(s, (struct address){KIND_REGISTRY, 0})->core;
    return d == NULL ? NULL : model_by_uuid(r->model, span_of(d->uuid));
}

/* For a start or an attachment, until its time is over. */
static bool is_held(const struct sim *s, const struct devbus_device *d)
{
    return d != NULL && d->state == DEVBUS_HELD && d->until > s->now;
}

/* A binding that broke off when its bus died is undone when nobody asks for it in that time. */
static void check_driver(struct sim *s, const char *sbdf, const struct sim_domain *holder)
{
    const char *driver = sim_device_driver(s->hypervisor, sbdf);
    struct devbus_pci *bus = proc_find(s, (struct address){KIND_DEVBUS_PCI, 0})->core;
    bool held = bus != NULL && is_held(s, devbus_find(&bus->table, sbdf));
    if (driver[0] == '\0' && !held)
        sim_broken(s, "%s is bound to nobody", sbdf);
    if (holder != NULL && strcmp(driver, "pciback") != 0)
        sim_broken(s, "%s has %s, and dom0's driver %s has it, too", holder->name, sbdf, driver);
}

static void check_bus(struct sim *s, const char *sbdf, const struct sim_domain *holder)
{
    struct devbus_pci *bus = proc_find(s, (struct address){KIND_DEVBUS_PCI, 0})->core;
    const struct devbus_device *d = bus == NULL ? NULL : devbus_find(&bus->table, sbdf);
    const struct vm *vm = vm_of(s, holder);
    if (bus == NULL)
        sim_broken(s, "devbus-pci does not live at rest");
    else if (vm != NULL && (d == NULL || d->state != DEVBUS_ATTACHED || d->qid != vm_qid(vm)))
        sim_broken(s, "%s has %s, and its bus believes: %s, of qid %u", holder->name, sbdf,
                   d == NULL ? "nobody's" : devbus_state_name(d->state), d == NULL ? 0 : d->qid);
    else if (vm == NULL && d != NULL && !is_held(s, d))
        sim_broken(s, "nobody has %s, and its bus believes: %s, of qid %u", sbdf, devbus_state_name(d->state),
                   d->qid);
    else if (bus->jobs > 0 || bus->working)
        sim_broken(s, "devbus-pci still works at rest");
}

static void check_api(struct sim *s, uint32_t instance, const char *sbdf, const struct sim_domain *holder)
{
    const struct api *api = proc_find(s, (struct address){KIND_API, instance})->core;
    const struct vm *has = vm_of(s, holder);
    char port[16];
    snprintf(port, sizeof port, "00_%s", sbdf + 8);
    for (size_t i = 0; api != NULL && i < model_vm_count(api->model); i++) {
        const struct vm *vm = model_vm_at(api->model, i);
        struct reader in = api_attached(api, vm_qid(vm), DEVICE_pci);
        struct attached_item item;
        bool says = false;
        while (attached_item_next(&in, &item) == 1)
            says = says || strcmp(item.port, port) == 0;
        if (says != (has != NULL && vm_qid(has) == vm_qid(vm)))
            sim_broken(s, "api/%u says that %s %s %s, and that is not so", instance, vm_name(vm),
                       says ? "has" : "has not", port);
    }
}

void sim_check_devices(struct sim *s)
{
    for (unsigned slot = 1; s->options.devices && slot <= SIM_PCI; slot++) {
        char sbdf[16];
        snprintf(sbdf, sizeof sbdf, "0000:00:%02x.0", slot);
        const struct sim_domain *holder = holder_of(s, sbdf);
        check_driver(s, sbdf, holder);
        check_bus(s, sbdf, holder);
        check_api(s, 0, sbdf, holder);
        check_api(s, 1, sbdf, holder);
    }
}
