/* SPDX-License-Identifier: MIT
 * Daemons that may have been asked for by a process that is no more: who asks again gets the first one's
 * answer. In launcher's core. */
#include "actors/launcher/launcher_inside.h"

#include <stdio.h>
#include <string.h>

#include <utlist.h>

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

void launcher_daemon_started(struct launcher *l, const struct job *j)
{
    struct daemon_up *up = &l->up[l->next_up++ % DAEMONS_KEPT];
    *up = (struct daemon_up){j->request.context.subject, j->program, j->stubdom, {0}};
    memcpy(up->xid, j->values.xid, sizeof up->xid);
}

bool launcher_daemon_was_asked(struct launcher *l, struct out *out, const struct request *request,
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
        reply_progress(out, request, out->now + j->patience + JOB_GRACE);
        return true;
    }
    return false;
}
