/* SPDX-License-Identifier: MIT
 * devbus-pci: the PCI devices that dom0 exposes, and who has them. The core answers lists from one that the
 * worker makes anew when it is older than a second; what changes something is a job, one at a time. Spec:
 * devbus-pci. */
#ifndef ACTORS_DEVBUS_PCI_DEVBUS_PCI_H
#define ACTORS_DEVBUS_PCI_DEVBUS_PCI_H

#include "actors/devbus-pci/devbus_pci_plan.h"
#include "actors/devbus/devbus_table.h"
#include "doors/nodedev.h"
#include "doors/pciids.h"
#include "doors/xenstore.h"
#include "proto/messages.h"
#include "runtime/core.h"
#include "runtime/post.h"

enum {
    PCI_DEVICES_MAX = 4096, /* as proto/devbus.def */
    PCI_WAITING_MAX = 256,  /* questions that wait for one listing; the next is answered busy */
    PCI_HAS_MAX = 256,      /* devices of one VM, as proto/devbus.def */
    PCI_JOBS_MAX = 64,      /* jobs that wait; the next is answered busy */
};
#define PCI_FRESH       (1 * SECONDS)  /* a list of this age still answers */
#define PCI_PATIENCE    (20 * SECONDS) /* for one call of the worker's */
#define PCI_NAMES_AGAIN (5 * SECONDS)  /* a list that failed is made again, where a name is missing */

enum pci_task_what { PCI_TASK_LIST = 1, PCI_TASK_LOOK, PCI_TASK_BIND, PCI_TASK_RETURN, PCI_TASK_SEE };
enum pci_timer { PCI_TIMER_HOLDS = 1, PCI_TIMER_NAMES };

/* The worker fills devices (from malloc); whoever hears of the end owns them. */
struct pci_list_task {
    struct task task;
    struct device_item *devices;
    size_t count;
};

/* Everything else that the worker does: about one device. */
struct pci_task {
    struct task task;
    char sbdf[13], port[256]; /* LOOK: one of them is given, both are known after it */
    uint32_t domid;
    bool present;              /* SEE: what is waited for */
    struct device_item device; /* LOOK */
    struct sysfs_facts facts;  /* LOOK; of RETURN the driver */
    char holder[64];           /* LOOK: the domain that xenstore names, "" */
    uint32_t holder_domid;
    char guest[8]; /* LOOK, for domid's own */
};

/* What is asked of us and takes more than a list. */
struct pci_job {
    struct request request;
    bool owed;
    uint16_t type;
    char sbdf[13], port[256], device_id[1024], name[32];
    uint32_t purpose, domid;
    bool no_strict_reset, again, only_checks, present;
    bool over; /* the life that it was for has ended meanwhile: nothing is taken */
};

struct devbus_pci {
    struct device_item *devices; /* sorted as the listing shows them */
    size_t count;
    uint64_t listed_at; /* 0: never */
    bool listing;
    bool on_xen;
    uint64_t refused;
    struct pci_question {
        struct request request;
        char port[256];
        bool nobodys; /* asked of a backend that exposes none */
    } waiting[PCI_WAITING_MAX];
    size_t questions;

    struct devbus_table table;
    bool tell_all;                    /* when there is a list again */
    struct pci_job job[PCI_JOBS_MAX]; /* the first is being done */
    size_t jobs;
    bool working; /* on the first one, or on giving a device back: this task */
    enum pci_task_what doing;
    char doing_sbdf[13];
};

/* What the worker works with; each of its threads has its own. `nodedev` is opened at first use,
 * and again after a connection was lost; `xenstore` before the jail, shared by all threads. */
struct pci_doors {
    const char *uri;
    const char *ids_file;
    int sysfs;
    bool on_xen;
    bool cannot_bind; /* and has said so */
    struct nodedev_door *nodedev;
    struct pciids *ids;
    struct xenstore_door *xenstore;
};

extern const struct actor devbus_pci_actor;
/* Whether devices are given through xen-pciback and seen in xenstore; set before there is an incarnation. */
void devbus_pci_set_xen(bool on_xen);

/* ---- devbus_pci_list.c: on the worker ---- */
/* Every PCI device as the answer shows it. 0 with *devices, which the caller owns. */
int devbus_pci_list(struct pci_doors *doors, struct device_item **devices, size_t *count, struct fault *why);
/* One device; -ERR_UNKNOWN for one that is left out of lists. */
int devbus_pci_describe(struct pci_doors *doors, const struct pci_node *node, struct device_item *item);
int devbus_pci_open(struct pci_doors *doors, struct fault *why);
int devbus_pci_nodes(struct pci_doors *doors, struct pci_node **nodes, size_t *count, struct fault *why);

/* ---- devbus_pci_work.c: on the worker ---- */
void devbus_pci_perform(void *doors, struct task *task);

/* ---- devbus_pci_handle.c ---- */
/* Answers what api was just told of: where a name is missing, when the list has it and api, too. */
void devbus_pci_told(struct devbus_pci *self, struct out *out, const struct request *request);
void devbus_pci_want_list(struct devbus_pci *self, struct out *out);

/* ---- devbus_pci_table.c: who has what ---- */
/* Tells api what this VM has; or every VM. A device whose port is not known waits for the next list. */
void pci_tell(struct devbus_pci *self, struct out *out, uint32_t qid, uint32_t generation);
void pci_tell_all(struct devbus_pci *self, struct out *out);
void pci_has(struct devbus_pci *self, struct out *out, const struct envelope *e, const struct bus_has *m);
void pci_table_begin(struct devbus_pci *self, struct out *out, struct span note);

/* ---- devbus_pci_return.c ---- */
/* The first job asks for it, and its device was looked at. */
void pci_return(struct devbus_pci *self, struct out *out, const struct pci_task *t);
/* Whether the first job waits for this device's return. */
bool pci_return_waits(const struct devbus_pci *self, const char *sbdf);
/* The task has ended: done, tried again later, or given up. */
void pci_returned(struct devbus_pci *self, struct out *out, const struct pci_task *t);

/* ---- devbus_pci_job.c ---- */
/* The first job ends: with a refusal, or answered already. */
void pci_job_fail(struct devbus_pci *self, struct out *out, int r, const struct fault *why);
void pci_job_drop(struct devbus_pci *self);
/* Begins a task about one device. 0 or -ERR_NOMEM. */
int pci_job_task(struct devbus_pci *self, struct out *out, enum pci_task_what what, const char *sbdf);
void pci_job_add(struct devbus_pci *self, struct out *out, const struct pci_job *job);
void pci_job_next(struct devbus_pci *self, struct out *out);
void pci_job_cancel(struct devbus_pci *self, struct out *out, const struct envelope *e);
/* The life of that VM is over: what was to be made ready for it is not taken any more. */
void pci_job_over(struct devbus_pci *self, uint32_t qid);
/* A task about one device has ended, or is overdue (then NULL). */
void pci_job_done(struct devbus_pci *self, struct out *out, const struct pci_task *task, bool cleared);

#endif
