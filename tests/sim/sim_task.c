/* SPDX-License-Identifier: MIT
 * A process's worker in virtual time, and the doors that its tasks are done with. A task may take its time
 * and hang past its deadline. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/devbus-pci/devbus_pci.h"
#include "actors/guest/guest.h"
#include "actors/host/host.h"
#include "actors/storage/storage.h"
#include "actors/registry/registry_store.h"
#include "actors/vm/vm_actor.h"
#include "actors/vm/vm_task.h"

/* ---- doors ---- */

struct sim_store {
    struct store store; /* first */
    struct sim *sim;
};

static int open_store(struct store *store, struct fault *why)
{
    return db_sim_open(((struct sim_store *)store)->sim->disk, &store->db, why);
}

int doors_open_domains(void *arg, struct domain_door **ret, struct fault *why)
{
    return domain_open_sim(((struct sim *)arg)->hypervisor, ret, why);
}

static void ear_event(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL)
        return;
    p->out.now = s->now;
    if (e->data != NULL)
        host_heard(p->core, &p->out, e->data);
    else
        host_lost(p->core, &p->out);
    proc_after(p);
}

static struct sim_event *to_ear(struct proc *p)
{
    struct sim_event *e = sim_at(p->sim, p->sim->now + MILLISECONDS, ear_event);
    e->who = p->who;
    e->incarnation = p->incarnation;
    return e;
}

static void heard(void *user, const struct hostwatch_event *event)
{
    struct hostwatch_event *copy = sim_alloc(sizeof *copy);
    sim_say(((struct proc *)user)->sim, ((struct proc *)user)->who, "is told of event %d of %s",
            (int)event->what, event->name);
    *copy = *event;
    to_ear(user)->data = copy;
}

static void closed(void *user)
{
    (void)to_ear(user);
}

static int open_watch(void *arg, struct hostwatch **ret, struct fault *why)
{
    struct proc *p = arg;
    struct hostwatch_ears ears = {p, heard, closed};
    return hostwatch_open_sim(p->sim->hypervisor, &ears, ret, why);
}

static void *store_new(struct sim *s)
{
    struct sim_store *d = sim_alloc(sizeof *d);
    d->store = (struct store){.open = open_store, .qubes_lib = -1, .pool_dir = "/var/lib/qubes"};
    d->sim = s;
    return d;
}

/* Without devices there is no sysfs either: every listing fails. */
static void *pci_new(struct sim *s)
{
    struct pci_doors *d = sim_alloc(sizeof *d);
    struct fault why;
    d->sysfs = s->options.devices ? 0 : -1;
    d->ids_file = "/nonexistent";
    d->on_xen = s->options.devices;
    if (s->options.devices && xenstore_open_sim(s->hypervisor, &d->xenstore, &why) < 0)
        abort();
    return d;
}

void *doors_open(struct proc *p)
{
    if (p->who.kind == KIND_VM) {
        struct vm_doors *d = sim_alloc(sizeof *d);
        *d = (struct vm_doors){.open = doors_open_domains, .arg = p->sim, .kernels = "/nonexistent"};
        return d;
    }
    if (p->who.kind == KIND_HOST) {
        struct host_doors *d = sim_alloc(sizeof *d);
        *d = (struct host_doors){.open = open_watch, .arg = p};
        return d;
    }
    if (p->who.kind == KIND_DEVBUS_PCI)
        return pci_new(p->sim);
    if (p->who.kind == KIND_LAUNCHER)
        return sim_alloc(sizeof(struct launcher_doors)); /* it is open: sim_policy.c */
    return p->who.kind == KIND_REGISTRY ? store_new(p->sim) : NULL;
}

void doors_close(struct proc *p, void *doors)
{
    if (doors == NULL)
        return;
    if (p->who.kind == KIND_VM)
        domain_door_free(((struct vm_doors *)doors)->door);
    if (p->who.kind == KIND_HOST)
        hostwatch_free(((struct host_doors *)doors)->watch);
    if (p->who.kind == KIND_DEVBUS_PCI) {
        nodedev_door_free(((struct pci_doors *)doors)->nodedev);
        xenstore_door_free(((struct pci_doors *)doors)->xenstore);
    }
    if (p->who.kind == KIND_REGISTRY && ((struct store *)doors)->db != NULL)
        db_sim_kill(&((struct store *)doors)->db);
    free(doors);
}

