/* SPDX-License-Identifier: MIT
 * A guest's calls: one after another its database is read, on a connection of its own for each, so that what
 * a lying daemon says to one never reaches the next; then registry is told. */
#include <string.h>
#include <unistd.h>

#include "actors/guest/guest_inside.h"
#include "base/own.h"

/* The supervisor answers at once; the worker's own deadline is shorter than this one. */
#define DOOR_WITHIN (2 * SECONDS)
#define READ_WITHIN (8 * SECONDS)
enum { EXPOSED_BYTES = 512 << 10 };

static struct guest_call *in_step(struct guest *g, enum guest_step step)
{
    for (size_t i = 0; i < g->calls; i++)
        if (g->call[i].step == step)
            return &g->call[i];
    return NULL;
}

static void end(struct guest *g, struct out *out, struct guest_call *c, int r, const struct fault *why)
{
    size_t i = (size_t)(c - g->call);
    if (r < 0)
        reply_error(out, &c->request, r, why);
    if (r < 0)
        guest_expose_failed(g, out, c);
    else if (c->what == GUEST_EXPOSES)
        ; /* answered with what was read */
    else if (c->request.type == MESSAGE_guest_updates)
        (void)REPLY(out, guest_updates, &c->request, NO_MESSAGE(guest_updates_reply));
    else
        (void)REPLY(out, guest_request, &c->request, NO_MESSAGE(guest_request_reply));
    memmove(c, c + 1, (g->calls - i - 1) * sizeof *c);
    g->calls--;
    guest_call_next(g, out);
    guest_expose_next(g, out);
    guest_idle(g, out);
}

struct guest_call *guest_call_add(struct guest *g, struct out *out, const struct request *request)
{
    if (g->calls == GUEST_CALLS) {
        reply_error(out, request, -ERR_BUSY, NULL);
        return NULL;
    }
    struct guest_call *c = &g->call[g->calls++];
    *c = (struct guest_call){.request = *request, .tag = ++g->last_tag};
    return c;
}

/* One connection is asked for at a time. */
void guest_call_next(struct guest *g, struct out *out)
{
    struct guest_call *c = in_step(g, GUEST_WAITS);
    if (c == NULL || in_step(g, GUEST_DOOR) != NULL || in_step(g, GUEST_READS) != NULL)
        return;
    c->step = GUEST_DOOR;
    out_timer(out, TIMER_DOOR, out->now + DOOR_WITHIN);
    out_door(out, GUEST_DOOR_READ);
}

void guest_call_begin(struct guest *g, struct out *out, const struct request *request, uint32_t what)
{
    struct fault why;
    if (!g->open) {
        fault_set(&why, ERR_VM_NOT_RUNNING, "the VM is not running, so that its QubesDB says nothing");
        reply_error(out, request, -ERR_VM_NOT_RUNNING, &why);
        return;
    }
    struct guest_call *c = guest_call_add(g, out, request);
    if (c != NULL)
        c->what = what;
    guest_call_next(g, out);
}

void guest_call_count(struct guest *g, struct out *out, const struct request *request, struct span payload)
{
    struct fault why;
    struct guest_count m;
    struct span digits = span_trim(payload);
    if (text_number(digits, 0, UINT64_MAX, &m.count) < 0) {
        fault_set(&why, ERR_PROTOCOL, "Update count is not a digit");
        reply_error(out, request, -ERR_PROTOCOL, &why);
        return;
    }
    struct guest_call *c = guest_call_add(g, out, request);
    if (c == NULL)
        return;
    c->step = GUEST_TELLS;
    (void)ASK(out, guest_count, ((struct address){KIND_REGISTRY, 0}), &c->request.context, c->tag, &m);
}

void guest_call_no_door(struct guest *g, struct out *out)
{
    struct fault why;
    struct guest_call *c = in_step(g, GUEST_DOOR);
    out_timer(out, TIMER_DOOR, 0);
    if (c == NULL)
        return;
    if (c->what == GUEST_EXPOSES) { /* without a database nothing is exposed */
        guest_expose_read(g, out, c, NULL);
        end(g, out, c, 0, NULL);
        return;
    }
    fault_set(&why, ERR_CLOSED, "no qubesdb-daemon serves this VM; is it still starting?");
    end(g, out, c, -ERR_CLOSED, &why);
}

/* Whether there is a database nobody knows: what was said of it holds until somebody does. */
void guest_call_door_late(struct guest *g, struct out *out)
{
    struct fault why;
    struct guest_call *c = in_step(g, GUEST_DOOR);
    if (c == NULL)
        return;
    fault_set(&why, ERR_TIMEOUT, "the supervisor did not connect to the VM's QubesDB in time; try again");
    end(g, out, c, -ERR_TIMEOUT, &why);
}

void guest_call_handed(struct guest *g, struct out *out, int fd)
{
    struct guest_call *c = in_step(g, GUEST_DOOR);
    struct guest_task *t = fd >= 0 && c != NULL ? calloc(1, sizeof *t) : NULL;
    if (fd < 0) {
        guest_call_no_door(g, out);
        return;
    }
    if (t == NULL) {
        close_file(&fd);
        guest_call_door_late(g, out); /* or nobody asks for it any more */
        return;
    }
    out_timer(out, TIMER_DOOR, 0);
    if (!g->watches) /* there is a database by now */
        guest_watch_begin(g, out);
    c->step = GUEST_READS;
    t->task.deadline = out->now + READ_WITHIN;
    t->fd = fd;
    t->what = c->what;
    t->class = c->class;
    memcpy(t->name, g->name, sizeof t->name);
    t->elements = TEXT_WITH_LIMIT(c->what == GUEST_EXPOSES ? EXPOSED_BYTES : BODY_PART_MAX);
    out_task(out, &t->task);
}

static void tell(struct guest *g, struct out *out, struct guest_call *c, const struct guest_task *t)
{
    struct guest_words m = {.what = c->what, .words = t->words};
    (void)g;
    c->step = GUEST_TELLS;
    (void)ASK(out, guest_words, ((struct address){KIND_REGISTRY, 0}), &c->request.context, c->tag, &m);
}

void guest_call_read(struct guest *g, struct out *out, const struct done *d)
{
    struct guest_task *t = (struct guest_task *)d->task;
    struct guest_call *c = d->cleared ? NULL : in_step(g, GUEST_READS);
    struct fault late;
    if (c != NULL && t == NULL) {
        fault_set(&late, ERR_TIMEOUT, "the guest's QubesDB was not read in time");
        end(g, out, c, -ERR_TIMEOUT, &late);
    } else if (c != NULL && t->task.r < 0) {
        end(g, out, c, t->task.r, &t->task.why);
    } else if (c != NULL && c->what == GUEST_EXPOSES) {
        guest_expose_read(g, out, c, t);
        end(g, out, c, 0, NULL);
    } else if (c != NULL) {
        tell(g, out, c, t);
        guest_call_next(g, out);
    }
    if (t != NULL)
        text_free(&t->elements);
}

void guest_call_answered(struct guest *g, struct out *out, const struct answer *a)
{
    for (size_t i = 0; i < g->calls && !a->progress; i++) {
        if (g->call[i].step != GUEST_TELLS || g->call[i].tag != a->tag)
            continue;
        end(g, out, &g->call[i], a->r, &a->why);
        return;
    }
}
