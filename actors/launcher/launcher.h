/* SPDX-License-Identifier: MIT
 * launcher: runs programs of the host for VMs' processes. It names a row of runtime/effects/programs.def and
 * fills its values with what registry says of the VM; the supervisor runs the command. Spec:
 * lifecycle 3.4, 3.5, 7, 8. */
#ifndef ACTORS_LAUNCHER_LAUNCHER_H
#define ACTORS_LAUNCHER_LAUNCHER_H

#include "runtime/effects/programs.h"
#include "runtime/post.h"

enum {
    JOBS_MAX = 256,
    JOB_INPUT = 4096,   /* as proto/launcher.def */
    JOB_OUTPUT = 32768, /* what is more is dropped */
    JOB_SAID = 1023,
};

/* The side that has the pipes and the control line: the shell's (launcher_pipes.h) or a test's.
 * Neither may block nor call the core. */
struct launcher_ops {
    /* 0: launcher_ran will be called once with this number. -ERR_: it will not. */
    int (*run)(void *arg, uint64_t number, enum outside_program program, const struct program_values *v,
               struct span input);
    void (*kill)(void *arg, uint64_t number);
};

/* How a program ended. */
struct program_end {
    uint64_t number;
    uint32_t status;          /* as a shell says it */
    int error;                /* an errno: it could not be started */
    struct span output, said; /* its standard output and error output; valid during the call */
};

struct job;

/* A line of dom0's policy, of which the worker is told. */
struct policy_grant {
    char port[64], line[129];
};
enum launcher_task { POLICY_SWEEP = 1, POLICY_ADD, POLICY_REMOVE };
struct policy_task {
    struct task task; /* what: enum launcher_task */
    uint64_t number;  /* of the job that waits for it */
    struct policy_grant grant;
    unsigned found; /* by a sweep */
};

/* For a worker's thread. */
struct launcher_doors {
    int policy; /* its directory, open */
};

/* A daemon that was started well: of which VM, for which domain. */
struct daemon_up {
    struct subject subject;
    enum outside_program program;
    bool stubdom;
    char xid[16];
};
enum { DAEMONS_KEPT = 256 };

struct launcher {
    struct daemon_up up[DAEMONS_KEPT]; /* the last ones; the next takes the place of the oldest */
    unsigned next_up;
    bool lacks;         /* a program that this host does not have was asked for, and it has been said */
    bool writes_policy; /* there is a directory for it, and somebody who needs it */
    bool stops;
    unsigned tasks; /* with the worker */
    const struct launcher_ops *ops;
    void *arg;
    struct job *jobs;
    unsigned count;
    uint64_t next, refused;
};

extern const struct actor launcher_actor;

/* Before begin. Both must outlive the core. */
void launcher_attach(struct launcher *self, const struct launcher_ops *ops, void *arg);
/* Before begin: lines of dom0's policy are written while USB devices are attached; else they are not. */
void launcher_settle(struct launcher *self, bool writes_policy);
/* For the worker: one task of the policy; may block. `doors` is a struct launcher_doors. */
void launcher_perform(void *doors, struct task *task);
/* The asker is answered, unless it has its answer already. */
void launcher_ran(struct launcher *l, struct out *out, const struct program_end *end);

#endif
