/* SPDX-License-Identifier: MIT
 * Operations: planned by the model, agreed with the living VMs that they touch, committed, told,
 * answered. One commit at a time; only a VM that is being asked lets others overtake. */
#include "actors/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/own.h"

#include <utlist.h>

/* How long a living VM may take to agree to a change. */
#define PREPARE_MOST (10 * SECONDS)
/* How much of a change the history shows as text. */
enum { HISTORY_TEXT = 1 << 16 };

static void finish(struct registry *r, struct pending_operation *o)
{
    claims_let_go(r, o);
    free(o->relied_on);
    DL_DELETE(r->operations, o);
    r->operation_count--;
    text_free(&o->key);
    text_free(&o->value);
    text_free(&o->report);
    if (o->given != NULL)
        change_list_free(o->given);
    free(o->given);
    plan_free(&o->plan);
    free(o);
}

void operate_end(struct registry *r)
{
    while (r->operations != NULL)
        finish(r, r->operations);
}

/* For what all are told: of whom a release spoke is not of whom a delta speaks. */
static struct context told_of(const struct pending_operation *o)
{
    return (struct context){.op = o->op, .caller = o->request.context.caller};
}

/* ---- the answer ---- */

/* The store did not take it. Who waits for an end asks again; what nobody asked for is due again. */
static void answer_failure(struct registry *r, struct out *out, const struct pending_operation *o, int e,
                           const struct fault *why)
{
    if (o->asked_by == ASKED_BY_END_OF_LIFE)
        reply_error(out, &o->request, -ERR_BUSY, NULL);
    else if (o->asked_by == ASKED_BY_API)
        reply_error(out, &o->request, e, why);
    else if (o->operation == OPERATION_disposable_end)
        chore_end_again(r, out, o->target);
    else
        preload_failed(r, out, (enum operation)o->operation, o->target);
}

static void answer_error(struct out *out, const struct pending_operation *o, int e, const struct fault *why)
{
    if (o->asked_by == ASKED_BY_API) {
        reply_error(out, &o->request, e, why);
        return;
    }
    log_line(e == -ERR_VM_NOT_FOUND ? LOG_INFO : LOG_WARN, "%s of VM %u: %s", operation_name(o->operation),
             (unsigned)o->target, why != NULL ? why->text : err_text((enum err) - e));
    if (o->asked_by == ASKED_BY_END_OF_LIFE)
        (void)REPLY(out, release, &o->request, (&(struct release_reply){.removed = e == -ERR_VM_NOT_FOUND}));
}

static void answer_done(struct registry *r, struct out *out, struct pending_operation *o,
                        const struct store_task *t)
{
    struct operate_reply done = {.version = t->version};
    if (t->result.at != NULL)
        (void)text_copy(done.result, sizeof done.result, text_span(&t->result));
    if (o->given != NULL)
        transfer_imported(r, out, o);
    else if (o->asked_by == ASKED_BY_API)
        (void)REPLY(out, operate, &o->request, &done);
    else if (o->asked_by == ASKED_BY_END_OF_LIFE)
        (void)REPLY(out, release, &o->request, (&(struct release_reply){.removed = o->plan.changes > 0}));
}

static struct pending_operation *add(struct registry *r)
{
    struct pending_operation *o = r->operation_count < REGISTRY_QUEUE_MAX ? calloc(1, sizeof *o) : NULL;
    if (o == NULL)
        return NULL;
    o->number = ++r->next_number;
    o->key = o->value = TEXT_WITH_LIMIT(BODY_PART_MAX);
    DL_APPEND(r->operations, o);
    r->operation_count++;
    return o;
}

void operate_begin(struct registry *r, struct out *out, const struct envelope *e, const struct operate *m)
{
    struct request request = request_of(e);
    struct pending_operation *o = add(r);
    if (o == NULL) {
        reply_error(out, &request, -ERR_BUSY, NULL);
        return;
    }
    o->request = request;
    o->op = request.context.op;
    o->operation = m->operation;
    o->target = m->target;
    memcpy(o->method, m->method, sizeof o->method);
    text_append(&o->key, m->key);
    text_append(&o->value, m->value);
    if (o->key.failed < 0 || o->value.failed < 0) {
        reply_error(out, &request, -ERR_NOMEM, NULL);
        finish(r, o);
    }
    operate_go_on(r, out);
}

