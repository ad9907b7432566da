/* SPDX-License-Identifier: MIT
 * What a killed process has asked of libvirtd may be done all the same, a while later. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "actors/vm/vm_actor.h"
#include "actors/vm/vm_task.h"
#include "doors/sim_inside.h"
#include "tests/sim/sim.h"

static void do_of_vm(struct sim *s, struct task *task)
{
    struct vm_doors doors = {.open = doors_open_domains, .arg = s, .kernels = "/nonexistent"};
    vm_actor.perform(&doors, task);
    domain_door_free(doors.door);
}

/* Only the call itself: what is looked at before and after it dies with the process. */
static void do_of_bus(struct sim *s, struct task *task)
{
    struct nodedev_door *door = NULL;
    char name[NODEDEV_NAME_MAX + 1];
    const char *sbdf = ((const struct pci_task *)task)->sbdf;
    snprintf(name, sizeof name, "pci_%.4s_%.2s_%.2s_%.1s", sbdf, sbdf + 5, sbdf + 8, sbdf + 11);
    task->r = nodedev_open_sim(s->hypervisor, &door, &task->why);
    if (task->r == 0)
        task->r =
            (task->what == PCI_TASK_BIND ? door->ops->detach : door->ops->reattach)(door, name, &task->why);
    nodedev_door_free(door);
}

/* Of the life that it was meant for; a plug into another one was refused when that life ended. */
static int life_of(struct sim *s, const struct vm_task *task)
{
    const struct sim_domain *d = sim_find(s->hypervisor, task->uuid);
    return d == NULL ? VIRT_NO_DOMID : d->domid;
}

static bool is_plug(struct address who, const struct task *task)
{
    return who.kind == KIND_VM && (task->what == VM_PLUG_TASK || task->what == VM_UNPLUG_TASK);
}

static void happens(struct sim *s, struct sim_event *e)
{
    struct task *task = e->data;
    if (task == NULL || (is_plug(e->who, task) && life_of(s, e->data) != (int)e->number))
        return;
    (e->who.kind == KIND_VM ? do_of_vm : do_of_bus)(s, task);
    sim_trace(s, e->who.instance, 0x0d0, task->what);
    sim_say(s, e->who, "is dead and its task %u is done: %d", task->what, task->r);
}

void orphans_end(struct sim *s, struct address who)
{
    for (size_t i = 0; i < s->heap_count; i++) {
        struct sim_event *e = &s->heap[i];
        if (e->happen != happens || !address_equal(e->who, who) || e->data == NULL || !is_plug(who, e->data))
            continue;
        happens(s, e);
        free(TAKE(e->data));
    }
}

static bool calls_libvirt(const struct proc *p, const struct job *job)
{
    bool binds = job->what == PCI_TASK_BIND || job->what == PCI_TASK_RETURN;
    return p->who.kind == KIND_VM || (p->who.kind == KIND_DEVBUS_PCI && binds);
}

bool orphan_takes(struct proc *p, struct job *job)
{
    struct sim *s = p->sim;
    if (!calls_libvirt(p, job) || !job->started || job->performed || !s->options.orphans ||
        !sim_chance(s, 500))
        return false;
    struct sim_event *e = sim_at(s, s->now + sim_between(s, 1, 2000) * MILLISECONDS, happens);
    e->data = job->task;
    e->who = p->who;
    if (is_plug(p->who, job->task))
        e->number = (uint64_t)life_of(s, e->data);
    return true;
}
