/* SPDX-License-Identifier: MIT
 * A start, step by step (spec lifecycle 3): claim, netvm, define, create paused, QubesDB, resume, qrexec.
 * Before each step that cannot be taken back there is a note. Memory and storage have their places
 * between these steps. */
#include "actors/vm/vm.h"

#include <string.h>

#include "runtime/effects/programs.h"

enum {
    CLAIM,
    DEVICES,
    VERIFY,
    NETVM,
    MEMORY,
    STORAGE,
    SERVE,
    DEFINE,
    CREATE,
    QUBESDB,
    GUEST,
    FILL,
    RESUME,
    QREXEC
};
enum { CLAIM_SECONDS = 5, NETVM_SECONDS = 120, GUEST_SECONDS = 10, FILL_SECONDS = 30, DAEMON_SECONDS = 40 };

/* What qrexec-daemon ends with when the agent in the guest did not come. */
enum { AGENT_TIMEOUT = 3 };

#define START_GUID .key = {"start_guid"}, .value = {"True"}

/* The error that has this exception class, for a refusal that registry has written. */
static enum err code_of(const char *class)
{
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
        if (strcmp(err_api_class((enum err)code), class) == 0 && (enum err)code >= ERR_QUBES)
            return (enum err)code;
    return ERR_QUBES;
}

static bool is_client(const struct vm *vm, uint32_t qid)
{
    struct reader in = list_reader(&vm->view.clients);
    struct view_peer client;
    while (view_peer_next(&in, &client) == 1)
        if (client.qid == qid)
            return true;
    return false;
}

static void give_up(struct vm *vm, int r, const struct fault *why)
{
    vm->failure = (struct fault){.code = (enum err) - r};
    if (why->code == (enum err) - r)
        vm->failure = *why;
    else
        fault_set(&vm->failure, (enum err) - r, "%s", err_text((enum err) - r));
}

void vm_start_fails(struct vm *vm, struct out *out, int r, const struct fault *why, bool uncertain)
{
    give_up(vm, r, why);
    vm_memory_release(vm, out);
    vm_note_step(vm, out, STEP_UNDOING);
    (void)VM_SAY(vm, out, {.name = "domain-start-failed", .key = {"reason"}, .value = {vm->failure.text}});
    if (vm->created || uncertain)
        vm_errand_become(vm, out, ERRAND_UNDO);
    else
        vm_gone(vm, out, false);
}

/* Begins a task of the start; the start fails where it may not be begun. */
static void begin(struct vm *vm, struct out *out, enum vm_task_what what, unsigned step)
{
    struct fault why;
    vm->step = step;
    int r = vm_task_begin(vm, out, what, &why);
    if (r < 0)
        vm_start_fails(vm, out, r, &why, false);
}

static void define(struct vm *vm, struct out *out)
{
    vm_note_step(vm, out, STEP_DEFINING);
    begin(vm, out, VM_DEFINE_TASK, DEFINE);
}

/* The netvm's guest must know of the interface before it is there. */
static void spawn(struct vm *vm, struct out *out)
{
    struct view_peer netvm;
    (void)VM_SAY(vm, out, {.name = "domain-pre-spawn", START_GUID});
    if (!vm_has_netvm(vm, &netvm)) {
        define(vm, out);
        return;
    }
    vm->step = SERVE;
    vm_net_serve(vm, out, &netvm);
}

/* Each volume gets its working copy, and the domain their paths. */
static void store(struct vm *vm, struct out *out)
{
    struct fault why;
    vm->step = STORAGE;
    if (vm_storage_next(vm, out, "start"))
        return;
    int r = vm_storage_show(vm, out, &why);
    if (r < 0)
        vm_start_fails(vm, out, r, &why, false);
    else
        spawn(vm, out);
}

static void stored(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    int r = vm_storage_took(vm, result, &why);
    if (r < 0)
        vm_start_fails(vm, out, r, &why, false);
    else
        store(vm, out);
}

/* What is granted is kept until the domain is there. */
static void ask_memory(struct vm *vm, struct out *out)
{
    vm->step = MEMORY;
    if (!vm_memory_begin(vm, out))
        store(vm, out);
}

