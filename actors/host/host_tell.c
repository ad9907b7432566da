/* SPDX-License-Identifier: MIT
 * What host tells: facts of the machine, and what runs under each VM's uuid. */
#include "actors/host/host.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/world.h"

static const struct address every_api = {KIND_API, EVERY_INSTANCE};
static const struct address the_registry = {KIND_REGISTRY, 0};

struct host_vm *host_find(struct host *h, const char *uuid)
{
    struct host_vm *vm;
    HASH_FIND_STR(h->vms, uuid, vm);
    return vm;
}

static void add_fact(struct wire_list *list, struct text *elements, enum fact fact, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void add_fact(struct wire_list *list, struct text *elements, enum fact fact, const char *format, ...)
{
    struct fact_item item = {.fact = (uint32_t)fact};
    va_list args;
    va_start(args, format);
    vsnprintf(item.value, sizeof item.value, format, args);
    va_end(args);
    fact_item_add(list, elements, &item);
}

/* "Xen" is xen to the model; so is every other driver's name in lower case. */
static void add_figures(const struct host *h, struct wire_list *list, struct text *elements)
{
    char driver[sizeof h->figures.driver];
    for (size_t i = 0; i < sizeof driver; i++)
        driver[i] = (char)tolower((unsigned char)h->figures.driver[i]);
    add_fact(list, elements, FACT_host_hypervisor, "%s", driver);
    add_fact(list, elements, FACT_host_memory_kib, "%llu", (unsigned long long)h->figures.memory_kib);
    add_fact(list, elements, FACT_host_cpus, "%u", h->figures.cpus);
    if (h->figures.dom0_memory_kib > 0)
        add_fact(list, elements, FACT_dom0_maxmem_mib, "%llu",
                 (unsigned long long)h->figures.dom0_memory_kib / 1024);
}

void host_say_facts(struct host *h, struct out *out)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(8192);
    struct wire_list list = {0};
    struct context self = {.subject = {KIND_HOST, 0, 0}};
    if (h->qubes_dir[0] != '\0')
        add_fact(&list, &elements, FACT_host_qubes_dir, "%s", h->qubes_dir);
    if (h->figures.driver[0] != '\0')
        add_figures(h, &list, &elements);
    (void)EVENT(out, facts, every_api, &self, (&(struct facts){.facts = list}));
    (void)EVENT(out, host_facts, the_registry, &self, (&(struct host_facts){.facts = list}));
}

static void say_observed(struct out *out, const struct host_vm *vm, uint32_t event, uint32_t detail)
{
    struct context c = context_about_vm(vm->qid, vm->generation);
    struct observed m = {.active = vm->active,
                         .domid = vm->active ? (uint32_t)vm->domid : 0,
                         .state = (uint32_t)vm->state,
                         .event = event,
                         .detail = detail};
    (void)EVENT(out, observed, ((struct address){KIND_VM, vm->qid}), &c, &m);
}

static void add_domains(const struct host *h, struct wire_list *list, struct text *elements)
{
    for (size_t i = 0; i < h->domain_count; i++) {
        struct domain_item item = {.domid = (uint32_t)h->domains[i].domid,
                                   .state = (uint32_t)h->domains[i].state};
        if (text_copy(item.uuid, sizeof item.uuid, span_of(h->domains[i].uuid)) == 0)
            domain_item_add(list, elements, &item);
    }
}

void host_say_observed_all(struct host *h, struct out *out)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4 << 20);
    struct observed_all m = {0};
    struct context self = {.subject = {KIND_HOST, 0, 0}};
    add_domains(h, &m.domains, &elements);
    (void)EVENT(out, observed_all, the_registry, &self, &m);
}

void host_say_running(struct host *h, struct out *out)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4 << 20);
    struct running_all m = {0};
    struct context self = {.subject = {KIND_HOST, 0, 0}};
    add_domains(h, &m.domains, &elements);
    (void)EVENT(out, running_all, every_api, &self, &m);
}

/* A VM that runs is told so; one that does not only if its process may believe otherwise. */
void host_tell_all(struct host *h, struct out *out)
{
    struct host_vm *vm, *next;
    struct context nobody = {0};
    host_say_facts(h, out);
    if (!h->connected || !h->has_roster)
        return;
    host_say_observed_all(h, out);
    host_say_running(h, out);
    HASH_ITER(hh, h->vms, vm, next)
    {
        if (vm->active)
            say_observed(out, vm, HOST_NO_EVENT, 0);
    }
    (void)EVENT(out, vm_look, ((struct address){KIND_VM, EVERY_INSTANCE}), &nobody, NO_MESSAGE(vm_look));
    h->told = true;
}

/* What this look says about one VM that it found. */
static void take_active(struct host_vm *vm, const struct hostwatch_domain *d)
{
    vm->is_news = !vm->active || vm->domid != d->domid || vm->state != d->state;
    vm->active = true;
    vm->seen_now = true;
    vm->domid = d->domid;
    vm->state = d->state;
}

void host_look_begins(struct host *h)
{
    struct host_vm *vm, *next;
    HASH_ITER(hh, h->vms, vm, next)
    {
        if (vm->late.heard)
            vm->due = vm->late;
        vm->late.heard = false;
    }
}

static void take_gone(struct host_vm *vm)
{
    vm->is_news = true;
    vm->active = false;
    vm->state = VIRT_SHUTOFF;
}

/* What is news is told at once, though the next look may have to tell of an event besides. */
static void say_look(struct out *out, const struct host_vm *vm)
{
    if (vm->due.heard)
        say_observed(out, vm, (uint32_t)vm->due.what, (uint32_t)(vm->due.detail & 0xff));
    else if (vm->is_news)
        say_observed(out, vm, HOST_NO_EVENT, 0);
}

void host_take_domains(struct host *h, struct out *out, struct host_task *t)
{
    struct host_vm *vm, *next;
    free(h->domains);
    h->domains = TAKE(t->domains);
    h->domain_count = t->count;
    for (size_t i = 0; i < h->domain_count; i++) {
        vm = host_find(h, h->domains[i].uuid);
        if (vm != NULL)
            take_active(vm, &h->domains[i]);
    }
    HASH_ITER(hh, h->vms, vm, next)
    {
        if (vm->active && !vm->seen_now)
            take_gone(vm);
        if (h->told)
            say_look(out, vm);
        vm->due.heard = vm->seen_now = vm->is_news = false;
    }
}
