/* SPDX-License-Identifier: MIT
 * The USB devices that simulated guests expose: they come and go, others sit in their ports, and what was
 * connected to a VM that is no more is let go of. As the scripts of usb-proxy do it in a backend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/guest/guest.h"
#include "actors/guest/guest_usb.h"
#include "doors/sim_inside.h"
#include "tests/sim/sim_guest.h"

static const char *const ports[SIM_STICKS] = {"1-1", "1-2.1", "2-3"};

const char *sim_stick_port(unsigned stick)
{
    return ports[stick];
}

struct sim_stick *sim_stick_of(struct sim *s, const char *backend, const char *port)
{
    struct sim_shelf *shelf = sim_shelf_of(s, backend);
    for (unsigned i = 0; i < SIM_STICKS && shelf != NULL; i++)
        if (shelf->stick[i].there && strcmp(ports[i], port) == 0)
            return &shelf->stick[i];
    return NULL;
}

/* ---- what is read of them ---- */

static int take(struct guest_usb_list *list, unsigned stick, const char *word, const char *value,
                struct fault *why)
{
    char name[40];
    snprintf(name, sizeof name, "%s/%s", ports[stick], word);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '.')
            *c = '_';
    return guest_usb_take(list, span_of(name), span_of(value), why);
}

static int describe(struct guest_usb_list *list, unsigned i, const struct sim_stick *stick, struct fault *why)
{
    char desc[40];
    snprintf(desc, sizeof desc, "1d6b:000%u Sim Stick %u", stick->serial, stick->serial);
    int r = take(list, i, "desc", desc, why);
    if (r == 0)
        r = take(list, i, "interfaces", ":080650:", why);
    if (r == 0 && stick->to[0] != '\0')
        r = take(list, i, "connected-to", stick->to, why);
    return r == 0 && stick->to[0] != '\0' ? take(list, i, "x-pid", "4711", why) : r;
}

void sim_read_sticks(const struct sim_shelf *shelf, struct guest_task *t)
{
    struct guest_usb_list *list = sim_alloc(sizeof *list);
    for (unsigned i = 0; i < SIM_STICKS && t->task.r == 0; i++)
        if (shelf->stick[i].there)
            t->task.r = describe(list, i, &shelf->stick[i], &t->task.why);
    for (size_t i = 0; i < list->count && t->task.r == 0; i++) {
        struct device_item item;
        if (guest_usb_item(&list->device[i], &item))
            device_item_add(&t->words, &t->elements, &item);
    }
    free(list);
}

/* ---- they come and go ---- */

static bool runs(struct sim *s, const char *name)
{
    const struct sim_domain *d = sim_active(s->hypervisor, name);
    return strcmp(name, "dom0") == 0 || (d != NULL && d->state == VIRT_RUNNING);
}

/* The other end of its socket is closed. */
static bool hangs_up(struct sim *s, const struct sim_stick *stick)
{
    const struct sim_domain *d = sim_active(s->hypervisor, stick->to);
    return stick->to[0] != '\0' && (d == NULL || d->domid != stick->domid);
}

static void let_go(struct sim *s, const char *backend)
{
    struct sim_shelf *shelf = sim_shelf_of(s, backend);
    bool changed = false;
    for (unsigned i = 0; i < SIM_STICKS && shelf != NULL && runs(s, backend); i++) {
        if (!hangs_up(s, &shelf->stick[i]) || !sim_chance(s, 300))
            continue;
        shelf->stick[i].to[0] = '\0';
        changed = true;
    }
    if (changed)
        sim_tell_guests(s, backend);
}

static void let_all_go(struct sim *s)
{
    let_go(s, "dom0");
    for (size_t i = 0; i < s->hypervisor->top; i++)
        if (s->hypervisor->domains[i].xml != NULL)
            let_go(s, s->hypervisor->domains[i].name);
}

/* Mostly there is something, and it stays with whom it is connected to. */
static void plug(struct sim *s, const char *backend)
{
    struct sim_shelf *shelf = sim_shelf_of(s, backend);
    struct sim_stick *stick = &shelf->stick[sim_random(s, SIM_STICKS)];
    if (stick->there && !sim_chance(s, 300))
        return;
    *stick = (struct sim_stick){.there = !stick->there || sim_chance(s, 300),
                                .serial = (unsigned)sim_random(s, 3)};
}

static void changes(struct sim *s, struct sim_event *e)
{
    const char *backend = sim_any_backend(s);
    (void)e;
    if (!s->calm && runs(s, backend))
        plug(s, backend);
    let_all_go(s);
    sim_tell_guests(s, s->calm ? "" : backend);
    (void)sim_at(s, s->now + sim_between(s, 20, s->calm ? 2000 : 500) * MILLISECONDS, changes);
}

void sim_sticks_start(struct sim *s)
{
    (void)sim_at(s, s->now + 1 * SECONDS, changes);
}

static bool is_connected(struct sim *s, const char *name, char backend[32], char port[16], char to[32])
{
    const struct sim_shelf *shelf = sim_shelf_of(s, name);
    for (unsigned i = 0; i < SIM_STICKS && shelf != NULL; i++) {
        if (shelf->stick[i].to[0] == '\0')
            continue;
        snprintf(backend, 32, "%s", name);
        snprintf(port, 16, "%s", ports[i]);
        snprintf(to, 32, "%s", shelf->stick[i].to);
        return true;
    }
    return false;
}

bool sim_any_connected(struct sim *s, char backend[32], char port[16], char to[32])
{
    for (int tries = 0; tries < 8; tries++)
        if (is_connected(s, sim_any_backend(s), backend, port, to))
            return true;
    return false;
}
