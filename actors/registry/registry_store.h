/* SPDX-License-Identifier: MIT
 * The registry's tasks: everything that touches the disk, done on the worker thread. */
#ifndef ACTORS_REGISTRY_REGISTRY_STORE_H
#define ACTORS_REGISTRY_REGISTRY_STORE_H

#include "doors/db.h"
#include "model/change.h"
#include "runtime/post.h"

enum store_what {
    STORE_LOAD,
    STORE_COMMIT,
    STORE_EXPORT,
    STORE_CHECK,
    STORE_READ,
    STORE_DOCUMENT,
    STORE_HISTORY,
    STORE_TRIM,
};

/* A change list that owns its bytes. */
struct change_list {
    struct change *at;
    size_t count, room;
    struct text bytes; /* all keys and values, one after the other */
};
/* 0 or -ERR_NOMEM. Spans become valid with change_list_done. */
int change_list_add(struct change_list *list, const struct change *c);
int change_list_take(void *list, const struct change *c); /* the same, as model_each and readers call it */
void change_list_done(struct change_list *list);
void change_list_free(struct change_list *list);

/* A delta that a predecessor committed. */
struct past_delta {
    struct past_delta *next;
    uint64_t version;
    struct text body;
};

/* One operation of a commit. */
struct store_write {
    struct store_write *next;
    uint64_t number; /* of the operation */
    struct op_id op;
    bool find; /* the model refused it: only look whether this very operation was committed before */
    struct change_list changes;
    struct text caller, method, subject, before, after, events;
    struct text gone_homes; /* registry_home.h: directories of VMs that end with it */
    struct text result;     /* what it answers; where it was committed before, what was answered then */
    /* Out. */
    bool done;        /* else it was not tried: it stands behind a repeated one whose changes it counted on */
    bool repeated;    /* this operation id was committed before */
    uint64_t version; /* unless nothing was found */
    int r;            /* of `find` */
    struct fault why;
};

struct store_task {
    struct task task;
    /* Load: since which version deltas are wanted; out, the version. Trim: out, how many rows went. */
    uint64_t version;
    struct change_list changes; /* load: out. Export: in */
    struct past_delta *deltas;
    /* Import and export: registry_transfer.h. */
    uint64_t number; /* of the transfer; 0: none */
    unsigned flags;
    bool more, kept_foreign;
    struct text path, report, document;
    /* History: who asks what; below which version (out: and what is left below that); the rows. */
    struct request asker;
    struct logbook question;
    struct logbook_reply rows;
    struct text row_bytes;
    /* Commit: in their order, all or none. */
    struct store_write *writes, *last_write;
    unsigned write_count;
    size_t write_bytes;
    bool stopped; /* out: a write was repeated; what was planned behind it must be planned again */
};

struct beside;

struct store_task *store_task_new(enum store_what what); /* NULL: no memory */
void store_task_free_content(struct store_task *t);
struct store_write *store_write_new(uint64_t number, struct op_id op); /* NULL: no memory */
void store_write_free(struct store_write *w);
void store_task_add(struct store_task *t, struct store_write *w); /* behind the others; takes it */

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

/* registry_write.c: the writes of a commit. */
int store_commit(struct store *s, struct store_task *t, struct fault *why);
/* The first commit of a store that had none. */
int store_commit_first(struct store *s, struct store_task *t, struct fault *why);

/* registry_history.c */
int store_history(struct store *s, struct store_task *t, struct fault *why);
int store_trim(struct store *s, struct store_task *t, struct fault *why);

/* registry_first.c: the changes that a store begins with: from qubes.xml where there is one, else
 * store.md 6. */
int store_first(struct store *s, struct store_task *t, struct fault *why);

#endif
