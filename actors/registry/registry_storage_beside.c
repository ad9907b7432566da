/* SPDX-License-Identifier: MIT
 * Commits beside an operation's own: that volumes are about to be made, and that they are gone; in registry.
 */
#include "actors/registry/registry_storage_inside.h"

void storage_end(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (w->answered)
        o->asked_by = ASKED_BY_NOBODY;
    operate_done_with(r, out, o, w->makes && w->failed ? w->r : 0);
}

/* In the place of the operation's own plan and id, which follow. */
void storage_commit_beside(struct registry *r, struct out *out, struct pending_operation *o,
                           enum storage_phase phase)
{
    struct storage_work *w = o->work;
    struct known known;
    plan_free(&o->plan);
    plan_leftovers(&o->plan, w->plan.job, phase == PHASE_CLEAN);
    w->phase = phase;
    o->op = operate_new_id(r);
    int e = batch_known(r, &known);
    if (e == 0)
        e = o->plan.failed;
    if (e == 0)
        e = batch_add(r, &known, o, false);
    o->step = STEP_COMMITTING;
    if (e < 0)
        (void)storage_commit_failed(r, out, o, e, NULL);
}

struct op_id storage_op(const struct pending_operation *o)
{
    return o->work != NULL ? o->work->op : o->op;
}

bool storage_is_beside(const struct pending_operation *o)
{
    return o->work != NULL && (o->work->phase == PHASE_INTENT || o->work->phase == PHASE_CLEAN);
}

/* What could not be said to be left is made by nobody; what could not be said to be gone is removed again. */
bool storage_commit_failed(struct registry *r, struct out *out, struct pending_operation *o, int e,
                           const struct fault *why)
{
    if (!storage_is_beside(o))
        return false;
    if (o->work->phase == PHASE_INTENT) {
        storage_fail(o, NULL, e, why);
        operate_done_with(r, out, o, o->work->r);
    } else {
        storage_end(r, out, o);
    }
    return true;
}

bool storage_committed(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct storage_work *w = o->work;
    if (!storage_is_beside(o))
        return false;
    o->op = w->op;
    if (w->phase == PHASE_INTENT)
        storage_ask_all(r, out, o, PHASE_JOBS, NULL);
    else
        storage_end(r, out, o);
    return true;
}

bool storage_goes_on(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (o->work == NULL || (o->work->phase != PHASE_TIDY && !storage_is_beside(o)))
        return false;
    storage_commit_beside(r, out, o, o->work->phase == PHASE_INTENT ? PHASE_INTENT : PHASE_CLEAN);
    return true;
}