void operate_given(struct registry *r, struct out *out, const struct request *request,
                   struct change_list *list, struct text *report)
{
    struct pending_operation *o = r->operation_count < REGISTRY_QUEUE_MAX ? calloc(1, sizeof *o) : NULL;
    struct change_list *given = o != NULL ? calloc(1, sizeof *given) : NULL;
    if (given == NULL) {
        free(o);
        reply_error(out, request, -ERR_BUSY, NULL);
        return;
    }
    *given = *list;
    *list = (struct change_list){0};
    *o = (struct pending_operation){.number = ++r->next_number,
                                    .request = *request,
                                    .op = request->context.op,
                                    .operation = OPERATIONS,
                                    .target = QID_GLOBAL,
                                    .method = "bulkhead.Import",
                                    .given = given,
                                    .report = *report};
    *report = (struct text){0};
    DL_APPEND(r->operations, o);
    r->operation_count++;
    operate_go_on(r, out);
}

struct op_id operate_new_id(struct registry *r)
{
    uint32_t n[4];
    for (size_t i = 0; i < COUNT(n); i++)
        n[i] = r->world.random != NULL ? r->world.random(r->world.arg) : (uint32_t)++r->next_number;
    return (struct op_id){(uint64_t)n[0] << 32 | n[1], (uint64_t)n[2] << 32 | n[3]};
}

/* The version makes the id: it was never used, and a repetition after a crash gets the same. */
void operate_self(struct registry *r, struct out *out, enum operation operation, uint32_t target)
{
    struct pending_operation *o = add(r);
    if (o == NULL)
        return;
    o->op = (struct op_id){(uint64_t)operation << 32 | target, r->version + 1};
    o->asked_by = ASKED_BY_NOBODY;
    o->operation = (uint32_t)operation;
    o->target = target;
    snprintf(o->method, sizeof o->method, "bulkhead.%s", operation_name(operation));
    operate_go_on(r, out);
}

void operate_own(struct registry *r, struct out *out, enum operation operation, uint32_t target,
                 const char *key, const struct request *release)
{
    struct pending_operation *o = add(r);
    if (o == NULL) {
        if (release != NULL)
            reply_error(out, release, -ERR_BUSY, NULL); /* its asker tries again */
        else if (operation == OPERATION_disposable_end)
            chore_end_again(r, out, target);
        return;
    }
    if (release != NULL)
        o->request = *release;
    o->op = operate_new_id(r);
    o->asked_by = release != NULL ? ASKED_BY_END_OF_LIFE : ASKED_BY_NOBODY;
    o->operation = (uint32_t)operation;
    o->target = target;
    strcpy(o->method, "registry");
    text_add(&o->key, key);
    operate_go_on(r, out);
}

static struct pending_operation *find(struct registry *r, uint64_t number)
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

static int plan(struct registry *r, struct pending_operation *o)
{
    plan_free(&o->plan);
    claims_let_go(r, o);
    r->planning = o;
    int e = o->given != NULL ? plan_replace(&r->known, o->given->at, o->given->count, &o->plan, &o->why)
                             : operation_plan(&r->known, o->operation, o->request.context.caller, o->target,
                                              bytes_of(&o->key), bytes_of(&o->value), &o->plan, &o->why);
    r->planning = NULL;
    if (e >= 0 && o->relies_badly)
        e = fault_set(&o->why, ERR_NOMEM, "no room to hold every VM that this needs halted; nothing changed");
    if (e < 0)
        claims_let_go(r, o);
    return e;
}

