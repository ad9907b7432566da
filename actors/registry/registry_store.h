/* SPDX-License-Identifier: MIT
 * The registry's tasks: everything that touches the disk, done on the worker thread. */
#ifndef ACTORS_REGISTRY_REGISTRY_STORE_H
#define ACTORS_REGISTRY_REGISTRY_STORE_H

#include "doors/db.h"
#include "model/change.h"
#include "runtime/core.h"

enum store_what {
    STORE_LOAD,
    STORE_COMMIT,
    STORE_FIND,
    STORE_EXPORT,
    STORE_CHECK,
    STORE_READ,
    STORE_DOCUMENT,
};

/* A change list that owns its bytes. */
struct change_list {
    struct change *at;
    size_t count, room;
    struct text bytes; /* all keys and values, one after the other */
};
/* 0 or -ERR_NOMEM. Spans become valid with change_list_done. */
int change_list_add(struct change_list *list, const struct change *c);
void change_list_done(struct change_list *list);
void change_list_free(struct change_list *list);

/* A delta that a predecessor committed. */
struct past_delta {
    struct past_delta *next;
    uint64_t version;
    struct text body;
};

struct store_task {
    struct task task;
    uint64_t number; /* of the operation */
    /* Load: since which version deltas are wanted. Commit, find: out, the version. */
    uint64_t version;
    bool repeated; /* out: this operation id was committed before */
    struct change_list changes;
    struct past_delta *deltas;
    /* Commit. */
    struct op_id op;
    struct text caller, method, subject, before, after, events;
    /* Import and export: registry_transfer.h. */
    unsigned flags;
    bool more, kept_foreign;
    struct text path, report, document;
    struct text result; /* of the operation: in; and out where it was committed before */
};

struct beside;

struct store_task *store_task_new(enum store_what what); /* NULL: no memory */
void store_task_free_content(struct store_task *t);

/* What the tasks work with; on the worker thread only. */
struct store {
    struct db *db;
    int (*open)(struct store *s, struct fault *why); /* opens db at the first load */
    const char *directory;
    int qubes_lib;           /* directory with qubes.xml; -1: none */
    uint32_t group;          /* of the exported file; REGISTRY_NO_GROUP */
    const char *pool_dir;    /* of the pool that a new store begins with */
    bool keeps_foreign_file; /* qubes.xml was changed by somebody else: it is left alone */
    const char *lib_path;    /* of qubes_lib, for people; NULL: not known */
    struct beside *beside;   /* the files beside qubes.xml as they were exported; NULL: not read yet */
    struct beside *read;     /* as an import has found them, until it is committed */
};

/* task.what is an enum store_what; `doors` a struct store. */
void store_perform(void *doors, struct task *task);

/* registry_first.c: the changes that a store begins with: from qubes.xml where there is one, else
 * store.md 6. */
int store_first(struct store *s, struct store_task *t, struct fault *why);

#endif
