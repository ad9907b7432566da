/* SPDX-License-Identifier: MIT
 * The daemons of a start (spec lifecycle 3, steps 19 to 25): its QubesDB before the guest runs, then those
 * that wait for an agent inside; each is launcher's to run. */
#include "actors/vm/vm_start.h"

#include <string.h>

#include "actors/vm/vm_net.h"
#include "runtime/effects/programs.h"

enum { GUEST_SECONDS = 10, FILL_SECONDS = 30, DAEMON_SECONDS = 40 };

/* What qrexec-daemon ends with when the agent in the guest did not come. */
enum { AGENT_TIMEOUT = 3 };

/* A daemon of this VM, for the domain that is there now. Where programs of Qubes have no place, it may be
 * missing. */
static void run_daemon(struct vm *vm, struct out *out, enum outside_program program, unsigned step)
{
    struct context context = vm_context(vm, out, DAEMON_SECONDS);
    struct daemon m = {.program = (uint32_t)program,
                       .domid = (uint32_t)vm->seen.domid,
                       .optional = !vm->is_xen,
                       .again = vm->finishes && program == PROGRAM_QREXEC_DAEMON};
    vm->step = step;
    if (step == START_STUBDOM) {
        m.domid = vm->stubdom.domid;
        m.stubdom = 1;
        memcpy(m.stubdom_uuid, vm->stubdom.uuid, sizeof m.stubdom_uuid);
    }
    vm_progress(vm, out, &vm->job, DAEMON_SECONDS);
    ASK(out, daemon, ((struct address){KIND_LAUNCHER, 0}), &context, vm_ask_tag(vm), &m);
    if (program == PROGRAM_QREXEC_DAEMON)
        vm_boot_wait(vm, out);
}

void vm_start_ask_agent(struct vm *vm, struct out *out)
{
    run_daemon(vm, out, PROGRAM_QREXEC_DAEMON, vm->step);
}

/* It could not answer in time, for its VM was paused: it gets as much time again. */
static bool has_slept(struct vm *vm, struct out *out, const struct daemon_reply *m)
{
    if (m->status != AGENT_TIMEOUT || !vm->boot.slept)
        return false;
    if (vm_sleeps(vm))
        vm_boot_wait(vm, out);
    else
        vm_start_ask_agent(vm, out);
    return true;
}

/* How the command of a daemon has ended: 0, or the error of the start. */
static int daemon_end(const struct vm *vm, const struct vm_result *result, struct daemon_reply *m,
                      struct fault *why)
{
    bool stubdom = vm->step == START_STUBDOM, qrexec = stubdom || vm->step == START_QREXEC;
    const char *of = stubdom ? "-dm" : "";
    int r = daemon_reply_decode(m, result->e->body);
    if (r < 0)
        return fault_set(why, ERR_BAD, "launcher's answer is malformed");
    if (m->status == 0)
        return 0;
    if (qrexec && m->status == AGENT_TIMEOUT)
        return fault_set(why, ERR_VM,
                         "Cannot connect to qrexec agent of %s%s in time: see its console log, "
                         "/var/log/xen/console/guest-%s%s.log",
                         vm->view.name, of, vm->view.name, of);
    return fault_set(why, qrexec ? ERR_VM : ERR_QUBES, "Cannot start %s: %.300s",
                     qrexec ? "qrexec-daemon" : "qubesdb-daemon", m->said);
}

void vm_start_qubesdb(struct vm *vm, struct out *out)
{
    run_daemon(vm, out, PROGRAM_QUBESDB_DAEMON, START_QUBESDB);
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

static void run_qrexec(struct vm *vm, struct out *out)
{
    run_daemon(vm, out, PROGRAM_QREXEC_DAEMON, START_QREXEC);
}

static bool wants_stubdom(const struct vm *vm)
{
    struct reader in = list_reader(&vm->view.hvm);
    struct view_hvm hvm;
    return strcmp(vm->view.virt_mode, "hvm") == 0 && view_hvm_next(&in, &hvm) == 1 && hvm.stubdom_qrexec != 0;
}

/* Other hypervisors than Xen run device models as processes. */
static void run_stubdom(struct vm *vm, struct out *out)
{
    struct fault why;
    if (vm->stubdom.domid != 0 && vm->stubdom.uuid[0] != '\0') {
        run_daemon(vm, out, PROGRAM_QREXEC_DAEMON, START_STUBDOM);
    } else if (!vm->is_xen) {
        run_qrexec(vm, out);
    } else {
        int r = fault_set(&why, ERR_VM, "xenstore does not say which domain is the device model of %s",
                          vm->view.name);
        vm_start_fails(vm, out, r, &why, false);
    }
}

void vm_start_agents(struct vm *vm, struct out *out)
{
    vm->step = START_STUBDOM;
    if (!wants_stubdom(vm))
        run_qrexec(vm, out);
    else if (!vm->stubdom.known)
        vm_start_ask_stubdom(vm, out);
    else
        run_stubdom(vm, out);
}

static void stubdom_named(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    int r = vm_start_take_stubdom(vm, result, &why);
    if (r < 0) {
        vm_start_fails(vm, out, r, &why, false);
        return;
    }
    vm_facts(vm, out);
    run_stubdom(vm, out);
}

void vm_start_stubdom_serves(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct daemon_reply m;
    struct fault why;
    if (!vm->stubdom.known) {
        stubdom_named(vm, out, result);
        return;
    }
    int r = daemon_end(vm, result, &m, &why);
    if (r < 0 && has_slept(vm, out, &m))
        return;
    if (r < 0)
        vm_start_fails(vm, out, r, &why, false);
    else
        run_qrexec(vm, out);
}

void vm_start_finish(struct vm *vm, struct out *out)
{
    vm->life = VM_STARTING;
    vm->created = true;
    vm_note_step(vm, out, STEP_RUNNING);
    vm_facts(vm, out);
    vm_net_lives(vm, out);
    vm->errand = ERRAND_START;
    vm->finishes = true;
    vm_start_tell(vm, out);
}

void vm_start_qrexec_serves(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct daemon_reply m;
    struct fault why;
    int r = daemon_end(vm, result, &m, &why);
    if (r < 0 && has_slept(vm, out, &m))
        return;
    if (r < 0) {
        vm_start_fails(vm, out, r, &why, false);
        return;
    }
    vm->life = VM_LIVING;
    vm->qrexec_up = m.missing == 0;
    vm_wishes_after_start(vm);
    vm_note_step(vm, out, STEP_STARTED); /* with that: when the start is told nobody asks for it again */
    vm_facts(vm, out);
    (void)VM_SAY(vm, out, {.name = "domain-start", WITH_GUID});
    vm_note_step(vm, out, STEP_LIVING);
    vm_net_lives(vm, out);
    vm_net_tell(vm, out, true);
    if (vm->view.netvm_put_off && !vm_sleeps(vm))
        vm_net_due(vm, out); /* it was paused while it booted */
    if (vm->view.preload_waits != 0)
        vm_errand_become(vm, out, ERRAND_PRELOAD);
    else
        vm_errand_end(vm, out, 0, NULL);
}
