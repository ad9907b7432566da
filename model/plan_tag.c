/* SPDX-License-Identifier: MIT
 * Setting and removing tags and labels. Spec: vm-model 3.5 and 6, events 6. */
#include "model/plan_inside.h"

#include <stdio.h>
#include <string.h>

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"

enum { CREATED_BY_DEPTH_MOST = 4 };

static void fire(struct doing *d, const char *prefix, uint32_t qid, struct span tag)
{
    struct plan_pair pair = {"tag", tag};
    plan_event(d->p, qid, prefix, tag, 1, &pair);
}

static int add_tag(struct doing *d, uint32_t qid, struct span tag, int depth);

/* What the creator wishes for the VMs that it makes: more tags, and a GUI VM. A tag that is wished for may
 * name another creator, whose wishes count as well. */
static int apply_creator(struct doing *d, uint32_t qid, struct span creator_name, int depth)
{
    const struct vm *creator = model_named(d->k.model, creator_name);
    struct span words;
    int r = 0;
    if (creator == NULL)
        return fault_set(d->why, ERR_VALUE, "created-by- must be followed by the name of a VM");
    if (known_item(&d->k, CHANGE_FEATURE, creator->qid, span_of("tag-created-vm-with"), &words)) {
        while (words.len > 0 && r >= 0) {
            struct span word = span_split(words, ' ', &words);
            r = word.len > 0 ? tag_check(word, d->why) : 0;
            if (r >= 0 && word.len > 0)
                r = add_tag(d, qid, word, depth + 1);
        }
    }
    if (r >= 0 && known_item(&d->k, CHANGE_FEATURE, creator->qid, span_of("set-created-guivm"), &words) &&
        words.len > 0 && property_applies(PROPERTY_guivm, ask_vm(&d->k, qid)->class))
        r = do_property_set(d, qid, PROPERTY_guivm, words);
    return r;
}

static int add_tag(struct doing *d, uint32_t qid, struct span tag, int depth)
{
    int r = 0;
    if (ask_tag(&d->k, qid, tag))
        return 0;
    if (depth > CREATED_BY_DEPTH_MOST)
        return fault_set(d->why, ERR_VALUE, "creators name each other in tag-created-vm-with too often");
    plan_change(d->p, CHANGE_TAG, qid, tag, SPAN_LITERAL(""));
    if (span_starts(tag, "created-by-") && vm_is_local(ask_vm(&d->k, qid)))
        r = apply_creator(d, qid, (struct span){tag.at + 11, tag.len - 11}, depth);
    if (r >= 0)
        fire(d, "domain-tag-add:", qid, tag);
    return r;
}

int do_tag_add(struct doing *d, uint32_t qid, struct span tag)
{
    return add_tag(d, qid, tag, 0);
}

int do_tag_remove(struct doing *d, uint32_t qid, struct span tag)
{
    if (!ask_tag(&d->k, qid, tag))
        return fault_set(d->why, ERR_TAG_NOT_FOUND, "%s has no tag %.*s", vm_name(ask_vm(&d->k, qid)),
                         tag.len > 200 ? 200 : (int)tag.len, tag.at);
    plan_gone(d->p, CHANGE_TAG, qid, tag);
    fire(d, "domain-tag-delete:", qid, tag);
    return 0;
}

static int drop_tag(struct doing *d, uint32_t qid, struct span tag, const char *prefix, struct span wanted,
                    bool keep)
{
    if (!span_starts(tag, prefix) || (keep && span_equal(tag, wanted)) || !ask_tag(&d->k, qid, tag))
        return 0;
    return do_tag_remove(d, qid, tag);
}

