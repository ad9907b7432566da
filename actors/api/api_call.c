/* SPDX-License-Identifier: MIT
 * Questions to other processes on behalf of clients. One that was lost with the process that was
 * asked is asked once more under the same operation id; in api. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/api/api_inside.h"
#include "base/log.h"

/* A change may wait for the preparer of a living VM. */
#define OPERATE_WITHIN (60 * SECONDS)
/* How long a lost question waits for a router to be asked at again. */
#define ROUTER_WITHIN (10 * SECONDS)

struct context api_context(struct api *self, const struct asked *q, uint64_t deadline)
{
    struct context c = {.caller = vm_qid(q->source), .deadline = deadline};
    self->ops->random(self->ops_arg, &c.op, sizeof c.op);
    return c;
}

static void log_call(const struct api *self, const struct asked *q, const struct call *c)
{
    char from[24], to[24];
    snprintf(from, sizeof from, "%" PRIu32, vm_qid(q->source));
    snprintf(to, sizeof to, "%" PRIu32, vm_qid(q->dest));
    log_line(LOG_INFO, "%s+%.*s by qid %s for qid %s (%s): operation %016" PRIx64 "%016" PRIx64,
             c->method->name, q->request.argument.len > 100 ? 100 : (int)q->request.argument.len,
             q->request.argument.len > 0 ? q->request.argument.at : "", from, to,
             self->ops->peer(self->ops_arg, q->conn), c->context.op.high, c->context.op.low);
}

static void call_end(struct api *self, struct call *c)
{
    DL_DELETE(self->calls, c);
    self->call_count--;
    text_free(&c->body);
    text_free(&c->memory);
    free(c);
}

int api_ask(struct api *self, struct out *out, const struct asked *q, struct call *like, struct text *body)
{
    if (body->failed < 0 || like->memory.failed < 0)
        return body->failed < 0 ? body->failed : like->memory.failed;
    struct call *c = self->call_count < CALLS_MOST ? malloc(sizeof *c) : NULL;
    if (c == NULL)
        return -ERR_BUSY;
    *c = *like;
    c->tag = api_next_tag(self);
    c->conn = q->conn;
    c->method = q->method;
    c->body = *body;
    *body = TEXT_WITH_LIMIT(0);
    like->memory = TEXT_WITH_LIMIT(0);
    DL_APPEND(self->calls, c);
    self->call_count++;
    if (c->method->how == HOW_ASK)
        log_call(self, q, c);
    int r = post_ask(out, c->type, c->to, &c->context, c->tag, &c->body);
    if (r < 0) {
        call_end(self, c);
        return r;
    }
    return 1;
}

/* Whether it is asked once more: now, or when there is a router again. */
static bool repeat(struct api *self, struct out *out, struct call *c, const struct answer *a)
{
    if (a->r != -ERR_GONE || c->repeated)
        return false;
    c->repeated = true;
    if (a->e != NULL)
        return post_ask(out, c->type, c->to, &c->context, c->tag, &c->body) == 0;
    c->waits_for_router = true;
    c->until = out->now + ROUTER_WITHIN;
    api_set_waiting(self, out);
    return true;
}

/* What follows a success; a refusal is the client's answer. */
static int go_on(struct api *self, struct out *out, const struct call *c, const struct answer *a,
                 struct fault *why)
{
    struct asked q;
    int r = a->r < 0 ? a->r : api_asked_again(self, c, &q, why);
    return r < 0 ? r : c->after(self, out, &q, why);
}

static void give_answer(struct api *self, struct out *out, struct call *c, const struct answer *a)
{
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST);
    struct fault why = a->why;
    api_reply_begin(&reply);
    int r = c->then != NULL    ? api_devices_came(self, out, c, a, &reply, &why)
            : c->after != NULL ? go_on(self, out, c, a, &why)
                               : c->done(self, c, a, &reply, &why);
    if (r < 0)
        api_send_fault(self, c->conn, r, &why);
    else if (r == 0) /* else somebody else was asked on the client's behalf */
        api_send_ok(self, c->conn, &reply);
    call_end(self, c);
}

void api_answered(struct api *self, struct out *out, const struct answer *a)
{
    struct call *c;
    DL_SEARCH_SCALAR(self->calls, c, tag, a->tag);
    if (c != NULL && a->r == -ERR_QUARANTINED && c->to.kind == KIND_VM) {
        api_facts_quarantined(self, c->to.instance);
        api_ask_running(self, out);
    }
    if (c != NULL && !a->progress && !repeat(self, out, c, a))
        give_answer(self, out, c, a);
}

void api_router_is_back(struct api *self, struct out *out)
{
    struct call *c, *next;
    DL_FOREACH_SAFE(self->calls, c, next)
    {
        if (!c->waits_for_router)
            continue;
        c->waits_for_router = false;
        if (post_ask(out, c->type, c->to, &c->context, c->tag, &c->body) < 0)
            give_answer(self, out, c, &(struct answer){.tag = c->tag, .r = -ERR_GONE});
    }
}

void api_calls_overdue(struct api *self, struct out *out)
{
    struct call *c, *next;
    DL_FOREACH_SAFE(self->calls, c, next)
    {
        if (c->waits_for_router && c->until <= out->now)
            give_answer(self, out, c, &(struct answer){.tag = c->tag, .r = -ERR_GONE});
    }
}

uint64_t api_calls_next(const struct api *self)
{
    uint64_t first = 0;
    struct call *c;
    DL_FOREACH(self->calls, c)
    {
        if (c->waits_for_router && (first == 0 || c->until < first))
            first = c->until;
    }
    return first;
}

void api_calls_client_gone(struct api *self, uint64_t conn)
{
    struct call *c;
    DL_FOREACH(self->calls, c)
    {
        if (c->conn == conn)
            c->conn = 0;
    }
}

void api_calls_free(struct api *self)
{
    while (self->calls != NULL)
        call_end(self, self->calls);
}

static int operated(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                    struct fault *why)
{
    (void)self, (void)c, (void)reply, (void)why;
    return a->r;
}

int api_operate(struct api *self, struct out *out, const struct asked *q, enum operation operation,
                uint32_t target, struct span key, struct span value)
{
    struct call like = {.done = operated};
    return api_operate_like(self, out, q, &like, operation, target, key, value);
}

int api_operate_like(struct api *self, struct out *out, const struct asked *q, struct call *like,
                     enum operation operation, uint32_t target, struct span key, struct span value)
{
    like->to = (struct address){KIND_REGISTRY, 0};
    like->type = MESSAGE_operate;
    like->context = api_context(self, q, out->now + OPERATE_WITHIN);
    const struct vm *vm = target <= QID_MAX ? model_vm(self->model, target) : NULL;
    struct operate m = {.operation = (uint32_t)operation,
                        .target = target,
                        .generation = vm != NULL ? vm_generation(vm) : 0,
                        .key = key,
                        .value = value};
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    (void)text_copy(m.method, sizeof m.method, span_of(q->method->name));
    operate_encode(&body, &m);
    return api_ask(self, out, q, like, &body);
}
