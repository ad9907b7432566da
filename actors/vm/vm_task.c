/* SPDX-License-Identifier: MIT
 * The core's side of its tasks: begun with a deadline, one at a time. */
#include "actors/vm/vm_task.h"

#include <stdlib.h>
#include <string.h>

#include "actors/vm/vm.h"

static const struct {
    unsigned seconds;
    bool always;
    const char *name;
} rows[] = {
#define TASK(name_, seconds_, always_, text_) [VM_##name_##_TASK] = {seconds_, always_, text_},
#include "actors/vm/vm_task.def"
};

/* With one call hanging a second thread works, for what must be possible all the same. With two there is
 * none; and when looking itself hangs, so would another look. */
bool vm_task_may(const struct vm *vm, enum vm_task_what what)
{
    if (vm->hung > 1 || (what == VM_LOOK_TASK && vm->look_hangs))
        return false;
    return (vm->hung == 0 && !vm->hung_before) || rows[what].always;
}

bool vm_is_uncertain(int r)
{
    return r == -ERR_TIMEOUT || r == -ERR_NO_CONNECTION || r == -ERR_LATE;
}

static struct vm_task *task_new(const struct vm *vm, enum vm_task_what what)
{
    size_t len = what == VM_DEFINE_TASK || what == VM_NET_ATTACH_TASK ? vm->view_bytes.len : 0;
    struct vm_task *t = calloc(1, sizeof *t + len);
    if (t == NULL)
        return NULL;
    t->task.what = what;
    t->view_len = len;
    if (len > 0)
        memcpy(t->view, vm->view_bytes.at, len);
    memcpy(t->uuid, vm->view.uuid, sizeof t->uuid);
    t->is_open = what == VM_PLUG_TASK;
    t->has_kernel = vm->view.kernel[0] != '\0';
    if (what == VM_DEFINE_TASK) {
        memcpy(t->pci, vm->devices.boot, sizeof t->pci);
        t->pci_count = vm->devices.boots;
        t->has_screen = vm->devices.has_screen;
        memcpy(t->boot, vm->devices.block, sizeof t->boot);
        t->boots = vm->devices.blocks;
    } else if (vm->job.plug != NULL && vm->job.plug->is_block) {
        t->is_block = true;
        vm_plug_block(vm->job.plug, &t->block);
    } else if (vm->job.plug != NULL) {
        const struct vm_plug *p = vm->job.plug;
        t->pci[0] = vm_device_address(p->sbdf, p->permissive, p->no_strict_reset, vm->view.s0ix != 0);
        t->pci_count = 1;
    }
    return t;
}

int vm_task_begin(struct vm *vm, struct out *out, enum vm_task_what what, struct fault *why)
{
    if (!vm_task_may(vm, what))
        return fault_set(why, ERR_BUSY,
                         "an earlier call to libvirt still hangs: kill the VM, or try again later");
    struct vm_task *t = task_new(vm, what);
    if (t == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a call to libvirt");
    t->task.deadline = out->now + rows[what].seconds * SECONDS;
    vm_progress(vm, out, &vm->job, rows[what].seconds);
    out_task(out, &t->task);
    return 0;
}

void vm_task_step(struct vm *vm, struct out *out, enum vm_task_what what, unsigned step, vm_fails *fails)
{
    struct fault why;
    vm->step = step;
    int r = vm_task_begin(vm, out, what, &why);
    if (r < 0)
        fails(vm, out, r, &why);
}

void vm_hang_tell(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    struct calls_hang m = {.count = vm->hung + vm->hung_before};
    (void)EVENT(out, calls_hang, ((struct address){KIND_REGISTRY, 0}), &context, &m);
}

void vm_task_overdue(struct vm *vm, struct out *out, enum vm_task_what what, struct fault *why)
{
    vm->hung++;
    vm->look_hangs = vm->look_hangs || what == VM_LOOK_TASK;
    vm->create_hangs = vm->create_hangs || what == VM_CREATE_TASK;
    vm->unwanted = vm->unwanted || vm->create_hangs;
    vm_note_again(vm, out);
    vm_hang_tell(vm, out);
    fault_set(why, ERR_TIMEOUT, "libvirt has not answered within %u seconds (%s); see its log",
              rows[what].seconds, rows[what].name);
}

void vm_task_cleared(struct vm *vm, struct out *out, enum vm_task_what what)
{
    vm->hung -= vm->hung > 0;
    vm->look_hangs = vm->look_hangs && what != VM_LOOK_TASK;
    vm->create_hangs = vm->create_hangs && what != VM_CREATE_TASK;
    vm->look_wanted = true;
    vm_hang_tell(
        vm, out); /* before the note forgets it: killed in between, the next incarnation tells it again */
    vm_note_again(vm, out);
}
