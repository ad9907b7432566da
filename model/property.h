/* SPDX-License-Identifier: MIT
 * Properties: one row each in model/property.def, for VMs and for the whole system.
 * Spec: vm-model 2 and 4, admin-api-methods 2. */
#ifndef MODEL_PROPERTY_H
#define MODEL_PROPERTY_H

#include "model/model.h"

enum property {
#define VM_PROPERTY(name, ...)  PROPERTY_##name,
#define APP_PROPERTY(name, ...) PROPERTY_app_##name,
#include "model/property.def"
    PROPERTIES
};

enum property_type {
    TYPE_STR,
    TYPE_INT,
    TYPE_BOOL,
    TYPE_VM,
    TYPE_LABEL,
    TYPE_POOL,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_UUID,
};

enum property_flag {
    READ_ONLY = 1,        /* setting is refused; the value is computed */
    WRITE_ONCE = 2,       /* set at creation, never again */
    ALLOW_NONE = 4,       /* a VM reference that may be none */
    NOT_CLONED = 8,       /* a disposable does not take it over from its template */
    ADMIN_READ_ONLY = 16, /* as READ_ONLY, on dom0 */
    TEMPLATE_ONLY = 32,   /* a VM reference to a TemplateVM */
};

/* The most bytes that a computed value can take. Stored ones are bounded by PROPERTY_VALUE_MAX. */
enum { PROPERTY_SCRATCH = 1024, PROPERTY_VALUE_MAX = 65536 };

/* A value that was read. `text` points into the model or to `scratch` of this very struct (do
 * not copy the struct); it is empty for none and for unset. */
struct property_value {
    struct span text;
    bool is_default; /* nothing is stored */
    bool is_set;     /* there is a value or a default */
    bool is_none;    /* the value is none (written "None" in events) */
    char scratch[PROPERTY_SCRATCH];
};

const char *property_name(enum property p);
const char *property_wire_type(enum property p); /* vm int bool label str */
enum property_type property_type(enum property p);
unsigned property_flags(enum property p);
const char *property_help(enum property p); /* one line */
bool property_applies(enum property p, enum vm_class class);

/* The row of that name on a holder (a qid or QID_GLOBAL): 0 with *p, or -ERR_NO_PROPERTY. */
int property_find(const struct known *k, uint32_t qid, struct span name, enum property *p, struct fault *why);
/* Only by name, for the fold: a VM's (app = 0) or a global one (app = 1); -ERR_NO_PROPERTY. */
int property_lookup(struct span name, bool app, enum property *p);

/* All of a holder's properties in the order of every listing (stage, then name). Returns how
 * many were written to list (at most PROPERTIES). */
size_t property_list(const struct known *k, uint32_t qid, enum property list[PROPERTIES]);

/* Reads: never fail, never allocate; microseconds. */
void property_get(const struct known *k, uint32_t qid, enum property p, struct property_value *out);
void property_default(const struct known *k, uint32_t qid, enum property p, struct property_value *out);
/* The text that qubes.xml keeps; at NULL when nothing is stored. */
struct span property_stored(const struct known *k, uint32_t qid, enum property p);

/* Shorthands for the code that decides. */
bool property_true(const struct known *k, uint32_t qid, enum property p);
const struct vm *property_vm(const struct known *k, uint32_t qid, enum property p); /* NULL: none */
/* A number property as a number, cut to 0..2^63-1; `none` when it is unset or none. */
int64_t property_number(const struct known *k, uint32_t qid, enum property p, int64_t none);

/* The check of admin-api-methods 2.1: what a client sent, before permission is asked. */
int property_sanitise(enum property p, struct span raw, struct fault *why);

#endif
