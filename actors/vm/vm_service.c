/* SPDX-License-Identifier: MIT
 * vm/<qid>: a service of the guest is called through launcher (spec lifecycle 7), as a step of an errand.
 * What the guest makes of it is its exit status; no byte of its output is looked at. */
#include "actors/vm/vm.h"

#include "base/log.h"

enum { MARGIN_SECONDS = 15 };

bool vm_service(struct vm *vm, struct out *out, const struct vm_call *call)
{
    return vm_service_with(vm, out, call, "");
}

bool vm_service_with(struct vm *vm, struct out *out, const struct vm_call *call, const char *input)
{
    struct context context = vm_context(vm, out, call->seconds + MARGIN_SECONDS);
    struct service m = {.seconds = call->seconds, .connect_seconds = call->connect_seconds};
    if (vm->view.qrexec == 0)
        return false;
    if (!vm->qrexec_up) {
        log_line(LOG_WARN, "%s: %s is not called, for its qrexec daemon does not run", vm->view.name,
                 call->service);
        return false;
    }
    (void)VM_SAY(vm, out, {.name = "domain-cmd-pre-run", .key = {"start_guid"}, .value = {"False"}});
    (void)text_copy(m.service, sizeof m.service, span_of(call->service));
    (void)text_copy(m.user, sizeof m.user, span_of(call->user));
    m.input = span_of(input);
    vm_progress(vm, out, &vm->job, call->seconds + MARGIN_SECONDS);
    ASK(out, service, ((struct address){KIND_LAUNCHER, 0}), &context, vm_ask_tag(vm), &m);
    return true;
}

int vm_service_end(const struct vm *vm, const struct vm_call *call, const struct vm_result *result,
                   struct fault *why)
{
    struct service_reply m = {0};
    if (result->r < 0)
        return fault_set(why, ERR_QUBES, "%s: %s: %.300s", vm->view.name, call->service,
                         result->why.text[0] != '\0' ? result->why.text : err_text((enum err) - result->r));
    if (service_reply_decode(&m, result->e->body) < 0)
        return fault_set(why, ERR_BAD, "%s: launcher's answer is malformed", call->service);
    if (m.status != 0)
        return fault_set(why, ERR_QUBES, "%s: %s ended with %u: %.300s", vm->view.name, call->service,
                         m.status, m.said);
    return 0;
}

void vm_service_logged(const struct vm *vm, const struct vm_call *call, const struct vm_result *result)
{
    struct fault why;
    if (vm_service_end(vm, call, result, &why) < 0)
        log_line(LOG_WARN, "%s", why.text);
}
