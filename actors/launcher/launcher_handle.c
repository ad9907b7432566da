/* SPDX-License-Identifier: MIT
 * The core of launcher: a job is asked for, filled in by registry's words, run, and answered. */
#include "actors/launcher/launcher_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/own.h"

/* How long registry may take to say what a VM's daemons are called with. */
#define ASK_MOST (5 * SECONDS)
/* How long after a job's patience its asker still waits for the answer. */
#define GRACE (5 * SECONDS)

void launcher_attach(struct launcher *self, const struct launcher_ops *ops, void *arg)
{
    self->ops = ops;
    self->arg = arg;
}

static void drop(struct launcher *l, struct out *out, struct job *j)
{
    launcher_usb_over(l, out, j);
    out_timer(out, j->number, 0);
    DL_DELETE(l->jobs, j);
    l->count--;
    free(j);
}

struct job *launcher_find(struct launcher *l, uint64_t number)
{
    struct job *j;
    DL_FOREACH(l->jobs, j)
    {
        if (j->number == number)
            return j;
    }
    return NULL;
}

struct job *launcher_begin(struct launcher *l, struct out *out, const struct request *request,
                           enum outside_program program)
{
    struct job *j = l->count < JOBS_MAX ? calloc(1, sizeof *j) : NULL;
    if (j == NULL) {
        reply_error(out, request, l->count < JOBS_MAX ? -ERR_NOMEM : -ERR_BUSY, NULL);
        return NULL;
    }
    j->number = ++l->next;
    j->request = *request;
    j->program = program;
    j->patience = program_seconds(program) * SECONDS;
    DL_APPEND(l->jobs, j);
    l->count++;
    return j;
}

void launcher_refuse(struct launcher *l, struct out *out, struct job *j, int r, const struct fault *why)
{
    if (!j->answered)
        reply_error(out, &j->request, r, why);
    drop(l, out, j);
}

void launcher_run(struct launcher *l, struct out *out, struct job *j)
{
    struct fault why;
    int r = l->ops->run(l->arg, j->number, j->program, &j->values, (struct span){j->input, j->input_len});
    if (r < 0) {
        fault_set(&why, (enum err) - r, "%s was not run: %s", program_name(j->program),
                  err_text((enum err) - r));
        launcher_refuse(l, out, j, r, &why);
        return;
    }
    j->running = true;
    out_timer(out, j->number, out->now + j->patience);
    reply_progress(out, &j->request, out->now + j->patience + GRACE);
}

void launcher_ask_registry(struct launcher *l, struct out *out, struct job *j)
{
    struct context c = j->request.context;
    c.deadline = out->now + ASK_MOST;
    int r = ASK(out, daemons, ((struct address){KIND_REGISTRY, 0}), &c, j->number, NO_MESSAGE(daemons));
    if (r < 0)
        launcher_refuse(l, out, j, r, NULL);
}

/* ---- daemons that may have been asked for by a process that is no more ---- */

static bool is_about(const struct job *j, const struct request *request, const struct daemon *m)
{
    const struct subject *a = &j->request.context.subject, *b = &request->context.subject;
    char xid[16];
    snprintf(xid, sizeof xid, "%u", m->domid);
    return a->kind == b->kind && a->instance == b->instance && a->generation == b->generation &&
           j->request.type == MESSAGE_daemon && j->program == (enum outside_program)m->program &&
           j->stubdom == (m->stubdom == 1) && strcmp(j->values.xid, xid) == 0;
}

static bool is_up(const struct launcher *l, const struct request *request, const struct daemon *m)
{
    char xid[16];
    snprintf(xid, sizeof xid, "%u", m->domid);
    for (size_t i = 0; i < DAEMONS_KEPT; i++) {
        const struct daemon_up *up = &l->up[i];
        const struct subject *s = &request->context.subject;
        if (up->xid[0] != '\0' && up->subject.instance == s->instance &&
            up->subject.generation == s->generation && up->program == (enum outside_program)m->program &&
            up->stubdom == (m->stubdom == 1) && strcmp(up->xid, xid) == 0)
            return true;
    }
    return false;
}

static void keep_up(struct launcher *l, const struct job *j)
{
    struct daemon_up *up = &l->up[l->next_up++ % DAEMONS_KEPT];
    *up = (struct daemon_up){j->request.context.subject, j->program, j->stubdom, {0}};
    memcpy(up->xid, j->values.xid, sizeof up->xid);
}

/* True: it was asked for before, and has its answer or will have it. */
static bool was_asked(struct launcher *l, struct out *out, const struct request *request,
                      const struct daemon *m)
{
    struct job *j;
    if (is_up(l, request, m)) {
        (void)REPLY(out, daemon, request, &(struct daemon_reply){0});
        return true;
    }
    DL_FOREACH(l->jobs, j)
    {
        if (j->answered || !is_about(j, request, m))
            continue;
        reply_error(out, &j->request, -ERR_CANCELLED, NULL); /* it is no more */
        j->request = *request;
        reply_progress(out, request, out->now + j->patience + GRACE);
        return true;
    }
    return false;
}

