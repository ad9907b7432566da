/* SPDX-License-Identifier: MIT
 * vm/<qid>: what errands share: their steps, their beginnings and ends, whom they answer. */
#include "actors/vm/vm.h"

#include <string.h>

#include "base/own.h"

enum { TAG_FIRST = 1 };

typedef void errand_step(struct vm *vm, struct out *out, const struct vm_result *result);
static errand_step *const errands[ERRANDS] = {
    [ERRAND_BEGIN] = vm_begin_step,     [ERRAND_LOOK] = vm_look_step,
    [ERRAND_START] = vm_start_step,     [ERRAND_UNDO] = vm_undo_step,
    [ERRAND_CLEAN] = vm_clean_step,     [ERRAND_KILL] = vm_kill_step,
    [ERRAND_PAUSE] = vm_pause_step,     [ERRAND_SHUTDOWN] = vm_shutdown_step,
    [ERRAND_UNPAUSE] = vm_unpause_step, [ERRAND_SUSPEND] = vm_suspend_step,
    [ERRAND_RESUME] = vm_resume_step,   [ERRAND_CONSOLE] = vm_console_step,
    [ERRAND_REMOVE] = vm_remove_step,   [ERRAND_NET] = vm_net_step,
    [ERRAND_ATTACH] = vm_attach_step,   [ERRAND_DETACH] = vm_detach_step,
    [ERRAND_DEVICES] = vm_devices_step, [ERRAND_HOST] = vm_host_step,
    [ERRAND_PRELOAD] = vm_preload_step, [ERRAND_RESIZE] = vm_resize_step,
    [ERRAND_WISHES] = vm_wishes_step,
};

struct context vm_context(const struct vm *vm, struct out *out, unsigned seconds)
{
    struct context c = context_about_vm(vm->qid, vm->generation);
    const struct vm_request *asker = vm->job.owed ? &vm->job : vm->waiting > 0 ? &vm->waiters[0] : NULL;
    if (asker != NULL) {
        c.op = asker->request.context.op;
        c.caller = asker->request.context.caller;
    } else if (vm->note.step != STEP_NONE && vm->note.step != STEP_LIVING) {
        c.op = vm->note.op; /* what it finishes or undoes */
        c.caller = vm->note.caller;
    }
    c.deadline = seconds == 0 ? 0 : out->now + seconds * SECONDS;
    return c;
}

uint64_t vm_ask_tag(struct vm *vm)
{
    vm->asked = ++vm->tags + TAG_FIRST;
    return vm->asked;
}

void vm_answer(struct vm *vm, struct out *out, struct vm_request *job, int r, const struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    (void)vm;
    vm_plug_free(job->plug);
    job->plug = NULL;
    if (!job->owed)
        return;
    job->owed = false;
    if (r < 0) {
        reply_error(out, &job->request, r, why);
        return;
    }
    write_array(&body, 0);
    (void)post_reply(out, &job->request, &body);
}

void vm_progress(struct vm *vm, struct out *out, struct vm_request *job, unsigned seconds)
{
    uint64_t deadline = out->now + (seconds + VM_MARGIN_SECONDS) * SECONDS;
    (void)vm;
    if (!job->owed || job->deadline >= deadline)
        return;
    job->deadline = deadline;
    reply_progress(out, &job->request, deadline);
}

/* A view that does not fit is not taken: the one before stays. */
int vm_take_view(struct vm *vm, struct out *out, const struct vm_view *view)
{
    struct text bytes = TEXT_WITH_LIMIT(BODY_MAX);
    struct vm_view taken;
    vm_view_encode(&bytes, view);
    int r = bytes.failed < 0 ? bytes.failed : vm_view_decode(&taken, text_span(&bytes));
    if (r < 0) {
        text_free(&bytes);
        return r;
    }
    if (!vm->has_view || strcmp(vm->view.name, taken.name) != 0)
        out_title(out, taken.name);
    text_free(&vm->view_bytes);
    vm->view_bytes = bytes;
    vm->view = taken;
    vm->has_view = true;
    vm->scarce = taken.calls_scarce != 0;
    return 0;
}

/* ---- how one begins and ends ---- */

void vm_errand_begin(struct vm *vm, struct out *out, enum vm_errand errand, const struct vm_request *job)
{
    vm->errand = errand;
    vm->step = 0;
    vm->job = job != NULL ? *job : (struct vm_request){0};
    errands[errand](vm, out, NULL);
}

void vm_errand_become(struct vm *vm, struct out *out, enum vm_errand errand)
{
    vm->errand = errand;
    vm->step = 0;
    vm->asked = 0;
    errands[errand](vm, out, NULL);
}

void vm_errand_end(struct vm *vm, struct out *out, int r, const struct fault *why)
{
    struct vm_request job = vm->job;
    vm->errand = ERRAND_NONE;
    vm->asked = 0;
    vm->job.owed = false;
    vm->job.plug = NULL;
    vm_answer(vm, out, &job, r, why);
}

void vm_errand_goes_on(struct vm *vm, struct out *out, const struct vm_result *result)
{
    errands[vm->errand](vm, out, result);
}
