/* SPDX-License-Identifier: MIT
 * What is exposed and to whom it is connected, both as the backend says: compared with what subscribers know.
 * In devbus-usb's core. Spec: devbus-usb-mic B; devices 14.1. */
#include <string.h>

#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus/devbus_say.h"
#include "base/log.h"
#include "base/own.h"

/* Registry answers at once; this is for one that is being replaced. */
#define ASK_WITHIN (10 * SECONDS)
/* Tags of these questions, beside those of listings and services. */
#define NAME_TAGS (UINT64_C(2) << 32)

struct news {
    struct devbus_usb *self;
    struct out *out;
};

static void gone(void *arg, const struct devbus_backend *b, const char *port)
{
    struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(512);
    text_format(&text, "%s:%s", b->name, port);
    devbus_say(n->out, &n->self->seq, b->vm, "device-removed:usb", "port", text_span(&text));
}

static void came(void *arg, const struct devbus_backend *b, const struct device_item *item)
{
    struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(2048);
    struct context about = context_about_vm(b->vm.instance, b->vm.generation);
    struct device_came m = {.device_class = "usb"};
    memcpy(m.port, item->port, sizeof m.port);
    memcpy(m.device_id, item->device_id, sizeof m.device_id);
    text_format(&text, "%s:%s:%s", b->name, item->port, item->device_id);
    devbus_say(n->out, &n->self->seq, b->vm, "device-added:usb", "device", text_span(&text));
    if (item->attachment[0] == '\0')
        (void)EVENT(n->out, device_came, ((struct address){KIND_REGISTRY, 0}), &about, &m);
}

/* ---- who has it ---- */

static struct device_item *item_of(const struct devbus_backend *b, const char *port)
{
    for (size_t i = 0; b != NULL && i < b->count; i++)
        if (strcmp(b->item[i].port, port) == 0)
            return &b->item[i];
    return NULL;
}

static void lose(struct devbus_usb *self, struct out *out, struct devbus_device *d)
{
    struct subject vm = {KIND_VM, d->qid, d->generation};
    if (!usb_is_under_way(self, d->key))
        devbus_say(out, &self->seq, vm, "device-detach:usb", "port", span_of(d->key));
    (void)devbus_happens(&self->table, out, d, DEVBUS_NOT_THERE);
    devbus_tell(&self->table, out, vm.instance, vm.generation);
}

/* Backwards: what is forgotten makes room for the last one. */
static void lose_those_of(struct devbus_usb *self, struct out *out, const char *backend,
                          const struct devbus_backend *b)
{
    for (size_t i = self->table.used; i > 0; i--) {
        struct devbus_device *d = &self->table.device[i - 1];
        if (d->state != DEVBUS_ATTACHED || strcmp(d->backend, backend) != 0)
            continue;
        const struct device_item *item = item_of(b, d->port);
        if (item == NULL || strcmp(item->attachment, d->name) != 0)
            lose(self, out, d);
    }
}

static void say_attached(struct devbus_usb *self, struct out *out, const struct devbus_device *d)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(2048);
    struct devbus_said said[] = {{"device", {NULL, 0}}, {"options", SPAN_LITERAL("{}")}};
    text_format(&text, "%s:%s:%s", d->backend, d->port, d->device_id);
    said[0].value = text_span(&text);
    devbus_say_all(out, &self->seq, (struct subject){KIND_VM, d->qid, d->generation}, "device-attach:usb",
                   said, COUNT(said));
}

/* The backend has the last word: whoever was to get the device has lost it to this VM. */
static void arrive(struct devbus_usb *self, struct out *out, const struct devbus_backend *b,
                   const struct device_item *item, struct subject vm, bool is_news)
{
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key(b->name, item->port, key);
    struct devbus_device *d = devbus_find(&self->table, key);
    bool is_ours = usb_is_under_way(self, key) && d != NULL && d->qid == vm.instance;
    if (d != NULL && d->qid != vm.instance)
        (void)devbus_happens(&self->table, out, d, DEVBUS_GIVEN_UP);
    d = key[0] != '\0' ? devbus_add(&self->table, key) : NULL;
    if (d == NULL)
        return;
    d->qid = vm.instance;
    d->generation = vm.generation;
    memcpy(d->name, item->attachment, sizeof d->name);
    memcpy(d->backend, b->name, sizeof d->backend);
    memcpy(d->port, item->port, sizeof d->port);
    memcpy(d->device_id, item->device_id, sizeof d->device_id);
    (void)devbus_happens(&self->table, out, d, DEVBUS_THERE);
    if (is_news && !is_ours)
        say_attached(self, out, d);
    devbus_tell(&self->table, out, vm.instance, vm.generation);
}

