/* SPDX-License-Identifier: MIT
 * devbus-block: the disks that VMs and dom0 expose, and who has them. It holds no right outside itself: each
 * backend's guest process reads what is exposed, each frontend's process attaches. It begins when it is first
 * asked or told something, and retires when nothing is exposed or attached. Spec: devbus-block. */
#ifndef ACTORS_DEVBUS_BLOCK_DEVBUS_BLOCK_H
#define ACTORS_DEVBUS_BLOCK_DEVBUS_BLOCK_H

#include "actors/devbus/devbus_take.h"

enum {
    BLOCK_JOBS_MAX = 64, /* preparations that wait for a fresh start to settle */
    BLOCK_HAS_MAX = 256, /* disks of one VM, as proto/devbus.def */
    BLOCK_OPTIONS_MAX = 1023,
    BLOCK_VMS_MAX = 10000,
};

enum { BLOCK_TIMER_SETTLED = DEVBUS_TIMER_OWN, BLOCK_TIMER_SWEEP };

struct block_job {
    struct request request;
    char name[32], backend[32], port[256], device_id[1024], options[BLOCK_OPTIONS_MAX + 1];
    uint32_t purpose;
    bool again, only_checks;
};

struct devbus_block {
    struct devbus bus;
    struct block_job *job; /* from malloc; in their order */
    size_t jobs;
    /* Something was attached when the incarnation before died: until then VMs' processes say what. */
    uint64_t settled_at;
    uint64_t settles_most;                  /* and until then it waits for those that do not know yet */
    uint8_t unknown[BLOCK_VMS_MAX / 8 + 1]; /* a bit for each VM that has said so */
    uint32_t lives[BLOCK_VMS_MAX + 1];    /* marks of the names of VMs that have told anything; 0: has not */
    uint8_t ended[BLOCK_VMS_MAX / 8 + 1]; /* a bit for each VM of which a life is known to be over */
    bool is_heir; /* the note says that disks were attached, or on their way: backends told others of them */
    unsigned doubts;        /* how often all were asked once more what they expose */
    bool doubting, is_sure; /* they are being asked; who has not said that he lives does not */
};

extern const struct actor devbus_block_actor;

/* ---- devbus_block_sweep.c: what nothing is behind ---- */
/* `told`: this backend has just told what it exposes; NULL: nobody has. */
void block_sweep(struct devbus *bus, struct out *out, const char *told);
/* A VM may have a disk of a backend that has told nothing: all are asked again, and believed in the end. */
void block_doubt(struct devbus_block *self, struct out *out);
uint32_t block_mark(const char *name);

/* ---- devbus_block_job.c: who gets what ---- */
void block_settle(struct devbus_block *self, struct out *out);
void block_prepare(struct devbus *bus, struct out *out, const struct envelope *e,
                   const struct bus_prepare *m);
/* The time in which VMs' processes say what they have is over, or that in which one takes out a disk. */
void block_rings(struct devbus *bus, struct out *out, uint64_t timer);
void block_confirm(struct devbus *bus, struct out *out, const struct envelope *e,
                   const struct bus_confirm *m);
void block_has(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_has *m);
/* Its life has ended, whatever it had. */
void block_over(struct devbus *bus, struct out *out, struct subject vm);
void block_end(struct devbus *bus);

#endif
