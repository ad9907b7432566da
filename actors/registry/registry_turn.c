/* SPDX-License-Identifier: MIT
 * Operations in their turn: planned by the model, agreed with the living VMs that they touch, given to the
 * store, in the order of their arrival; only a VM that is being asked lets others overtake. In registry. */
#include "actors/registry/registry.h"

#include <string.h>

#include "actors/registry/registry_storage.h"
#include "base/log.h"

#include <utlist.h>

/* How long a living VM may take to agree to a change. */
#define PREPARE_MOST (10 * SECONDS)

struct context operate_told_of(const struct pending_operation *o)
{
    return (struct context){.op = o->op, .caller = o->request.context.caller};
}

struct pending_operation *operate_find(struct registry *r, uint64_t number)
{
    struct pending_operation *o;
    DL_FOREACH(r->operations, o)
    {
        if (o->number == number)
            return o;
    }
    return NULL;
}

static struct span bytes_of(const struct text *t)
{
    return (struct span){t->at != NULL ? t->at : "", t->len};
}

/* What the plan drew when it was made before, then what nobody has drawn. */
static uint32_t draw(void *arg)
{
    struct registry *r = arg;
    struct pending_operation *o = r->planning;
    if (o->drawn < o->draws)
        return o->draw[o->drawn++];
    uint32_t bits = r->random(r->world.arg);
    if (o->draws < PLAN_DRAWS) {
        o->draw[o->draws++] = bits;
        o->drawn++;
    }
    return bits;
}

/* Asked of a VM that was removed since, whose number another one has now. */
static bool is_of_another(const struct known *known, const struct pending_operation *o)
{
    const struct vm *vm = o->target <= QID_MAX ? model_vm(known->model, o->target) : NULL;
    return o->generation != 0 && vm != NULL && vm_generation(vm) != o->generation;
}

static int plan(struct registry *r, const struct known *known, struct pending_operation *o)
{
    plan_free(&o->plan);
    if (is_of_another(known, o))
        return fault_set(&o->why, ERR_VM_NOT_FOUND, "No such domain: it was removed");
    o->drawn = 0;
    r->random = r->world.random;
    if (r->random != NULL)
        r->world.random = draw;
    claims_let_go(r, o);
    r->planning = o;
    int e = o->given != NULL ? plan_replace(known, o->given->at, o->given->count, &o->plan, &o->why)
                             : operation_plan(known, o->operation, o->request.context.caller, o->target,
                                              bytes_of(&o->key), bytes_of(&o->value), &o->plan, &o->why);
    r->planning = NULL;
    r->world.random = r->random;
    if (e >= 0 && o->relies_badly)
        e = fault_set(&o->why, ERR_NOMEM, "no room to hold every VM that this needs halted; nothing changed");
    if (e < 0)
        claims_let_go(r, o);
    return e;
}

void operate_refuse(struct registry *r, struct out *out, struct pending_operation *o, int e)
{
    struct context c = operate_told_of(o);
    if (!o->announced && o->refused == 0) /* else a VM was asked: nothing else was to be announced */
        publish_early(r, out, &c, &o->plan, o->plan.events);
    operate_answer_error(out, o, e, &o->why);
    operate_finish(r, o);
}

/* The value of one pair of an event, as text. */
static void pair_text(const struct plan_event *e, const char *key, char text[256])
{
    text[0] = '\0';
    for (unsigned i = 0; i < e->pair_count; i++)
        if (strcmp(e->pair[i].key, key) == 0)
            (void)text_copy(text, 256, e->pair[i].value);
}

/* Asks each living VM whose netvm is about to change; how many were asked. */
static unsigned ask_preparers(struct registry *r, struct out *out, struct pending_operation *o)
{
    unsigned asked = 0;
    for (size_t i = 0; i < o->plan.commit_at; i++) {
        const struct plan_event *e = &o->plan.event[i];
        const struct vm *vm = e->subject <= QID_MAX ? model_vm(r->model, e->subject) : NULL;
        if (vm == NULL || !r->claims[e->subject].living || !span_is(e->name, "property-pre-set:netvm"))
            continue;
        struct prepare m = {.property = "netvm"};
        struct context c = o->request.context;
        c.subject = (struct subject){KIND_VM, e->subject, vm_generation(vm)};
        c.deadline = out->now + PREPARE_MOST;
        pair_text(e, "oldvalue", m.was);
        pair_text(e, "newvalue", m.becomes);
        m.paused = r->claims[e->subject].paused;
        asked += ASK(out, prepare, ((struct address){KIND_VM, e->subject}), &c, o->number, &m) == 0;
    }
    return asked;
}

static bool asks_vms(const struct pending_operation *o)
{
    return !o->prepared && (rest_is_owed(o) || (o->plan.prepare & PREPARE_NETVM) != 0);
}

