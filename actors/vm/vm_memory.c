/* SPDX-License-Identifier: MIT
 * Memory for a start, asked of the balancer, qmemman (spec lifecycle 3.1). While the connection is open
 * nobody else gets what was granted; it is closed when the domain has it, or the start has failed. A host
 * without that daemon gives every start what it wants. */
#include "actors/vm/vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { GRANT_SECONDS = 120, TARGET_SECONDS = 5 };
enum { MIB = 1 << 20, OVERHEAD_MIB = 4, PAGE_TABLES_PER_MIB = 8192 };
/* Of a device model: the small one, the one that is a Linux of its own, and what either takes besides, in
 * MiB. */
enum { STUBDOM = 28, LINUX_STUBDOM = 128, VIDEO = 16 };

static uint64_t device_model_mib(const struct vm_view *view)
{
    struct reader in = list_reader(&view->hvm);
    struct view_hvm hvm;
    if (strcmp(view->virt_mode, "hvm") != 0 || view_hvm_next(&in, &hvm) != 1)
        return 0;
    return (hvm.stubdom_mem > 0 ? hvm.stubdom_mem : hvm.linux_stubdom ? LINUX_STUBDOM : STUBDOM) + VIDEO;
}

uint64_t vm_memory_needed(const struct vm_view *view)
{
    uint64_t most = view->maxmem > 0 ? view->maxmem : view->memory;
    uint64_t bytes = (view->memory + device_model_mib(view) + OVERHEAD_MIB) * MIB;
    bytes += (uint64_t)view->vcpus * MIB * 3 / 2;
    return strcmp(view->virt_mode, "pv") != 0 ? bytes + most * PAGE_TABLES_PER_MIB : bytes;
}

static void ask(struct vm *vm, struct out *out, const char *line, unsigned seconds)
{
    (void)vm_ask_tag(vm); /* an answer is waited for: a kill need not */
    out_timer(out, TIMER_MEMORY, out->now + seconds * SECONDS);
    vm_progress(vm, out, &vm->job, seconds);
    vm->memory_asked = true;
    vm->memory->ask(vm->memory_arg, line);
}

bool vm_memory_begin(struct vm *vm, struct out *out)
{
    char line[VM_MEMORY_LINE];
    if (vm->memory == NULL)
        return false;
    snprintf(line, sizeof line, "%" PRIu64 "\n", vm_memory_needed(&vm->view));
    ask(vm, out, line, GRANT_SECONDS);
    return true;
}

bool vm_memory_shrink(struct vm *vm, struct out *out)
{
    char line[VM_MEMORY_LINE];
    if (vm->memory == NULL || !vm->view.is_preload || vm->view.maxmem == 0 || vm->seen.domid < 0)
        return false;
    snprintf(line, sizeof line, "%d:0\n", vm->seen.domid);
    ask(vm, out, line, TARGET_SECONDS);
    return true;
}

void vm_memory_release(struct vm *vm, struct out *out)
{
    if (!vm->memory_asked)
        return;
    vm->memory_asked = false;
    out_timer(out, TIMER_MEMORY, 0);
    vm->memory->close(vm->memory_arg);
}

static int failure(enum vm_memory_word word, struct fault *why)
{
    static const char *const texts[] = {
        [VM_MEMORY_REFUSED] =
            "there is not enough free memory: shut another VM down, or lower the property memory",
        [VM_MEMORY_DEAD] =
            "qmemman, which gives memory to VMs, is not to be reached: is its service running?",
        [VM_MEMORY_LATE] = "qmemman, which gives memory to VMs, does not answer: look at its service",
    };
    return texts[word] == NULL ? 0 : fault_set(why, ERR_MEMORY, "%s", texts[word]);
}

void vm_memory_said(struct vm *vm, struct out *out, enum vm_memory_word word)
{
    struct vm_result result = {0};
    if (!vm->memory_asked || vm->asked == 0)
        return; /* it was given up */
    out_timer(out, TIMER_MEMORY, 0);
    vm->asked = 0;
    vm->balanced = word == VM_MEMORY_GRANTED;
    result.r = failure(word, &result.why);
    vm_errand_goes_on(vm, out, &result);
    vm_next(vm, out);
}
