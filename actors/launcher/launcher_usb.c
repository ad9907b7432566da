/* SPDX-License-Identifier: MIT
 * Calls that connect a USB device to a VM, or have a backend let go of one. While one connects it, a line of
 * dom0's policy allows that frontend to call qubes.USB of that backend; it is taken back however the call
 * ends, and one that a crash left when launcher begins. In launcher's core. Spec: devbus-usb-mic B.2. */
#include "actors/launcher/launcher_inside.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "doors/policy.h"

#include <utlist.h>

/* A disk that hangs, or a lock that nobody lets go of. */
#define WRITE_MOST (10 * SECONDS)

void launcher_settle(struct launcher *self, bool writes_policy)
{
    self->writes_policy = writes_policy;
}

/* ---- the policy's lines ---- */

static int give(struct launcher *l, struct out *out, enum launcher_task what, uint64_t number,
                const struct policy_grant *grant)
{
    struct policy_task *t = calloc(1, sizeof *t);
    if (t == NULL)
        return -ERR_NOMEM;
    t->task.what = (uint32_t)what;
    t->number = number;
    if (grant != NULL)
        t->grant = *grant;
    l->tasks++;
    out_task(out, &t->task);
    return 0;
}

void launcher_usb_sweep(struct launcher *l, struct out *out)
{
    if (l->writes_policy && give(l, out, POLICY_SWEEP, 0, NULL) < 0)
        log_line(LOG_WARN, "lines that a crash may have left in dom0's policy are not looked for: no memory");
}

static void take_back(struct launcher *l, struct out *out, const struct policy_grant *grant)
{
    if (give(l, out, POLICY_REMOVE, 0, grant) < 0)
        out_leave(out); /* whoever comes after us finds it */
}

/* The same call may be made twice at once: again for a bus that has died while it ran. */
static bool is_still_needed(const struct launcher *l, const struct policy_grant *grant)
{
    const struct job *j;
    DL_FOREACH(l->jobs, j)
    {
        if (j->grant != NULL && strcmp(j->grant->port, grant->port) == 0 &&
            strcmp(j->grant->line, grant->line) == 0)
            return true;
    }
    return false;
}

void launcher_usb_over(struct launcher *l, struct out *out, struct job *j)
{
    AUTO_MEMORY struct policy_grant *grant = TAKE(j->grant);
    if (grant != NULL && !is_still_needed(l, grant))
        take_back(l, out, grant);
}

/* ---- calls ---- */

/* Its services are no guest's: qrexec-client calls none in dom0, and registry need not say whose it is. */
static void call_dom0(struct launcher *l, struct out *out, const struct envelope *e, const struct usb_call *m)
{
    struct request request = request_of(e);
    struct job *j = launcher_begin(l, out, &request, PROGRAM_DOM0_USB_DETACH);
    if (j == NULL)
        return;
    j->patience = m->seconds * SECONDS;
    j->input_len = (size_t)snprintf(j->input, sizeof j->input, "%s\n", m->port);
    launcher_run(l, out, j);
}

/* Services are scripts that run as root and read a line: what is no port would be more than one word of it,
 * or another path in their sysfs. */
static int check(const struct envelope *e, const struct usb_call *m, struct fault *why)
{
    if (!policy_is_port(span_of(m->port)))
        return fault_set(why, ERR_BAD, "this is no port of a USB device: %s", m->port);
    if (e->subject_instance == 0 && m->attach == 1)
        return fault_set(why, ERR_BAD, "dom0 takes no USB device: %s stays with %s", m->port, m->backend);
    return 0;
}

void launcher_usb_call(struct launcher *l, struct out *out, const struct envelope *e,
                       const struct usb_call *m)
{
    struct request request = request_of(e);
    struct fault why;
    int r = check(e, m, &why);
    if (r < 0) {
        reply_error(out, &request, r, &why);
        return;
    }
    if (e->subject_instance == 0) {
        call_dom0(l, out, e, m);
        return;
    }
    struct job *j =
        launcher_bus_call(l, out, e, m->seconds, m->attach == 1 ? "qubes.USBAttach" : "qubes.USBDetach");
    if (j == NULL)
        return;
    (void)text_copy(j->values.user, sizeof j->values.user, SPAN_LITERAL("root"));
    j->input_len = (size_t)snprintf(j->input, sizeof j->input, "%s%s%s\n", m->attach == 1 ? m->backend : "",
                                    m->attach == 1 ? " " : "", m->port);
    launcher_ask_registry(l, out, j);
}

static bool attaches(const struct job *j)
{
    return strcmp(j->values.service, "qubes.USBAttach") == 0;
}

bool launcher_usb_is_in_stubdom(const struct job *j, const struct daemons_reply *d)
{
    return attaches(j) && d->stubdom_qrexec == 1;
}

/* The call's input is "backend port\n". */
static struct policy_grant *grant_of(const struct job *j)
{
    struct policy_grant *g = calloc(1, sizeof *g);
    struct span port, backend = span_split((struct span){j->input, j->input_len - 1}, ' ', &port);
    if (g == NULL || text_copy(g->port, sizeof g->port, port) < 0) {
        free(g);
        return NULL;
    }
    snprintf(g->line, sizeof g->line, "%s %.*s allow,user=root", j->values.name, (int)backend.len,
             backend.at);
    return g;
}

void launcher_usb_begin(struct launcher *l, struct out *out, struct job *j)
{
    struct fault why;
    if (!l->writes_policy || !attaches(j)) {
        launcher_run(l, out, j);
        return;
    }
    AUTO_MEMORY struct policy_grant *grant = grant_of(j);
    if (grant == NULL || l->stops || give(l, out, POLICY_ADD, j->number, grant) < 0) {
        int r =
            fault_set(&why, l->stops ? ERR_CLOSED : ERR_NOMEM, "no line could be written into dom0's policy");
        launcher_refuse(l, out, j, r, &why);
        return;
    }
    j->grant = TAKE(grant);
    out_timer(out, j->number, out->now + WRITE_MOST);
}

/* ---- the worker's word ---- */

static void added(struct launcher *l, struct out *out, const struct policy_task *t)
{
    struct job *j = launcher_find(l, t->number);
    if (j == NULL || j->grant == NULL) /* given up meanwhile, and its line taken back */
        return;
    if (t->task.r < 0)
        launcher_refuse(l, out, j, t->task.r, &t->task.why);
    else
        launcher_run(l, out, j);
}

void launcher_usb_done(void *self, struct out *out, const struct done *d)
{
    struct launcher *l = self;
    const struct policy_task *t = (const struct policy_task *)(const void *)d->task;
    if (t == NULL)
        return;
    l->tasks--;
    if (t->task.what == POLICY_ADD)
        added(l, out, t);
    else if (t->task.r < 0)
        log_line(LOG_ERROR, "a line for a USB device may be left in dom0's policy: %s", t->task.why.text);
    else if (t->found > 0)
        log_line(LOG_WARN,
                 "dom0's policy had lines for USB devices in %u files, which a crash had left: removed",
                 t->found);
    if (l->stops && l->tasks == 0)
        out_leave(out);
}

void launcher_usb_stop(void *self, struct out *out)
{
    struct launcher *l = self;
    l->stops = true;
    for (struct job *j = l->jobs; j != NULL; j = j->next)
        launcher_usb_over(l, out, j);
    if (l->tasks == 0)
        out_leave(out);
}
