/* SPDX-License-Identifier: MIT
 * The core of devbus-pci: questions wait for a fresh list, and all of them get it. */
#include "actors/devbus-pci/devbus_pci.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

/* Of the process: set once, before its incarnation begins. */
static bool is_on_xen;

void devbus_pci_set_xen(bool on_xen)
{
    is_on_xen = on_xen;
}

static int begin(void *self_, struct out *out, const struct life *life)
{
    struct devbus_pci *self = self_;
    self->on_xen = is_on_xen;
    pci_table_begin(self, out, life->note);
    out_ready(out);
    return 0;
}

/* VMs' processes say what they have; what the incarnation before was giving back is given back. */
static void hello(void *self_, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    struct devbus_pci *self = self_;
    struct context context = {.deadline = 0};
    (void)epoch, (void)last_correlation;
    (void)EVENT(out, vm_tell, ((struct address){KIND_VM, EVERY_INSTANCE}), &context, NO_MESSAGE(vm_tell));
    pci_tell_all(self, out);
    pci_job_next(self, out);
}

static void acknowledge(struct out *out, const struct request *request)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    write_array(&body, 0);
    (void)post_reply(out, request, &body);
}

static void answer_list(struct devbus_pci *self, struct out *out, const struct pci_question *q)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    struct bus_list_reply reply = {0};
    for (size_t i = 0; i < self->count && !q->nobodys; i++)
        if (q->port[0] == '\0' || strcmp(q->port, self->devices[i].port) == 0)
            device_item_add(&reply.devices, &elements, &self->devices[i]);
    if (elements.failed < 0)
        reply_error(out, &q->request, elements.failed, NULL);
    else
        REPLY(out, bus_list, &q->request, &reply);
}

static void answer(struct devbus_pci *self, struct out *out, const struct pci_question *q)
{
    if (q->request.type == MESSAGE_bus_list)
        answer_list(self, out, q);
    else
        acknowledge(out, &q->request);
}

/* What libvirt has done is done, also where its name is not to be had. */
static void answer_without_list(struct out *out, const struct request *request, int r,
                                const struct fault *why)
{
    if (request->type == MESSAGE_bus_confirm)
        acknowledge(out, request);
    else
        reply_error(out, request, r, why);
}

static void answer_all(struct devbus_pci *self, struct out *out, int r, const struct fault *why)
{
    for (size_t i = 0; i < self->questions; i++) {
        if (r < 0)
            answer_without_list(out, &self->waiting[i].request, r, why);
        else
            answer(self, out, &self->waiting[i]);
    }
    self->questions = 0;
}

void devbus_pci_want_list(struct devbus_pci *self, struct out *out)
{
    if (self->listing)
        return;
    struct pci_list_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        answer_all(self, out, -ERR_NOMEM, NULL);
        return;
    }
    task->task.what = PCI_TASK_LIST;
    task->task.deadline = out->now + PCI_PATIENCE;
    self->listing = true;
    out_task(out, &task->task);
}

void devbus_pci_told(struct devbus_pci *self, struct out *out, const struct request *request)
{
    if (!self->tell_all) {
        acknowledge(out, request);
    } else if (self->questions == PCI_WAITING_MAX) {
        answer_without_list(out, request, -ERR_BUSY, NULL);
    } else {
        self->waiting[self->questions++] = (struct pci_question){.request = *request};
        devbus_pci_want_list(self, out);
    }
}

static void on_bus_list(struct devbus_pci *self, struct out *out, const struct envelope *e,
                        const struct bus_list *m)
{
    struct pci_question q = {.request = request_of(e), .nobodys = m->backend != 0};
    (void)text_copy(q.port, sizeof q.port, span_of(m->port));
    if (q.nobodys) { /* only dom0 exposes PCI devices */
        answer(self, out, &q);
        return;
    }
    if (self->listed_at != 0 && out->now - self->listed_at < PCI_FRESH) {
        answer(self, out, &q);
        return;
    }
    if (self->questions == PCI_WAITING_MAX) {
        reply_error(out, &q.request, -ERR_BUSY, NULL);
        return;
    }
    self->waiting[self->questions++] = q;
    devbus_pci_want_list(self, out);
}

