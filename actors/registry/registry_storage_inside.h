/* SPDX-License-Identifier: MIT
 * What the files of storage's part in an operation share; only registry_storage*.c include this. */
#ifndef ACTORS_REGISTRY_REGISTRY_STORAGE_INSIDE_H
#define ACTORS_REGISTRY_REGISTRY_STORAGE_INSIDE_H

#include "actors/registry/registry_storage.h"
#include "model/plan_storage.h"

enum { JOBS_MOST = 128 };

enum storage_phase {
    PHASE_INTENT, /* the leftovers of a creation are being committed */
    PHASE_JOBS,
    PHASE_MADE, /* all done: the commit may follow */
    PHASE_UNDO, /* what a failed creation has made is being removed */
    PHASE_AFTER,
    PHASE_TIDY,  /* what follows waits for its turn to commit */
    PHASE_CLEAN, /* that its leftovers are gone is being committed */
};

struct storage_work {
    enum storage_phase phase;
    struct plan plan; /* with the jobs */
    struct op_id op;  /* the operation's own; what is committed beside it has others */
    unsigned asked;
    uint8_t tries[JOBS_MOST];
    bool failed, makes, answered;
    bool lent;     /* a volume's data are lent to another pool */
    bool outdated; /* a volume that was looked at is older than what it is a snapshot of */
    enum plan_stage stage;
    uint32_t loan; /* drawn anew by each operation: no other pool can ask for it */
    uint64_t size; /* what was lent has */
    bool sized;    /* `now` is what the volume has when all is done */
    uint64_t now;
    int r; /* of the first job that failed, with the operation's why */
    char path[1024];
};

/* registry_storage_ask.c: every job is asked, `verb` NULL: each its own. */
void storage_ask_all(struct registry *r, struct out *out, struct pending_operation *o,
                     enum storage_phase phase, const char *verb);
/* The first failure counts. What cannot be removed stays a leftover and fails nothing. */
void storage_fail(struct pending_operation *o, struct plan_job *job, int e, const struct fault *why);

/* registry_storage_beside.c */
void storage_commit_beside(struct registry *r, struct out *out, struct pending_operation *o,
                           enum storage_phase phase);
/* Its asker hears how it went; where nobody waits any more, it only ends. */
void storage_end(struct registry *r, struct out *out, struct pending_operation *o);

#endif