static void give_up(struct launcher *l, struct out *out, struct job *j, enum err code);

/* A daemon that waits for an agent would wait until its time is over, or until another domain comes. */
static void on_domain_over(struct launcher *l, struct out *out, const struct envelope *e,
                           const struct domain_over *m)
{
    struct job *j, *next;
    (void)m;
    DL_FOREACH_SAFE(l->jobs, j, next)
    {
        const struct subject *s = &j->request.context.subject;
        if (j->request.type == MESSAGE_daemon && s->instance == e->subject_instance &&
            s->generation == e->subject_generation)
            give_up(l, out, j, ERR_CANCELLED);
    }
}

static void on_daemon(struct launcher *l, struct out *out, const struct envelope *e, const struct daemon *m)
{
    struct request request = request_of(e);
    struct fault why;
    if (m->program != PROGRAM_QUBESDB_DAEMON && m->program != PROGRAM_QREXEC_DAEMON) {
        fault_set(&why, ERR_BAD, "%u is no daemon of a guest", m->program);
        reply_error(out, &request, -ERR_BAD, &why);
        return;
    }
    if (m->again && was_asked(l, out, &request, m))
        return;
    struct job *j = launcher_begin(l, out, &request, (enum outside_program)m->program);
    if (j == NULL)
        return;
    j->stubdom = m->stubdom == 1;
    j->optional = m->optional == 1;
    snprintf(j->values.xid, sizeof j->values.xid, "%u", m->domid);
    snprintf(j->values.uuid, sizeof j->values.uuid, "%s", m->stubdom_uuid);
    launcher_ask_registry(l, out, j);
}

static void on_service(struct launcher *l, struct out *out, const struct envelope *e, const struct service *m)
{
    struct request request = request_of(e);
    struct job *j = launcher_begin(l, out, &request, PROGRAM_QREXEC_CLIENT);
    if (j == NULL)
        return;
    j->stubdom = m->stubdom == 1;
    j->patience = m->seconds * SECONDS;
    (void)text_copy(j->values.service, sizeof j->values.service, span_of(m->service));
    (void)text_copy(j->values.user, sizeof j->values.user, span_of(m->user));
    (void)text_copy(j->values.source, sizeof j->values.source, span_of(m->source[0] ? m->source : "dom0"));
    if (m->connect_seconds > 0)
        snprintf(j->values.timeout, sizeof j->values.timeout, "%u", m->connect_seconds);
    if (m->filter == 1)
        j->values.filter[0] = '1';
    if (m->input.len > 0)
        memcpy(j->input, m->input.at, m->input.len);
    j->input_len = m->input.len;
    launcher_ask_registry(l, out, j);
}

static void on_usb_call(struct launcher *l, struct out *out, const struct envelope *e,
                        const struct usb_call *m)
{
    launcher_usb_call(l, out, e, m);
}

#define MAILBOX "proto/launcher.def"
#define SELF    struct launcher
#include "runtime/dispatch.h"

/* The rest of qrexec-daemon's command; the other programs use less of it. */
static void fill(struct job *j, const struct daemons_reply *d)
{
    struct program_values *v = &j->values;
    snprintf(v->name, sizeof v->name, "%s%s", d->name, j->stubdom ? "-dm" : "");
    if (v->user[0] == '\0')
        snprintf(v->user, sizeof v->user, "%s", j->stubdom ? "root" : d->user);
    if (j->program != PROGRAM_QREXEC_DAEMON)
        return;
    if (!j->stubdom)
        snprintf(v->uuid, sizeof v->uuid, "%s", d->uuid);
    v->quiet[0] = d->debug == 1 ? '\0' : '1';
    v->nowait[0] = d->qrexec == 1 ? '\0' : '1';
    if (d->qrexec == 1)
        snprintf(v->timeout, sizeof v->timeout, "%u", d->qrexec_timeout);
    j->patience = (d->qrexec_timeout + 10) * SECONDS;
}

static void answered(void *self, struct out *out, const struct answer *a)
{
    struct launcher *l = self;
    struct job *j = launcher_find(l, a->tag);
    struct daemons_reply d;
    if (j == NULL || j->running || a->progress)
        return;
    int r = a->r < 0 ? a->r : daemons_reply_decode(&d, a->e->body);
    if (r < 0) {
        launcher_refuse(l, out, j, r, a->r < 0 ? &a->why : NULL);
        return;
    }
    bool is_usb = j->request.type == MESSAGE_usb_call;
    j->stubdom = j->stubdom || (is_usb && launcher_usb_is_in_stubdom(j, &d));
    fill(j, &d);
    if (is_usb)
        launcher_usb_begin(l, out, j);
    else
        launcher_run(l, out, j);
}

