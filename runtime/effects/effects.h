/* SPDX-License-Identifier: MIT
 * What each kind of process may do outside itself: the rows of effects.def as data, and
 * the names of the places, layers and sets of system calls that they speak of.
 * Pure tables: no system call, no library; the supervisor and the cli link it. */
#ifndef RUNTIME_EFFECTS_EFFECTS_H
#define RUNTIME_EFFECTS_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum place {
#define PLACE(name, text, what) PLACE_##name,
#include "runtime/effects/places.def"
    PLACE_COUNT
};

enum host_path {
#define PATH(name, path, what) HOST_##name,
#include "runtime/effects/paths.def"
    HOST_PATHS
};

enum layer {
#define LAYER(name, text, need, what) LAYER_##name,
#include "runtime/effects/layers.def"
    LAYER_COUNT
};
#define LAYER_BIT(layer) (UINT32_C(1) << (layer))

enum call_set {
#define SET(name, help) CALLS_##name,
#define CALL(set, call)
#define CALL_WHEN(set, call, argument, mask, value)
#define REFUSE(set, call, error)
#define REFUSE_WHEN(set, call, argument, mask, value, error)
#include "runtime/effects/calls.def"
    CALLS_COUNT
};

enum effect_what {
    EFFECT_RUN_AS,      /* subject: first uid and gid; amount: how many instances   */
    EFFECT_MAY_BIND,    /* subject: enum place; amount: enum effect_access          */
    EFFECT_MAY_CALL,    /* subject: enum call_set                                   */
    EFFECT_MAY_CONNECT, /* subject: AF_*                                          */
    EFFECT_MAY_CAP,     /* subject: CAP_*                                           */
    EFFECT_NAMESPACE,   /* subject: enum layer                                      */
    EFFECT_MAY_RUN,     /* subject: enum outside_program; by the supervisor's hand, or a runner's */
    EFFECT_MAY_REACH,   /* subject: enum host_path; amount: enum effect_access      */
    EFFECT_MAY_HOLD,    /* subject: enum hand; opened by the supervisor                 */
    EFFECT_LIMIT,       /* subject: RLIMIT_*; amount: both limits                   */
};

/* RX: reads and starts; ALL: devices, too. Both are for paths of the host, not for what a jail binds. */
enum effect_access { ACCESS_RO, ACCESS_RW, ACCESS_RX, ACCESS_ALL };

/* One row. All texts are literals. */
struct effect {
    const char *kind; /* "vm"; "*": every kind of actor; "storage:tools": what an actor's own runner starts */
    enum effect_what what;
    uint64_t subject, amount;
    const char *shown; /* the grant as the row spells it: "MAY_BIND(RO, BUS)" */
    const char *reason;
};

/* A table of rows; somebody else owns them. */
struct effects {
    const struct effect *row;
    size_t count;
};

/* The rows of effects.def; valid for ever. */
struct effects effects_table(void);

bool effect_is_for(const struct effect *e, const char *kind);
/* The next row of `what` for `kind` at or after *at, and *at behind it; NULL: no more. Start with *at = 0. */
const struct effect *effects_next(struct effects table, const char *kind, enum effect_what what, size_t *at);
bool effects_have(struct effects table, const char *kind, enum effect_what what, uint64_t subject);

/* The n-th kind that the table names, in its order; NULL: there are fewer. */
const char *effects_kind(struct effects table, size_t n);

/* 0 with the uid (and equal gid) of an instance; -ERR_UNKNOWN: no such kind;
 * -ERR_RANGE: the kind has fewer instances. */
int effects_uid(struct effects table, const char *kind, unsigned instance, uint32_t *uid, struct fault *why);

/* Whether any row is of this kind by its name. */
bool effects_know(struct effects table, const char *kind);

/* Columns of the other tables; any value is accepted, unknown ones read as "?". */
const char *place_name(enum place place);
const char *place_text(enum place place);
const char *host_path(enum host_path path);
const char *layer_name(enum layer layer);
const char *layer_text(enum layer layer);
bool layer_is_mandatory(enum layer layer);
/* Mandatory for this kind: the pid namespace is only where a row asks for it. */
bool layer_is_wanted(const char *kind, enum layer layer);
const char *call_set_name(enum call_set set);
const char *call_set_text(enum call_set set);

/* Says all that `kind` may do, one line per call of emit (no newline; valid during the call):
 * each row with its reason, each set of system calls with its names.
 * 0, or -ERR_UNKNOWN for a kind without rows. */
int effects_explain(const char *kind, void (*emit)(void *self, const char *line), void *self,
                    struct fault *why);

#endif
