/* SPDX-License-Identifier: MIT
 * How a plan grows; for files of this folder only. */
#ifndef MODEL_PLAN_INSIDE_H
#define MODEL_PLAN_INSIDE_H

#include "model/plan.h"

/* Planning under way: what is known including the plan so far, for whom, and where to. */
struct doing {
    struct known k;
    uint32_t actor;
    struct plan *p;
    struct fault *why;
};

struct doing doing_begin(const struct known *k, uint32_t actor, struct plan *p, struct fault *why);
/* The end of every planner: turns a full plan into an error, and an error into no changes. */
int doing_end(struct doing *d, int r);

/* Copies for the life of the plan; at "" and p->failed set when there is no room. */
struct span plan_keep(struct plan *p, struct span s);
char *plan_room(struct plan *p, size_t bytes); /* NULL: no room */
struct span plan_format(struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Texts are copied. `pairs` alternates over what is given; keys are constants. */
void plan_event(struct plan *p, uint32_t subject, const char *prefix, struct span rest, unsigned pairs,
                const struct plan_pair *pair);
void plan_change(struct plan *p, enum change_kind kind, uint32_t qid, struct span key, struct span value);
void plan_gone(struct plan *p, enum change_kind kind, uint32_t qid, struct span key);

/* What the plan says about an item: NULL nothing, else its last change. */
const struct change *plan_lookup(const struct plan *p, enum change_kind kind, uint32_t qid, struct span key);
/* The item as planned: 1 with *value, or 0. */
int known_item(const struct known *k, enum change_kind kind, uint32_t qid, struct span key,
               struct span *value);

/* One property's change on its way. Spans live as long as the plan. */
struct turn {
    uint32_t qid;
    enum property p;
    bool resetting, has_old, old_none, new_none;
    struct span old, new;
};
bool turn_changed(const struct turn *t);

enum hook_time { PRE_SET, SET, PRE_RESET, RESET, HOOK_TIMES };
/* What must happen with a property's event; a veto is a negative result. */
int hooks_run(struct doing *d, enum hook_time when, const struct turn *t);

/* Fires property-pre-set / property-set with their hooks, storing nothing. */
int turn_pre_set(struct doing *d, const struct turn *t);
int turn_set(struct doing *d, const struct turn *t);
/* Fires property-reset (a computed value changed) with name and, when `t` has it, oldvalue. */
void fire_reset(struct doing *d, const struct turn *t);
void fire_computed(struct doing *d, uint32_t qid, enum property p);
/* Reads into texts that live as long as the plan. */
void turn_read_old(struct doing *d, struct turn *t);
struct span keep_value(struct doing *d, const struct property_value *v, bool *none);

/* Validates and canonicalises: 0 with *out, kept in the plan. */
int property_accept(struct doing *d, uint32_t qid, enum property p, struct span raw, struct span *out);

/* Whole nested operations. */
int do_property_set(struct doing *d, uint32_t qid, enum property p, struct span value);
int do_property_reset(struct doing *d, uint32_t qid, enum property p);
/* Another VM's root has become this one's (vm-model 7). */
int do_root_imported(struct doing *d, uint32_t qid);
int do_feature_set(struct doing *d, uint32_t qid, struct span name, struct span value);
int do_feature_remove(struct doing *d, uint32_t qid, struct span name);
int do_tag_add(struct doing *d, uint32_t qid, struct span tag);
int do_tag_remove(struct doing *d, uint32_t qid, struct span tag);
/* Exactly one tag PREFIX-NAME: guivm keeps a fitting one, the others delete and add again. */
int do_follow_tag(struct doing *d, const char *prefix, uint32_t qid, struct span name, bool none, bool keep);

/* A new VM begins with the rules of another; nobody hears of it. */
int do_firewall_clone(struct doing *d, uint32_t to, uint32_t from);
/* plan_preload.c: domain-preload-dispvm-start of a VM, told behind everything else. */
void preload_start_later(struct doing *d, uint32_t qid, const char *reason);
void preload_start_if_vacant(struct doing *d, uint32_t qid, const char *reason);
void preload_tell_later(struct plan *p);
int do_preload_list(struct doing *d, uint32_t template_qid, struct span list);
int do_preload_empty(struct doing *d, uint32_t template_qid);
int do_preload_leave(struct doing *d, uint32_t template_qid, struct span name); /* 0 also when not there */
int do_preload_mark(struct doing *d, const struct vm *vm, const struct vm *template);
int do_preload_use(struct doing *d, uint32_t template_qid, const struct vm **used); /* *used NULL: none */

/* The VOLUME items of a new VM; and those of a VM whose template changed. */
struct pool_choice {
    struct span all;    /* pool=; at NULL: not given */
    struct span one[4]; /* pool:root= private volatile kernel */
};
int do_volumes(struct doing *d, const struct vm *vm, const struct pool_choice *pools);
/* What storage has to do for each of the VM's volumes. */
/* And one whose contents are to be those of another VM's of that name. */
int do_volume_from(struct doing *d, uint32_t qid, struct span volume, uint32_t from_qid);
int do_volume_jobs(struct doing *d, uint32_t qid, const char *verb);
int do_volumes_follow_template(struct doing *d, const struct vm *vm);

#endif
