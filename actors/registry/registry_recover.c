/* SPDX-License-Identifier: MIT
 * What a pool that begins to serve is told of its volumes, so that it can find what a crash left; in
 * registry. Who lives is as registry knows it when the question arrives: the pool has put what comes after
 * behind it. */

#include "actors/registry/registry_storage.h"
#include "model/plan_storage.h"
#include "proto/record_values.h"

/* A page ends behind the VM that fills it. */
enum { PAGE_BYTES = 48 << 10, LEFTOVERS = QID_MAX + 1 };

struct page {
    struct registry *r;
    struct span pool;
    struct text bytes;
    struct wire_list volumes;
};

static void add(struct page *page, struct span name, struct span lines, bool in_place,
                enum volume_state known)
{
    struct pool_volume item = {.lines = lines, .in_place = in_place ? 1 : 0, .known = known};
    if (name.len > 0 && lines.len <= 4096 && text_copy(item.name, sizeof item.name, name) == 0)
        pool_volume_add(&page->volumes, &page->bytes, &item);
}

static void add_of_vm(struct page *page, uint32_t qid)
{
    struct registry *r = page->r;
    bool living = !r->host_heard || r->claims[qid].living;
    const struct item *at = model_items(r->model, qid, CHANGE_VOLUME);
    for (; at != NULL; at = at->next) {
        AUTO_TEXT made = TEXT_WITH_LIMIT(4096);
        struct volume_known v;
        struct span name = {at->key, at->key_len};
        if (volume_known(&r->known, qid, name, &made, &v) == 1 && span_equal(v.pool, page->pool))
            add(page, name, v.lines, v.in_place, living ? VOLUME_LIVES : VOLUME_RESTS);
    }
}

/* Volumes of no VM. What an operation is at is left to it. */
static void add_leftovers(struct page *page)
{
    const struct item *at = model_items(page->r->model, QID_GLOBAL, CHANGE_LEFTOVER);
    for (; at != NULL && page->bytes.len < BODY_MAX / 2; at = at->next) {
        struct span key = {at->key, at->key_len}, vid, pool = span_split(key, ' ', &vid), lines, name;
        struct span first = span_split((struct span){at->value, at->value_len}, '\n', &lines);
        span_split(first, '=', &name);
        if (span_equal(pool, page->pool))
            add(page, name, lines, false, storage_is_at(page->r, key) ? VOLUME_LIVES : VOLUME_HALF_MADE);
    }
}

void pool_volumes_tell(struct registry *r, struct out *out, const struct request *to,
                       const struct pool_volumes *m)
{
    struct page page = {.r = r, .pool = span_of(m->pool), .bytes = TEXT_WITH_LIMIT(BODY_MAX)};
    uint32_t qid = m->from < 1 ? 1 : m->from;
    if (!r->loaded || pool_instance(page.pool) != to->source.instance) {
        reply_error(out, to, r->loaded ? -ERR_REFUSED : -ERR_BUSY, NULL);
        return;
    }
    for (; qid <= QID_MAX && page.bytes.len < PAGE_BYTES; qid++)
        if (model_vm(r->model, qid) != NULL)
            add_of_vm(&page, qid);
    if (m->from == LEFTOVERS)
        add_leftovers(&page);
    struct pool_volumes_reply reply = {
        .volumes = page.volumes, .next = m->from == LEFTOVERS ? 0 : qid, .certain = r->host_heard ? 1 : 0};
    if (page.bytes.failed < 0)
        reply_error(out, to, -ERR_NOMEM, NULL);
    else
        (void)REPLY(out, pool_volumes, to, &reply);
    text_free(&page.bytes);
}
