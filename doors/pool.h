/* SPDX-License-Identifier: MIT
 * A storage pool: volumes of one driver (rows in doors/pool_driver.def) and what can be asked of them (rows
 * in doors/pool_verb.def). Spec: storage.
 *
 * Every verb may block for as long as its disk or tool takes: call it on a worker thread. Two threads may use
 * one pool at a time only for different volumes, and only if its driver's row says SIDE_BY_SIDE; the verbs of
 * the pool itself stand alone. At every instant, also when the process or the machine dies, a volume is what
 * it was before the verb or what it is after; what else was left is found by pool_recover.
 *
 * Errors: -ERR_STORAGE the driver or its disk refuses, -ERR_NOT_IMPLEMENTED the driver has no such verb for
 * this kind of volume, -ERR_VALUE a configuration that makes no sense, -ERR_REVISION_NOT_FOUND,
 * -ERR_CANCELLED the watch said so, -ERR_NOMEM. *why always says which. An outcome is written on success
 * only. */
#ifndef DOORS_POOL_H
#define DOORS_POOL_H

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "doors/pool_volume.h"

struct pool;
struct pool_calls; /* how the outside is reached: doors/pool_call.h; NULL means really */

enum { POOL_PATH_MAX = 1023 };

enum pool_verb {
#define POOL_VERB(name, flags, help) POOL_##name,
#include "doors/pool_verb.def"
    POOL_VERBS
};

/* One row of pool_driver.def, for who lists drivers or checks a new pool's options. */
struct pool_driver_row {
    const char *name, *required, *optional; /* parameters with a blank between */
    bool side_by_side;
    bool tools; /* it runs programs of the host */
};
size_t pool_drivers(const struct pool_driver_row **ret);

/* Heard every few MiB of a long verb, on the thread that called it. False cancels: the volume stays as it
 * was. */
struct pool_watch {
    bool (*go_on)(void *self, uint64_t done, uint64_t total); /* bytes; total 0: not known */
    void *self;
};

/* What a verb is told. Each row of pool_verb.def names the members that it reads; nothing is kept after it.
 */
struct pool_errand {
    const struct volume *volume; /* whom it concerns; NULL for verbs of the pool itself */
    const struct volume *source; /* another volume of this pool                         */
    uint64_t size, offset;       /* bytes                                               */
    int fd;                      /* the caller's, read from its offset 0                */
    bool success;
    struct span data;
    struct span revision; /* at NULL: the newest */
    const char *path;     /* what export answered */
    struct pool_watch watch;
};

/* What a volume left behind when its user ended without a word. */
struct pool_remains {
    bool dirty;       /* started and not committed: its last session's data   */
    bool running;     /* a working copy that is to be thrown away             */
    bool import;      /* an import that never ended                           */
    bool temporary;   /* a file or volume on its way to another name          */
    bool interrupted; /* a commit that moved the old state and not yet the new */
};

/* What a verb answers. pool_outcome_free() frees `list`; a fresh one is {0}. */
struct pool_outcome {
    char path[POOL_PATH_MAX + 1];   /* export, import_begin: the data; look: what the VM is given (of an
                                     * ephemeral volume its mapping), "" for none */
    char own[POOL_PATH_MAX + 1];    /* look: where the volume itself lies; "" for the same as `path` */
    uint64_t size, usage;           /* bytes; of the volume, or of the pool */
    bool known;                     /* size and usage mean something */
    bool dirty, outdated, has_data; /* look */
    struct pool_remains remains;    /* look */
    struct text list;               /* lines 'key=value' */
};
void pool_outcome_free(struct pool_outcome *o);
#define AUTO_OUTCOME __attribute__((cleanup(pool_outcome_free))) struct pool_outcome

/* `lines` are the pool's attributes as the model holds them ('key=value'; driver and its parameters). Nothing
 * is touched yet: POOL_setup makes what a new pool needs. -ERR_QUBES for an unknown driver or a missing
 * parameter. */
int pool_open(const char *name, struct span lines, const struct pool_calls *calls, struct pool **ret,
              struct fault *why);
void pool_free(struct pool *p);
DEFINE_AUTO(pool)

const struct pool_driver_row *pool_row(const struct pool *p);
const char *pool_verb_name(enum pool_verb verb);
bool pool_verb_changes(enum pool_verb verb);
int pool_do(struct pool *p, enum pool_verb verb, const struct pool_errand *e, struct pool_outcome *ret,
            struct fault *why);

/* ---- what a crash left; once, before the pool serves ---- */

enum pool_known {
    POOL_AT_REST,   /* its VM is halted                                                       */
    POOL_LIVING,    /* its VM runs: only what no VM uses is tidied up                          */
    POOL_HALF_MADE, /* its VM's creation or removal never ended: the whole volume is taken away */
};
/* What is done with a volume; bits. Pure: tests/unit/doors/pool_volume_test.c is its table. */
enum pool_cure { POOL_CURE_TIDY = 1, POOL_CURE_STOP = 2, POOL_CURE_REMOVE = 4 };
unsigned pool_cure(enum pool_known known, const struct pool_remains *remains);

struct pool_found {
    struct span vid;
    const struct volume *volume; /* NULL: the pool holds it and nobody knows it; it stays untouched */
    struct pool_remains remains;
    unsigned cure; /* done, or tried */
    int r;         /* how that went  */
    const struct fault *why;
};
struct pool_known_volume {
    struct volume volume;
    enum pool_known known;
};
/* `watch` (or NULL) hears how many of the volumes were looked at, and may end it between two. Tells
 * everything that it finds to `tell`. One volume's failure is told and delays no other: the result is
 * negative only when the pool itself cannot be read. */
int pool_recover(struct pool *p, const struct pool_known_volume *known, size_t count,
                 const struct pool_watch *watch, void (*tell)(void *self, const struct pool_found *found),
                 void *self, struct fault *why);

#endif
