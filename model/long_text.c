/* SPDX-License-Identifier: MIT
 * Long texts in parts; see long_text.h. */
#include "model/long_text.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/plan_inside.h"

bool long_text_known(const struct known *k, enum change_kind kind, uint32_t qid, struct text *to)
{
    struct span value;
    char key[16];
    for (unsigned i = 0;; i++) {
        snprintf(key, sizeof key, "%u", i);
        if (known_item(k, kind, qid, span_of(key), &value) == 0)
            return i > 0;
        text_append(to, value);
    }
}

int long_text_changes(enum change_kind kind, uint32_t qid, struct span text, size_t parts,
                      int (*fn)(void *arg, const struct change *c), void *arg)
{
    char key[24];
    size_t i = 0;
    int r = 0;
    do {
        size_t len = text.len < LONG_TEXT_PART ? text.len : LONG_TEXT_PART;
        snprintf(key, sizeof key, "%zu", i);
        struct change c = {
            .kind = kind, .qid = qid, .key = span_of(key), .value = {len > 0 ? text.at : "", len}};
        r = fn(arg, &c);
        text = (struct span){text.at + len, text.len - len};
        i++;
    } while (r >= 0 && text.len > 0);
    for (; r >= 0 && i < parts; i++) {
        snprintf(key, sizeof key, "%zu", i);
        r = fn(arg, &(struct change){.kind = kind, .qid = qid, .key = span_of(key), .gone = 1});
    }
    return r;
}

static int put(void *arg, const struct change *c)
{
    struct doing *d = arg;
    if (c->gone)
        plan_gone(d->p, c->kind, c->qid, c->key);
    else
        plan_change(d->p, c->kind, c->qid, c->key, c->value);
    return 0;
}

static size_t bytes_of(const struct model *m, uint32_t qid, enum change_kind kind, size_t *parts)
{
    size_t bytes = 0;
    *parts = 0;
    for (const struct item *at = model_items(m, qid, kind); at != NULL; at = at->next, ++*parts)
        bytes += at->value_len;
    return bytes;
}

static size_t all_bytes(const struct model *m)
{
    size_t bytes = 0, parts;
    for (size_t i = 0; i < model_vm_count(m); i++)
        bytes += bytes_of(m, vm_qid(model_vm_at(m, i)), CHANGE_NOTES, &parts) +
                 bytes_of(m, vm_qid(model_vm_at(m, i)), CHANGE_FIREWALL, &parts);
    return bytes;
}

int do_long_text(struct doing *d, enum change_kind kind, uint32_t qid, struct span text)
{
    size_t parts, old = bytes_of(d->k.model, qid, kind, &parts);
    if (text.len > old && all_bytes(d->k.model) - old + text.len > LONG_TEXTS_MAX)
        return fault_set(d->why, ERR_TOO_BIG,
                         "notes and firewall rules of all VMs together would exceed %d bytes; shorten some",
                         LONG_TEXTS_MAX);
    return long_text_changes(kind, qid, text, parts, put, d);
}
