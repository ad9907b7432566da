/* SPDX-License-Identifier: MIT
 * A shutdown (spec lifecycle 4): the guest is asked, and answers by ending. */
#include "actors/vm/vm.h"

#include "actors/vm/vm_boot.h"
#include "proto/registry_values.h"

enum { CLIENTS = 1, ASKED };
enum { CLAIM_SECONDS = 5, PATIENCE_SECONDS = 5 };

static void fails(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    (void)VM_SAY(vm, out, {.name = "domain-shutdown-failed", .key = {"reason"}, .value = {why->text}});
    vm_errand_end(vm, out, r, why);
}

static void ask_guest(struct vm *vm, struct out *out)
{
    struct fault why;
    if (vm->seen.state == VIRT_PAUSED && !vm->job.force && !vm->view.is_preload) {
        int r = fault_set(&why, ERR_VM_NOT_RUNNING, "%s is paused: unpause it first, or force the shutdown",
                          vm->view.name);
        fails(vm, out, r, &why);
        return;
    }
    bool paused = vm->seen.state == VIRT_PAUSED; /* cannot hear the question */
    vm_task_step(vm, out, paused ? VM_DESTROY_TASK : VM_SHUTDOWN_TASK, ASKED, fails);
}

/* Asks registry who of its clients lives now. */
static void ask_clients(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    vm->step = CLIENTS;
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct claim){.purpose = CLAIM_TO_KNOW}));
}

static bool is_in_use(const struct vm *vm, struct view_peer *client)
{
    struct reader in = list_reader(&vm->view.clients);
    while (view_peer_next(&in, client) == 1)
        if (client->living != 0)
            return true;
    return false;
}

int vm_shutdown_refused(const struct vm *vm, struct fault *why)
{
    struct view_peer client;
    if (is_in_use(vm, &client))
        return fault_set(why, ERR_VM_IN_USE,
                         "%s gives network to %s, which runs: shut that down first, or force it",
                         vm->view.name, client.name);
    if (vm->view.gui_user[0] != '\0')
        return fault_set(why, ERR_VM,
                         "%s shows the windows of %s, which runs: shut that down first, or force it",
                         vm->view.name, vm->view.gui_user);
    if (vm->view.audio_user[0] != '\0')
        return fault_set(why, ERR_VM_IN_USE,
                         "%s plays the sound of %s, which runs: shut that down first, or force it",
                         vm->view.name, vm->view.audio_user);
    return 0;
}

static void clients_known(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct claim_reply m;
    struct fault why = result->why;
    int r = result->r == 0 ? claim_reply_decode(&m, result->e->body) : result->r;
    if (r == 0)
        r = vm_take_view(vm, out, &m.view);
    else if (why.code == ERR_NONE)
        fault_set(&why, (enum err) - r, "%s", err_text((enum err) - r));
    if (r == 0)
        r = vm_shutdown_refused(vm, &why);
    if (r < 0)
        fails(vm, out, r, &why);
    else
        ask_guest(vm, out);
}

/* The guest has been asked. Who waits for its end waits aside, so that a kill can come in between. */
static void guest_asked(struct vm *vm, struct out *out)
{
    if (vm->job.wait && vm->job.owed) {
        unsigned seconds = vm->view.shutdown_timeout;
        vm->job.until = out->now + seconds * SECONDS;
        vm_progress(vm, out, &vm->job, seconds + PATIENCE_SECONDS);
        if (vm_wait(vm, &vm->job) == 0)
            vm->job.owed = false;
        vm_waiters_late(vm, out);
    }
    vm_errand_end(vm, out, vm->job.wait && vm->job.owed ? -ERR_BUSY : 0, NULL);
}

static void shutdown_ended(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    bool gone = result->task != NULL && result->task->is_seen && !result->task->seen.active;
    if (gone && vm->boot.waits && (!vm->job.owed || vm_wait(vm, &vm->job) == 0)) {
        vm->job.owed = false; /* it is answered with all who wait for the end */
        vm_boot_lost(vm, out);
        return;
    }
    if (gone && !vm->boot.waits) {
        vm_gone(vm, out, true);
        return;
    }
    if (result->r == 0) {
        guest_asked(vm, out);
        return;
    }
    int r = fault_set(&why, ERR_VM_SHUTDOWN_TIMEOUT, "%s could not be asked to shut down: %.300s",
                      vm->view.name, result->why.text);
    fails(vm, out, r, &why);
}

static void first(struct vm *vm, struct out *out)
{
    struct fault why;
    if (!vm_runs(vm)) {
        int r = fault_set(&why, ERR_VM_NOT_STARTED, "%s is not started", vm->view.name);
        vm_errand_end(vm, out, r, &why);
        return;
    }
    (void)VM_SAY(
        vm, out,
        {.name = "domain-pre-shutdown", .key = {"force"}, .value = {vm->job.force ? "True" : "False"}});
    if (vm->job.force)
        ask_guest(vm, out);
    else
        ask_clients(vm, out);
}

void vm_shutdown_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL)
        first(vm, out);
    else if (vm->step == CLIENTS)
        clients_known(vm, out, result);
    else
        shutdown_ended(vm, out, result);
}
