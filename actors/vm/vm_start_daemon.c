/* SPDX-License-Identifier: MIT
 * The daemons of a start (spec lifecycle 3, steps 19 to 25): its QubesDB before the guest runs, then those
 * that wait for an agent inside; each is launcher's to run. */
#include "actors/vm/vm_start.h"

#include <string.h>

#include "runtime/effects/programs.h"

enum { GUEST_SECONDS = 10, FILL_SECONDS = 30, DAEMON_SECONDS = 40 };

/* What qrexec-daemon ends with when the agent in the guest did not come. */
enum { AGENT_TIMEOUT = 3 };

/* A daemon of this VM, for the domain that is there now. Where programs of Qubes have no place, it may be
 * missing. */
static void run_daemon(struct vm *vm, struct out *out, enum outside_program program, unsigned step,
                       bool again)
{
    struct context context = vm_context(vm, out, DAEMON_SECONDS);
    struct daemon m = {.program = (uint32_t)program,
                       .domid = (uint32_t)vm->seen.domid,
                       .optional = !vm->is_xen,
                       .again = again};
    vm->step = step;
    vm_progress(vm, out, &vm->job, DAEMON_SECONDS);
    ASK(out, daemon, ((struct address){KIND_LAUNCHER, 0}), &context, vm_ask_tag(vm), &m);
}

/* How the command of a daemon has ended: 0, or the error of the start. */
static int daemon_end(const struct vm *vm, const struct vm_result *result, struct daemon_reply *m,
                      struct fault *why)
{
    bool qrexec = vm->step == START_QREXEC;
    int r = daemon_reply_decode(m, result->e->body);
    if (r < 0)
        return fault_set(why, ERR_BAD, "launcher's answer is malformed");
    if (m->status == 0)
        return 0;
    if (qrexec && m->status == AGENT_TIMEOUT)
        return fault_set(why, ERR_VM,
                         "Cannot connect to qrexec agent of %s in time: see its console log, "
                         "/var/log/xen/console/guest-%s.log",
                         vm->view.name, vm->view.name);
    return fault_set(why, qrexec ? ERR_VM : ERR_QUBES, "Cannot start %s: %.300s",
                     qrexec ? "qrexec-daemon" : "qubesdb-daemon", m->said);
}

void vm_start_qubesdb(struct vm *vm, struct out *out)
{
    run_daemon(vm, out, PROGRAM_QUBESDB_DAEMON, START_QUBESDB, false);
}

static void open_guest(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, GUEST_SECONDS);
    struct guest_open m = {.domid = (uint32_t)vm->seen.domid, .bare = vm->bare, .fresh = !vm->bare};
    vm->step = START_GUEST;
    memcpy(m.name, vm->view.name, sizeof m.name);
    vm_progress(vm, out, &vm->job, GUEST_SECONDS);
    ASK(out, guest_open, ((struct address){KIND_GUEST, vm->qid}), &context, vm_ask_tag(vm), &m);
}

void vm_start_qubesdb_serves(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct daemon_reply m;
    struct fault why;
    int r = daemon_end(vm, result, &m, &why);
    vm->bare = r == 0 && m.missing != 0;
    if (r < 0)
        vm_start_fails(vm, out, r, &why, false);
    else
        open_guest(vm, out);
}

static void fill(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, FILL_SECONDS);
    vm->step = START_FILL;
    vm_progress(vm, out, &vm->job, FILL_SECONDS);
    ASK(out, guest_fill, ((struct address){KIND_GUEST, vm->qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(guest_fill));
}

void vm_start_guest_hears(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    if (vm->bare)
        vm_start_resume(vm, out);
    else
        fill(vm, out);
}

void vm_start_agents(struct vm *vm, struct out *out, bool again)
{
    run_daemon(vm, out, PROGRAM_QREXEC_DAEMON, START_QREXEC, again);
}

void vm_start_finish(struct vm *vm, struct out *out)
{
    vm->life = VM_STARTING;
    vm->created = true;
    vm->devices.tell_wanted = true; /* which it was started with, this incarnation does not know */
    vm_note_step(vm, out, STEP_RUNNING);
    vm_facts(vm, out);
    vm_net_lives(vm, out);
    vm->errand = ERRAND_START;
    vm_start_agents(vm, out, true);
}

void vm_start_qrexec_serves(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct daemon_reply m;
    struct fault why;
    int r = daemon_end(vm, result, &m, &why);
    if (r < 0) {
        vm_start_fails(vm, out, r, &why, false);
        return;
    }
    vm->life = VM_LIVING;
    vm->qrexec_up = m.missing == 0;
    vm_facts(vm, out);
    (void)VM_SAY(vm, out, {.name = "domain-start", WITH_GUID});
    vm_note_step(vm, out, STEP_LIVING);
    vm_net_lives(vm, out);
    vm_net_tell(vm, out, true);
    vm->devices.tell_wanted = vm->devices.tell_wanted || vm->devices.boots > 0 || vm->devices.blocks > 0;
    vm->devices.wishes_wanted = true;
    if (vm->view.preload_waits != 0)
        vm_errand_become(vm, out, ERRAND_PRELOAD);
    else
        vm_errand_end(vm, out, 0, NULL);
}

static bool waits_for_guest(const struct vm *vm)
{
    bool starts = (vm->errand == ERRAND_START && vm->step == START_QREXEC) || vm->errand == ERRAND_PRELOAD;
    return starts && vm->asked != 0;
}

void vm_start_peek(struct vm *vm, struct out *out)
{
    struct fault ignored;
    if (!waits_for_guest(vm) || vm->peeking)
        return;
    vm->peeking = vm_task_begin(vm, out, VM_LOOK_TASK, &ignored) == 0;
}

void vm_start_peeked(struct vm *vm, struct out *out, const struct vm_task *task)
{
    struct fault why;
    bool gone = task->is_seen && !task->seen.active;
    if (!waits_for_guest(vm) || !gone)
        return;
    int r = fault_set(&why, ERR_HYPERVISOR, "the domain ended while it was starting");
    vm->asked = 0;
    vm_start_fails(vm, out, r, &why, false);
}
