/* SPDX-License-Identifier: MIT
 * See devbus_listing.h: in the core of a bus whose devices VMs expose. */
#include "actors/devbus/devbus_listing.h"

#include <string.h>

#include "actors/devbus/devbus_tags.h"
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

/* Has the backend's guest process read what there is. */
static void read_it(struct devbus_listing *l, struct out *out, struct devbus_question *q)
{
    struct context context = q->request.context;
    struct guest_devices ask = {.device_class = ""};
    (void)text_copy(ask.device_class, sizeof ask.device_class, span_of(l->table->device_class));
    context.subject = q->backend;
    context.deadline = out->now + READ_WITHIN;
    q->tag = devbus_tag(TAGS_LISTING, &l->last_tag);
    q->awaits_name = false;
    (void)ASK(out, guest_devices, ((struct address){KIND_GUEST, q->backend.instance}), &context, q->tag,
              &ask);
}

void devbus_list(struct devbus_listing *l, struct out *out, const struct envelope *e,
                 const struct bus_list *m)
{
    struct devbus_question q = {.request = request_of(e)};
    memcpy(q.port, m->port, sizeof q.port);
    if (!subject_of(l, e, m->backend, &q.backend)) {
        answer(l, out, &q, NULL);
        return;
    }
    if (l->questions == DEVBUS_QUESTIONS_MAX) {
        reply_error(out, &q.request, -ERR_BUSY, NULL);
        return;
    }
    l->question[l->questions] = q;
    read_it(l, out, &l->question[l->questions++]);
}

static void drop(struct devbus_listing *l, size_t i)
{
    l->question[i] = l->question[--l->questions];
}

/* What was found is also what a preparation will find, though subscribers are told of it later. */
static void was_read(struct devbus_listing *l, struct out *out, size_t i, const struct guest_devices_reply *m)
{
    struct devbus_question *q = &l->question[i];
    bool none = m->devices.count == 0;
    enum devbus_word word = none ? DEVBUS_ANOTHERS : devbus_name_is(&l->names, out, q->backend, m->name);
    if (word == DEVBUS_ASKED) {
        q->tag = 0;
        q->awaits_name = true;
        return;
    }
    struct devbus_question asked = *q;
    drop(l, i);
    const struct devbus_backend *known = devbus_backend_of(&l->exposed, asked.backend.instance);
    bool taken = word == DEVBUS_ITS_OWN || (none && known != NULL);
    const char *name = word == DEVBUS_ITS_OWN ? m->name : known != NULL ? known->name : "";
    answer(l, out, &asked, taken ? devbus_exposed_take(&l->exposed, asked.backend, name, &m->devices) : NULL);
}

/* Whoever waits for that name has it read again, or hears that there is nothing. */
static void was_named(struct devbus_listing *l, struct out *out, const struct devbus_name *d)
{
    for (size_t i = l->questions; i > 0; i--) {
        struct devbus_question *q = &l->question[i - 1], asked = *q;
        if (!q->awaits_name || q->backend.instance != d->vm.instance)
            continue;
        if (d->word == DEVBUS_ITS_OWN) {
            read_it(l, out, q);
            continue;
        }
        drop(l, i - 1);
        answer(l, out, &asked, NULL);
    }
}

bool devbus_listed(struct devbus_listing *l, struct out *out, const struct answer *a)
{
    struct guest_devices_reply m;
    const struct devbus_name *named = NULL;
    if (devbus_named(&l->names, out, a, &named)) {
        if (named != NULL)
            was_named(l, out, named);
        return true;
    }
    for (size_t i = 0; i < l->questions; i++) {
        struct devbus_question q = l->question[i];
        if (q.tag != a->tag || q.awaits_name)
            continue;
        int r = a->r < 0 ? a->r : guest_devices_reply_decode(&m, a->e->body);
        if (r == 0) {
            was_read(l, out, i, &m);
            return true;
        }
        drop(l, i);
        reply_error(out, &q.request, r, a->r < 0 ? &a->why : NULL);
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
