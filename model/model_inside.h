/* SPDX-License-Identifier: MIT
 * How the model holds things; for files of this folder only. */
#ifndef MODEL_INSIDE_H
#define MODEL_INSIDE_H

#include "model/model.h"
#include "model/property.h"

/* Items in the order of their first setting. */
struct item_list {
    struct item *first, *last;
};

/* A VM or the app object. Property values are text; NULL: nothing stored. */
struct holder {
    char *property[PROPERTIES];
    struct item_list list[CHANGE_KINDS];
};

struct vm {
    uint32_t qid, generation;
    enum vm_class class;
    char *disabled;
    struct holder holder;
};

/* VMs sorted by one of their texts. */
struct index {
    struct vm **at;
    size_t count, room;
    const char *(*key)(const struct vm *vm);
};

struct model {
    struct holder app;
    struct index by_name, by_uuid; /* dom0 is in neither: it is at qid 0 */
    struct vm *by_qid[QID_MAX + 1];
    uint32_t last_generation[QID_MAX + 1];
};

#define ADMIN_NAME "dom0"
#define ADMIN_UUID "00000000-0000-0000-0000-000000000000"

struct vm *index_find(const struct index *x, struct span key);
int index_reserve(struct index *x);             /* room for one more: 0 or -ERR_NOMEM */
void index_add(struct index *x, struct vm *vm); /* after index_reserve */
void index_drop(struct index *x, const struct vm *vm);

struct item *item_find(const struct item_list *list, struct span key);
struct item *item_new(struct span key, struct span value); /* NULL: out of memory */
void item_free(struct item *item);
void holder_clear(struct holder *h);
void vm_free(struct vm *vm);

/* The holder of a qid or of QID_GLOBAL; NULL when there is no such VM. */
struct holder *holder_of(const struct model *m, uint32_t qid);

#endif