/* The history's words for one side of the changes. */
static void describe(const struct registry *r, const struct plan *p, bool after, struct text *line)
{
    for (size_t i = 0; i < p->changes && line->len < HISTORY_TEXT; i++) {
        const struct change *c = &p->change[i];
        const struct item *item =
            c->kind == CHANGE_PROPERTY ? NULL : model_item(r->model, c->qid, c->kind, c->key);
        struct span value = c->value;
        enum property property;
        if (!after && c->kind == CHANGE_PROPERTY &&
            property_lookup(c->key, c->qid == QID_GLOBAL, &property) == 0)
            value = property_stored(&r->known, c->qid, property);
        else if (!after)
            value = item != NULL ? (struct span){item->value, item->value_len} : (struct span){NULL, 0};
        bool there = after ? !c->gone : value.at != NULL;
        text_format(line, "%s%d %s %.*s", line->len > 0 ? "\n" : "", c->qid == QID_GLOBAL ? -1 : (int)c->qid,
                    change_kind_name(c->kind), (int)c->key.len, c->key.at != NULL ? c->key.at : "");
        if (there)
            text_format(line, "=%.*s", (int)(value.len < 1024 ? value.len : 1024), value.at);
    }
}

static struct store_task *task_for(const struct pending_operation *o, enum store_what what)
{
    struct store_task *t = store_task_new(what);
    if (t == NULL)
        return NULL;
    t->number = o->number;
    t->op = o->op;
    return t;
}

static int give_commit(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct store_task *t = task_for(o, STORE_COMMIT);
    if (t == NULL)
        return -ERR_NOMEM;
    int e = 0;
    for (size_t i = 0; i < o->plan.changes && e == 0; i++)
        e = change_list_add(&t->changes, &o->plan.change[i]);
    change_list_done(&t->changes);
    text_format(&t->caller, "%u", o->request.context.caller);
    text_append(&t->result, o->plan.result);
    text_add(&t->method, o->method);
    text_format(&t->subject, "%d", o->target == QID_GLOBAL ? -1 : (int)o->target);
    describe(r, &o->plan, false, &t->before);
    describe(r, &o->plan, true, &t->after);
    publish_encode(&o->plan, r->version + 1, o->prepared ? o->plan.commit_at : 0, &t->events);
    if (e < 0 || t->events.failed < 0) {
        store_task_free_content(t);
        free(t);
        return e < 0 ? e : -ERR_TOO_BIG;
    }
    o->step = STEP_COMMITTING;
    r->committing = true;
    out_task(out, &t->task);
    return 0;
}

/* Refused by the model: unless this very operation was committed before its asker lost the answer. */
static void give_find(struct registry *r, struct out *out, struct pending_operation *o)
{
    struct store_task *t = task_for(o, STORE_FIND);
    if (t == NULL) {
        answer_failure(r, out, o, -ERR_NOMEM, NULL);
        finish(r, o);
        return;
    }
    o->step = STEP_COMMITTING;
    r->committing = true;
    out_task(out, &t->task);
}

static void refuse(struct registry *r, struct out *out, struct pending_operation *o, int e)
{
    struct context c = told_of(o);
    if (!o->prepared) /* else it was announced when the VM was asked */
        publish_early(r, out, &c, &o->plan, o->plan.events);
    answer_error(out, o, e, &o->why);
    finish(r, o);
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
        asked += ASK(out, prepare, ((struct address){KIND_VM, e->subject}), &c, o->number, &m) == 0;
    }
    return asked;
}

static bool needs_preparing(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (o->prepared || (o->plan.prepare & PREPARE_NETVM) == 0)
        return false;
    o->asked = ask_preparers(r, out, o);
    if (o->asked == 0)
        return false;
    struct context c = told_of(o);
    publish_early(r, out, &c, &o->plan, o->plan.commit_at);
    claims_let_go(r, o); /* it is planned anew when they have agreed */
    o->step = STEP_PREPARING;
    return true;
}