static void on_bus_plan(struct devbus_pci *self, struct out *out, const struct envelope *e,
                        const struct bus_plan *m)
{
    struct pci_job job = {.request = request_of(e),
                          .owed = true,
                          .type = MESSAGE_bus_plan,
                          .no_strict_reset = m->no_strict_reset != 0};
    (void)text_copy(job.port, sizeof job.port, span_of(m->port));
    (void)text_copy(job.device_id, sizeof job.device_id, span_of(m->device_id));
    pci_job_add(self, out, &job);
}

static void on_bus_prepare(struct devbus_pci *self, struct out *out, const struct envelope *e,
                           const struct bus_prepare *m)
{
    struct pci_job job = {.request = request_of(e),
                          .owed = true,
                          .type = MESSAGE_bus_prepare,
                          .purpose = m->purpose,
                          .again = m->again != 0,
                          .only_checks = m->only_checks != 0,
                          .no_strict_reset = m->no_strict_reset != 0};
    (void)text_copy(job.port, sizeof job.port, span_of(m->port));
    (void)text_copy(job.device_id, sizeof job.device_id, span_of(m->device_id));
    (void)text_copy(job.name, sizeof job.name, span_of(m->name));
    pci_job_add(self, out, &job);
}

static void on_bus_confirm(struct devbus_pci *self, struct out *out, const struct envelope *e,
                           const struct bus_confirm *m)
{
    struct pci_job job = {.request = request_of(e),
                          .owed = true,
                          .type = MESSAGE_bus_confirm,
                          .domid = m->domid,
                          .present = m->present != 0};
    (void)text_copy(job.sbdf, sizeof job.sbdf, span_of(m->sbdf));
    pci_job_add(self, out, &job);
}

static void on_bus_part(struct devbus_pci *self, struct out *out, const struct envelope *e,
                        const struct bus_part *m)
{
    struct pci_job job = {
        .request = request_of(e), .owed = true, .type = MESSAGE_bus_part, .domid = m->domid};
    (void)text_copy(job.port, sizeof job.port, span_of(m->port));
    pci_job_add(self, out, &job);
}

static void on_bus_release(struct devbus_pci *self, struct out *out, const struct envelope *e,
                           const struct bus_release *m)
{
    struct devbus_device *d = devbus_find(&self->table, m->sbdf);
    if (d != NULL && d->qid == e->subject_instance)
        (void)devbus_happens(&self->table, out, d, DEVBUS_GIVEN_UP);
    pci_job_next(self, out);
}

static void on_bus_return(struct devbus_pci *self, struct out *out, const struct envelope *e,
                          const struct bus_return *m)
{
    struct pci_job job = {.request = request_of(e), .owed = true, .type = MESSAGE_bus_return};
    (void)text_copy(job.port, sizeof job.port, span_of(m->port));
    pci_job_add(self, out, &job);
}

static void on_bus_has(struct devbus_pci *self, struct out *out, const struct envelope *e,
                       const struct bus_has *m)
{
    pci_has(self, out, e, m);
}

static void on_bus_tell(struct devbus_pci *self, struct out *out, const struct envelope *e,
                        const struct bus_tell *m)
{
    (void)e, (void)m;
    pci_tell_all(self, out);
}

/* Only VMs' own processes say so, and they expose no PCI devices. */
static void on_bus_exposed(struct devbus_pci *self, struct out *out, const struct envelope *e,
                           const struct bus_exposed *m)
{
    (void)self, (void)out, (void)e, (void)m;
}

static void on_bus_sound(struct devbus_pci *self, struct out *out, const struct envelope *e,
                         const struct bus_sound *m)
{
    (void)self, (void)out, (void)e, (void)m; /* is heard by devbus-mic */
}

