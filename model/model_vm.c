/* SPDX-License-Identifier: MIT
 * Finding VMs and what they hold; the memory of a model. */
#include "model/model.h"

#include "model/model_inside.h"

static const struct class_row {
    const char *name, *folder;
    bool templated;
} classes[VM_CLASSES] = {
#define CLASS(name_, templated_, folder_, meaning) [CLASS_##name_] = {#name_, folder_, templated_},
#include "model/class.def"
};

const char *class_name(enum vm_class class)
{
    return (unsigned)class < VM_CLASSES ? classes[class].name : "";
}

const char *class_folder(enum vm_class class)
{
    return (unsigned)class < VM_CLASSES ? classes[class].folder : "";
}

bool class_has_template(enum vm_class class)
{
    return (unsigned)class < VM_CLASSES && classes[class].templated;
}

int class_parse(struct span name, enum vm_class *class)
{
    for (unsigned i = 0; i < VM_CLASSES; i++) {
        if (span_is(name, classes[i].name)) {
            *class = (enum vm_class)i;
            return 0;
        }
    }
    return -ERR_UNKNOWN;
}

uint32_t vm_qid(const struct vm *vm)
{
    return vm->qid;
}

uint32_t vm_generation(const struct vm *vm)
{
    return vm->generation;
}

enum vm_class vm_class(const struct vm *vm)
{
    return vm->class;
}

const char *vm_name(const struct vm *vm)
{
    return vm->class == CLASS_AdminVM ? ADMIN_NAME : vm->holder.property[PROPERTY_name];
}

const char *vm_uuid(const struct vm *vm)
{
    return vm->class == CLASS_AdminVM ? ADMIN_UUID : vm->holder.property[PROPERTY_uuid];
}

const char *vm_disabled(const struct vm *vm)
{
    return vm->disabled;
}

bool vm_is_local(const struct vm *vm)
{
    return vm->class != CLASS_RemoteVM;
}

bool vm_is_qubes(const struct vm *vm)
{
    return vm->class != CLASS_RemoteVM && vm->class != CLASS_AdminVM;
}

struct model *model_new(void)
{
    struct model *m = calloc(1, sizeof *m);
    if (m != NULL) {
        m->by_name.key = vm_name;
        m->by_uuid.key = vm_uuid;
    }
    return m;
}

void item_free(struct item *item)
{
    if (item != NULL)
        free(item->value);
    free(item);
}

void holder_clear(struct holder *h)
{
    for (size_t i = 0; i < PROPERTIES; i++)
        free(h->property[i]);
    for (size_t kind = 0; kind < CHANGE_KINDS; kind++) {
        for (struct item *at = h->list[kind].first, *next; at != NULL; at = next) {
            next = at->next;
            item_free(at);
        }
    }
}

void vm_free(struct vm *vm)
{
    if (vm == NULL)
        return;
    holder_clear(&vm->holder);
    free(vm->disabled);
    free(vm);
}

void model_free(struct model *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i <= QID_MAX; i++)
        vm_free(m->by_qid[i]);
    holder_clear(&m->app);
    free(m->by_name.at);
    free(m->by_uuid.at);
    free(m);
}

const struct vm *model_vm(const struct model *m, uint32_t qid)
{
    return qid <= QID_MAX ? m->by_qid[qid] : NULL;
}

const struct vm *model_named(const struct model *m, struct span name)
{
    if (span_is(name, ADMIN_NAME))
        return m->by_qid[0];
    return index_find(&m->by_name, name);
}

const struct vm *model_by_uuid(const struct model *m, struct span uuid)
{
    if (span_is(uuid, ADMIN_UUID))
        return m->by_qid[0];
    return index_find(&m->by_uuid, uuid);
}

size_t model_vm_count(const struct model *m)
{
    return m->by_name.count + (m->by_qid[0] != NULL);
}

const struct vm *model_vm_at(const struct model *m, size_t i)
{
    size_t first = m->by_qid[0] != NULL;
    if (i < first)
        return m->by_qid[0];
    return i - first < m->by_name.count ? m->by_name.at[i - first] : NULL;
}

const struct vm *model_vm_from(const struct model *m, uint32_t from)
{
    for (; from <= QID_MAX; from++)
        if (m->by_qid[from] != NULL)
            return m->by_qid[from];
    return NULL;
}

uint32_t model_last_generation(const struct model *m, uint32_t qid)
{
    return qid <= QID_MAX ? m->last_generation[qid] : 0;
}

struct holder *holder_of(const struct model *m, uint32_t qid)
{
    if (qid == QID_GLOBAL)
        return (struct holder *)&m->app; /* const is the caller's promise, as with strchr */
    return qid <= QID_MAX && m->by_qid[qid] != NULL ? &m->by_qid[qid]->holder : NULL;
}

const struct item *model_items(const struct model *m, uint32_t qid, enum change_kind kind)
{
    const struct holder *h = holder_of(m, qid);
    return h != NULL && (unsigned)kind < CHANGE_KINDS ? h->list[kind].first : NULL;
}

struct item *item_find(const struct item_list *list, struct span key)
{
    for (struct item *at = list->first; at != NULL; at = at->next)
        if (span_equal((struct span){at->key, at->key_len}, key))
            return at;
    return NULL;
}

const struct item *model_item(const struct model *m, uint32_t qid, enum change_kind kind, struct span key)
{
    const struct holder *h = holder_of(m, qid);
    return h != NULL && (unsigned)kind < CHANGE_KINDS ? item_find(&h->list[kind], key) : NULL;
}
