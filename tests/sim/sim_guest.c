/* SPDX-License-Identifier: MIT
 * QubesDB as the simulated guests have it, with the disks that each exposes: they come and go. In the place
 * of its daemon, of the supervisor's doors to it, and of guest's worker as far as that speaks to a socket. */
#include "tests/sim/sim_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/guest/guest.h"
#include "actors/guest/guest_device.h"
#include "doors/sim_inside.h"

enum { DOM0 = SIM_VMS_MOST };

void *sim_shelves_new(void)
{
    return sim_alloc((SIM_VMS_MOST + 1) * sizeof(struct sim_shelf));
}

struct sim_shelf *sim_shelf_of(struct sim *s, const char *name)
{
    const struct sim_domain *d = sim_active(s->hypervisor, name);
    if (!s->options.disks && !s->options.usb)
        return NULL;
    if (strcmp(name, "dom0") == 0)
        return &s->shelves[DOM0];
    if (d == NULL)
        return NULL;
    struct sim_shelf *shelf = &s->shelves[d - s->hypervisor->domains];
    if (shelf->domid != d->domid)
        *shelf = (struct sim_shelf){.domid = d->domid};
    return shelf;
}

bool sim_exposes(struct sim *s, const char *backend, const char *port)
{
    const struct sim_shelf *shelf = sim_shelf_of(s, backend);
    if (s->options.usb)
        return sim_stick_of(s, backend, port) != NULL;
    unsigned disk = (unsigned)(port[strlen(port) - 1] - 'a');
    return shelf != NULL && disk < SIM_DISKS && (shelf->there & 1u << disk) != 0;
}

static const struct guest *core_of(const struct proc *p)
{
    return p->core;
}

/* ---- the supervisor's doors ---- */

static void handed(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL)
        return;
    enum guest_door door = (enum guest_door)e->number;
    bool serves = sim_shelf_of(s, core_of(p)->name) != NULL;
    /* Whoever is given it closes it, but the shell keeps the one that hears of changes. */
    int fd = !serves ? -1 : door == GUEST_DOOR_WATCH ? 0 : open("/dev/null", O_RDONLY | O_CLOEXEC);
    p->watches = p->watches || (serves && door == GUEST_DOOR_WATCH);
    p->out.now = s->now;
    guest_handed(p->core, &p->out, door, fd);
    proc_after(p);
}

void sim_door(void *shell, uint32_t what)
{
    struct proc *p = shell;
    if (p->who.kind != KIND_GUEST || !(p->sim->options.disks || p->sim->options.usb) || p->cut == 0)
        return;
    struct sim_event *e = sim_at(p->sim, p->sim->now + sim_between(p->sim, 1, 6) * MILLISECONDS, handed);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = what;
}

/* ---- its worker ---- */

static int describe(struct guest_device_list *list, const struct sim_shelf *shelf, unsigned disk,
                    struct fault *why)
{
    char name[16], parent[16];
    snprintf(parent, sizeof parent, "2-%u:1.%u", disk + 1, shelf->serial[disk]);
    snprintf(name, sizeof name, "sd%c/desc", 'a' + disk);
    int r = guest_device_take(list, span_of(name), SPAN_LITERAL("Stick (S)"), why);
    snprintf(name, sizeof name, "sd%c/parent", 'a' + disk);
    return r < 0 ? r : guest_device_take(list, span_of(name), span_of(parent), why);
}

static void read_disks(const struct sim_shelf *shelf, struct guest_task *t)
{
    struct guest_device_list *list = sim_alloc(sizeof *list);
    for (unsigned disk = 0; disk < SIM_DISKS && t->task.r == 0; disk++)
        if ((shelf->there & 1u << disk) != 0)
            t->task.r = describe(list, shelf, disk, &t->task.why);
    for (size_t i = 0; i < list->count && t->task.r == 0; i++) {
        struct device_item item;
        guest_device_item(list, &list->device[i], t->name, &item);
        device_item_add(&t->words, &t->elements, &item);
    }
    free(list);
}

void sim_guest_perform(struct proc *p, struct guest_task *t)
{
    const struct sim_shelf *shelf = sim_shelf_of(p->sim, core_of(p)->name);
    close_file(&t->fd);
    t->task.r = shelf == NULL ? fault_set(&t->task.why, ERR_CLOSED, "the daemon has ended") : 0;
    if (shelf == NULL || t->task.what != GUEST_READS_IT || t->what != GUEST_EXPOSES)
        return;
    if (t->class == GUEST_block)
        read_disks(shelf, t);
    if (t->class == GUEST_usb)
        sim_read_sticks(shelf, t);
}

void sim_guest_drop(struct guest_task *t, bool performed)
{
    if (!performed)
        close_file(&t->fd);
    text_free(&t->elements);
}

/* ---- disks come and go ---- */

static void hears(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL || !p->watches)
        return;
    p->out.now = s->now;
    if (sim_shelf_of(s, core_of(p)->name) != NULL) {
        guest_fired(p->core, &p->out, s->options.usb ? "/qubes-usb-devices" : "/qubes-block-devices");
    } else { /* with its domain its daemon has ended */
        p->watches = false;
        guest_watch_ended(p->core, &p->out);
    }
    proc_after(p);
}

static void tell(struct sim *s, struct proc *p)
{
    struct sim_event *e = sim_at(s, s->now + sim_between(s, 1, 20) * MILLISECONDS, hears);
    e->who = p->who;
    e->incarnation = p->incarnation;
}

const char *sim_any_backend(struct sim *s)
{
    size_t top = s->hypervisor->top, first = sim_random(s, top);
    for (size_t i = 0; i < top && !sim_chance(s, 150); i++) {
        const struct sim_domain *d = &s->hypervisor->domains[(first + i) % top];
        if (d->xml != NULL && d->state == VIRT_RUNNING)
            return d->name;
    }
    return "dom0";
}

void sim_tell_guests(struct sim *s, const char *changed)
{
    for (size_t i = 0; i < (size_t)s->options.vms * 4 + 16; i++) {
        struct proc *p = s->guests[i];
        if (p != NULL && p->running && p->watches &&
            (strcmp(core_of(p)->name, changed) == 0 || sim_shelf_of(s, core_of(p)->name) == NULL))
            tell(s, p);
    }
}

/* Mostly there is something. */
static void changes(struct sim *s, struct sim_event *e)
{
    const char *name = sim_any_backend(s);
    struct sim_shelf *shelf = sim_shelf_of(s, name);
    unsigned disk = (unsigned)sim_random(s, SIM_DISKS);
    (void)e;
    if (!s->calm && ((shelf->there & 1u << disk) == 0 || sim_chance(s, 300))) {
        shelf->there ^= 1u << disk;
        shelf->serial[disk] = (unsigned)sim_random(s, 3);
    }
    sim_tell_guests(s, s->calm ? "" : name);
    (void)sim_at(s, s->now + sim_between(s, 20, s->calm ? 2000 : 500) * MILLISECONDS, changes);
}

void sim_guests_start(struct sim *s)
{
    if (s->options.disks)
        (void)sim_at(s, s->now + 1 * SECONDS, changes);
    if (s->options.usb)
        sim_sticks_start(s);
}
