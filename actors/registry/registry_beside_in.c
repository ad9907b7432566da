/* SPDX-License-Identifier: MIT
 * firewall.xml and notes.txt of all VMs into the model; in `registry`, on its worker thread. */
#include <stdio.h>
#include <string.h>

#include "actors/registry/registry_beside_inside.h"
#include "actors/registry/registry_store.h"
#include "model/long_text.h"

struct intake {
    struct change_list *list;
    size_t bytes; /* of all long texts */
};

static int take_text(struct intake *in, enum change_kind kind, uint32_t qid, struct span text,
                     struct fault *why)
{
    in->bytes += text.len;
    if (text.len > LONG_TEXT_MAX || in->bytes > LONG_TEXTS_MAX)
        return fault_set(why, ERR_TOO_BIG, "it, or all such files together, are longer than can be kept");
    return long_text_changes(kind, qid, text, 0, change_list_take, in->list);
}

static int remember(struct beside *b, const char *path, const struct beside_sort *sort, struct span bytes,
                    struct span kept)
{
    AUTO_TEXT again = TEXT_WITH_LIMIT(BESIDE_FILE_MAX);
    struct beside_entry *e = beside_find_or_add(b, path);
    if (e == NULL)
        return -ERR_NOMEM;
    digest_sha256(bytes, e->have);
    if (sort->write(kept, &again, NULL) == 0)
        digest_sha256(text_span(&again), e->want);
    return again.failed;
}

static int disable(struct intake *in, const struct beside_sort *sort, uint32_t qid, const char *text,
                   struct fault *why)
{
    struct change c = {.kind = CHANGE_DISABLED, .qid = qid, .key = SPAN_LITERAL(""), .value = span_of(text)};
    int r = take_text(in, sort->kind, qid, span_of(sort->instead), why);
    return r < 0 ? r : change_list_add(in->list, &c);
}

static int import_one(int dir, uint64_t now, const struct beside_home *h, const struct beside_sort *sort,
                      struct intake *in, struct beside *b, beside_problem *problem, void *self,
                      struct fault *why)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(BESIDE_FILE_MAX);
    AUTO_TEXT kept = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct fault inner;
    char path[BESIDE_PATH], text[BESIDE_PATH + 320];
    beside_path(h, sort, path);
    int r = beside_get(dir, path, sort->file, &bytes, &inner);
    if (r == -ERR_UNKNOWN)
        return 0;
    if (r >= 0)
        r = sort->read(text_span(&bytes), now, &kept, &inner);
    if (r >= 0)
        r = take_text(in, sort->kind, h->qid, text_span(&kept), &inner);
    if (r >= 0)
        return remember(b, path, sort, text_span(&bytes), text_span(&kept));
    snprintf(text, sizeof text, "%s: %.300s", path, inner.text);
    r = sort->instead != NULL ? disable(in, sort, h->qid, text, why) : 0;
    return r < 0 ? r : problem(self, h->qid, path, inner.text);
}

int beside_import(int dir, uint64_t now, struct change_list *list, struct beside *b, beside_problem *problem,
                  void *self, struct fault *why)
{
    struct intake in = {.list = list};
    size_t homes, before = list->count;
    AUTO_TEXT names = TEXT_WITH_LIMIT(1 << 20);
    change_list_done(list);
    AUTO_MEMORY struct beside_home *at = beside_homes(list->at, before, &homes);
    int r = at == NULL ? -ERR_NOMEM : 0;
    for (size_t i = 0; i < homes && r >= 0; i++) { /* the list's bytes move while it grows */
        size_t len = names.len;
        text_append(&names, at[i].name);
        at[i].name.at = (const char *)len;
        r = names.failed;
    }
    for (size_t i = 0; i < homes && r >= 0; i++) {
        at[i].name.at = names.at + (size_t)at[i].name.at;
        for (size_t k = 0; k < BESIDE_SORTS && r >= 0 && at[i].name.len > 0; k++)
            r = import_one(dir, now, &at[i], &beside_sorts[k], &in, b, problem, self, why);
    }
    change_list_done(list);
    if (r == -ERR_NOMEM)
        return fault_set(why, ERR_NOMEM, "no memory to read the VMs' firewall.xml and notes.txt");
    return r < 0 ? r : 0;
}
