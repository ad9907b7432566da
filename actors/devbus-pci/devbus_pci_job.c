/* SPDX-License-Identifier: MIT
 * Jobs, one after the other: look, decide, act, answer. Between them what nobody waits for any more is given
 * back; in devbus-pci's core. */
#include <string.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "base/log.h"
#include "base/own.h"
#include "proto/devbus_values.h"

/* ---- tasks ---- */

int pci_job_task(struct devbus_pci *self, struct out *out, enum pci_task_what what, const char *sbdf)
{
    struct pci_task *task = calloc(1, sizeof *task);
    const struct pci_job *job = &self->job[0];
    if (task == NULL)
        return -ERR_NOMEM;
    task->task.what = what;
    task->task.deadline = out->now + PCI_PATIENCE;
    (void)text_copy(task->sbdf, sizeof task->sbdf, span_of(sbdf));
    if (self->jobs > 0 && what != PCI_TASK_RETURN) {
        (void)text_copy(task->port, sizeof task->port, span_of(job->port));
        task->domid = job->domid;
        task->present = job->present;
    }
    self->working = true;
    self->doing = what;
    memcpy(self->doing_sbdf, task->sbdf, sizeof self->doing_sbdf);
    out_task(out, &task->task);
    return 0;
}

/* ---- the first job ---- */

void pci_job_drop(struct devbus_pci *self)
{
    self->jobs--;
    memmove(self->job, self->job + 1, self->jobs * sizeof *self->job);
}

void pci_job_fail(struct devbus_pci *self, struct out *out, int r, const struct fault *why)
{
    if (self->job[0].owed)
        reply_error(out, &self->job[0].request, r, why);
    pci_job_drop(self);
}

static void prepared(struct devbus_pci *self, struct out *out)
{
    const struct pci_job *job = &self->job[0];
    struct bus_prepare_reply m = {.sbdf = ""};
    (void)text_copy(m.sbdf, sizeof m.sbdf, span_of(job->sbdf));
    (void)text_copy(m.device_id, sizeof m.device_id, span_of(job->device_id));
    if (job->owed)
        REPLY(out, bus_prepare, &job->request, &m);
    pci_job_drop(self);
}

static uint32_t asker(const struct pci_job *job)
{
    return job->request.context.subject.instance;
}

static void plan(const struct devbus_pci *self, const struct pci_task *t, struct pci_plan *to)
{
    const struct pci_job *job = &self->job[0];
    char holder[32] = "";
    for (size_t i = 0; i < self->table.used; i++) {
        const struct devbus_device *d = &self->table.device[i];
        if (strcmp(d->key, t->sbdf) == 0 && d->qid != asker(job) && d->state != DEVBUS_RETURNING)
            (void)text_copy(holder, sizeof holder, span_of(d->name[0] != '\0' ? d->name : "another VM"));
    }
    if (holder[0] == '\0' && t->holder[0] != '\0' && strcmp(t->holder, job->name) != 0)
        (void)text_copy(holder, sizeof holder, span_of(t->holder));
    struct pci_case c = {.sbdf = t->sbdf,
                         .port = t->port,
                         .wanted_id = job->device_id,
                         .device_id = t->device.device_id,
                         .holder = holder,
                         .on_xen = self->on_xen,
                         .no_strict_reset = job->no_strict_reset,
                         .facts = &t->facts};
    pci_plan_make(&c, to);
}

static void answer_plan(struct devbus_pci *self, struct out *out, const struct pci_plan *made)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_plan_reply m = {0};
    for (size_t i = 0; i < made->count; i++) {
        struct bus_check check = {.name = ""};
        (void)text_copy(check.name, sizeof check.name, span_of(made->check[i].name));
        (void)text_copy(check.level, sizeof check.level, span_of(pci_level_name(made->check[i].level)));
        (void)text_copy(check.text, sizeof check.text, span_of(made->check[i].text));
        bus_check_add(&m.checks, &elements, &check);
    }
    if (self->job[0].owed)
        REPLY(out, bus_plan, &self->job[0].request, &m);
    pci_job_drop(self);
}

/* A device that somebody has is refused in the form that clients know, quotes included; the rest by the
 * check's name. */
static int refuse(const struct pci_job *job, const struct pci_check *check, struct fault *why)
{
    if (strcmp(check->name, "holder") == 0)
        return fault_set(why, ERR_DEVICE_ATTACHED, "'pci device dom0:%.60s is attached already: %s'",
                         job->port, check->text);
    return fault_set(why, ERR_QUBES, "pci device dom0:%.60s, check %s: %s", job->port, check->name,
                     check->text);
}

