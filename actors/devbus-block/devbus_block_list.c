/* SPDX-License-Identifier: MIT
 * What is exposed: a listing asks the backend's guest process, which reads its QubesDB; what that process
 * tells by itself is compared with what subscribers know. In devbus-block's core. Spec: devbus-block 1, 8;
 * devices 14.1. */
#include <string.h>

#include "actors/devbus-block/devbus_block.h"
#include "actors/devbus-block/devbus_block_options.h"
#include "actors/devbus/devbus_say.h"
#include "base/own.h"

/* Longer than the guest's process needs for a reading, or to find that its daemon hangs. */
#define READ_WITHIN (9 * SECONDS)

/* ---- listings ---- */

static void answer(struct devbus_block *self, struct out *out, const struct block_question *q,
                   const struct devbus_backend *b)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    struct bus_list_reply reply = {0};
    char key[DEVBUS_KEY_MAX + 1];
    for (size_t i = 0; b != NULL && i < b->count; i++) {
        struct device_item item = b->item[i];
        bool is_meant = q->port[0] != '\0' ? strcmp(q->port, item.port) == 0 : block_is_listed(item.port);
        block_key(b->name, item.port, key);
        const struct devbus_device *d = devbus_find(&self->table, key);
        if (d != NULL && d->state == DEVBUS_ATTACHED)
            memcpy(item.attachment, d->name, sizeof item.attachment);
        if (is_meant)
            device_item_add(&reply.devices, &elements, &item);
    }
    if (elements.failed < 0)
        reply_error(out, &q->request, elements.failed, NULL);
    else
        REPLY(out, bus_list, &q->request, &reply);
}

/* Whom to ask: the asker knows the backend's generation, or we do. */
static bool subject_of(const struct devbus_block *self, const struct envelope *e, uint32_t backend,
                       struct subject *vm)
{
    const struct devbus_backend *b = devbus_backend_of(&self->exposed, backend);
    bool said = e->subject_kind == KIND_VM && e->subject_instance == backend;
    *vm = (struct subject){KIND_VM, backend, said ? e->subject_generation : b != NULL ? b->vm.generation : 0};
    return said || b != NULL;
}

void block_list(struct devbus_block *self, struct out *out, const struct envelope *e,
                const struct bus_list *m)
{
    struct block_question q = {.request = request_of(e), .tag = self->last_tag + 1};
    struct context context = q.request.context;
    struct guest_devices ask = {.device_class = "block"};
    memcpy(q.port, m->port, sizeof q.port);
    if (!subject_of(self, e, m->backend, &q.backend)) {
        answer(self, out, &q, NULL);
        return;
    }
    if (self->questions == BLOCK_QUESTIONS_MAX) {
        reply_error(out, &q.request, -ERR_BUSY, NULL);
        return;
    }
    context.subject = q.backend;
    context.deadline = out->now + READ_WITHIN;
    self->last_tag++;
    self->question[self->questions++] = q;
    (void)ASK(out, guest_devices, ((struct address){KIND_GUEST, m->backend}), &context, q.tag, &ask);
}

static void drop(struct devbus_block *self, size_t i)
{
    self->question[i] = self->question[--self->questions];
}

/* What was found is also what a preparation will find, though subscribers are told of it later. */
void block_listed(struct devbus_block *self, struct out *out, const struct answer *a)
{
    struct guest_devices_reply m;
    for (size_t i = 0; i < self->questions; i++) {
        struct block_question q = self->question[i];
        if (q.tag != a->tag)
            continue;
        drop(self, i);
        int r = a->r < 0 ? a->r : guest_devices_reply_decode(&m, a->e->body);
        if (r < 0)
            reply_error(out, &q.request, r, a->r < 0 ? &a->why : NULL);
        else
            answer(self, out, &q, devbus_exposed_take(&self->exposed, q.backend, m.name, &m.devices));
        return;
    }
}

void block_list_cancel(struct devbus_block *self, struct out *out, const struct envelope *e)
{
    for (size_t i = 0; i < self->questions; i++) {
        struct request request = self->question[i].request;
        if (request.correlation != e->correlation || !address_equal(request.source, envelope_source(e)))
            continue;
        drop(self, i);
        reply_error(out, &request, -ERR_CANCELLED, NULL);
        return;
    }
}

/* ---- news ---- */

struct news {
    struct devbus_block *self;
    struct out *out;
};

/* Its frontend is left with a disk that nothing is behind. */
static void take_away(struct devbus_block *self, struct out *out, const char *backend, const char *port)
{
    char key[DEVBUS_KEY_MAX + 1];
    struct vm_lose m = {.device_class = "block"};
    block_key(backend, port, key);
    const struct devbus_device *d = devbus_find(&self->table, key);
    if (d == NULL || d->state != DEVBUS_ATTACHED)
        return;
    struct context about = context_about_vm(d->qid, d->generation);
    (void)text_copy(m.backend, sizeof m.backend, span_of(backend));
    (void)text_copy(m.port, sizeof m.port, span_of(port));
    memcpy(m.device_id, d->device_id, sizeof m.device_id);
    (void)EVENT(out, vm_lose, ((struct address){KIND_VM, d->qid}), &about, &m);
}

static void gone(void *arg, const struct devbus_backend *b, const char *port)
{
    struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(512);
    text_format(&text, "%s:%s", b->name, port);
    take_away(n->self, n->out, b->name, port);
    devbus_say(n->out, &n->self->seq, b->vm, "device-removed:block", "port", text_span(&text));
}

static void came(void *arg, const struct devbus_backend *b, const struct device_item *item)
{
    struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(2048);
    struct context about = context_about_vm(b->vm.instance, b->vm.generation);
    struct device_came m = {.device_class = "block"};
    memcpy(m.port, item->port, sizeof m.port);
    memcpy(m.device_id, item->device_id, sizeof m.device_id);
    text_format(&text, "%s:%s:%s", b->name, item->port, item->device_id);
    devbus_say(n->out, &n->self->seq, b->vm, "device-added:block", "device", text_span(&text));
    (void)EVENT(n->out, device_came, ((struct address){KIND_REGISTRY, 0}), &about, &m);
}

/* A VM that begins to expose something was known to expose nothing: its guest process says so only when that
 * changes, and what is there when that process is first heard is no news. */
void block_exposed(struct devbus_block *self, struct out *out, const struct envelope *e,
                   const struct bus_exposed *m)
{
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    struct news n = {self, out};
    struct devbus_news news = {gone, came, block_is_listed, &n};
    if (m->changed)
        devbus_say(out, &self->seq, vm, "device-list-change:block", NULL, (struct span){NULL, 0});
    struct devbus_backend *b = devbus_exposed_take(&self->exposed, vm, m->name, &m->devices);
    if (b == NULL)
        return;
    b->is_known = b->is_known || m->changed;
    devbus_exposed_news(b, &news);
    if (b->count == 0)
        (void)devbus_exposed_take(&self->exposed, vm, m->name, &m->devices); /* forgets it */
}
