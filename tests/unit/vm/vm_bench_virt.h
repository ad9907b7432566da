/* SPDX-License-Identifier: MIT
 * The hypervisor of the bench for vm/<qid>: one domain, of which any call may fail, or happen and not be
 * heard of. */
#ifndef TESTS_UNIT_VM_VM_BENCH_VIRT_H
#define TESTS_UNIT_VM_VM_BENCH_VIRT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doors/domain.h"

#define BENCH_UUID "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11"

/* The one domain that there is. */
struct bench_world {
    struct domain_door door;
    bool connected, defined, active, paused, dying;
    char interface[512], no_interface[512]; /* the network that was plugged last, and unplugged */
    bool plug_fails;                        /* of the network */
    bool can_pm, asleep;                    /* suspend to RAM, and it is so */
    const char *live_xml;                   /* NULL: what is plugged */
    int looks_fail;                         /* at that: so many, */
    bool looks_fail_after_call;             /* and the first after the call that fails */
    char plugged[8][512];                   /* devices; "" for a gap */
    unsigned plugs;                         /* how often one came */
    char defined_xml[16384];
    int domid, creates;
    unsigned calls;
    unsigned fail_call; /* this one of the calls fails; 0: none */
    int fail_with;      /* -ERR_; those that leave it open do it all the same when `late` */
    bool late;
};

static const struct domain_can bench_can = {.driver = "TEST", .domain_type = "test"};

/* A driver that plugs, and needs its daemons. */
__attribute__((unused)) static const struct domain_can bench_xen = {
    .driver = "Xen", .domain_type = "xen", .start_paused = true, .hotplug = true};

static struct bench_world *world_of(struct domain_door *door)
{
    return (struct bench_world *)door;
}

/* Whether the call happens; *r is what it returns. */
static bool call_happens(struct bench_world *w, int *r, struct fault *why)
{
    *r = 0;
    w->calls++;
    if (w->fail_call == 0 || w->calls != w->fail_call)
        return true;
    *r = fault_set(why, (enum err) - w->fail_with, "the bench wants this to fail");
    w->looks_fail += w->looks_fail_after_call;
    return w->late;
}

static int bench_call(struct domain_door *door, bool possible, bool *flag, bool becomes, struct fault *why)
{
    int r;
    struct bench_world *w = world_of(door);
    if (!call_happens(w, &r, why))
        return r;
    if (!possible)
        return fault_set(why, ERR_STATE, "not now");
    *flag = becomes;
    return r;
}

static unsigned bench_disks; /* of the domain that was defined last */

static int bench_define(struct domain_door *door, const char *xml, struct fault *why)
{
    bench_disks = 0;
    for (const char *at = xml; (at = strstr(at, "/pool/a.img")) != NULL; at++)
        bench_disks++;
    assert_non_null(strstr(xml, BENCH_UUID));
    snprintf(world_of(door)->defined_xml, sizeof world_of(door)->defined_xml, "%s", xml);
    return bench_call(door, true, &world_of(door)->defined, true, why);
}

static int bench_create(struct domain_door *door, const char *uuid, struct fault *why)
{
    struct bench_world *w = world_of(door);
    bool before = w->active;
    (void)uuid;
    int r = bench_call(door, w->defined && !w->active, &w->active, true, why);
    if (w->active && !before) {
        w->creates++;
        w->domid++;
        w->paused = true;
    }
    return r;
}

static int bench_resume(struct domain_door *door, const char *uuid, struct fault *why)
{
    (void)uuid;
    return bench_call(door, world_of(door)->active, &world_of(door)->paused, false, why);
}

static int bench_suspend(struct domain_door *door, const char *uuid, struct fault *why)
{
    (void)uuid;
    return bench_call(door, world_of(door)->active, &world_of(door)->paused, true, why);
}

static int bench_pm_suspend(struct domain_door *door, const char *uuid, struct fault *why)
{
    struct bench_world *w = world_of(door);
    (void)uuid;
    if (!w->can_pm)
        return fault_set(why, ERR_UNSUPPORTED, "not supported");
    return bench_call(door, w->active && !w->paused, &w->asleep, true, why);
}

static int bench_pm_wakeup(struct domain_door *door, const char *uuid, struct fault *why)
{
    (void)uuid;
    return bench_call(door, world_of(door)->asleep, &world_of(door)->asleep, false, why);
}

