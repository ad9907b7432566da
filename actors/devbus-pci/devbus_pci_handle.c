/* SPDX-License-Identifier: MIT
 * The core of devbus-pci: questions wait for a fresh list, and all of them get it. */
#include "actors/devbus-pci/devbus_pci.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

static int begin(void *self, struct out *out, const struct life *life)
{
    (void)self;
    (void)life;
    out_ready(out);
    return 0;
}

static void hello(void *self, struct out *out, uint64_t epoch, uint64_t last_correlation)
{
    (void)self;
    (void)out;
    (void)epoch;
    (void)last_correlation;
}

static void answer(struct devbus_pci *self, struct out *out, const struct pci_question *q)
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

static void answer_all(struct devbus_pci *self, struct out *out, int r, const struct fault *why)
{
    for (size_t i = 0; i < self->questions; i++) {
        if (r < 0)
            reply_error(out, &self->waiting[i].request, r, why);
        else
            answer(self, out, &self->waiting[i]);
    }
    self->questions = 0;
}

static void list(struct devbus_pci *self, struct out *out)
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
    list(self, out);
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
}

/* A listing that comes after its deadline has nobody left to answer, but the list is good. */
static void done(void *self_, struct out *out, const struct done *d)
{
    struct devbus_pci *self = self_;
    struct fault late;
    if (!d->cleared)
        self->listing = false;
    if (d->overdue) {
        (void)fault_set(&late, ERR_TIMEOUT,
                        "libvirt has not listed the PCI devices in time; is libvirtd well?");
        answer_all(self, out, -ERR_TIMEOUT, &late);
        return;
    }
    if (d->task->r == 0)
        take_list(self, out, (const struct pci_list_task *)d->task);
    if (!d->cleared)
        answer_all(self, out, d->task->r, &d->task->why);
}

static void timer(void *self, struct out *out, uint64_t number)
{
    (void)self;
    (void)out;
    (void)number; /* it sets none */
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