static void begin(struct registry *r, struct out *out, struct pending_operation *o)
{
    if (o->refused < 0) {
        answer_error(out, o, o->refused, &o->why);
        finish(r, o);
        return;
    }
    if (plan(r, o) < 0) {
        give_find(r, out, o);
        return;
    }
    if (needs_preparing(r, out, o))
        return;
    int e = give_commit(r, out, o);
    if (e < 0) {
        fault_set(&o->why, (enum err) - e, "%s", err_text((enum err) - e));
        refuse(r, out, o, e);
    }
}

/* Waits behind an operation on the same VM that is being agreed upon. */
static bool must_wait(const struct registry *r, const struct pending_operation *o)
{
    const struct pending_operation *before;
    DL_FOREACH(r->operations, before)
    {
        if (before == o)
            return false;
        if (before->step == STEP_PREPARING && before->target == o->target)
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
    DL_FOREACH_SAFE(r->operations, o, next)
    {
        if (r->committing)
            return;
        if (o->step == STEP_WAITING && !must_wait(r, o))
            begin(r, out, o);
    }
}

void operate_prepared(struct registry *r, struct out *out, const struct answer *a)
{
    struct pending_operation *o = find(r, a->tag);
    if (o == NULL || o->step != STEP_PREPARING || a->progress)
        return;
    if (a->r < 0 && a->r != -ERR_GONE) {
        o->refused = a->r;
        o->why = a->why;
    }
    if (--o->asked > 0)
        return;
    o->prepared = true;
    o->step = STEP_WAITING;
    operate_go_on(r, out);
}

static int apply(struct registry *r, const struct plan *p)
{
    struct fault why;
    for (size_t i = 0; i < p->changes; i++) {
        if (model_apply(r->model, &p->change[i], &why) < 0) {
            log_line(LOG_ERROR, "the model does not take what is committed: %s", why.text);
            return -ERR_STATE;
        }
    }
    return 0;
}

static bool ends_some(const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++)
        if (p->change[i].kind == CHANGE_VM && p->change[i].gone)
            return true;
    return false;
}

/* The next VM of such a qid has told nothing yet. */
static void forget_claims(struct registry *r, const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++) {
        uint32_t qid = p->change[i].qid;
        if (p->change[i].kind != CHANGE_VM || !p->change[i].gone || qid > QID_MAX)
            continue;
        chore_vm_ends(r, qid);
        r->claims[qid] = (struct life_claim){0};
    }
}

/* Committed: who exists is told before the model forgets a VM and after it knows one. */
static void take_over(struct registry *r, struct out *out, struct pending_operation *o,
                      const struct store_task *t)
{
    struct context c = told_of(o);
    bool ends = ends_some(&o->plan);
    r->version = t->version;
    if (ends) {
        publish_roster(r, out, &o->plan);
        forget_claims(r, &o->plan);
        registry_hang_count(r, out);
    }
    preload_before(r, &o->plan);
    if (apply(r, &o->plan) < 0)
        out_leave(out); /* the store is right: begin anew from it */
    if (!ends || o->given != NULL)
        publish_roster(r, out, &o->plan);
    publish_delta(r, out, &c, t->version, &t->events);
    view_publish(r, out, &o->plan);
    expiry_follow(r, out, &o->plan);
    preload_after(r, out, (enum operation)o->operation, &o->plan);
    if (!r->export_due) {
        r->export_due = true;
        out_timer(out, TIMER_EXPORT, out->now + SECONDS);
    }
}

void operate_committed(struct registry *r, struct out *out, const struct store_task *t)
{
    struct pending_operation *o = find(r, t->number);
    r->committing = false;
    if (o == NULL)
        return;
    if (t->task.r < 0) {
        answer_failure(r, out, o, t->task.r, &t->task.why);
        finish(r, o);
    } else if (t->repeated) {
        answer_done(r, out, o, t);
        finish(r, o);
    } else if (t->task.what == STORE_FIND) {
        refuse(r, out, o, -(int)o->why.code);
    } else {
        r->applying = true;
        take_over(r, out, o, t);
        r->applying = false;
        answer_done(r, out, o, t);
        finish(r, o);
    }
    operate_go_on(r, out);
}
