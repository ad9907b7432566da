/* SPDX-License-Identifier: MIT
 * USB devices at rest: who has one is what its backend says, and the bus believes, and each api says; dom0's
 * policy has no line for any; nothing is on its way. */
#include <stdio.h>
#include <string.h>

#include "actors/api/api_inside.h"
#include "actors/devbus-usb/devbus_usb.h"
#include "actors/registry/registry.h"
#include "doors/sim_inside.h"
#include "tests/sim/sim_guest.h"

static const struct devbus_usb *bus_of(struct sim *s)
{
    const struct proc *p = proc_find(s, (struct address){KIND_DEVBUS_USB, 0});
    return p != NULL && p->running ? p->core : NULL;
}

/* What its backend says of the device at that key. */
static const struct sim_stick *stick_at(struct sim *s, const char *key)
{
    struct span port, backend = span_split(span_of(key), ':', &port);
    char name[32];
    return text_copy(name, sizeof name, backend) < 0 ? NULL : sim_stick_of(s, name, port.at);
}

/* What is held for an attachment is so until its time is over. */
static void check_entry(struct sim *s, const struct devbus_device *d)
{
    const struct sim_stick *stick = stick_at(s, d->key);
    bool held = d->state == DEVBUS_HELD && d->until > s->now;
    if (!held && (d->state != DEVBUS_ATTACHED || stick == NULL || strcmp(stick->to, d->name) != 0))
        sim_broken(s, "the bus believes that %s is %s, of %s (qid %u), and its backend says: %s", d->key,
                   devbus_state_name(d->state), d->name, d->qid,
                   stick == NULL       ? "it is not there"
                   : stick->to[0] == 0 ? "nobody's"
                                       : stick->to);
}

static void check_bus(struct sim *s)
{
    const struct devbus_usb *bus = bus_of(s);
    for (size_t i = 0; bus != NULL && i < bus->bus.table.used; i++)
        check_entry(s, &bus->bus.table.device[i]);
    if (bus != NULL && (bus->runs > 0 || bus->names > 0 || bus->bus.listing.questions > 0))
        sim_broken(s, "devbus-usb still works at rest");
}

/* ---- what is connected ---- */

static size_t count_said(const struct api *api, const struct vm *vm, const char *backend, const char *port)
{
    struct reader in = api_attached(api, vm_qid(vm), DEVICE_usb);
    struct attached_item item;
    size_t count = 0;
    while (attached_item_next(&in, &item) == 1)
        count += backend == NULL || (strcmp(item.backend, backend) == 0 && strcmp(item.port, port) == 0);
    return count;
}

static void check_connected(struct sim *s, const char *backend, unsigned i, const struct vm *vm)
{
    char key[DEVBUS_KEY_MAX + 1];
    snprintf(key, sizeof key, "%.31s:%s", backend, sim_stick_port(i));
    struct devbus_usb *bus = (struct devbus_usb *)(uintptr_t)bus_of(s);
    const struct devbus_device *d = bus == NULL ? NULL : devbus_find(&bus->bus.table, key);
    if (d == NULL || d->state != DEVBUS_ATTACHED || d->qid != vm_qid(vm))
        sim_broken(s, "%s is connected to %s, and its bus believes: %s, of qid %u", key, vm_name(vm),
                   d == NULL ? "nobody's" : devbus_state_name(d->state), d == NULL ? 0 : d->qid);
    for (uint32_t instance = 0; instance < 2; instance++) {
        const struct api *api = proc_find(s, (struct address){KIND_API, instance})->core;
        if (api != NULL && count_said(api, vm, backend, sim_stick_port(i)) != 1)
            sim_broken(s, "api/%u does not say that %s has %s", instance, vm_name(vm), key);
    }
}

/* Of what backends say that a VM has. A paused backend cannot take back its word about a life that is over.
 */
struct tally {
    size_t has, stale;
};

static void check_shelf(struct sim *s, const char *backend, const struct vm *vm, struct tally *tally)
{
    const struct sim_shelf *shelf = sim_shelf_of(s, backend);
    const struct sim_domain *d = sim_find(s->hypervisor, vm_uuid(vm));
    for (unsigned i = 0; i < SIM_STICKS && shelf != NULL; i++) {
        const struct sim_stick *stick = &shelf->stick[i];
        bool is_its = stick->there && strcmp(stick->to, vm_name(vm)) == 0;
        bool lives = is_its && d != NULL && d->domid == stick->domid;
        tally->has += lives;
        tally->stale += is_its && !lives;
        if (lives)
            check_connected(s, backend, i, vm);
    }
}

static void check_vm(struct sim *s, const struct vm *vm)
{
    struct tally tally = {0};
    check_shelf(s, "dom0", vm, &tally);
    for (size_t i = 0; i < s->hypervisor->top; i++)
        if (s->hypervisor->domains[i].xml != NULL)
            check_shelf(s, s->hypervisor->domains[i].name, vm, &tally);
    for (uint32_t instance = 0; instance < 2; instance++) {
        const struct api *api = proc_find(s, (struct address){KIND_API, instance})->core;
        size_t said = api != NULL ? count_said(api, vm, NULL, NULL) : tally.has;
        if (said < tally.has || said > tally.has + tally.stale)
            sim_broken(s, "api/%u says that %s has %zu USB devices, and it has %zu", instance, vm_name(vm),
                       said, tally.has);
    }
}

void sim_check_usb(struct sim *s)
{
    const struct registry *r = proc_find(s, (struct address){KIND_REGISTRY, 0})->core;
    if (!s->options.usb)
        return;
    check_bus(s);
    for (size_t i = 0; i < model_vm_count(r->model); i++)
        if (vm_is_qubes(model_vm_at(r->model, i)))
            check_vm(s, model_vm_at(r->model, i));
    if (s->lines > 0)
        sim_broken(s, "dom0's policy has %zu lines for USB devices at rest: %s", s->lines, s->line[0].line);
}

/* ---- what was acknowledged ---- */

/* Somebody may have attached it again meanwhile; and of two at such a port any one is taken (devices 7.2). */
void sim_check_usb_done(struct sim *s, const struct client *c)
{
    char backend[32], port[16], from[32];
    if (sscanf(c->request, "admin.vm.device.usb.Detach+%31[^+]+%15[^ ] dom0 name %31s", backend, port,
               from) != 3)
        return;
    const struct sim_stick *stick = sim_stick_of(s, backend, port);
    const struct sim_domain *d = sim_active(s->hypervisor, from);
    bool has = stick != NULL && d != NULL && strcmp(stick->to, from) == 0 && stick->domid == d->domid;
    if (has && stick->since < c->asked_at && stick->lied < c->asked_at &&
        !sim_usb_has_rival(s, backend, port, from))
        sim_broken(s, "%s:%s was said to be detached from %s, and still is connected to it", backend, port,
                   from);
}
