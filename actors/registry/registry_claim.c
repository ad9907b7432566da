/* SPDX-License-Identifier: MIT
 * Who lives: the claims of VMs' processes against the operations that count on a VM being halted. An
 * operation whose plan has asked and heard "halted" keeps that VM from beginning to live until it is
 * committed or refused; a claim that comes meanwhile waits and is answered by what is then so. */
#include "actors/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry_view.h"
#include "base/grow.h"

#include <utlist.h>

/* A start that waits for a commit. At most one for each VM: a process asks again only after an answer. */
struct waiting_claim {
    struct waiting_claim *prev, *next;
    struct request request;
    bool lives;
};

/* ---- what operations count on ---- */

/* Called while a plan is made; the plan is not used when this fails. */
static void rely(struct registry *r, struct pending_operation *o, uint32_t qid)
{
    if (GROW(o->relied_on, o->relied, o->relied_room, 8) < 0) {
        o->relies_badly = true;
        return;
    }
    o->relied_on[o->relied++] = qid;
    r->relied[qid]++;
}

const char *claims_power_state(struct registry *r, uint32_t qid)
{
    if (r->claims[qid].living)
        return r->claims[qid].paused ? "Paused" : "Running";
    if (r->planning != NULL && r->relied[qid] < UINT16_MAX)
        rely(r, r->planning, qid);
    else if (r->planning != NULL)
        r->planning->relies_badly = true;
    return "Halted";
}

void claims_hold(struct registry *r, struct pending_operation *o, uint32_t qid)
{
    if (qid >= 1 && qid <= QID_MAX && r->relied[qid] < UINT16_MAX)
        rely(r, o, qid);
}

void claims_let_go(struct registry *r, struct pending_operation *o)
{
    for (size_t i = 0; i < o->relied; i++)
        r->relied[o->relied_on[i]]--;
    o->relied = 0;
    o->relies_badly = false;
}

/* ---- claims ---- */

const struct vm *claims_subject(const struct registry *r, const struct context *c)
{
    uint32_t qid = c->subject.instance;
    const struct vm *vm = r->loaded && qid >= 1 ? model_vm(r->model, qid) : NULL;
    return vm != NULL && vm_generation(vm) == c->subject.generation ? vm : NULL;
}

static void tell_view(struct registry *r, struct out *out, const struct request *to, bool lives)
{
    struct claim_reply reply;
    struct view_memory memory;
    struct fault why;
    const struct vm *vm = claims_subject(r, &to->context);
    if (vm == NULL) {
        fault_set(&why, ERR_VM_NOT_FOUND, "No such domain: it was removed");
        reply_error(out, to, -ERR_VM_NOT_FOUND, &why);
        return;
    }
    if (lives)
        r->claims[vm_qid(vm)].living = r->claims[vm_qid(vm)].told = true;
    int made = view_make(r, vm_qid(vm), &reply.view, &memory, &why);
    if (made == 0 && !lives)
        view_users(r, vm_qid(vm), &reply.view);
    if (made < 0)
        reply_error(out, to, made, &why);
    else
        (void)REPLY(out, claim, to, &reply);
    view_memory_free(&memory);
}

static void wait(struct registry *r, struct out *out, const struct request *request, bool lives)
{
    struct waiting_claim *w, *n;
    DL_FOREACH_SAFE(r->waiting_claims, w, n)
    {
        if (w->request.context.subject.instance != request->context.subject.instance)
            continue;
        DL_DELETE(r->waiting_claims, w); /* its asker has ended: here is the next */
        free(w);
    }
    w = malloc(sizeof *w);
    if (w == NULL) {
        reply_error(out, request, -ERR_NOMEM, NULL);
        return;
    }
    w->request = *request;
    w->lives = lives;
    DL_APPEND(r->waiting_claims, w);
}

void claims_begin(struct registry *r, struct out *out, const struct request *request, bool lives)
{
    const struct vm *vm = claims_subject(r, &request->context);
    bool is_held = vm != NULL && r->relied[vm_qid(vm)] > 0 && !r->claims[vm_qid(vm)].living;
    if (!r->loaded || (lives && is_held)) /* before the store is read nobody is known to exist */
        wait(r, out, request, lives);
    else
        tell_view(r, out, request, lives);
}

void claims_go_on(struct registry *r, struct out *out)
{
    struct waiting_claim *w, *next;
    if (!r->loaded)
        return;
    DL_FOREACH_SAFE(r->waiting_claims, w, next)
    {
        uint64_t deadline = w->request.context.deadline;
        if (deadline != 0 && deadline <= r->now) { /* the router has answered: nobody would end this life */
            DL_DELETE(r->waiting_claims, w);
            free(w);
            continue;
        }
        if (w->request.context.subject.instance <= QID_MAX &&
            r->relied[w->request.context.subject.instance] > 0)
            continue;
        DL_DELETE(r->waiting_claims, w);
        tell_view(r, out, &w->request, w->lives);
        free(w);
    }
}

/* Who releases waits for nothing any more. */
static void forget_waiting(struct registry *r, uint32_t qid)
{
    struct waiting_claim *w, *next;
    DL_FOREACH_SAFE(r->waiting_claims, w, next)
    {
        if (w->request.context.subject.instance != qid)
            continue;
        DL_DELETE(r->waiting_claims, w);
        free(w);
    }
}

bool claims_release(struct registry *r, const struct request *request, bool *lived)
{
    const struct vm *vm = claims_subject(r, &request->context);
    if (vm == NULL)
        return false;
    forget_waiting(r, vm_qid(vm));
    *lived = r->claims[vm_qid(vm)].living;
    struct life_claim *claim = &r->claims[vm_qid(vm)];
    claim->living = claim->started = false;
    claim->xid[0] = '\0';
    claim->told = true;
    return true;
}

void claims_lives(struct registry *r, struct out *out, const struct envelope *e, const struct lives_as *m)
{
    struct context about = context_of(e);
    const struct vm *vm = claims_subject(r, &about);
    char xid[sizeof r->claims[0].xid] = "";
    if (vm == NULL)
        return;
    struct life_claim *claim = &r->claims[vm_qid(vm)];
    if (m->there != 0)
        snprintf(xid, sizeof xid, "%u", m->domid);
    bool another = strcmp(claim->xid, xid) != 0, comes = m->started != 0 && (another || !claim->started);
    memcpy(claim->xid, xid, sizeof xid);
    claim->paused = m->paused != 0;
    claim->started = m->started != 0;
    if (another && m->there != 0) {
        qubesdb_spawned(r, out, vm);
        sound_looks(r, out, vm);
    }
    if (comes)
        qubesdb_started(r, out, vm);
}

void claims_end(struct registry *r)
{
    struct waiting_claim *w, *next;
    DL_FOREACH_SAFE(r->waiting_claims, w, next)
    {
        DL_DELETE(r->waiting_claims, w);
        free(w);
    }
}
