/* SPDX-License-Identifier: MIT
 * A start, step by step (spec lifecycle 3): netvm, define, create paused, QubesDB, resume, qrexec:
 * the rows of vm_start_step.def.
 * Before each step that cannot be taken back there is a note. Memory and storage have their places
 * between these steps. */
#include "actors/vm/vm_start.h"

#include <string.h>

#include "actors/vm/vm_net.h"
#include "model/model.h"

enum { NETVM_SECONDS = 120 };

void vm_start_gives_up(struct vm *vm, int r, const struct fault *why)
{
    vm->failure = (struct fault){.code = (enum err) - r};
    if (why->code == (enum err) - r)
        vm->failure = *why;
    else
        fault_set(&vm->failure, (enum err) - r, "%s", err_text((enum err) - r));
}

void vm_start_fails(struct vm *vm, struct out *out, int r, const struct fault *why, bool uncertain)
{
    vm_start_gives_up(vm, r, why);
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

/* Views that have come since the volumes were started know nothing of their paths. */
static void define(struct vm *vm, struct out *out)
{
    struct fault why;
    int r = vm_storage_show(vm, out, &why);
    if (r < 0) {
        vm_start_fails(vm, out, r, &why, false);
        return;
    }
    vm_note_step(vm, out, STEP_DEFINING);
    begin(vm, out, VM_DEFINE_TASK, START_DEFINE);
}

static uint32_t netvm_of(const struct vm *vm)
{
    struct view_peer netvm;
    return vm_has_netvm(vm, &netvm) ? netvm.qid : 0;
}

static void ask_netvm(struct vm *vm, struct out *out);

/* The netvm's guest must know of the interface before it is there. */
static void serve(struct vm *vm, struct out *out)
{
    struct view_peer netvm;
    vm->step = START_SERVE;
    if (netvm_of(vm) != vm->boot.netvm)
        ask_netvm(vm, out); /* it has got another one meanwhile, which may not run */
    else if (vm_has_netvm(vm, &netvm))
        vm_net_serve(vm, out, &netvm);
    else
        define(vm, out);
}

static void spawn(struct vm *vm, struct out *out)
{
    vm->boot.spawned = true;
    (void)VM_SAY(vm, out, {.name = "domain-pre-spawn", WITH_GUID});
    serve(vm, out);
}

/* Each volume gets its working copy, and the domain their paths. */
static void store(struct vm *vm, struct out *out)
{
    vm->step = START_STORAGE;
    vm->has_stored = true;
    if (!vm_storage_next(vm, out, "start"))
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
    vm->step = START_MEMORY;
    if (!vm_memory_begin(vm, out))
        store(vm, out);
}

/* Behind the netvm, once: what was started already is not started again for another one. */
static void go_on_behind_netvm(struct vm *vm, struct out *out)
{
    if (vm->boot.spawned) {
        serve(vm, out);
        return;
    }
    vm_storage_begin(vm);
    ask_memory(vm, out);
}

/* A netvm that runs already says so at once. */
static void ask_netvm(struct vm *vm, struct out *out)
{
    struct view_peer netvm;
    vm->boot.netvm = netvm_of(vm);
    if (!vm_has_netvm(vm, &netvm)) {
        go_on_behind_netvm(vm, out);
        return;
    }
    struct context context = vm_context(vm, out, NETVM_SECONDS);
    context.subject = (struct subject){KIND_VM, netvm.qid, netvm.generation};
    vm->step = START_NETVM;
    vm_progress(vm, out, &vm->job, NETVM_SECONDS);
    ASK(out, vm_start, ((struct address){KIND_VM, netvm.qid}), &context, vm_ask_tag(vm),
        NO_MESSAGE(vm_start));
}

static void has_no_home(struct vm *vm, struct out *out)
{
    enum vm_class class;
    struct fault why;
    const char *folder =
        class_parse(span_of(vm->view.class), &class) == 0 ? class_folder(class) : vm->view.class;
    int r =
        fault_set(&why, ERR_VM, "VM directory does not exist: /var/lib/qubes/%s/%s", folder, vm->view.name);
    vm_start_fails(vm, out, r, &why, false);
}

/* What could not start is found before anything is done for it, and before anybody hears that it was. */
static void verify(struct vm *vm, struct out *out)
{
    vm->step = START_VERIFY;
    if (vm->view.homeless) {
        has_no_home(vm, out);
        return;
    }
    if (vm_storage_next(vm, out, "verify"))
        return;
    (void)VM_SAY(vm, out, {.name = "domain-verify-files"});
    ask_netvm(vm, out);
}

void vm_start_with_devices(struct vm *vm, struct out *out)
{
    vm_storage_begin(vm);
    verify(vm, out);
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

static void created(struct vm *vm, struct out *out, const struct vm_result *result)
{
    vm->start_time = result->task->wall;
    vm_note_step(vm, out, STEP_CREATED);
    vm_facts(vm, out);
    vm_net_lives(vm, out);
    vm_start_entries(vm, out);
}

void vm_start_spawned(struct vm *vm, struct out *out)
{
    vm_memory_release(vm, out);
    if (vm->stubdom.known)
        vm_facts(vm, out);
    (void)VM_SAY(vm, out, {.name = "property-reset:xid", .key = {"name"}, .value = {"xid"}},
                 {.name = "property-reset:stubdom_xid", .key = {"name"}, .value = {"stubdom_xid"}},
                 {.name = "property-reset:start_time", .key = {"name"}, .value = {"start_time"}},
                 {.name = "domain-spawn", WITH_GUID});
    vm_start_qubesdb(vm, out);
}

void vm_start_resume(struct vm *vm, struct out *out)
{
    (void)VM_SAY(vm, out, {.name = "domain-qdb-create"}, {.name = "domain-pre-unpaused"});
    vm_note_step(vm, out, STEP_RESUMING);
    begin(vm, out, VM_RESUME_TASK, START_RESUME);
}

static void resumed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    vm_resumed_by_us(vm, out);
    vm_facts(vm, out);
    (void)VM_SAY(vm, out, {.name = "domain-unpaused"});
    vm_note_step(vm, out, STEP_RUNNING);
    vm->finishes = false;
    vm_start_tell(vm, out);
}

/* Of a domain that Xen did not build libvirt says little: the log of its driver says more, and a device that
 * cannot be given away is the likeliest reason. */
static void say_where_to_look(const struct vm *vm, const struct vm_result *result, struct fault *why)
{
    bool of_domain = vm->step == START_DEFINE || vm->step == START_CREATE || vm->step == START_RESUME;
    bool pci = vm->step == START_CREATE && strcmp(vm->view.virt_mode, "hvm") == 0 && vm->devices.boots > 0;
    *why = result->why;
    if (vm->is_xen && of_domain && result->r == -ERR_HYPERVISOR)
        fault_set(why, ERR_HYPERVISOR, "%.300s; see /var/log/libvirt/libxl/libxl-driver.log%s",
                  result->why.text,
                  pci ? ", and whether the machine's IOMMU (VT-d, AMD-Vi) is switched on: PCI devices need it"
                      : "");
}

static void failed(struct vm *vm, struct out *out, const struct vm_result *result)
{
    bool uncertain = vm->step == START_CREATE && vm_is_uncertain(result->r);
    struct fault why;
    if (vm->step ==
        START_CLAIM) { /* nothing was done and nothing said: it does not exist, or is being removed */
        vm_start_gives_up(vm, result->r, &result->why);
        vm_gone(vm, out, false);
        return;
    }
    say_where_to_look(vm, result, &why);
    vm_start_fails(vm, out, result->r, &why, uncertain);
}

static void verified(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    verify(vm, out);
}

static void netvm_runs(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    go_on_behind_netvm(vm, out);
}

static void memory_granted(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    store(vm, out);
}

static void served(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    if (netvm_of(vm) != vm->boot.netvm)
        ask_netvm(vm, out);
    else
        define(vm, out);
}

static void defined(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    vm_note_step(vm, out, STEP_CREATING);
    begin(vm, out, VM_CREATE_TASK, START_CREATE);
}

static void filled(struct vm *vm, struct out *out, const struct vm_result *result)
{
    (void)result;
    vm_start_resume(vm, out);
}

/* What follows each step; of a failure, failed(). */
static vm_start_go_on *const after[START_STEPS] = {
    [START_CLAIM] = vm_start_claimed,
    [START_DEVICES] = vm_device_start_step,
    [START_VERIFY] = verified,
    [START_NETVM] = netvm_runs,
    [START_MEMORY] = memory_granted,
    [START_STORAGE] = stored,
    [START_SERVE] = served,
    [START_DEFINE] = defined,
    [START_CREATE] = created,
    [START_ENTRIES] = vm_start_entries_made,
    [START_QUBESDB] = vm_start_qubesdb_serves,
    [START_GUEST] = vm_start_guest_hears,
    [START_FILL] = filled,
    [START_RESUME] = resumed,
    [START_SHOW] = vm_start_shown,
    [START_TELL] = vm_start_told,
    [START_STUBDOM] = vm_start_stubdom_serves,
    [START_QREXEC] = vm_start_qrexec_serves,
};

/* Steps that hear of a failure themselves. */
static bool judges(unsigned step)
{
    return step == START_DEVICES || step == START_ENTRIES || step == START_SHOW || step == START_TELL;
}

void vm_start_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    int r = 0;
    if (result == NULL) {
        vm_start_begin(vm, out);
        return;
    }
    if (vm->step == START_KNOW) {
        vm_start_asker_known(vm, out, result);
        return;
    }
    vm->created = vm->created || (vm->step == START_CREATE && result->r == 0);
    if (vm->kill_wanted)
        r = fault_set(&why, ERR_CANCELLED, "the VM was killed while it was starting");
    else if (result->r == 0 && (vm->step == START_CREATE || vm->step == START_RESUME))
        r = still_there(vm, result, &why);
    if (r < 0)
        vm_start_fails(vm, out, r, &why, vm->step == START_CREATE && vm_is_uncertain(result->r));
    else if (result->r < 0 && !judges(vm->step))
        failed(vm, out, result);
    else
        after[vm->step](vm, out, result);
}

bool vm_start_is_early(const struct vm *vm)
{
    return vm->errand == ERRAND_START && vm->life == VM_STARTING && !vm->created && vm->step < START_DEFINE;
}