/* A netvm that runs already says so at once. */
static void ask_netvm(struct vm *vm, struct out *out)
{
    struct view_peer netvm;
    vm_storage_begin(vm);
    if (!vm_has_netvm(vm, &netvm)) {
        ask_memory(vm, out);
        return;
    }
    struct context context = vm_context(vm, out, NETVM_SECONDS);
    context.subject = (struct subject){KIND_VM, netvm.qid, netvm.generation};
    vm->step = NETVM;
    vm_progress(vm, out, &vm->job, NETVM_SECONDS);
    ASK(out, vm_start, ((struct address){KIND_VM, netvm.qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(vm_start));
}

/* What could not start is found before anything is done for it. */
static void verify(struct vm *vm, struct out *out)
{
    vm->step = VERIFY;
    if (!vm_storage_next(vm, out, "verify"))
        ask_netvm(vm, out);
}

static void refused(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = fault_set(&why, code_of(vm->view.refusal_class), "%s", vm->view.refusal);
    vm_start_fails(vm, out, r, &why, false);
}

static void claimed(struct vm *vm, struct out *out, const struct vm_result *result)
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
        give_up(vm, fault_set(&why, ERR_BUSY, "too many calls of VMs hang in libvirt; try again later"),
                &why);
        vm_gone(vm, out, false);
        return;
    }
    (void)VM_SAY(
        vm, out,
        {.name = "domain-pre-start", .key = {"start_guid", "mem_required"}, .value = {"True", "None"}});
    vm->step = DEVICES;
    vm_device_start(vm, out);
}

void vm_start_with_devices(struct vm *vm, struct out *out)
{
    (void)VM_SAY(vm, out, {.name = "domain-verify-files"});
    vm->has_stored = true;
    vm_storage_begin(vm);
    verify(vm, out);
}

static void claim(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, CLAIM_SECONDS);
    vm->life = VM_STARTING;
    vm->owes_last = false;
    vm->created = false;
    vm_note_step(vm, out, STEP_CLAIMED);
    vm->step = CLAIM;
    ASK(out, claim, ((struct address){KIND_REGISTRY, 0}), &context, vm_ask_tag(vm),
        (&(struct claim){.purpose = 0}));
}

/* The domain after a call that succeeded. 0, or why there is none to go on with. */
static int still_there(struct vm *vm, const struct vm_result *result, struct fault *why)
{
    if (!result->task->is_seen)
        return fault_set(why, ERR_NO_CONNECTION,
                         "the connection to libvirt was lost while the VM was starting");
    vm->seen = result->task->seen;
    if (!vm->seen.active)
        return fault_set(why, ERR_HYPERVISOR, "the domain ended while it was starting");
    return 0;
}

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

static void created(struct vm *vm, struct out *out, const struct vm_task *task)
{
    vm->start_time = task->wall;
    vm_memory_release(vm, out);
    vm_note_step(vm, out, STEP_CREATED);
    vm_facts(vm, out);
    (void)VM_SAY(vm, out, {.name = "property-reset:xid", .key = {"name"}, .value = {"xid"}},
                 {.name = "property-reset:stubdom_xid", .key = {"name"}, .value = {"stubdom_xid"}},
                 {.name = "property-reset:start_time", .key = {"name"}, .value = {"start_time"}},
                 {.name = "domain-spawn", START_GUID});
    run_daemon(vm, out, PROGRAM_QUBESDB_DAEMON, QUBESDB, false);
}

/* How the command of a daemon has ended: 0, or the error of the start. */
static int daemon_end(const struct vm *vm, const struct vm_result *result, struct daemon_reply *m,
                      struct fault *why)
{
    bool qrexec = vm->step == QREXEC;
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

static void open_guest(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, GUEST_SECONDS);
    struct guest_open m = {.domid = (uint32_t)vm->seen.domid, .bare = vm->bare, .fresh = !vm->bare};
    vm->step = GUEST;
    memcpy(m.name, vm->view.name, sizeof m.name);
    vm_progress(vm, out, &vm->job, GUEST_SECONDS);
    ASK(out, guest_open, ((struct address){KIND_GUEST, vm->qid}), &context, vm_ask_tag(vm), &m);
}