/* PCI devices are plugged by libvirt, and the hypervisor shows whose they are. */
static void on_bus_plug(struct devbus_pci *self, struct out *out, const struct envelope *e,
                        const struct bus_plug *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_unplug(struct devbus_pci *self, struct out *out, const struct envelope *e,
                          const struct bus_unplug *m)
{
    (void)self, (void)m;
    devbus_refuse(out, e);
}

static void on_bus_over(struct devbus_pci *self, struct out *out, const struct envelope *e,
                        const struct bus_over *m)
{
    (void)self, (void)out, (void)e, (void)m;
}

/* Nothing of PCI is attached by itself. */
static void on_bus_wanted(struct devbus_pci *self, struct out *out, const struct envelope *e,
                          const struct bus_wanted *m)
{
    (void)self, (void)out, (void)e, (void)m;
}

#define MAILBOX "proto/devbus.def"
#define SELF    struct devbus_pci
#include "runtime/dispatch.h"

/* The caller does not want it any more; the list is made all the same, for the others. */
static void cancel(struct devbus_pci *self, struct out *out, const struct envelope *e)
{
    for (size_t i = 0; i < self->questions; i++) {
        const struct request *r = &self->waiting[i].request;
        if (r->correlation != e->correlation || !address_equal(r->source, envelope_source(e)))
            continue;
        reply_error(out, r, -ERR_CANCELLED, NULL);
        self->waiting[i] = self->waiting[--self->questions];
        return;
    }
    pci_job_cancel(self, out, e);
}

static void hear(void *self_, struct out *out, const struct envelope *e)
{
    struct devbus_pci *self = self_;
    if (e->class == CLASS_CANCEL)
        cancel(self, out, e);
    else
        dispatch(self, out, e, &self->refused);
}

static void answered(void *self, struct out *out, const struct answer *a)
{
    (void)self;
    (void)out;
    (void)a; /* it asks nobody */
}

static void take_list(struct devbus_pci *self, struct out *out, const struct pci_list_task *task)
{
    free(self->devices);
    self->devices = task->devices;
    self->count = task->count;
    self->listed_at = out->now;
    self->table.names_come = false;
    if (self->tell_all) {
        self->tell_all = false;
        pci_tell_all(self, out);
        self->tell_all = false; /* what this list does not name is not there any more */
    }
}

/* Nobody may ask again: api would miss for good what could not be named. */
static void name_later(struct devbus_pci *self, struct out *out)
{
    if (self->tell_all)
        out_timer(out, PCI_TIMER_NAMES, out->now + PCI_NAMES_AGAIN);
}

/* A listing that comes after its deadline has nobody left to answer, but the list is good. */
static void list_done(struct devbus_pci *self, struct out *out, const struct done *d)
{
    struct fault late;
    if (!d->cleared)
        self->listing = false;
    if (d->overdue) {
        (void)fault_set(&late, ERR_TIMEOUT,
                        "libvirt has not listed the PCI devices in time; is libvirtd well?");
        name_later(self, out);
        answer_all(self, out, -ERR_TIMEOUT, &late);
        return;
    }
    if (d->task->r == 0)
        take_list(self, out, (const struct pci_list_task *)d->task);
    else
        name_later(self, out);
    if (!d->cleared)
        answer_all(self, out, d->task->r, &d->task->why);
}

static void done(void *self_, struct out *out, const struct done *d)
{
    struct devbus_pci *self = self_;
    if (d->what == PCI_TASK_LIST)
        list_done(self, out, d);
    else
        pci_job_done(self, out, (const struct pci_task *)d->task, d->cleared);
}

static void timer(void *self_, struct out *out, uint64_t number)
{
    struct devbus_pci *self = self_;
    if (number == PCI_TIMER_NAMES && self->tell_all)
        devbus_pci_want_list(self, out);
    if (number != PCI_TIMER_HOLDS)
        return;
    devbus_holds_end(&self->table, out);
    pci_job_next(self, out);
}

static void end(void *self_)
{
    struct devbus_pci *self = self_;
    free(self->devices);
    self->devices = NULL;
    self->count = 0;
}

const struct actor devbus_pci_actor = {
    .name = "devbus-pci",
    .kind = KIND_DEVBUS_PCI,
    .size = sizeof(struct devbus_pci),
    .begin = begin,
    .hello = hello,
    .hear = hear,
    .answered = answered,
    .done = done,
    .timer = timer,
    .end = end,
    .perform = devbus_pci_perform,
};
