/* SPDX-License-Identifier: MIT
 * A disposable that is started ahead of its use: its start has succeeded when its guest says that its system,
 * and where windows are shown, its session, runs (spec vm-model 8.7). */
#include "actors/vm/vm.h"

#include "actors/vm/vm_boot.h"
#include "proto/record_values.h"

static const struct {
    const char *service;
    uint32_t waits; /* the bit of the view that wants it */
} rows[] = {{"qubes.WaitForRunningSystem", PRELOAD_WAITS_FOR_SYSTEM},
            {"qubes.WaitForSession", PRELOAD_WAITS_FOR_SESSION}};

/* As the step says, counted from 1. */
static struct vm_call waited_for(const struct vm *vm)
{
    return (struct vm_call){rows[vm->step - 1].service, "",
                            vm->view.qrexec_timeout > 0 ? vm->view.qrexec_timeout : 1, 0};
}

static void wait_for_next(struct vm *vm, struct out *out)
{
    while (vm->step++ < COUNT(rows)) {
        struct vm_call call = waited_for(vm);
        if ((vm->view.preload_waits & rows[vm->step - 1].waits) == 0 || !vm_service(vm, out, &call))
            continue;
        vm_boot_wait(vm, out);
        return;
    }
    vm_errand_end(vm, out, 0, NULL);
}

void vm_preload_ask_again(struct vm *vm, struct out *out)
{
    vm->step--;
    wait_for_next(vm, out);
}

/* Its guest could not answer, for it was paused. */
static void ask_when_awake(struct vm *vm, struct out *out)
{
    if (vm_sleeps(vm))
        vm_boot_wait(vm, out);
    else
        vm_preload_ask_again(vm, out);
}

void vm_preload_step(struct vm *vm, struct out *out, const struct vm_result *result)
{
    struct fault why;
    struct vm_call call = {0};
    int r = 0;
    if (result != NULL) {
        call = waited_for(vm);
        r = vm_service_end(vm, &call, result, &why);
    }
    if (r < 0 && vm->boot.slept)
        ask_when_awake(vm, out);
    else if (r < 0)
        vm_start_fails(vm, out, r, &why, false);
    else
        wait_for_next(vm, out);
}