/* Text for people: what is no plain character of one line becomes a space. */
static void take_words(char *to, size_t size, struct span said)
{
    size_t len = said.len < size - 1 ? said.len : size - 1;
    for (size_t i = 0; i < len; i++)
        to[i] = (char)(said.at[i] >= ' ' && said.at[i] < 127 && said.at[i] != '%' ? said.at[i] : ' ');
    to[len] = '\0';
}

static void answer_end(struct out *out, const struct job *j, const struct program_end *end)
{
    char said[JOB_SAID + 1];
    take_words(said, sizeof said, end->said);
    if (j->request.type == MESSAGE_daemon) {
        struct daemon_reply reply = {.status = end->status & 255};
        memcpy(reply.said, said, sizeof said);
        (void)REPLY(out, daemon, &j->request, &reply);
    } else if (j->request.type == MESSAGE_usb_call) {
        struct usb_call_reply reply = {.status = end->status & 255, .output = end->output};
        memcpy(reply.said, said, sizeof said);
        (void)REPLY(out, usb_call, &j->request, &reply);
    } else {
        struct service_reply reply = {.status = end->status & 255, .output = end->output};
        memcpy(reply.said, said, sizeof said);
        (void)REPLY(out, service, &j->request, &reply);
    }
}

/* Said once, in the log and by `bulkhead ps`. */
static void say_missing(struct launcher *l, struct out *out, const struct job *j)
{
    (void)REPLY(out, daemon, &j->request, (&(struct daemon_reply){.missing = 1}));
    if (l->lacks)
        return;
    l->lacks = true;
    log_line(LOG_WARN, "this host has no %s: on this hypervisor VMs start without it",
             program_name(j->program));
    out_title(out, "VMs start bare: no Qubes daemons");
}

void launcher_ran(struct launcher *l, struct out *out, const struct program_end *end)
{
    struct job *j = launcher_find(l, end->number);
    struct fault why;
    if (j == NULL)
        return;
    if (end->error == 0) {
        if (j->request.type == MESSAGE_daemon && end->status == 0)
            keep_up(l, j);
        if (!j->answered)
            answer_end(out, j, end);
        drop(l, out, j);
        return;
    }
    if (end->error == ENOENT && j->optional && !j->answered) {
        say_missing(l, out, j);
        drop(l, out, j);
        return;
    }
    enum err code = end->error == ENOENT ? ERR_UNSUPPORTED : end->error == EAGAIN ? ERR_BUSY : ERR_IO;
    fault_set(&why, code, "%s cannot be run: %s; is its package installed?", program_name(j->program),
              strerror(end->error));
    launcher_refuse(l, out, j, -(int)code, &why);
}

/* The job stays until its program has ended: its number must not be forgotten while it runs. */
static void give_up(struct launcher *l, struct out *out, struct job *j, enum err code)
{
    struct fault why;
    launcher_usb_over(l, out, j); /* now, even if it does not die of it */
    if (j->running)
        l->ops->kill(l->arg, j->number);
    fault_set(&why, code, "%s: %s", program_name(j->program), err_text(code));
    if (!j->running) {
        launcher_refuse(l, out, j, -(int)code, &why);
    } else if (!j->answered) {
        reply_error(out, &j->request, -(int)code, &why);
        j->answered = true;
    }
}

static void cancel(struct launcher *l, struct out *out, const struct envelope *e)
{
    struct job *j;
    DL_FOREACH(l->jobs, j)
    {
        if (j->request.correlation == e->correlation &&
            address_equal(j->request.source, envelope_source(e))) {
            give_up(l, out, j, ERR_CANCELLED);
            return;
        }
    }
}

static void hear(void *self, struct out *out, const struct envelope *e)
{
    struct launcher *l = self;
    if (e->class == CLASS_CANCEL)
        cancel(l, out, e);
    else
        dispatch(l, out, e, &l->refused);
}

static void timer(void *self, struct out *out, uint64_t number)
{
    struct job *j = launcher_find(self, number);
    if (j != NULL)
        give_up(self, out, j, ERR_TIMEOUT);
}

static int begin(void *self, struct out *out, const struct life *life)
{
    (void)life;
    launcher_usb_sweep(self, out);
    out_ready(out);
    return 0;
}

static void end(void *self)
{
    struct launcher *l = self;
    struct job *j, *next;
    DL_FOREACH_SAFE(l->jobs, j, next)
    {
        DL_DELETE(l->jobs, j);
        free(j->grant);
        free(j);
    }
}

const struct actor launcher_actor = {
    .name = "launcher",
    .kind = KIND_LAUNCHER,
    .size = sizeof(struct launcher),
    .begin = begin,
    .hear = hear,
    .answered = answered,
    .done = launcher_usb_done,
    .timer = timer,
    .stop = launcher_usb_stop,
    .end = end,
    .perform = launcher_perform,
};
