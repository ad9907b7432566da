/* SPDX-License-Identifier: MIT
 * The first step of a start: registry grants the claim, or says why the VM may not start. Before it, whether
 * who asks may. In vm/<qid>. */
#include "actors/vm/vm_start.h"

#include <string.h>

#include "proto/record_values.h"
#include "proto/registry_values.h"

enum { CLAIM_SECONDS = 5 };

/* The error that has this exception class, for a refusal that registry has written. */
static enum err code_of(const char *class)
{
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
        if (strcmp(err_api_class((enum err)code), class) == 0 && (enum err)code >= ERR_QUBES)
            return (enum err)code;
    return ERR_QUBES;
}

static void say_begun(struct vm *vm, struct out *out)
{
    (void)VM_SAY(
        vm, out,
        {.name = "domain-pre-start", .key = {"start_guid", "mem_required"}, .value = {"True", "None"}});
}

static void refused(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = fault_set(&why, code_of(vm->view.refusal_class), "%s", vm->view.refusal);
    if (vm->view.vetoed == VETO_UNTOLD) {
        vm_start_gives_up(vm, r, &why);
        vm_gone(vm, out, false);
        return;
    }
    if (vm->view.vetoed == VETO_BEGUN)
        say_begun(vm, out);
    vm_start_fails(vm, out, r, &why, false);
}

void vm_start_claimed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct claim_reply m;
    struct fault why;
    int r = claim_reply_decode(&m, result->e->body);
    if (r == 0)
        r = vm_take_view(vm, out, &m.view);
    if (r < 0) {
        vm_start_fails(vm, out, r, &result->why, false);
        return;
    }
    if (vm->view.refusal[0] != '\0') {
        refused(vm, out);
        return;
    }
    if (vm->scarce) {
        vm_start_gives_up(
            vm, fault_set(&why, ERR_BUSY, "too many calls of VMs hang in libvirt; try again later"), &why);
        vm_gone(vm, out, false);
        return;
    }
    say_begun(vm, out);
    vm->step = START_DEVICES;
    vm_device_start(vm, out);
}

void vm_start_claim(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    vm->life = VM_STARTING;
    vm->owes_last = false;
    vm->created = vm->boot.spawned = false;
    vm_note_step(vm, out, STEP_CLAIMED);
    vm->step = START_CLAIM;
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct claim){.purpose = CLAIM_TO_LIVE}));
}

/* ---- whether who asks may ---- */

static bool is_client(const struct vm *vm, uint32_t qid)
{
    struct reader in = list_reader(&vm->view.clients);
    struct view_peer client;
    while (view_peer_next(&in, &client) == 1)
        if (client.qid == qid)
            return true;
    return false;
}

/* A VM starts nobody but its netvm. */
static bool may_ask(const struct vm *vm)
{
    const struct address asker = vm->job.request.source;
    return asker.kind != KIND_VM || is_client(vm, asker.instance);
}

/* What rests is not told whose netvm it has become since: registry knows. */
static void ask_registry(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    vm->step = START_KNOW;
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct claim){.purpose = CLAIM_TO_KNOW}));
}

void vm_start_asker_known(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct claim_reply m;
    int r = result->r == 0 ? claim_reply_decode(&m, result->e->body) : result->r;
    if (r == 0)
        r = vm_take_view(vm, out, &m.view);
    if (r == 0 && !may_ask(vm))
        r = -ERR_REFUSED;
    if (r < 0)
        vm_errand_end(vm, out, r, r == result->r ? &result->why : NULL);
    else
        vm_start_claim(vm, out);
}

void vm_start_begin(struct vm *vm, struct out *out)
{
    if (vm->life != VM_HALTED)
        vm_errand_end(vm, out, may_ask(vm) ? 0 : -ERR_REFUSED, NULL);
    else if (may_ask(vm))
        vm_start_claim(vm, out);
    else
        ask_registry(vm, out);
}
