/* SPDX-License-Identifier: MIT
 * Whoever is removed must rest and leave no domain in libvirt, and says so itself; in registry. Its claim
 * says that it rests, too, but a registry that has just begun may not have heard of it yet. */
#include "actors/registry/registry.h"

/* How long a VM's process may take, and how often one that ends meanwhile is asked. */
#define REST_WITHIN (10 * SECONDS)
enum { REST_TRIES = 3 };

/* One whose life is just ending has said it. */
bool rest_is_owed(const struct pending_operation *o)
{
    bool removes = o->operation == OPERATION_vm_remove || o->operation == OPERATION_disposable_end;
    if (o->given != NULL)
        return plan_ends_some(&o->plan);
    return removes && o->asked_by != ASKED_BY_END_OF_LIFE && (o->plan.prepare & PREPARE_UNDEFINE) != 0;
}

bool plan_ends_some(const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++)
        if (p->change[i].kind == CHANGE_VM && p->change[i].gone)
            return true;
    return false;
}

static bool ask_one(struct out *out, const struct pending_operation *o, const struct vm *vm)
{
    struct context c = {.op = o->op,
                        .caller = o->request.context.caller,
                        .subject = {KIND_VM, vm_qid(vm), vm_generation(vm)},
                        .deadline = out->now + REST_WITHIN};
    return ASK(out, vm_remove, ((struct address){KIND_VM, vm_qid(vm)}), &c, o->number,
               NO_MESSAGE(vm_remove)) == 0;
}

unsigned rest_ask(struct registry *r, struct out *out, const struct pending_operation *o)
{
    unsigned asked = 0;
    for (size_t i = 0; i < o->plan.changes; i++) {
        const struct change *c = &o->plan.change[i];
        const struct vm *vm = c->kind == CHANGE_VM && c->gone ? model_vm(r->model, c->qid) : NULL;
        if (vm != NULL) /* else it is not committed yet: it never had a process */
            asked += ask_one(out, o, vm);
    }
    return asked;
}

bool rest_ask_again(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (!o->rest_unheard || o->refused < 0)
        return false;
    if (++o->rest_tries >= REST_TRIES) {
        o->refused = fault_set(&o->why, ERR_GONE,
                               "the VM's process ended again and again while it was asked "
                               "whether the VM can be removed; try again");
        return false;
    }
    o->rest_unheard = false;
    o->asked = rest_ask(r, out, o);
    return o->asked > 0;
}
