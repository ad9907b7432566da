/* SPDX-License-Identifier: MIT
 * The core of launcher: what it does with each message of its mailbox. */
#include "actors/launcher/launcher_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

void launcher_attach(struct launcher *self, const struct launcher_ops *ops, void *arg)
{
    self->ops = ops;
    self->arg = arg;
}

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
            launcher_give_up(l, out, j, ERR_CANCELLED);
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
    if (m->again && launcher_daemon_was_asked(l, out, &request, m))
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

static void on_mic_call(struct launcher *l, struct out *out, const struct envelope *e,
                        const struct mic_call *m)
{
    char service[64];
    snprintf(service, sizeof service, "qubes.AudioInput%s+%s", m->enable == 1 ? "Enable" : "Disable",
             m->name);
    struct job *j = launcher_bus_call(l, out, e, m->seconds, service);
    if (j != NULL)
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

static void cancel(struct launcher *l, struct out *out, const struct envelope *e)
{
    struct job *j;
    DL_FOREACH(l->jobs, j)
    {
        if (j->request.correlation == e->correlation &&
            address_equal(j->request.source, envelope_source(e))) {
            launcher_give_up(l, out, j, ERR_CANCELLED);
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
        launcher_give_up(self, out, j, ERR_TIMEOUT);
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
    .answered = launcher_answered,
    .done = launcher_usb_done,
    .timer = timer,
    .stop = launcher_usb_stop,
    .end = end,
    .perform = launcher_perform,
};
