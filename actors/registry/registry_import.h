/* SPDX-License-Identifier: MIT
 * qubes.xml bytes to changes. Pure: no file, no clock. What qubesd's loader would die of disables one VM
 * (CHANGE_DISABLED with the reason) or drops one global item, and is reported; only bytes that are no XML or
 * not a `qubes` document fail the whole. spec: store 2 to 4. */
#ifndef ACTORS_REGISTRY_IMPORT_H
#define ACTORS_REGISTRY_IMPORT_H

#include "base/err.h"
#include "base/text.h"
#include "model/change.h"

/* What a property's text means. */
enum import_type {
    IMPORT_UNKNOWN,   /* this class has no such property */
    IMPORT_READ_ONLY, /* it has, and nobody may set it */
    IMPORT_VM,        /* a VM's name; empty is None */
    IMPORT_TEXT,      /* empty reads as the text None, as qubesd's str() does */
    IMPORT_EMPTY_OK,  /* text where empty stays empty: kernel, kernelopts, devices_denied */
    IMPORT_INT,
    IMPORT_BOOL,
    IMPORT_LABEL,
    IMPORT_POOL,
};

/* What the import asks of the model's tables and of the machine. `type` is required. */
struct import_rules {
    void *self;
    /* `class_name` empty: a global property. */
    enum import_type (*type)(void *self, struct span class_name, struct span property);
    /* May be NULL. Is this value acceptable to the property's setter? 0, or -ERR_ with *why. */
    int (*check)(void *self, struct span class_name, struct span property, struct span value,
                 struct fault *why);
    /* May be NULL (no sysfs: names are kept). Bus address to path through the bridges, appended to *path:
     * 0, -ERR_UNKNOWN (no such device: kept as it is) or -ERR_BAD (not a PCI name). */
    int (*pci_path)(void *self, struct span address, struct text *path);
};

enum import_severity {
    IMPORT_NOTE,     /* migrated, or dropped without loss */
    IMPORT_WARNING,  /* something was left out */
    IMPORT_DISABLES, /* the VM named by qid may not start */
};

struct import_problem {
    enum import_severity severity;
    unsigned line, column; /* 0: none */
    uint32_t qid;          /* QID_GLOBAL: concerns no VM */
    const char *text;      /* lives until the callback returns */
};

/* Where the results go; both callbacks are required and may not block. A negative return ends the import
 * and is returned. Spans live until the callback returns. Changes come as labels, pools, then each VM (the
 * VM first, then its name and what it holds) with dom0 first, else in document order, then globals. Names and
 * uuids are unique, qids are in `qid` only (no property qid), classes are known ones. */
struct import_sink {
    void *self;
    int (*change)(void *self, const struct change *change);
    int (*problem)(void *self, const struct import_problem *problem);
};

/* 0; -ERR_BAD with the line in *why; -ERR_TOO_BIG; -ERR_NOMEM; what a callback returned. */
int registry_import(struct span bytes, const struct import_rules *rules, const struct import_sink *to,
                    struct fault *why);

#endif