static void qubesdb_serves(struct vm *vm, struct out *out, const struct vm_result *result)
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
    vm->step = FILL;
    vm_progress(vm, out, &vm->job, FILL_SECONDS);
    ASK(out, guest_fill, ((struct address){KIND_GUEST, vm->qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(guest_fill));
}

static void resume(struct vm *vm, struct out *out)
{
    (void)VM_SAY(vm, out, {.name = "domain-qdb-create"}, {.name = "domain-pre-unpaused"});
    vm_note_step(vm, out, STEP_RESUMING);
    begin(vm, out, VM_RESUME_TASK, RESUME);
}

static void resumed(struct vm *vm, struct out *out)
{
    vm_resumed_by_us(vm, out);
    vm_facts(vm, out);
    (void)VM_SAY(vm, out, {.name = "domain-unpaused"});
    vm_note_step(vm, out, STEP_RUNNING);
    run_daemon(vm, out, PROGRAM_QREXEC_DAEMON, QREXEC, false);
}

void vm_start_finish(struct vm *vm, struct out *out)
{
    vm->life = VM_STARTING;
    vm->created = true;
    vm->devices.tell_wanted = true; /* which it was started with, this incarnation does not know */
    vm_note_step(vm, out, STEP_RUNNING);
    vm_facts(vm, out);
    vm->errand = ERRAND_START;
    run_daemon(vm, out, PROGRAM_QREXEC_DAEMON, QREXEC, true);
}

static void qrexec_serves(struct vm *vm, struct out *out, const struct vm_result *result)
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
    (void)VM_SAY(vm, out, {.name = "domain-start", START_GUID});
    vm_note_step(vm, out, STEP_LIVING);
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
    bool starts = (vm->errand == ERRAND_START && vm->step == QREXEC) || vm->errand == ERRAND_PRELOAD;
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

static void failed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    bool uncertain = vm->step == CREATE && vm_is_uncertain(result->r);
    if (vm->step == CLAIM) { /* nothing was done and nothing said: it does not exist, or is being removed */
        give_up(vm, result->r, &result->why);
        vm_gone(vm, out, false);
        return;
    }
    vm_start_fails(vm, out, result->r, &result->why, uncertain);
}

static void go_on(struct vm *vm, struct out *out, const struct vm_result *result)
{
    switch (vm->step) {
    case CLAIM:
        claimed(vm, out, result);
        break;
    case DEVICES:
        vm_device_start_step(vm, out, result);
        break;
    case VERIFY:
        verify(vm, out);
        break;
    case NETVM:
        ask_memory(vm, out);
        break;
    case MEMORY:
        store(vm, out);
        break;
    case STORAGE:
        stored(vm, out, result);
        break;
    case SERVE:
        define(vm, out);
        break;
    case DEFINE:
        vm_note_step(vm, out, STEP_CREATING);
        begin(vm, out, VM_CREATE_TASK, CREATE);
        break;
    case CREATE:
        created(vm, out, result->task);
        break;
    case QUBESDB:
        qubesdb_serves(vm, out, result);
        break;
    case GUEST:
        if (!vm->bare)
            fill(vm, out);
        else
            resume(vm, out);
        break;
    case FILL:
        resume(vm, out);
        break;
    case RESUME:
        resumed(vm, out);
        break;
    case QREXEC:
        qrexec_serves(vm, out, result);
        break;
    }
}

static void first(struct vm *vm, struct out *out)
{
    const struct address asker = vm->job.request.source;
    if (asker.kind == KIND_VM && !is_client(vm, asker.instance))
        vm_errand_end(vm, out, -ERR_REFUSED, NULL);
    else if (vm->life != VM_HALTED)
        vm_errand_end(vm, out, 0, NULL);
    else
        claim(vm, out);
}

void vm_start_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    int r = 0;
    if (result == NULL) {
        first(vm, out);
        return;
    }
    vm->created = vm->created || (vm->step == CREATE && result->r == 0);
    if (vm->kill_wanted)
        r = fault_set(&why, ERR_CANCELLED, "the VM was killed while it was starting");
    else if (result->r == 0 && (vm->step == CREATE || vm->step == RESUME))
        r = still_there(vm, result, &why);
    if (r < 0)
        vm_start_fails(vm, out, r, &why, vm->step == CREATE && vm_is_uncertain(result->r));
    else if (result->r < 0 && vm->step != DEVICES)
        failed(vm, out, result);
    else
        go_on(vm, out, result);
}