static int take(struct devbus_pci *self, struct out *out, const struct pci_task *t, struct fault *why)
{
    struct pci_job *job = &self->job[0];
    struct devbus_device *d = devbus_find(&self->table, t->sbdf);
    if (d == NULL && !devbus_has_room(&self->table, t->sbdf))
        return fault_set(why, ERR_BUSY, "too many PCI devices are on their way to VMs; try again");
    if (d == NULL)
        d = devbus_add(&self->table, t->sbdf);
    if (d == NULL)
        return fault_set(why, ERR_BUSY, "VMs have too many PCI devices");
    bool had = d->state == DEVBUS_ATTACHED && d->qid == asker(job);
    if (had && !job->again && job->purpose == BUS_TO_ATTACH)
        return fault_set(why, ERR_DEVICE_ATTACHED, "'pci device dom0:%.60s:%.100s already attached to %s'",
                         job->port, t->device.device_id, job->name);
    bool nobodys = d->state == DEVBUS_FREE || d->state == DEVBUS_RETURNING;
    bool own = nobodys || d->qid == asker(job);
    if (nobodys) {
        d->mine = d->state == DEVBUS_RETURNING || !pci_driver_is_for_guests(t->facts.driver);
        d->qid = asker(job);
        d->generation = job->request.context.subject.generation;
    }
    devbus_hold(d, out->now, job->purpose != BUS_TO_START);
    (void)text_copy(d->name, sizeof d->name, span_of(job->name));
    (void)text_copy(d->port, sizeof d->port, span_of(t->port));
    (void)text_copy(d->device_id, sizeof d->device_id, span_of(t->device.device_id));
    enum devbus_act act = devbus_happens(&self->table, out, d, own ? DEVBUS_WANTED : DEVBUS_WANTED_ELSE);
    if (act == DEVBUS_REFUSE)
        return fault_set(why, ERR_BUSY, "the device is just changing hands; try again");
    return act == DEVBUS_BIND ? pci_job_task(self, out, PCI_TASK_BIND, t->sbdf) : 1;
}

static void prepare(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    struct pci_job *job = &self->job[0];
    struct pci_plan made;
    struct fault why;
    plan(self, t, &made);
    const struct pci_check *bad = pci_plan_refusal(&made);
    int r = job->over     ? fault_set(&why, ERR_CANCELLED, "%s has ended meanwhile", job->name)
            : bad != NULL ? refuse(job, bad, &why)
                          : 0;
    (void)text_copy(job->sbdf, sizeof job->sbdf, span_of(t->sbdf));
    (void)text_copy(job->device_id, sizeof job->device_id, span_of(t->device.device_id));
    if (bad != NULL && job->purpose == BUS_TO_BE_READY && r == -ERR_DEVICE_ATTACHED) {
        prepared(self, out); /* to be ready is no claim on it */
        return;
    }
    if (r == 0)
        r = job->only_checks ? 1 : take(self, out, t, &why);
    if (r < 0)
        pci_job_fail(self, out, r, r == -ERR_NOMEM ? NULL : &why);
    else if (r == 1)
        prepared(self, out);
}

static void parted(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    struct bus_part_reply m = {.sbdf = ""};
    (void)text_copy(m.sbdf, sizeof m.sbdf, span_of(t->sbdf));
    (void)text_copy(m.guest, sizeof m.guest, span_of(t->guest));
    if (self->job[0].owed)
        REPLY(out, bus_part, &self->job[0].request, &m);
    pci_job_drop(self);
}

/* Ready, and nobody's: it stays bound, as at every start. */
static void leave_ready(struct devbus_pci *self, struct out *out, struct devbus_device *d)
{
    d->mine = false;
    (void)devbus_happens(&self->table, out, d, DEVBUS_GIVEN_UP);
}

static void bound(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    struct devbus_device *d = devbus_find(&self->table, t->sbdf);
    bool for_job =
        self->jobs > 0 && self->job[0].type == MESSAGE_bus_prepare && strcmp(self->job[0].sbdf, t->sbdf) == 0;
    if (d != NULL)
        (void)devbus_happens(&self->table, out, d, t->task.r == 0 ? DEVBUS_BOUND : DEVBUS_NOT_BOUND);
    if (!for_job)
        return;
    d = devbus_find(&self->table, t->sbdf);
    if (t->task.r < 0) {
        pci_job_fail(self, out, t->task.r, &t->task.why);
        return;
    }
    if (self->job[0].purpose == BUS_TO_BE_READY && d != NULL && d->state == DEVBUS_HELD)
        leave_ready(self, out, d);
    prepared(self, out);
}

/* A life that has ended while xenstore was asked has nothing any more. */
static void confirm(struct devbus_pci *self, struct out *out)
{
    struct pci_job *job = &self->job[0];
    bool there = job->present && !job->over;
    struct devbus_device *d =
        there ? devbus_add(&self->table, job->sbdf) : devbus_find(&self->table, job->sbdf);
    uint32_t qid = asker(job), generation = job->request.context.subject.generation;
    if (d != NULL && there && d->state == DEVBUS_FREE) {
        d->qid = qid;
        d->generation = generation;
    }
    if (d != NULL && d->qid == qid)
        (void)devbus_happens(&self->table, out, d, there ? DEVBUS_THERE : DEVBUS_NOT_THERE);
    pci_tell(self, out, qid, generation);
    if (job->owed)
        devbus_pci_told(self, out, &job->request);
    pci_job_drop(self);
}