int do_follow_tag(struct doing *d, const char *prefix, uint32_t qid, struct span name, bool none, bool keep)
{
    struct span wanted =
        none ? SPAN_LITERAL("") : plan_format(d->p, "%s%.*s", prefix, (int)name.len, name.at);
    int r = 0;
    for (const struct item *at = model_items(d->k.model, qid, CHANGE_TAG); at != NULL && r >= 0;
         at = at->next)
        r = drop_tag(d, qid, (struct span){at->key, at->key_len}, prefix, wanted, keep);
    if (d->k.newborn != NULL && d->k.newborn->qid == qid) {
        size_t changes = d->p->changes; /* what is removed below adds more */
        for (size_t i = 0; i < changes && r >= 0; i++)
            if (d->p->change[i].kind == CHANGE_TAG && d->p->change[i].qid == qid)
                r = drop_tag(d, qid, d->p->change[i].key, prefix, wanted, keep);
    }
    return r < 0 || none ? r : do_tag_add(d, qid, wanted);
}

static int check_permitted(struct doing *d, uint32_t qid, struct span tag)
{
    int r = tag_check(tag, d->why);
    if (r < 0)
        return r;
    if (span_starts(tag, "created-by-") && d->actor != 0)
        return fault_set(d->why, ERR_PERMISSION, "only dom0 changes who created a VM");
    if (ask_vm(&d->k, qid) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    return 0;
}

int plan_tag_set(const struct known *k, uint32_t actor, uint32_t qid, struct span tag, struct plan *p,
                 struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    int r = check_permitted(&d, qid, tag);
    return doing_end(&d, r < 0 ? r : do_tag_add(&d, qid, tag));
}

int plan_tag_remove(const struct known *k, uint32_t actor, uint32_t qid, struct span tag, struct plan *p,
                    struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    int r = check_permitted(&d, qid, tag);
    return doing_end(&d, r < 0 ? r : do_tag_remove(&d, qid, tag));
}

static int create_label(struct doing *d, struct span name, struct span colour)
{
    struct label label = {0};
    unsigned last = 8; /* below are the labels that every system starts with */
    if (model_item(d->k.model, QID_GLOBAL, CHANGE_LABEL, name) != NULL)
        return fault_set(d->why, ERR_LABEL_IN_USE, "there is a label '%.*s' already",
                         name.len > 100 ? 100 : (int)name.len, name.at);
    for (size_t i = 0; ask_label_at(&d->k, i, &label) != -ERR_UNKNOWN; i++)
        if (label.index > last)
            last = label.index;
    plan_change(d->p, CHANGE_LABEL, QID_GLOBAL, name,
                plan_format(d->p, "%u %.*s", last + 1, (int)colour.len, colour.at));
    return 0;
}

int plan_label_create(const struct known *k, struct span name, struct span colour, struct plan *p,
                      struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct span trimmed;
    int r = label_name_check(name, true, why);
    if (r >= 0)
        r = label_colour_check(colour, &trimmed, why);
    return doing_end(&d, r < 0 ? r : create_label(&d, name, trimmed));
}

static int remove_label(struct doing *d, const struct label *label)
{
    struct property_value v;
    if (label->index <= 8)
        return fault_set(d->why, ERR_PROTOCOL, "label '%s' belongs to the system and stays", label->name);
    for (size_t i = 0; i < model_vm_count(d->k.model); i++) {
        const struct vm *vm = model_vm_at(d->k.model, i);
        property_get(&d->k, vm->qid, PROPERTY_label, &v);
        if (v.is_set && span_is(v.text, label->name))
            return fault_set(d->why, ERR_LABEL_IN_USE, "'%s' has label '%s'; give it another one first",
                             vm_name(vm), label->name);
    }
    plan_gone(d->p, CHANGE_LABEL, QID_GLOBAL, span_of(label->name));
    return 0;
}

int plan_label_remove(const struct known *k, struct span name, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct label label = {0};
    int r = label_name_check(name, false, why);
    if (r >= 0)
        r = ask_label(&d.k, name, &label, why);
    return doing_end(&d, r < 0 ? r : remove_label(&d, &label));
}
