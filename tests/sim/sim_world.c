/* SPDX-License-Identifier: MIT
 * Chance and time: one queue of what is going to happen, in the order of its virtual time. */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/devbus-pci/devbus_pci.h"

/* The simulated machine has been up for a while: zero means "never" in many a core. */
#define BOOT (1000 * SECONDS)

void *sim_alloc(size_t size)
{
    void *at = calloc(1, size);
    if (at == NULL)
        abort();
    return at;
}

static uint64_t next_random(struct sim *s)
{
    uint64_t z = s->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_random(struct sim *s, uint64_t below)
{
    return below <= 1 ? 0 : next_random(s) % below;
}

uint64_t sim_between(struct sim *s, uint64_t least, uint64_t most)
{
    return least + sim_random(s, most - least + 1);
}

bool sim_chance(struct sim *s, unsigned in_thousand)
{
    return sim_random(s, 1000) < in_thousand;
}

void sim_trace(struct sim *s, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t word[] = {s->now, a, b, c};
    for (size_t i = 0; i < COUNT(word); i++)
        s->hash = (s->hash ^ word[i]) * UINT64_C(0x100000001b3) + (s->hash >> 29);
}

void sim_broken(struct sim *s, const char *format, ...)
{
    va_list args;
    if (s->broken[0] != '\0')
        return;
    int len = snprintf(s->broken, sizeof s->broken, "at %.3f s: ", (double)(s->now - BOOT) / 1e9);
    va_start(args, format);
    vsnprintf(s->broken + len, sizeof s->broken - (size_t)len, format, args);
    va_end(args);
}

void sim_say(const struct sim *s, struct address who, const char *format, ...)
{
    va_list args;
    if (!s->options.verbose)
        return;
    fprintf(stderr, "%.6f %s/%u ", (double)s->now / 1e9, kind_name(who.kind), who.instance);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;
    *a = *b;
    *b = t;
}

/* The caller fills the returned event's other fields at once: the next call may move it. */
struct sim_event *sim_at(struct sim *s, uint64_t at, void (*happen)(struct sim *, struct sim_event *))
{
    if (s->heap_count == s->heap_room) {
        s->heap_room = s->heap_room == 0 ? 1024 : s->heap_room * 2;
        s->heap = realloc(s->heap, s->heap_room * sizeof *s->heap);
        if (s->heap == NULL)
            abort();
    }
    size_t i = s->heap_count++;
    s->heap[i] = (struct sim_event){.at = at < s->now ? s->now : at, .order = ++s->order, .happen = happen};
    for (; i > 0 && is_before(&s->heap[i], &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&s->heap[i], &s->heap[(i - 1) / 2]);
    return &s->heap[i];
}

static struct sim_event take_first(struct sim *s)
{
    struct sim_event first = s->heap[0];
    size_t i = 0;
    s->heap[0] = s->heap[--s->heap_count];
    for (;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t child = left; child <= left + 1 && child < s->heap_count; child++)
            if (is_before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == i)
            return first;
        swap(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

bool sim_run(struct sim *s, uint64_t until)
{
    while (s->heap_count > 0 && s->heap[0].at <= until && s->broken[0] == '\0') {
        struct sim_event e = take_first(s);
        s->now = e.at;
        s->events++;
        e.happen(s, &e);
        free(e.data);
        if (sim_hypervisor_breach(s->hypervisor)[0] != '\0')
            sim_broken(s, "%s", sim_hypervisor_breach(s->hypervisor));
    }
    if (s->broken[0] == '\0')
        s->now = until;
    return s->broken[0] == '\0';
}

/* At slots 1 to SIM_PCI of bus 0, in all runs; what they are matters to nobody. */
static void place_devices(struct sim *s)
{
    struct pci_node nodes[SIM_PCI] = {0};
    for (unsigned i = 0; i < SIM_PCI; i++) {
        nodes[i] = (struct pci_node){
            .slot = (uint8_t)(i + 1), .class_code = "020000", .vendor_id = "0x8086", .product_id = "0x1234"};
        snprintf(nodes[i].name, sizeof nodes[i].name, "pci_0000_00_%02x_0", i + 1);
    }
    (void)sim_devices(s->hypervisor, nodes, SIM_PCI);
    sim_sysfs_show(s->hypervisor);
    devbus_pci_set_xen(s->options.devices);
}

struct sim *sim_new(const struct sim_options *options)
{
    struct sim *s = sim_alloc(sizeof *s);
    s->options = *options;
    s->random = options->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    s->now = BOOT;
    s->hash = UINT64_C(0xcbf29ce484222325);
    s->hypervisor = sim_hypervisor_new(SIM_VMS_MOST);
    s->disk = db_disk_new();
    s->vms = sim_alloc(10001 * sizeof(struct proc *));
    s->guests = sim_alloc(10001 * sizeof(struct proc *));
    s->shelves = sim_shelves_new();
    if (s->hypervisor == NULL || s->disk == NULL)
        abort();
    place_devices(s);
    sim_policy_show(s);
    router_start(s);
    supervisor_start(s);
    clients_start(s);
    listener_start(s);
    sim_guests_start(s);
    if (options->faults)
        faults_start(s);
    return s;
}

static void release(struct proc *p)
{
    if (p == NULL)
        return;
    proc_release(p);
    free(p);
}

void sim_free(struct sim *s)
{
    for (size_t i = 0; i < KINDS; i++)
        release(s->procs[i]);
    release(s->procs_api1);
    for (size_t i = 0; i < COUNT(s->pools); i++)
        release(s->pools[i]);
    for (size_t i = 0; i <= 10000; i++) {
        release(s->vms[i]);
        release(s->guests[i]);
    }
    for (size_t i = 0; i < s->heap_count; i++)
        free(s->heap[i].data);
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        text_free(&s->clients[i].got);
    route_free(s->route);
    sim_hypervisor_free(s->hypervisor);
    db_disk_free(s->disk);
    void *const plain[] = {s->heap,    s->vms,   s->guests,         s->ops,          s->commits,
                           s->shelves, s->calls, s->listener.heard, s->listener.gaps};
    for (size_t i = 0; i < COUNT(plain); i++)
        free(plain[i]);
    free(s);
}