/* ---- names ---- */

static bool is_asked(const struct devbus_usb *self, const struct devbus_backend *b,
                     const struct device_item *item)
{
    for (size_t i = 0; i < self->names; i++)
        if (self->name[i].backend.instance == b->vm.instance && strcmp(self->name[i].port, item->port) == 0 &&
            strcmp(self->name[i].name, item->attachment) == 0)
            return true;
    return false;
}

static void ask_name(struct devbus_usb *self, struct out *out, const struct devbus_backend *b,
                     const struct device_item *item, bool is_news)
{
    struct context context = {.deadline = out->now + ASK_WITHIN};
    struct vm_named m = {.name = ""};
    if (self->names == USB_NAMES_MAX || is_asked(self, b, item))
        return;
    struct usb_name *n = &self->name[self->names++];
    *n = (struct usb_name){
        .tag = NAME_TAGS | (uint32_t)++self->last_tag, .backend = b->vm, .is_news = is_news};
    memcpy(n->port, item->port, sizeof n->port);
    memcpy(n->name, item->attachment, sizeof n->name);
    memcpy(m.name, item->attachment, sizeof m.name);
    (void)ASK(out, vm_named, ((struct address){KIND_REGISTRY, 0}), &context, n->tag, &m);
}

static void ask_names(struct devbus_usb *self, struct out *out, const struct devbus_backend *b, bool is_news)
{
    char key[DEVBUS_KEY_MAX + 1];
    for (size_t i = 0; i < b->count; i++) {
        const struct device_item *item = &b->item[i];
        devbus_key(b->name, item->port, key);
        const struct devbus_device *d = devbus_find(&self->table, key);
        bool is_known = d != NULL && d->state == DEVBUS_ATTACHED && strcmp(d->name, item->attachment) == 0;
        if (item->attachment[0] != '\0' && !is_known)
            ask_name(self, out, b, item, is_news);
    }
}

/* A name that no domain has is nobody. */
static void settle_name(struct devbus_usb *self, struct out *out, const struct usb_name *n,
                        const struct answer *a)
{
    struct vm_named_reply m;
    struct devbus_backend *b = devbus_backend_of(&self->listing.exposed, n->backend.instance);
    struct device_item *item = item_of(b, n->port);
    if (item == NULL || b->vm.generation != n->backend.generation || strcmp(item->attachment, n->name) != 0)
        return;
    bool is_known = a->r == 0 && vm_named_reply_decode(&m, a->e->body) == 0 && m.found != 0;
    if (is_known) {
        arrive(self, out, b, item, (struct subject){KIND_VM, m.qid, m.generation}, n->is_news);
        return;
    }
    log_line(LOG_WARN, "%s says that %s is connected to %s, which is no VM", b->name, n->port, n->name);
    item->attachment[0] = '\0';
}

bool usb_named(struct devbus_usb *self, struct out *out, const struct answer *a)
{
    for (size_t i = 0; i < self->names; i++) {
        struct usb_name n = self->name[i];
        if (n.tag != a->tag)
            continue;
        self->name[i] = self->name[--self->names];
        settle_name(self, out, &n, a);
        return true;
    }
    return false;
}

/* A VM that begins to expose something was known to expose nothing, as with block devices. */
void usb_exposed(struct devbus_usb *self, struct out *out, const struct envelope *e,
                 const struct bus_exposed *m)
{
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    struct news n = {self, out};
    struct devbus_news news = {gone, came, self->listing.lists, &n};
    if (m->changed || m->over)
        devbus_say(out, &self->seq, vm, "device-list-change:usb", NULL, (struct span){NULL, 0});
    struct devbus_backend *b = devbus_exposed_take(&self->listing.exposed, vm, m->name, &m->devices);
    lose_those_of(self, out, m->name, b);
    if (b == NULL)
        return;
    b->is_known = b->is_known || m->changed;
    bool is_news = b->is_known;
    devbus_exposed_news(b, &news);
    ask_names(self, out, b, is_news);
    if (b->count == 0)
        (void)devbus_exposed_take(&self->listing.exposed, vm, m->name, &m->devices); /* forgets it */
}
