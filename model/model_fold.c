/* SPDX-License-Identifier: MIT
 * model_apply: one change is taken over whole, or refused with nothing moved. */
#include "model/model.h"

#include <assert.h>
#include <string.h>

#include "model/model_inside.h"

/* The text of a span with a NUL behind it; NULL: out of memory. */
static char *copy(struct span s)
{
    char *at = malloc(s.len + 1);
    if (at != NULL) {
        if (s.len > 0)
            memcpy(at, s.at, s.len);
        at[s.len] = '\0';
    }
    return at;
}

static int no_memory(struct fault *why)
{
    return fault_set(why, ERR_NOMEM, "no memory to take a change over; free some and repeat");
}

struct item *item_new(struct span key, struct span value)
{
    struct item *item = malloc(sizeof *item + key.len + 1);
    if (item == NULL)
        return NULL;
    *item = (struct item){.value = copy(value), .key_len = key.len, .value_len = value.len};
    if (item->value == NULL) {
        free(item);
        return NULL;
    }
    if (key.len > 0)
        memcpy(item->key, key.at, key.len);
    item->key[key.len] = '\0';
    return item;
}

static void item_drop(struct item_list *list, struct span key)
{
    struct item *before = NULL;
    for (struct item *at = list->first; at != NULL; before = at, at = at->next) {
        if (!span_equal((struct span){at->key, at->key_len}, key))
            continue;
        *(before != NULL ? &before->next : &list->first) = at->next;
        if (list->last == at)
            list->last = before;
        item_free(at);
        return;
    }
}

static int item_put(struct item_list *list, const struct change *c, struct fault *why)
{
    struct item *item = item_find(list, c->key);
    if (item != NULL) {
        char *value = copy(c->value);
        if (value == NULL)
            return no_memory(why);
        free(item->value);
        item->value = value;
        item->value_len = c->value.len;
        return 0;
    }
    item = item_new(c->key, c->value);
    if (item == NULL)
        return no_memory(why);
    *(list->last != NULL ? &list->last->next : &list->first) = item;
    list->last = item;
    return 0;
}

static int apply_item(struct model *m, const struct change *c, bool global, struct fault *why)
{
    struct holder *h = holder_of(m, c->qid);
    if (h == NULL || global != (c->qid == QID_GLOBAL) || c->key.len == 0)
        return fault_set(why, ERR_UNKNOWN, "a %s of holder %u, which cannot have one",
                         change_kind_name(c->kind), (unsigned)c->qid);
    if (!c->gone)
        return item_put(&h->list[c->kind], c, why);
    item_drop(&h->list[c->kind], c->key);
    return 0;
}

static int apply_VM_gone(struct model *m, uint32_t qid, struct fault *why)
{
    struct vm *vm = m->by_qid[qid];
    if (vm == NULL)
        return fault_set(why, ERR_VM_NOT_FOUND, "there is no VM %u to remove", (unsigned)qid);
    index_drop(&m->by_name, vm);
    index_drop(&m->by_uuid, vm);
    m->by_qid[qid] = NULL;
    vm_free(vm);
    return 0;
}

static int parse_vm(struct span value, uint32_t qid, uint64_t *generation, enum vm_class *class)
{
    struct span rest, number = span_split(value, ' ', &rest);
    if (text_number(number, 0, UINT32_MAX, generation) < 0 || class_parse(rest, class) < 0)
        return -ERR_BAD;
    return (*class == CLASS_AdminVM) == (qid == 0) ? 0 : -ERR_BAD;
}

static int apply_VM(struct model *m, const struct change *c, struct fault *why)
{
    uint64_t generation;
    enum vm_class class;
    if (c->qid > QID_MAX)
        return fault_set(why, ERR_RANGE, "VM number %u is above %u", (unsigned)c->qid, QID_MAX);
    if (c->gone)
        return apply_VM_gone(m, c->qid, why);
    if (parse_vm(c->value, c->qid, &generation, &class) < 0)
        return fault_set(why, ERR_BAD, "VM %u is not described by a generation and a fitting class",
                         (unsigned)c->qid);
    struct vm *vm = m->by_qid[c->qid];
    if (vm != NULL && vm->class != class)
        return fault_set(why, ERR_EXISTS, "VM %u exists and is a %s", (unsigned)c->qid,
                         class_name(vm->class));
    if (vm == NULL && (vm = calloc(1, sizeof *vm)) == NULL)
        return no_memory(why);
    vm->qid = c->qid;
    vm->class = class;
    vm->generation = (uint32_t)generation;
    if (m->last_generation[c->qid] < vm->generation)
        m->last_generation[c->qid] = vm->generation;
    m->by_qid[c->qid] = vm;
    return 0;
}

