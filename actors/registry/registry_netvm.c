/* SPDX-License-Identifier: MIT
 * A change of the netvm of a VM that runs, after its commit; and one that was put off while it was paused.
 * Spec: net 3. */
#include "actors/registry/registry.h"

#include <string.h>

#include "model/plan_netvm.h"

/* The guest's database, the netvm's, and libvirt, one after another. */
#define FINISH_MOST (60 * SECONDS)

static void pair_text(const struct plan_event *e, const char *key, char text[256])
{
    for (unsigned i = 0; i < e->pair_count; i++)
        if (strcmp(e->pair[i].key, key) == 0 && !span_is(e->pair[i].value, "None"))
            (void)text_copy(text, 256, e->pair[i].value);
}

static int ask(struct registry *r, struct out *out, const struct pending_operation *o,
               const struct plan_event *e)
{
    const struct vm *vm = model_vm(r->model, e->subject);
    struct finish m = {.property = "netvm", .deferred = o->operation == OPERATION_netvm_apply};
    struct context c = {.op = o->op,
                        .caller = o->request.context.caller,
                        .subject = {KIND_VM, e->subject, vm_generation(vm)},
                        .deadline = out->now + FINISH_MOST};
    pair_text(e, "oldvalue", m.was);
    pair_text(e, "newvalue", m.becomes);
    return ASK(out, finish, ((struct address){KIND_VM, e->subject}), &c, o->number, &m);
}

unsigned netvm_finish(struct registry *r, struct out *out, struct pending_operation *o)
{
    unsigned asked = 0;
    for (size_t i = 0; i < o->plan.events; i++) {
        const struct plan_event *e = &o->plan.event[i];
        if (span_is(e->name, "property-set:netvm") && e->subject <= QID_MAX &&
            model_vm(r->model, e->subject) != NULL && r->claims[e->subject].living)
            asked += ask(r, out, o, e) == 0;
    }
    return asked;
}

void netvm_due(struct registry *r, struct out *out, const struct context *about)
{
    if (claims_subject(r, about) != NULL && netvm_put_off(&r->known, about->subject.instance))
        operate_self(r, out, OPERATION_netvm_apply, about->subject.instance);
}

void netvm_forget(struct registry *r, struct out *out, uint32_t qid)
{
    r->claims[qid].paused = false;
    if (model_vm(r->model, qid) != NULL && netvm_put_off(&r->known, qid))
        operate_self(r, out, OPERATION_netvm_forget, qid);
}
