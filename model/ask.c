/* SPDX-License-Identifier: MIT
 * Items as they are known, with what a plan has changed; features, tags, labels. */
#include "model/ask.h"

#include <stdio.h>
#include <string.h>

#include "model/model_inside.h"
#include "model/names.h"
#include "model/plan_inside.h"

enum { CHAIN_MOST = 256 }; /* a chain longer than this is a loop that an import brought in */

int known_item(const struct known *k, enum change_kind kind, uint32_t qid, struct span key,
               struct span *value)
{
    const struct change *c = k->plan != NULL ? plan_lookup(k->plan, kind, qid, key) : NULL;
    if (c != NULL && c->gone)
        return 0;
    if (c != NULL) {
        *value = c->value;
        return 1;
    }
    const struct item *item = model_item(k->model, qid, kind, key);
    if (item == NULL)
        return 0;
    *value = (struct span){item->value, item->value_len};
    return 1;
}

const struct vm *ask_vm(const struct known *k, uint32_t qid)
{
    if (k->newborn != NULL && k->newborn->qid == qid)
        return k->newborn;
    return model_vm(k->model, qid);
}

const struct vm *ask_template(const struct known *k, uint32_t qid)
{
    const struct vm *vm = ask_vm(k, qid);
    return vm != NULL && class_has_template(vm->class) ? property_vm(k, qid, PROPERTY_template) : NULL;
}

static const struct vm *next_in(const struct known *k, enum feature_chain chain, uint32_t qid)
{
    if (chain == CHAIN_TEMPLATE || chain == CHAIN_TEMPLATE_ADMINVM)
        return ask_template(k, qid);
    return chain == CHAIN_NETVM ? ask_netvm(k, qid) : NULL;
}

int ask_feature(const struct known *k, uint32_t qid, enum feature_chain chain, struct span name,
                struct span *value)
{
    const struct vm *vm = ask_vm(k, qid);
    for (int i = 0; vm != NULL && i < CHAIN_MOST; i++) {
        if (known_item(k, CHANGE_FEATURE, vm->qid, name, value))
            return 1;
        vm = next_in(k, chain, vm->qid);
    }
    if (qid == 0 || (chain != CHAIN_ADMINVM && chain != CHAIN_TEMPLATE_ADMINVM))
        return 0;
    return known_item(k, CHANGE_FEATURE, 0, name, value);
}

bool ask_feature_true(const struct known *k, uint32_t qid, enum feature_chain chain, const char *name)
{
    struct span value;
    return ask_feature(k, qid, chain, span_of(name), &value) && value.len > 0;
}

int ask_feature_or_fault(const struct known *k, uint32_t qid, enum feature_chain chain, struct span name,
                         struct span *value, struct fault *why)
{
    const struct vm *vm = ask_vm(k, qid);
    if (ask_feature(k, qid, chain, name, value))
        return 0;
    return fault_plain(why, fault_set(why, ERR_FEATURE_NOT_FOUND, "%s has no feature %.*s",
                                      vm != NULL ? vm_name(vm) : "it", name.len > 200 ? 200 : (int)name.len,
                                      name.at));
}

bool ask_tag(const struct known *k, uint32_t qid, struct span tag)
{
    struct span value;
    return known_item(k, CHANGE_TAG, qid, tag, &value);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t ask_tags_sorted(const struct known *k, uint32_t qid, const char **list, size_t room)
{
    size_t n = 0;
    for (const struct item *at = model_items(k->model, qid, CHANGE_TAG); at != NULL; at = at->next, n++)
        if (n < room)
            list[n] = at->key;
    if (n > 0 && room > 0)
        qsort(list, n < room ? n : room, sizeof *list, by_bytes);
    return n;
}

static int read_label(const struct item *item, struct label *out)
{
    uint64_t index;
    struct span rest, number = span_split((struct span){item->value, item->value_len}, ' ', &rest);
    if (text_number(number, 0, UINT32_MAX, &index) < 0 ||
        text_copy(out->colour, sizeof out->colour, rest) < 0)
        return -ERR_BAD;
    out->index = (unsigned)index;
    out->name = item->key;
    return 0;
}

int ask_label(const struct known *k, struct span name, struct label *out, struct fault *why)
{
    uint64_t index = 0;
    bool numeric = text_number(name, 0, UINT32_MAX, &index) == 0;
    const struct item *item = model_item(k->model, QID_GLOBAL, CHANGE_LABEL, name);
    struct label found;
    if (item != NULL && read_label(item, &found) == 0) {
        *out = found;
        return 0;
    }
    for (item = model_items(k->model, QID_GLOBAL, CHANGE_LABEL); numeric && item != NULL; item = item->next) {
        if (read_label(item, &found) == 0 && found.index == index) {
            *out = found;
            return 0;
        }
    }
    return fault_plain(why, fault_set(why, ERR_LABEL_NOT_FOUND, "there is no label %.*s",
                                      name.len > 200 ? 200 : (int)name.len, name.at != NULL ? name.at : ""));
}

int ask_label_at(const struct known *k, size_t i, struct label *out)
{
    const struct item *item = model_items(k->model, QID_GLOBAL, CHANGE_LABEL);
    for (; item != NULL && i > 0; i--)
        item = item->next;
    return item != NULL ? read_label(item, out) : -ERR_UNKNOWN;
}

int ask_attribute(struct span lines, const char *key, struct span *value)
{
    size_t len = strlen(key);
    while (lines.len > 0) {
        struct span line = span_split(lines, '\n', &lines);
        if (span_starts(line, key) && line.len > len && line.at[len] == '=') {
            *value = (struct span){line.at + len + 1, line.len - len - 1};
            return 1;
        }
    }
    return 0;
}
