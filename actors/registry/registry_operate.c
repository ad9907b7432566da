/* SPDX-License-Identifier: MIT
 * Operations: how they arrive, and what their askers are answered. Their turn: registry_turn.c. */
#include "actors/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry_storage.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/own.h"

#include <utlist.h>

static void drop(struct registry *r, struct pending_operation *o)
{
    claims_let_go(r, o);
    free(o->relied_on);
    storage_work_free(o);
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

void operate_finish(struct registry *r, struct pending_operation *o)
{
    storage_withdraw(r, o);
    drop(r, o);
}

void operate_end(struct registry *r)
{
    while (r->operations != NULL)
        drop(r, r->operations);
    batch_drop(r);
}

/* ---- the answer ---- */

/* The store did not take it. Who waits for an end asks again; what nobody asked for is due again. */
void operate_answer_failure(struct registry *r, struct out *out, const struct pending_operation *o, int e,
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

void operate_answer_error(struct out *out, const struct pending_operation *o, int e, const struct fault *why)
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

/* What is committed is never answered with an error: without memory the next incarnation is asked again. */
static void reply_done(struct out *out, const struct pending_operation *o, const struct store_write *w)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct operate_reply done = {.version = w->version};
    if (w->result.at != NULL)
        (void)text_copy(done.result, sizeof done.result, text_span(&w->result));
    if (o->request.type == MESSAGE_guest_words)
        guest_words_reply_encode(&body, &(struct guest_words_reply){.version = w->version});
    else if (o->request.type == MESSAGE_guest_count)
        guest_count_reply_encode(&body, &(struct guest_count_reply){.version = w->version});
    else
        operate_reply_encode(&body, &done);
    if (body.failed < 0)
        out_leave(out);
    else
        (void)post_reply(out, &o->request, &body);
}

void operate_answer_done(struct registry *r, struct out *out, struct pending_operation *o,
                         const struct store_write *w)
{
    if (r->untold)
        return; /* it ends; the next one tells this, and is asked again */
    if (o->given != NULL)
        transfer_imported(r, out, o);
    else if (o->asked_by == ASKED_BY_API)
        reply_done(out, o, w);
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

/* What registry asks of itself: the number may be another one's when this has its turn. */
static void meant(const struct registry *r, struct pending_operation *o, uint32_t target)
{
    const struct vm *vm = r->loaded && target <= QID_MAX ? model_vm(r->model, target) : NULL;
    o->target = target;
    o->generation = vm != NULL ? vm_generation(vm) : 0;
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
    o->generation = m->generation;
    memcpy(o->method, m->method, sizeof o->method);
    text_append(&o->key, m->key);
    text_append(&o->value, m->value);
    if (o->key.failed < 0 || o->value.failed < 0) {
        reply_error(out, &request, -ERR_NOMEM, NULL);
        operate_finish(r, o);
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
    meant(r, o, target);
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
    meant(r, o, target);
    strcpy(o->method, "registry");
    text_add(&o->key, key);
    operate_go_on(r, out);
}