/* A VM's name or uuid, which has to stay unique and findable. */
static int put_indexed(struct index *x, struct vm *vm, char **slot, const struct change *c, struct fault *why)
{
    struct vm *other = index_find(x, c->value);
    assert(vm != NULL); /* put_property has found it */
    if (vm->class == CLASS_AdminVM || c->value.len == 0 || span_is(c->value, ADMIN_NAME) ||
        span_is(c->value, ADMIN_UUID))
        return fault_set(why, ERR_BAD, "VM %u cannot be called that", (unsigned)vm->qid);
    if (other != NULL && other != vm)
        return fault_set(why, ERR_VM_EXISTS, "VMs %u and %u would have the same name or uuid",
                         (unsigned)other->qid, (unsigned)vm->qid);
    char *value = copy(c->value);
    if (value == NULL || index_reserve(x) < 0) {
        free(value);
        return no_memory(why);
    }
    index_drop(x, vm);
    free(*slot);
    *slot = value;
    index_add(x, vm);
    return 0;
}

static int put_property(char **slot, struct span value, struct fault *why)
{
    char *text = copy(value);
    if (text == NULL)
        return no_memory(why);
    free(*slot);
    *slot = text;
    return 0;
}

/* Stores keep the number as a property, too; it is known already and must be the same. */
static int repeat_qid(const struct change *c, struct fault *why)
{
    uint64_t qid;
    if (!c->gone && text_number(c->value, 0, QID_MAX, &qid) == 0 && qid == c->qid)
        return 0;
    return fault_set(why, ERR_BAD, "VM %u cannot get another number", (unsigned)c->qid);
}

static int apply_PROPERTY(struct model *m, const struct change *c, struct fault *why)
{
    enum property p;
    struct holder *h = holder_of(m, c->qid);
    if (h == NULL)
        return fault_set(why, ERR_VM_NOT_FOUND, "a property of VM %u, which does not exist",
                         (unsigned)c->qid);
    if (property_lookup(c->key, c->qid == QID_GLOBAL, &p) < 0)
        return fault_set(why, ERR_NO_PROPERTY, "no property of that name can be stored for holder %u",
                         (unsigned)c->qid);
    struct vm *vm = c->qid == QID_GLOBAL ? NULL : m->by_qid[c->qid];
    if (vm != NULL && !property_applies(p, vm->class))
        return fault_set(why, ERR_NO_PROPERTY, "a %s has no property %s", class_name(vm->class),
                         property_name(p));
    if (p == PROPERTY_qid)
        return repeat_qid(c, why);
    if (p != PROPERTY_name && p != PROPERTY_uuid && !c->gone)
        return put_property(&h->property[p], c->value, why);
    if (p != PROPERTY_name && p != PROPERTY_uuid) {
        free(TAKE(h->property[p]));
        return 0;
    }
    if (c->gone)
        return fault_set(why, ERR_BAD, "VM %u cannot lose its name or uuid", (unsigned)c->qid);
    return put_indexed(p == PROPERTY_name ? &m->by_name : &m->by_uuid, vm, &h->property[p], c, why);
}

static int apply_DISABLED(struct model *m, const struct change *c, struct fault *why)
{
    if (c->qid > QID_MAX || m->by_qid[c->qid] == NULL)
        return fault_set(why, ERR_VM_NOT_FOUND, "VM %u, which is to be disabled, does not exist",
                         (unsigned)c->qid);
    if (!c->gone)
        return put_property(&m->by_qid[c->qid]->disabled, c->value, why);
    free(TAKE(m->by_qid[c->qid]->disabled));
    return 0;
}

static int apply_GENERATION(struct model *m, const struct change *c, struct fault *why)
{
    uint64_t generation = 0;
    if (c->qid > QID_MAX || (!c->gone && text_number(c->value, 0, UINT32_MAX, &generation) < 0))
        return fault_set(why, ERR_BAD, "a generation of VM %u that is no number", (unsigned)c->qid);
    m->last_generation[c->qid] = (uint32_t)generation;
    return 0;
}

static int apply_FEATURE(struct model *m, const struct change *c, struct fault *why)
{
    return apply_item(m, c, false, why);
}
#define apply_TAG      apply_FEATURE
#define apply_VOLUME   apply_FEATURE
#define apply_DEVICE   apply_FEATURE
#define apply_NOTE     apply_FEATURE
#define apply_NOTES    apply_FEATURE
#define apply_FIREWALL apply_FEATURE

static int apply_LABEL(struct model *m, const struct change *c, struct fault *why)
{
    return apply_item(m, c, true, why);
}
#define apply_POOL     apply_LABEL
#define apply_LEFTOVER apply_LABEL

int model_apply(struct model *m, const struct change *c, struct fault *why)
{
    static int (*const apply[CHANGE_KINDS])(struct model *, const struct change *, struct fault *) = {
#define CHANGE(name, meaning) [CHANGE_##name] = apply_##name,
#include "model/change.def"
    };
    if ((unsigned)c->kind >= CHANGE_KINDS)
        return fault_set(why, ERR_UNKNOWN, "a change of unknown kind %u", (unsigned)c->kind);
    if ((c->key.len > 0 && memchr(c->key.at, 0, c->key.len) != NULL) ||
        (c->value.len > 0 && memchr(c->value.at, 0, c->value.len) != NULL))
        return fault_set(why, ERR_BAD, "a change of kind %s holds a zero byte", change_kind_name(c->kind));
    return apply[c->kind](m, c, why);
}