/* ---- doing a task ---- */

/* When each version came to be on the disk. */
static void note_version(struct sim *s, uint64_t version)
{
    if (version >= s->commits_room) {
        size_t room = version * 2 + 64;
        s->commits = realloc(s->commits, room * sizeof *s->commits);
        if (s->commits == NULL)
            abort();
        memset(s->commits + s->commits_room, 0, (room - s->commits_room) * sizeof *s->commits);
        s->commits_room = room;
    }
    if (s->commits[version] == 0)
        s->commits[version] = s->now;
}

static void note_commit(struct sim *s, const struct store_task *t)
{
    if (t->task.r < 0)
        return;
    if (t->task.what == STORE_LOAD && t->version != 0)
        note_version(s, t->version);
    for (const struct store_write *w = t->writes; w != NULL; w = w->next)
        if (w->done && !w->repeated && !w->find)
            note_version(s, w->version);
}

/* Its own door opens libvirt's: here it gets one of the simulated hypervisor, or no listing. */
static bool plug_devices(struct proc *p, struct pci_doors *d, struct task *task)
{
    nodedev_door_free(TAKE(d->nodedev));
    task->r = nodedev_open_sim(p->sim->hypervisor, &d->nodedev, &task->why);
    return task->r == 0;
}

/* A pool that always can: what is asked of it, and when, is what the simulator looks at. Without a kernel
 * there is no disk of it. */
static void do_volume(struct storage_task *t)
{
    t->task.r = 0;
    if (t->verb == STORAGE_OPEN)
        t->success = true;
    else if (t->verb == POOL_start && t->volume.vid[0] != '\0')
        snprintf(t->outcome.path, sizeof t->outcome.path, "/pool/%.200s.img", t->volume.vid);
}

static void perform(struct proc *p, struct task *task, void *doors)
{
    if (p->who.kind == KIND_VM && task->what != VM_LOOK_TASK && task->what != VM_DEVICES_TASK)
        orphans_end(p->sim, p->who);
    if (p->who.kind == KIND_STORAGE)
        do_volume((struct storage_task *)task);
    else if (p->who.kind == KIND_GUEST)
        sim_guest_perform(p, (struct guest_task *)task);
    else if (p->who.kind != KIND_DEVBUS_PCI || plug_devices(p, doors, task))
        p->actor->perform(doors, task);
    if (p->who.kind == KIND_REGISTRY)
        note_commit(p->sim, (struct store_task *)task);
    sim_trace(p->sim, p->who.kind, task->what, (uint64_t)task->r);
    sim_say(p->sim, p->who, "does task %u: %d %s", task->what, task->r, task->r < 0 ? task->why.text : "");
}

static void free_content(const struct proc *p, struct task *task, bool performed)
{
    if (p->who.kind == KIND_GUEST)
        sim_guest_drop((struct guest_task *)task, performed);
    if (p->who.kind == KIND_REGISTRY)
        store_task_free_content((struct store_task *)task);
    if (p->who.kind == KIND_HOST)
        free(((struct host_task *)task)->domains), free(((struct host_task *)task)->samples);
    if (p->who.kind == KIND_DEVBUS_PCI && task->what == PCI_TASK_LIST)
        free(((struct pci_list_task *)task)->devices);
    if (p->who.kind == KIND_STORAGE)
        storage_task_free_content((struct storage_task *)task);
}

static uint64_t duration(struct proc *p, bool *hangs)
{
    struct sim *s = p->sim;
    *hangs = false;
    if (p->who.kind == KIND_REGISTRY)
        return sim_between(s, 1, 12) * MILLISECONDS;
    *hangs = s->options.faults && !s->calm && sim_chance(s, 6);
    return (*hangs ? sim_between(s, 2000, sim_chance(s, 200) ? 80000 : 40000) : sim_between(s, 1, 40)) *
           MILLISECONDS;
}

