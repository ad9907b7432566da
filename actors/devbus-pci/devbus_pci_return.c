/* SPDX-License-Identifier: MIT
 * Devices that go back to dom0's driver: because nobody attached them, or because somebody asks for it; in
 * devbus-pci's core. */
#include <string.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "base/log.h"

static void answer(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    struct bus_return_reply m = {.sbdf = ""};
    (void)text_copy(m.sbdf, sizeof m.sbdf, span_of(t->sbdf));
    (void)text_copy(m.driver, sizeof m.driver, span_of(t->facts.driver));
    if (self->job[0].owed)
        REPLY(out, bus_return, &self->job[0].request, &m);
    pci_job_drop(self);
}

static int must_be_nobodys(const struct devbus_device *d, const struct pci_task *t, struct fault *why)
{
    bool held = d != NULL && d->state != DEVBUS_FREE && d->state != DEVBUS_RETURNING;
    const char *holder = held ? d->name[0] != '\0' ? d->name : "a VM" : t->holder;
    if (holder[0] == '\0')
        return 0;
    return fault_set(why, ERR_DEVICE_ATTACHED,
                     "%s cannot go back to dom0's driver: %.31s has it; detach it there first", t->sbdf,
                     holder);
}

static int begin(struct devbus_pci *self, struct out *out, const struct pci_task *t, struct fault *why)
{
    struct devbus_device *d = devbus_find(&self->table, t->sbdf);
    int r = must_be_nobodys(d, t, why);
    if (r < 0)
        return r;
    if (d == NULL && devbus_has_room(&self->table, t->sbdf))
        d = devbus_add(&self->table, t->sbdf);
    if (d == NULL)
        return fault_set(why, ERR_BUSY, "too many PCI devices are on their way; try again");
    d->mine = true;
    (void)devbus_happens(&self->table, out, d, DEVBUS_LET_GO);
    (void)text_copy(self->job[0].sbdf, sizeof self->job[0].sbdf, span_of(t->sbdf));
    r = pci_job_task(self, out, PCI_TASK_RETURN, t->sbdf);
    return r < 0 ? fault_set(why, ERR_NOMEM, "no memory for a task") : 0;
}

void pci_return(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    const char *driver = t->facts.driver;
    bool has_it = driver[0] != '\0' && !pci_driver_is_for_guests(driver);
    struct fault why;
    int r = has_it ? 0 : begin(self, out, t, &why);
    if (r < 0)
        pci_job_fail(self, out, r, &why);
    else if (has_it)
        answer(self, out, t);
}

bool pci_return_waits(const struct devbus_pci *self, const char *sbdf)
{
    return self->jobs > 0 && self->job[0].type == MESSAGE_bus_return && strcmp(self->job[0].sbdf, sbdf) == 0;
}

static bool is_returned_again(struct devbus_pci *self, struct out *out, struct devbus_device *d, int r)
{
    if (r < 0)
        return r != -ERR_STATE && devbus_returns_later(&self->table, out, d);
    return devbus_returns_once_more(&self->table, out, d);
}

void pci_returned(struct devbus_pci *self, struct out *out, const struct pci_task *t)
{
    struct devbus_device *d = devbus_find(&self->table, t->sbdf);
    bool again = d != NULL && is_returned_again(self, out, d, t->task.r);
    if (t->task.r < 0)
        log_line(LOG_WARN, "%s stays as it is%s: %s", t->sbdf, again ? ", for a while" : "",
                 t->task.why.text);
    if (d != NULL && !again)
        (void)devbus_happens(&self->table, out, d, DEVBUS_RETURNED);
    if (!pci_return_waits(self, t->sbdf))
        return;
    if (t->task.r < 0)
        pci_job_fail(self, out, t->task.r, &t->task.why);
    else
        answer(self, out, t);
}