static int bench_xml(struct domain_door *door, const char *uuid, struct text *xml, struct fault *why)
{
    struct bench_world *w = world_of(door);
    (void)uuid;
    if (w->looks_fail > 0) {
        w->looks_fail--;
        return fault_set(why, ERR_HYPERVISOR, "the bench shows nothing now");
    }
    text_add(xml, w->live_xml != NULL ? w->live_xml : "<domain><devices>");
    for (unsigned i = 0; i < 8 && w->live_xml == NULL; i++)
        text_add(xml, w->plugged[i]);
    if (w->live_xml == NULL)
        text_add(xml, "</devices></domain>");
    return 0;
}

static int bench_network(struct bench_world *w, char *to, const char *xml, struct fault *why)
{
    if (w->plug_fails)
        return fault_set(why, ERR_HYPERVISOR, "the bench plugs nothing");
    snprintf(to, sizeof w->interface, "%s", xml);
    return 0;
}

static bool is_network(const char *xml)
{
    return strstr(xml, "<interface") != NULL;
}

static char *bench_plug(struct bench_world *w, const char *xml)
{
    for (unsigned i = 0; i < 8; i++)
        if (strcmp(w->plugged[i], xml) == 0)
            return w->plugged[i];
    return NULL;
}

static int bench_attach(struct domain_door *door, const char *uuid, const char *xml, struct fault *why)
{
    struct bench_world *w = world_of(door);
    bool there = false;
    (void)uuid;
    if (is_network(xml))
        return bench_network(w, w->interface, xml, why);
    int r = bench_call(door, w->active, &there, true, why);
    if (!there)
        return r;
    if (bench_plug(w, xml) != NULL)
        return fault_set(why, ERR_HYPERVISOR, "it is there already");
    snprintf(bench_plug(w, ""), 512, "%s", xml);
    w->plugs++;
    return r;
}

static int bench_detach(struct domain_door *door, const char *uuid, const char *xml, struct fault *why)
{
    struct bench_world *w = world_of(door);
    bool gone = false;
    (void)uuid;
    if (is_network(xml))
        return bench_network(w, w->no_interface, xml, why);
    int r = bench_call(door, w->active, &gone, true, why);
    if (!gone)
        return r;
    if (bench_plug(w, xml) == NULL)
        return fault_set(why, ERR_HYPERVISOR, "it is not there");
    *bench_plug(w, xml) = '\0';
    return r;
}

static int bench_shutdown(struct domain_door *door, const char *uuid, struct fault *why)
{
    bool heard = false;
    (void)uuid;
    return bench_call(door, world_of(door)->active, &heard, true, why);
}

static int bench_destroy(struct domain_door *door, const char *uuid, struct fault *why)
{
    (void)uuid;
    return bench_call(door, world_of(door)->active, &world_of(door)->active, false, why);
}

static int bench_undefine(struct domain_door *door, const char *uuid, struct fault *why)
{
    (void)uuid;
    return bench_call(door, world_of(door)->defined, &world_of(door)->defined, false, why);
}

static int bench_lookup(struct domain_door *door, const char *uuid, struct domain_seen *seen,
                        struct fault *why)
{
    struct bench_world *w = world_of(door);
    int r;
    if (!call_happens(w, &r, why) || r < 0)
        return r;
    assert_string_equal(uuid, BENCH_UUID);
    *seen = (struct domain_seen){
        .exists = w->defined || w->active, .domid = VIRT_NO_DOMID, .state = VIRT_SHUTOFF};
    if (!w->active)
        return 0;
    seen->active = true;
    seen->domid = w->domid;
    seen->state = w->dying    ? VIRT_SHUTOFF
                  : w->asleep ? VIRT_PMSUSPENDED
                  : w->paused ? VIRT_PAUSED
                              : VIRT_RUNNING;
    seen->memory_kib = 400 << 10;
    seen->cputime_ns = 5;
    return 0;
}

static void bench_close(struct domain_door *door)
{
    world_of(door)->connected = false;
}

static const struct domain_ops bench_ops = {
    .close = bench_close,
    .define = bench_define,
    .start_paused = bench_create,
    .resume = bench_resume,
    .suspend = bench_suspend,
    .shutdown = bench_shutdown,
    .destroy = bench_destroy,
    .undefine = bench_undefine,
    .lookup = bench_lookup,
    .pm_suspend = bench_pm_suspend,
    .pm_wakeup = bench_pm_wakeup,
    .xml = bench_xml,
    .attach = bench_attach,
    .detach = bench_detach,
};

static int bench_open(void *arg, struct domain_door **ret, struct fault *why)
{
    struct bench_world *w = arg;
    int r;
    if (!call_happens(w, &r, why) || r < 0)
        return r;
    w->connected = true;
    *ret = &w->door;
    return 0;
}

#endif
