/* SPDX-License-Identifier: MIT
 * The life of a job: asked about, filled in by registry's words, run, answered. In launcher's core. */
#include "actors/launcher/launcher_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#include <utlist.h>

/* How long registry may take to say what a VM's daemons are called with. */
#define ASK_MOST (5 * SECONDS)

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

struct job *launcher_bus_call(struct launcher *l, struct out *out, const struct envelope *e, uint32_t seconds,
                              const char *service)
{
    struct request request = request_of(e);
    struct job *j = launcher_begin(l, out, &request, PROGRAM_QREXEC_CLIENT);
    if (j == NULL)
        return NULL;
    j->patience = seconds * SECONDS;
    (void)text_copy(j->values.service, sizeof j->values.service, span_of(service));
    (void)text_copy(j->values.source, sizeof j->values.source, SPAN_LITERAL("dom0"));
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
    reply_progress(out, &j->request, out->now + j->patience + JOB_GRACE);
}

void launcher_ask_registry(struct launcher *l, struct out *out, struct job *j)
{
    struct context c = j->request.context;
    c.deadline = out->now + ASK_MOST;
    int r = ASK(out, daemons, ((struct address){KIND_REGISTRY, 0}), &c, j->number, NO_MESSAGE(daemons));
    if (r < 0)
        launcher_refuse(l, out, j, r, NULL);
}

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

void launcher_answered(void *self, struct out *out, const struct answer *a)
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
    } else if (j->request.type == MESSAGE_mic_call) {
        struct mic_call_reply reply = {.status = end->status & 255, .output = end->output};
        memcpy(reply.said, said, sizeof said);
        (void)REPLY(out, mic_call, &j->request, &reply);
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
            launcher_daemon_started(l, j);
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

void launcher_give_up(struct launcher *l, struct out *out, struct job *j, enum err code)
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