static void looked(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    struct pci_plan made;
    uint16_t type = self->job[0].type;
    if (type == MESSAGE_bus_part) {
        parted(self, out, t);
    } else if (type == MESSAGE_bus_return) {
        pci_return(self, out, t);
    } else if (type == MESSAGE_bus_plan) {
        plan(self, t, &made);
        answer_plan(self, out, &made);
    } else {
        prepare(self, out, t);
    }
}

static void ended(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    bool bad = t->task.r < 0;
    switch ((enum pci_task_what)t->task.what) {
    case PCI_TASK_LOOK:
        if (bad)
            pci_job_fail(self, out, t->task.r, &t->task.why);
        else
            looked(self, out, t);
        break;
    case PCI_TASK_BIND:
        bound(self, out, t);
        break;
    case PCI_TASK_SEE:
        if (bad)
            pci_job_fail(self, out, t->task.r, &t->task.why);
        else
            confirm(self, out);
        break;
    case PCI_TASK_RETURN:
        pci_returned(self, out, t);
        break;
    case PCI_TASK_LIST:
        break;
    }
}

/* The caller gets its error; what was being bound is unwanted when that ends. */
static void overdue(struct devbus_pci *self, struct out *out)
{
    struct fault why;
    int r = fault_set(&why, ERR_TIMEOUT, "libvirt has not answered about a PCI device; see its log");
    struct devbus_device *d = devbus_find(&self->table, self->doing_sbdf);
    bool returning = self->doing == PCI_TASK_RETURN;
    if (d != NULL && returning && !devbus_returns_later(&self->table, out, d))
        (void)devbus_happens(&self->table, out, d, DEVBUS_RETURNED);
    if (d != NULL && !returning && d->state == DEVBUS_BINDING)
        (void)devbus_happens(&self->table, out, d, DEVBUS_GIVEN_UP);
    if (!returning || pci_return_waits(self, self->doing_sbdf))
        pci_job_fail(self, out, r, &why);
}

/* A late answer to what nobody waits for any more matters where it has bound or returned something. */
void pci_job_done(struct devbus_pci *self, struct out *out, const struct pci_task *task, bool cleared)
{
    if (cleared) {
        if (task->task.what == PCI_TASK_BIND || task->task.what == PCI_TASK_RETURN)
            ended(self, out, task);
    } else {
        self->working = false;
        if (task == NULL)
            overdue(self, out);
        else
            ended(self, out, task);
    }
    if (task != NULL && task->task.r == -ERR_CLOSED)
        out_leave(out); /* xenstore is lost: a fresh incarnation opens it again */
    pci_job_next(self, out);
}

/* ---- which comes next ---- */

static bool return_one(struct devbus_pci *self, struct out *out)
{
    for (size_t i = 0; i < self->table.used; i++)
        if (devbus_must_return(&self->table.device[i], out->now) &&
            pci_job_task(self, out, PCI_TASK_RETURN, self->table.device[i].key) == 0)
            return true;
    return false;
}

static int start_first(struct devbus_pci *self, struct out *out)
{
    const struct pci_job *job = &self->job[0];
    if (job->type != MESSAGE_bus_confirm)
        return pci_job_task(self, out, PCI_TASK_LOOK, "");
    if (self->on_xen)
        return pci_job_task(self, out, PCI_TASK_SEE, job->sbdf);
    confirm(self, out);
    return 0;
}

void pci_job_next(struct devbus_pci *self, struct out *out)
{
    while (!self->working && !return_one(self, out) && self->jobs > 0) {
        int r = start_first(self, out);
        if (r < 0)
            pci_job_fail(self, out, r, NULL);
    }
}

void pci_job_add(struct devbus_pci *self, struct out *out, const struct pci_job *job)
{
    if (self->jobs == PCI_JOBS_MAX) {
        reply_error(out, &job->request, -ERR_BUSY, NULL);
        return;
    }
    self->job[self->jobs++] = *job;
    pci_job_next(self, out);
}

/* One that has begun is finished. */
void pci_job_cancel(struct devbus_pci *self, struct out *out, const struct envelope *e)
{
    for (size_t i = self->working && self->doing != PCI_TASK_RETURN ? 1 : 0; i < self->jobs; i++) {
        struct request request = self->job[i].request;
        if (request.correlation != e->correlation || !address_equal(request.source, envelope_source(e)))
            continue;
        self->jobs--;
        memmove(self->job + i, self->job + i + 1, (self->jobs - i) * sizeof *self->job);
        reply_error(out, &request, -ERR_CANCELLED, NULL);
        return;
    }
}

void pci_job_over(struct devbus_pci *self, uint32_t qid)
{
    for (size_t i = 0; i < self->jobs; i++)
        self->job[i].over = self->job[i].over || asker(&self->job[i]) == qid;
}
