/* SPDX-License-Identifier: MIT
 * What the parts of the import share. Only actors/registry/registry_import*.c include this. */
#ifndef ACTORS_REGISTRY_IMPORT_OWN_H
#define ACTORS_REGISTRY_IMPORT_OWN_H

#include "actors/registry/registry_import.h"
#include "doors/xml.h"

struct import_vm {
    const struct xml_element *at; /* NULL: dom0 that the file does not have */
    uint32_t qid;
    struct span class_name, name;
    bool provides_network, template_for_dispvms;
    bool no_uuid;      /* the file's is another's, or dom0's */
    char new_name[32]; /* where `name` points if the file's own could not be kept */
    char reason[256];  /* why it is disabled; empty: it is not */
};

struct import_pool {
    struct span name, driver;
};

struct import_label {
    struct span name;
    uint64_t index;
};

struct import_volume {
    struct span pool, vid;
};

/* One import. `result` is sticky: after the first failure (memory, a callback) nothing more is told. */
struct import {
    const struct import_rules *rules;
    const struct import_sink *to;
    const struct xml_element *root;
    int result;
    struct import_vm *vms; /* dom0 first, else document order */
    struct import_vm **by_name;
    size_t vm_count;
    struct import_pool *pools;
    size_t pool_count;
    struct import_label *labels;
    size_t label_count;
    struct import_volume *volumes; /* sorted; every volume that has a pool and a vid */
    size_t volume_count;
    struct span firewall_netvm; /* default_fw_netvm, where it still matters */
    struct text line;           /* scratch for one value */
    struct text note;           /* what was left out of the VM at hand */
};

/* Tells a change or a problem. With a VM, what is more than a note goes into its NOTE, and
 * IMPORT_DISABLES disables it (dom0 always runs: for it that is a warning). `at` may be NULL. */
void import_emit(struct import *im, enum change_kind kind, uint32_t qid, struct span key, struct span value);
void import_tell(struct import *im, enum import_severity severity, const struct xml_element *at,
                 struct import_vm *vm, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Room for one more in a growing array; NULL and result set without memory. */
void *import_grow(struct import *im, void *array, size_t count, size_t size);

/* 1 or 0 for a bool word of any case, else -ERR_BAD. */
int import_bool(struct span word);
/* May stand in a 'key=value' line. */
bool import_is_line(struct span s);
struct span import_attribute(const struct xml_element *e, const char *name); /* empty when absent */
struct span import_value(const struct xml_element *property);                /* ref if there, else text */
/* The last <property> of this name below e's <properties>; NULL: none. */
const struct xml_element *import_find_property(const struct xml_element *e, const char *name);

const struct import_vm *import_find_vm(const struct import *im, struct span name);
bool import_has_label(const struct import *im, struct span name, uint64_t index); /* of this name or index */
const struct import_pool *import_find_pool(const struct import *im, struct span name);
bool import_has_volume(const struct import *im, struct span pool, struct span vid);

/* registry_import_index.c: reads who exists. registry_import_pool.c: labels and pools, told as they are read.
 * The rest tells what one VM holds, and the globals. */
void import_labels(struct import *im);
void import_pools(struct import *im);
void import_index(struct import *im);
void import_vm_properties(struct import *im, struct import_vm *vm);
void import_global_properties(struct import *im);
void import_features(struct import *im, struct import_vm *vm);
void import_tags(struct import *im, struct import_vm *vm);
void import_volumes(struct import *im, struct import_vm *vm);
void import_devices(struct import *im, struct import_vm *vm);

/* "%.*s" of a span. */
#define SPAN_ARG(s) (int)(s).len, (s).at

#endif
