/* SPDX-License-Identifier: MIT
 * What xenstore holds of a domain that starts (spec lifecycle 3.3): entries in which the guest tells the
 * balancer how much memory it uses, and which domain is its device model. `host` has the line to xenstored;
 * it finds out for itself whether the domain is ours. */
#include "actors/vm/vm_start.h"

#include <string.h>

#include "base/log.h"

enum { ENTRIES_SECONDS = 10 };

static bool is_hvm(const struct vm *vm)
{
    return strcmp(vm->view.virt_mode, "hvm") == 0;
}

/* One whose memory is changed while it runs. */
static bool is_balanced(const struct vm *vm)
{
    return vm->balanced && vm->view.maxmem != 0;
}

static void ask(struct vm *vm, struct out *out, uint64_t tag, bool balanced)
{
    struct context context = vm_context(vm, out, ENTRIES_SECONDS);
    struct entries m = {.domid = (uint32_t)vm->seen.domid, .balanced = balanced};
    if (balanced && vm->view.memory_hotplug != 0)
        m.hotplug_kib = (uint64_t)vm->view.maxmem * 1024;
    ASK(out, entries, ((struct address){KIND_HOST, 0}), &context, tag, &m);
}

void vm_start_entries(struct vm *vm, struct out *out)
{
    vm->step = START_ENTRIES;
    if (!is_hvm(vm) && !is_balanced(vm)) {
        vm_start_spawned(vm, out);
        return;
    }
    vm_progress(vm, out, &vm->job, ENTRIES_SECONDS);
    ask(vm, out, vm_ask_tag(vm), is_balanced(vm));
}

void vm_start_ask_stubdom(struct vm *vm, struct out *out)
{
    vm_progress(vm, out, &vm->job, ENTRIES_SECONDS);
    ask(vm, out, vm_ask_tag(vm), false);
}

static int take(struct vm *vm, const struct envelope *e, struct fault *why)
{
    struct entries_reply m;
    if (e == NULL || entries_reply_decode(&m, e->body) < 0)
        return fault_set(why, ERR_BAD, "host's answer is malformed");
    if (m.present == 0 && vm->is_xen)
        return fault_set(why, ERR_NO_CONNECTION, "this host has no xenstore: is its service running?");
    vm->stubdom = (struct vm_stubdom){.known = true, .domid = m.stubdom};
    memcpy(vm->stubdom.uuid, m.stubdom_uuid, sizeof vm->stubdom.uuid);
    return 0;
}

int vm_start_take_stubdom(struct vm *vm, const struct vm_result *result, struct fault *why)
{
    return take(vm, result->e, why);
}

/* Entries must be there before the guest runs; who its device model is can be asked later. */
void vm_start_entries_made(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why = result->why;
    int r = result->r < 0 ? result->r : take(vm, result->e, &why);
    if (r < 0 && is_balanced(vm)) {
        vm_start_fails(vm, out, r, &why, false);
        return;
    }
    if (r < 0)
        log_line(LOG_WARN, "the device model of %s is not known: %s", vm->view.name, why.text);
    vm_start_spawned(vm, out);
}

/* ---- it lives, and its process is another one ---- */

void vm_stubdom_ask(struct vm *vm, struct out *out)
{
    if (is_hvm(vm))
        ask(vm, out, VM_STUBDOM_TAG, false);
}

void vm_stubdom_said(struct vm *vm, struct out *out, const struct answer *a)
{
    struct fault why = a->why;
    if (vm->life != VM_LIVING || vm->stubdom.known)
        return; /* it was asked for a life that has ended */
    int r = a->r < 0 ? a->r : take(vm, a->e, &why);
    if (r < 0)
        log_line(LOG_WARN, "the device model of %s is not known: %s", vm->view.name, why.text);
    else
        vm_facts(vm, out);
}
