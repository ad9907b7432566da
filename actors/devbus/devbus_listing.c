/* SPDX-License-Identifier: MIT
 * See devbus_listing.h: in the core of a bus whose devices VMs expose. */
#include "actors/devbus/devbus_listing.h"

#include <string.h>

#include "base/own.h"

/* Longer than the guest's process needs for a reading, or to find that its daemon hangs. */
#define READ_WITHIN (9 * SECONDS)

void devbus_key(const char *backend, const char *port, char key[DEVBUS_KEY_MAX + 1])
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(DEVBUS_KEY_MAX);
    text_format(&text, "%s:%s", backend, port);
    if (text.failed < 0 || text_copy(key, DEVBUS_KEY_MAX + 1, text_span(&text)) < 0)
        key[0] = '\0'; /* nothing has so long a name */
}

static void answer(struct devbus_listing *l, struct out *out, const struct devbus_question *q,
                   const struct devbus_backend *b)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    struct bus_list_reply reply = {0};
    char key[DEVBUS_KEY_MAX + 1];
    for (size_t i = 0; b != NULL && i < b->count; i++) {
        struct device_item item = b->item[i];
        bool is_meant = q->port[0] != '\0' ? strcmp(q->port, item.port) == 0 : l->lists(item.port);
        devbus_key(b->name, item.port, key);
        const struct devbus_device *d = devbus_find(l->table, key);
        if (d != NULL && d->state == DEVBUS_ATTACHED)
            memcpy(item.attachment, d->name, sizeof item.attachment);
        if (is_meant && l->describe != NULL)
            l->describe(l->arg, &item);
        if (is_meant)
            device_item_add(&reply.devices, &elements, &item);
    }
    if (elements.failed < 0)
        reply_error(out, &q->request, elements.failed, NULL);
    else
        REPLY(out, bus_list, &q->request, &reply);
}

/* Whom to ask: the asker knows the backend's generation, or we do. */
static bool subject_of(const struct devbus_listing *l, const struct envelope *e, uint32_t backend,
                       struct subject *vm)
{
    const struct devbus_backend *b = devbus_backend_of(&l->exposed, backend);
    bool said = e->subject_kind == KIND_VM && e->subject_instance == backend;
    *vm = (struct subject){KIND_VM, backend, said ? e->subject_generation : b != NULL ? b->vm.generation : 0};
    return said || b != NULL;
}

void devbus_list(struct devbus_listing *l, struct out *out, const struct envelope *e,
                 const struct bus_list *m)
{
    struct devbus_question q = {.request = request_of(e), .tag = l->last_tag + 1};
    struct context context = q.request.context;
    struct guest_devices ask = {.device_class = ""};
    memcpy(q.port, m->port, sizeof q.port);
    (void)text_copy(ask.device_class, sizeof ask.device_class, span_of(l->table->device_class));
    if (!subject_of(l, e, m->backend, &q.backend)) {
        answer(l, out, &q, NULL);
        return;
    }
    if (l->questions == DEVBUS_QUESTIONS_MAX) {
        reply_error(out, &q.request, -ERR_BUSY, NULL);
        return;
    }
    context.subject = q.backend;
    context.deadline = out->now + READ_WITHIN;
    l->last_tag++;
    l->question[l->questions++] = q;
    (void)ASK(out, guest_devices, ((struct address){KIND_GUEST, m->backend}), &context, q.tag, &ask);
}

static void drop(struct devbus_listing *l, size_t i)
{
    l->question[i] = l->question[--l->questions];
}

/* What was found is also what a preparation will find, though subscribers are told of it later. */
bool devbus_listed(struct devbus_listing *l, struct out *out, const struct answer *a)
{
    struct guest_devices_reply m;
    for (size_t i = 0; i < l->questions; i++) {
        struct devbus_question q = l->question[i];
        if (q.tag != a->tag)
            continue;
        drop(l, i);
        int r = a->r < 0 ? a->r : guest_devices_reply_decode(&m, a->e->body);
        if (r < 0)
            reply_error(out, &q.request, r, a->r < 0 ? &a->why : NULL);
        else
            answer(l, out, &q, devbus_exposed_take(&l->exposed, q.backend, m.name, &m.devices));
        return true;
    }
    return false;
}

void devbus_list_cancel(struct devbus_listing *l, struct out *out, const struct envelope *e)
{
    for (size_t i = 0; i < l->questions; i++) {
        struct request request = l->question[i].request;
        if (request.correlation != e->correlation || !address_equal(request.source, envelope_source(e)))
            continue;
        drop(l, i);
        reply_error(out, &request, -ERR_CANCELLED, NULL);
        return;
    }
}
