/* SPDX-License-Identifier: MIT
 * Writing a value that is being read; for property_*.c only. */
#ifndef MODEL_PROPERTY_INSIDE_H
#define MODEL_PROPERTY_INSIDE_H

#include "model/ask.h"
#include "model/property.h"

/* What a default is computed from, and where it goes. */
struct asking {
    const struct known *k;
    uint32_t qid;
    const struct vm *vm; /* NULL: the app object */
    enum property p;
    struct property_value *out;
};

void say_text(struct asking *a, const char *text); /* text that outlives the call */
void say_span(struct asking *a, struct span s);    /* the same */
void say_copy(struct asking *a, struct span s);    /* into scratch, cut to its size */
void say_format(struct asking *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_bool(struct asking *a, bool truth);
void say_none(struct asking *a);
void say_vm(struct asking *a, const struct vm *vm); /* NULL: none */
/* The value of the same property of what the VM is based on: true when there is one. */
bool say_template(struct asking *a);
/* Another property's value, of this VM or another; still marked as a default. */
void say_property(struct asking *a, uint32_t qid, enum property p);
/* A feature's value when present and not empty: true. */
bool say_feature(struct asking *a, enum feature_chain chain, const char *name);

bool property_text_is(const struct known *k, uint32_t qid, enum property p, const char *text);

typedef void default_rule(struct asking *a);
#define VM_PROPERTY(name, classes, stage, type, set, dflt, flags, help) default_rule dflt_##dflt;
#define APP_PROPERTY(name, stage, type, set, dflt, flags, help)         default_rule dflt_##dflt;
#include "model/property.def"

#endif
