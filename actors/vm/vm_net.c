/* SPDX-License-Identifier: MIT
 * The network of a VM that runs: its interface goes and comes when its netvm changes, starts or ends. The
 * order is: detach before a change is committed, where a refusal stops it; afterwards the guest's QubesDB,
 * the netvm's, and then the interface. Spec: net 3, 4. */
#include "actors/vm/vm_net.h"

#include "base/log.h"

enum { NET_BEGIN, NET_DETACH, NET_FILL, NET_SERVE, NET_ATTACH, NET_UPLINK };
enum { FILL_SECONDS = 30, UPLINK_SECONDS = 10 };
/* After its preparation a change is committed and finished, or lost, within so long; and how often one that
 * was lost is looked at while the VM is paused. */
enum { AWAITED_SECONDS = 75, AGAIN_SECONDS = 5 };

static const struct vm_call wait_for_uplink = {"qubes.WaitForNetworkUplink", "root", UPLINK_SECONDS, 0};

bool vm_has_netvm(const struct vm *vm, struct view_peer *netvm)
{
    struct reader in = list_reader(&vm->view.netvm);
    return view_peer_next(&in, netvm) == 1 && netvm->qid != 0;
}

void vm_net_serve(struct vm *vm, struct out *out, const struct view_peer *netvm)
{
    struct context context = vm_context(vm, out, FILL_SECONDS);
    context.subject = (struct subject){KIND_VM, netvm->qid, netvm->generation};
    vm_progress(vm, out, &vm->job, FILL_SECONDS);
    ASK(out, guest_serve, ((struct address){KIND_GUEST, netvm->qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(guest_serve));
}

void vm_net_tell(struct vm *vm, struct out *out, bool up)
{
    struct reader in = list_reader(&vm->view.clients);
    struct view_peer client;
    struct context context = vm_context(vm, out, 0);
    while (view_peer_next(&in, &client) == 1) {
        context.subject = (struct subject){KIND_VM, client.qid, client.generation};
        (void)EVENT(out, netvm_is, ((struct address){KIND_VM, client.qid}), &context,
                    (&(struct netvm_is){.up = up}));
    }
}

void vm_net_lives(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    bool living = vm->life == VM_LIVING, runs = vm_runs(vm),
         there = vm->seen.active && (living || vm->life == VM_STARTING);
    (void)EVENT(out, lives_as, ((struct address){KIND_REGISTRY, 0}), &context,
                (&(struct lives_as){.there = there,
                                    .domid = there ? (uint32_t)vm->seen.domid : 0,
                                    .paused = vm->paused_said && runs,
                                    .started = there && living}));
}

void vm_net_heal(struct vm *vm)
{
    struct view_peer netvm;
    bool has = vm_has_netvm(vm, &netvm) && vm->seen.state != VIRT_PAUSED && !vm->view.netvm_put_off;
    if (has && vm->queued < VM_QUEUE)
        vm->queue[vm->queued++] = (struct vm_request){.errand = ERRAND_NET, .attach = true};
}

void vm_net_begun(struct vm *vm, struct out *out, bool begun)
{
    vm->net_awaits = begun;
    out_timer(out, TIMER_NET, begun ? out->now + AWAITED_SECONDS * SECONDS : 0);
}

void vm_net_lost(struct vm *vm, struct out *out)
{
    bool now = vm->queued < VM_QUEUE && vm->seen.state != VIRT_PAUSED;
    if (!vm->net_awaits)
        return;
    vm->net_awaits = vm_runs(vm) && !now;
    out_timer(out, TIMER_NET, vm->net_awaits ? out->now + AGAIN_SECONDS * SECONDS : 0);
    if (!vm_runs(vm) || !now)
        return;
    log_line(LOG_NOTE,
             "a change of %s's netvm was begun and not ended: its interface follows what is known now",
             vm->view.name);
    vm->queue[vm->queued++] = (struct vm_request){.errand = ERRAND_NET, .fill = true, .attach = true};
}

void vm_net_due(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    (void)EVENT(out, netvm_due, ((struct address){KIND_REGISTRY, 0}), &context, NO_MESSAGE(netvm_due));
}

/* What nobody waits for is at least read. */
static void end(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    if (r < 0 && !vm->job.owed)
        log_line(LOG_WARN, "the network interface of %s is not as it should be: %s", vm->view.name,
                 why->text);
    vm_errand_end(vm, out, r, why);
}

static void serve(struct vm *vm, struct out *out)
{
    struct view_peer netvm;
    bool attaches = vm->job.attach && vm->seen.state != VIRT_PAUSED;
    if (vm->view.netvm_put_off && vm->seen.state != VIRT_PAUSED)
        vm_net_due(vm, out); /* it was resumed before the change was committed */
    if (!attaches || !vm_has_netvm(vm, &netvm)) {
        end(vm, out, 0, NULL); /* paused: it is put off until it runs */
        return;
    }
    vm->step = NET_SERVE;
    vm_net_serve(vm, out, &netvm);
}

static void fill(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, FILL_SECONDS);
    if (!vm->job.fill || vm->bare) {
        serve(vm, out);
        return;
    }
    vm->step = NET_FILL;
    vm_progress(vm, out, &vm->job, FILL_SECONDS);
    ASK(out, guest_fill, ((struct address){KIND_GUEST, vm->qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(guest_fill));
}

/* Registry has planned for a VM that runs: it has not heard of the pause yet. */
static void too_early(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = fault_set(&why, ERR_STATE, "%s has just been paused; try again", vm->view.name);
    vm_net_lives(vm, out);
    end(vm, out, r, &why);
}

static void first(struct vm *vm, struct out *out)
{
    bool paused = vm->seen.state == VIRT_PAUSED;
    if (vm_runs(vm) && vm->job.detach && vm->job.owed && paused && !vm->job.put_off)
        too_early(vm, out);
    else if (!vm_runs(vm))
        end(vm, out, 0, NULL);
    else if (vm->job.detach && !paused && !vm->job.put_off)
        vm_task_step(vm, out, VM_NET_DETACH_TASK, NET_DETACH, end);
    else
        fill(vm, out);
}

/* What it had been promised while it was paused is there. */
static void uplink(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    int r = vm_service_end(vm, &wait_for_uplink, result, &why);
    end(vm, out, r, &why);
}

void vm_net_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    if (result == NULL) {
        first(vm, out);
        return;
    }
    if (result->task != NULL && result->task->is_seen && result->task->seen.active)
        vm_takes_seen(vm, out, &result->task->seen);
    vm->look_wanted = vm->look_wanted || (result->e == NULL && result->r < 0 && vm->step != NET_UPLINK);
    if (result->r < 0 && vm->step != NET_UPLINK) {
        end(vm, out, result->r, &result->why);
        return;
    }
    switch (vm->step) {
    case NET_DETACH:
        fill(vm, out);
        break;
    case NET_FILL:
        serve(vm, out);
        break;
    case NET_SERVE:
        vm_task_step(vm, out, VM_NET_ATTACH_TASK, NET_ATTACH, end);
        break;
    case NET_ATTACH:
        vm->step = NET_UPLINK;
        if (!vm->job.deferred || !vm_service(vm, out, &wait_for_uplink))
            end(vm, out, 0, NULL);
        break;
    case NET_UPLINK:
        uplink(vm, out, result);
        break;
    }
}
