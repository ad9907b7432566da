/* SPDX-License-Identifier: MIT
 * What the plans that create VMs share; only model/plan_create*.c include this. */
#ifndef MODEL_PLAN_CREATE_INSIDE_H
#define MODEL_PLAN_CREATE_INSIDE_H

#include "model/plan_inside.h"

/* What the caller asked for. */
struct wish {
    enum vm_class class;
    struct span name, label, template_name;
    const struct vm *template;
    struct pool_choice pools;
    bool has_pools;
};

/* ---- plan_create_wish.c: 0 or why it cannot be ---- */
int create_parse(struct doing *d, struct span payload, bool in_pool, struct wish *w);
int create_check_exists(struct doing *d, struct wish *w);
int create_check_template(struct doing *d, struct wish *w); /* may choose it */

/* ---- plan_create.c: the steps of a creation, in this order ---- */
int create_draw_dispid(struct doing *d, uint32_t *id);
/* The VM itself: number, identity and what was given. It is d->k.newborn from here on. */
int create_found(struct doing *d, struct vm *vm, const struct wish *w);
void create_put(struct doing *d, uint32_t qid, enum property p, struct span value);
/* What a VM brings along when it is announced; nobody hears of it separately. */
int create_furnish(struct doing *d, const struct vm *vm, const struct wish *w);
void create_announce(struct doing *d, const struct vm *vm);
int create_tag_creator(struct doing *d, const struct vm *vm, const char *prefix);
int create_disk(struct doing *d, const struct vm *vm, const struct wish *w);

#endif