static void begin_next(struct proc *p);

static struct hand *hand_of(struct proc *p, uint64_t number)
{
    for (size_t i = 0; i < SIM_HANDS; i++)
        if (p->hand[i].current != NULL && p->hand[i].current->number == number)
            return &p->hand[i];
    return NULL;
}

static void job_ends(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    struct hand *hand = p != NULL ? hand_of(p, e->number) : NULL;
    if (hand == NULL)
        return;
    struct job *job = TAKE(hand->current);
    if (!job->performed)
        perform(p, job->task, hand->doors);
    if (hand != &p->hand[0])
        doors_close(p, TAKE(hand->doors));
    struct done d = {.task = job->task, .what = job->task->what, .cleared = job->overdue};
    p->out.now = s->now;
    begin_next(p);
    p->actor->done(p->core, &p->out, &d);
    free(job->task);
    free(job);
    proc_after(p);
}

static void begin_next(struct proc *p)
{
    bool hangs;
    if (p->hand[0].current != NULL || p->todo == NULL || p->cut == 0)
        return;
    struct job *job = p->hand[0].current = p->todo;
    p->todo = job->next;
    job->next = NULL;
    job->started = true;
    uint64_t lasts = duration(p, &hangs);
    if (sim_chance(p->sim, 500)) {
        perform(p, job->task, p->hand[0].doors);
        job->performed = true;
    }
    struct sim_event *e = sim_at(p->sim, p->sim->now + lasts, job_ends);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = job->number;
}

void task_give(struct proc *p, struct task *task)
{
    struct job *job = sim_alloc(sizeof *job), **end = &p->todo;
    *job =
        (struct job){.task = task, .what = task->what, .deadline = task->deadline, .number = ++p->last_job};
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    begin_next(p);
}

static struct job *late_one(struct proc *p)
{
    for (size_t i = 0; i < SIM_HANDS; i++) {
        struct job *job = p->hand[i].current;
        if (job != NULL && job->deadline != 0 && !job->overdue && job->deadline <= p->sim->now)
            return job;
    }
    for (struct job *job = p->todo; job != NULL; job = job->next)
        if (job->deadline != 0 && !job->overdue && job->deadline <= p->sim->now)
            return job;
    return NULL;
}

void task_overdue(struct proc *p)
{
    struct job *job;
    while (p->cut != 0 && !p->ending && (job = late_one(p)) != NULL) {
        job->overdue = true;
        if (p->hand[0].current == job && p->hand[1].current == NULL) {
            p->hand[1] = p->hand[0];
            p->hand[0] = (struct hand){.doors = doors_open(p)};
            begin_next(p);
        }
        struct done d = {.what = job->what, .overdue = true};
        p->actor->done(p->core, &p->out, &d);
    }
}

static void earlier(uint64_t *next, const struct job *job)
{
    if (job != NULL && job->deadline != 0 && !job->overdue && (*next == 0 || job->deadline < *next))
        *next = job->deadline;
}

uint64_t task_next(const struct proc *p)
{
    uint64_t next = 0;
    for (size_t i = 0; i < SIM_HANDS; i++)
        earlier(&next, p->hand[i].current);
    for (const struct job *job = p->todo; job != NULL; job = job->next)
        earlier(&next, job);
    return next;
}

/* ---- the end of a process ---- */

static void drop(struct proc *p, struct job *job)
{
    if (!orphan_takes(p, job)) {
        free_content(p, job->task, job->performed);
        free(job->task);
    }
    free(job);
}

void task_drop_all(struct proc *p)
{
    for (size_t i = 0; i < SIM_HANDS; i++) {
        if (p->hand[i].current != NULL)
            drop(p, TAKE(p->hand[i].current));
        doors_close(p, TAKE(p->hand[i].doors));
    }
    while (p->todo != NULL) {
        struct job *job = p->todo;
        p->todo = job->next;
        drop(p, job);
    }
}