static bool prepares(struct registry *r, struct out *out, struct pending_operation *o)
{
    o->asked = rest_is_owed(o) ? rest_ask(r, out, o) : ask_preparers(r, out, o);
    if (o->asked == 0)
        return false;
    struct context c = operate_told_of(o);
    o->announced = !rest_is_owed(o);
    if (o->announced)
        publish_early(r, out, &c, &o->plan, o->plan.commit_at);
    claims_let_go(r, o); /* it is planned anew when they have agreed */
    o->step = STEP_PREPARING;
    return true;
}

static void fail_here(struct registry *r, struct out *out, struct pending_operation *o, int e)
{
    fault_set(&o->why, (enum err) - e, "%s", err_text((enum err) - e));
    operate_answer_failure(r, out, o, e, &o->why);
    operate_finish(r, o);
}

/* Planned and in the batch, or asked about, or ended. False: it and those behind it wait until all that is
 * planned is committed, for what a VM is asked must be so. */
static bool begin(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct known known;
    int e = batch_known(r, &known);
    if (e < 0) {
        fail_here(r, out, o, e);
        return true;
    }
    if (storage_goes_on(r, out, o))
        return true;
    bool refused = o->refused < 0 || plan(r, &known, o) < 0;
    if (refused && storage_undo(r, out, o))
        return true;
    enum storage_turn turn = refused ? STORAGE_NOTHING : storage_before(r, out, &known, o);
    if (turn != STORAGE_NOTHING)
        return turn == STORAGE_TAKES_IT;
    if (!refused && asks_vms(o)) {
        if (!rest_is_owed(o) && !batch_is_empty(r)) {
            claims_let_go(r, o);
            return false;
        }
        if (prepares(r, out, o))
            return true;
    }
    e = batch_add(r, &known, o, refused);
    if (e < 0) {
        fail_here(r, out, o, e);
        return true;
    }
    o->step = STEP_COMMITTING;
    return true;
}

/* Its turn. False: nobody's turn is before that of this one. */
static bool take_turn(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (!batch_has_room(r) || (!batch_is_empty(r) && (o->alone || r->waiting_claims != NULL)))
        return false; /* also: who waits to live would wait for ever behind one operation after another */
    if (!begin(r, out, o))
        return false;
    batch_give(r, out);
    return true;
}

/* The very same, asked again because its asker lost sight of it. */
static bool is_same(const struct pending_operation *before, const struct pending_operation *o)
{
    struct op_id id = storage_op(before);
    return before->work != NULL && id.high == o->op.high && id.low == o->op.low;
}

/* Waits behind an operation on the same VM that is being agreed upon, and behind itself. */
static bool must_wait(const struct registry *r, const struct pending_operation *o)
{
    const struct pending_operation *before;
    DL_FOREACH(r->operations, before)
    {
        if (before == o)
            return false;
        bool agreeing = before->step == STEP_PREPARING || before->step == STEP_FINISHING;
        if ((agreeing && before->target == o->target) || is_same(before, o))
            return true;
    }
    return false;
}

void operate_go_on(struct registry *r, struct out *out)
{
    struct pending_operation *o, *next;
    r->now = out->now;
    claims_go_on(r, out);
    if (r->applying || !r->loaded || !r->settled || r->stopping) /* the router answers for what never began */
        return;
    do {
        r->again = false;
        DL_FOREACH_SAFE(r->operations, o, next)
        {
            if (o->step == STEP_WAITING && !must_wait(r, o) && !take_turn(r, out, o))
                return;
        }
    } while (r->again);
}

/* What is committed stays; that something did not follow from it is said. */
static void finished(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct store_write done = {.version = o->version};
    if (o->refused < 0)
        operate_answer_error(out, o, o->refused, &o->why);
    else
        operate_answer_done(r, out, o, &done);
    operate_finish(r, o);
    operate_go_on(r, out);
}

void operate_prepared(struct registry *r, struct out *out, const struct answer *a)
{
    struct pending_operation *o = operate_find(r, a->tag);
    if (storage_answered(r, out, a))
        return;
    if (o == NULL || (o->step != STEP_PREPARING && o->step != STEP_FINISHING) || a->progress)
        return;
    bool resizes = o->step == STEP_FINISHING && o->operation == OPERATION_volume_resize;
    if (a->r == -ERR_GONE && o->step == STEP_PREPARING)
        o->rest_unheard = rest_is_owed(o);
    if (a->r < 0 && (a->r != -ERR_GONE || resizes)) {
        o->refused = a->r;
        o->why = a->why;
    }
    if (o->refused < 0 && resizes)
        resize_failed(o);
    if (--o->asked > 0 || rest_ask_again(r, out, o))
        return;
    if (o->step == STEP_FINISHING) {
        finished(r, out, o);
        return;
    }
    o->prepared = true;
    o->step = STEP_WAITING;
    operate_go_on(r, out);
}

void operate_done_with(struct registry *r, struct out *out, struct pending_operation *o, int e)
{
    struct store_write done = {.version = r->version};
    if (e < 0)
        operate_answer_error(out, o, e, &o->why);
    else
        operate_answer_done(r, out, o, &done);
    operate_finish(r, o);
}
