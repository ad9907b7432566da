/* SPDX-License-Identifier: MIT
 * What is known about VMs: the fold of changes (model/change.h). Pure: no clock, no file.
 * Held by registry (which writes it) and api (which follows). Not for use by two threads.
 * What a call returns belongs to the model and is valid until the next model_apply. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "model/change.h"
#include "model/world.h"

enum vm_class {
#define CLASS(name, templated, folder, meaning) CLASS_##name,
#include "model/class.def"
    VM_CLASSES
};

const char *class_name(enum vm_class class);
const char *class_folder(enum vm_class class); /* below /var/lib/qubes; "" when it has no files */
bool class_has_template(enum vm_class class);
int class_parse(struct span name, enum vm_class *class); /* 0 or -ERR_UNKNOWN */

struct model;

/* A VM as the model holds it. `name` and `uuid` are NULL until their properties came. */
struct vm;
uint32_t vm_qid(const struct vm *vm);
uint32_t vm_generation(const struct vm *vm);
enum vm_class vm_class(const struct vm *vm);
const char *vm_name(const struct vm *vm);
const char *vm_uuid(const struct vm *vm);
const char *vm_disabled(const struct vm *vm); /* why it may not start; NULL: it may */
bool vm_is_local(const struct vm *vm);        /* not a RemoteVM */
bool vm_is_qubes(const struct vm *vm);        /* neither dom0 nor a RemoteVM */

struct model *model_new(void); /* NULL: out of memory */
void model_free(struct model *m);
DEFINE_AUTO(model)

/* Takes one change over: 0, or an error and nothing moved. Checks structure only (does the
 * holder exist, is the name free, can the value be read); whether a change is permitted was
 * decided by who planned it. Copies what it keeps. Never fires anything. */
int model_apply(struct model *m, const struct change *c, struct fault *why);

/* Calls fn for changes that rebuild this model from nothing, dom0 first, then by qid; stops at
 * the first negative result and returns it. The spans are valid during the call. */
int model_each(const struct model *m, int (*fn)(void *arg, const struct change *c), void *arg);

/* Finding a VM: NULL when there is none. By name and by uuid (canonical text): O(log n). */
const struct vm *model_vm(const struct model *m, uint32_t qid);
const struct vm *model_named(const struct model *m, struct span name);
const struct vm *model_by_uuid(const struct model *m, struct span uuid);

/* All VMs that have a name, in the order of the API (dom0, then by name's bytes): i counts from 0. */
size_t model_vm_count(const struct model *m);
const struct vm *model_vm_at(const struct model *m, size_t i);
/* In numeric order: the first VM with a qid of at least `from`; NULL at the end. */
const struct vm *model_vm_from(const struct model *m, uint32_t from);
uint32_t model_last_generation(const struct model *m, uint32_t qid);

/* Items in the order of their first setting. The key that is asked for needs no NUL. */
struct item {
    struct item *next;
    char *value; /* NUL-terminated, value_len bytes */
    size_t key_len, value_len;
    char key[]; /* NUL-terminated */
};
/* Kinds FEATURE TAG VOLUME DEVICE NOTE NOTES FIREWALL of a VM; LABEL POOL of QID_GLOBAL. NULL: none. */
const struct item *model_items(const struct model *m, uint32_t qid, enum change_kind kind);
const struct item *model_item(const struct model *m, uint32_t qid, enum change_kind kind, struct span key);

/* What questions are put to: a model, the world around it and, while an operation is being
 * planned, what that plan has changed so far. Made by KNOWN(m, w). */
struct plan;
struct known {
    const struct model *model;
    const struct world *world; /* may be NULL */
    const struct plan *plan;   /* NULL outside planning */
    const struct vm *newborn;  /* a VM that the plan creates; else NULL */
};
#define KNOWN(m, w) ((struct known){.model = (m), .world = (w)})

#endif
