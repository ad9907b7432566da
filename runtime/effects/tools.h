/* SPDX-License-Identifier: MIT
 * Tools of pools as data: the rows of programs.def against which the runner of a pool's process holds each
 * command that it is asked for. Pure: no system call. */
#ifndef RUNTIME_EFFECTS_TOOLS_H
#define RUNTIME_EFFECTS_TOOLS_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/effects/programs.h"

enum { TOOL_WORDS_MAX = 16 };

/* What a command has in the places of its row's values; empty where it has none. */
struct tool_values {
#define TOOL_VALUE(name, charset, most, what) char name[(most) + 1];
#include "runtime/effects/programs.def"
};

/* The pool that a runner works for, as registry has named it. What does not apply is empty. */
struct tool_pool {
    char group[128], thin[128]; /* lvm_thin */
    char container[256];        /* zfs */
    char directory[512];        /* all that have one */
};

/* The row that this command fits, word for word, or -ERR_REFUSED. argv ends with NULL; its first word is the
 * last part of the row's file, or all of it. *ret is written on success only. */
int tool_match(const char *const *argv, struct tool_values *ret);
/* Whether every value is the pool's own that must be. */
bool tool_is_of(const struct tool_values *values, const struct tool_pool *pool);
/* Whether a node below /dev is one that this pool's volumes have: /dev/GROUP/VOLUME, /dev/zvol/CONTAINER/...,
 * or a mapping of theirs. Names of devices over files do not say whose they are: those are shown (`opens`
 * false), never opened. */
bool tool_owns_node(const struct tool_pool *pool, const char *path, bool opens);

/* The number of the row with this file, or -ERR_UNKNOWN. */
int tool_at(const char *file);
/* Columns of a row of TOOL; NULL and 0 for another number. */
const char *tool_file(int program);
const char *tool_name(int program); /* the last part of its file */
unsigned tool_seconds(int program);

#endif
