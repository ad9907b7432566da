/* SPDX-License-Identifier: MIT
 * To whom what is exposed is connected, as the backend says: compared with what subscribers know. In
 * devbus-usb's core. Spec: devbus-usb-mic B; devices 14.1. */
#include <string.h>

#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus/devbus_tags.h"
#include "actors/devbus/devbus_say.h"
#include "base/log.h"
#include "base/own.h"

/* After registry's error; then twice as long each time, and in the end as often as that. */
#define NAME_AGAIN (250 * MILLISECONDS)
enum { NAME_DOUBLINGS = 6 };

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
        devbus_say(out, &self->bus.seq, vm, "device-detach:usb", "port", span_of(d->key));
    (void)devbus_happens(&self->bus.table, out, d, DEVBUS_NOT_THERE);
    devbus_tell(&self->bus.table, out, vm.instance, vm.generation);
}

/* Backwards: what is forgotten makes room for the last one. */
void usb_read(struct devbus *bus, struct out *out, const char *backend, const struct devbus_backend *b)
{
    for (size_t i = bus->table.used; i > 0; i--) {
        struct devbus_device *d = &bus->table.device[i - 1];
        if (d->state != DEVBUS_ATTACHED || strcmp(d->backend, backend) != 0)
            continue;
        const struct device_item *item = item_of(b, d->port);
        if (item == NULL || strcmp(item->attachment, d->name) != 0)
            lose((struct devbus_usb *)bus, out, d);
    }
}

static void say_attached(struct devbus_usb *self, struct out *out, const struct devbus_device *d)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(2048);
    struct devbus_said said[] = {{"device", {NULL, 0}}, {"options", SPAN_LITERAL("{}")}};
    text_format(&text, "%s:%s:%s", d->backend, d->port, d->device_id);
    said[0].value = text_span(&text);
    devbus_say_all(out, &self->bus.seq, (struct subject){KIND_VM, d->qid, d->generation}, "device-attach:usb",
                   said, COUNT(said));
}

/* The backend has the last word: whoever was to get the device has lost it to this VM. */
static void arrive(struct devbus_usb *self, struct out *out, const struct devbus_backend *b,
                   const struct device_item *item, struct subject vm, bool is_news)
{
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key(b->name, item->port, key);
    struct devbus_device *d = devbus_find(&self->bus.table, key);
    bool is_ours = usb_is_under_way(self, key) && d != NULL && d->qid == vm.instance;
    if (d != NULL && d->qid != vm.instance)
        (void)devbus_happens(&self->bus.table, out, d, DEVBUS_GIVEN_UP);
    d = key[0] != '\0' ? devbus_add(&self->bus.table, key) : NULL;
    if (d == NULL)
        return;
    d->qid = vm.instance;
    d->generation = vm.generation;
    memcpy(d->name, item->attachment, sizeof d->name);
    memcpy(d->backend, b->name, sizeof d->backend);
    memcpy(d->port, item->port, sizeof d->port);
    memcpy(d->device_id, item->device_id, sizeof d->device_id);
    (void)devbus_happens(&self->bus.table, out, d, DEVBUS_THERE);
    if (is_news && !is_ours)
        say_attached(self, out, d);
    devbus_tell(&self->bus.table, out, vm.instance, vm.generation);
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

static void ask_registry(struct devbus_usb *self, struct out *out, struct usb_name *n)
{
    struct context context = {.deadline = out->now + DEVBUS_REGISTRY_WITHIN};
    struct vm_named m = {.name = ""};
    memcpy(m.name, n->name, sizeof m.name);
    n->again_at = 0;
    n->tag = devbus_tag(TAGS_OWN_NAMES, &self->last_tag);
    (void)ASK(out, vm_named, ((struct address){KIND_REGISTRY, 0}), &context, n->tag, &m);
}

static void ask_name(struct devbus_usb *self, struct out *out, const struct devbus_backend *b,
                     const struct device_item *item, bool is_news)
{
    if (self->names == USB_NAMES_MAX || is_asked(self, b, item))
        return;
    struct usb_name *n = &self->name[self->names++];
    *n = (struct usb_name){.backend = b->vm, .is_news = is_news};
    memcpy(n->port, item->port, sizeof n->port);
    memcpy(n->name, item->attachment, sizeof n->name);
    ask_registry(self, out, n);
}

void usb_told(struct devbus *bus, struct out *out, const struct devbus_backend *b, bool is_news)
{
    struct devbus_usb *self = (struct devbus_usb *)bus;
    char key[DEVBUS_KEY_MAX + 1];
    for (size_t i = 0; i < b->count; i++) {
        const struct device_item *item = &b->item[i];
        devbus_key(b->name, item->port, key);
        const struct devbus_device *d = devbus_find(&self->bus.table, key);
        bool is_known = d != NULL && d->state == DEVBUS_ATTACHED && strcmp(d->name, item->attachment) == 0;
        if (item->attachment[0] != '\0' && !is_known)
            ask_name(self, out, b, item, is_news);
    }
    usb_part_again(self, out);
}

/* What its backend says still, of those devices; NULL: something else. */
static struct device_item *item_named(const struct devbus_usb *self, const struct usb_name *n)
{
    const struct devbus_backend *b = devbus_backend_of(&self->bus.listing.exposed, n->backend.instance);
    struct device_item *item = item_of(b, n->port);
    bool still = item != NULL && b->vm.generation == n->backend.generation;
    return still && strcmp(item->attachment, n->name) == 0 ? item : NULL;
}

/* A name that no domain has is nobody. */
static void settle_name(struct devbus_usb *self, struct out *out, const struct usb_name *n,
                        const struct vm_named_reply *m)
{
    const struct devbus_backend *b = devbus_backend_of(&self->bus.listing.exposed, n->backend.instance);
    struct device_item *item = item_named(self, n);
    if (item == NULL)
        return;
    if (m->found != 0) {
        arrive(self, out, b, item, (struct subject){KIND_VM, m->qid, m->generation}, n->is_news);
        return;
    }
    log_line(LOG_WARN, "%s says that %s is connected to %s, which is no VM", b->name, n->port, n->name);
    item->attachment[0] = '\0';
}

static void drop_name(struct devbus_usb *self, size_t i)
{
    self->name[i] = self->name[--self->names];
}

static void set_timer(const struct devbus_usb *self, struct out *out)
{
    uint64_t next = 0;
    for (size_t i = 0; i < self->names; i++) {
        uint64_t at = self->name[i].again_at;
        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    out_timer(out, USB_TIMER_NAMES, next);
}

/* Whoever has it stays unnamed, and nobody else gets it, until registry has said something. */
static void later(struct devbus_usb *self, struct out *out, struct usb_name *n)
{
    n->tag = 0;
    n->again_at = out->now + (NAME_AGAIN << n->tries);
    n->tries += n->tries < NAME_DOUBLINGS;
    set_timer(self, out);
}

bool usb_named(struct devbus_usb *self, struct out *out, const struct answer *a)
{
    struct vm_named_reply m;
    for (size_t i = 0; i < self->names; i++) {
        struct usb_name n = self->name[i];
        if (n.tag == 0 || n.tag != a->tag)
            continue;
        if (a->r < 0 || vm_named_reply_decode(&m, a->e->body) < 0) {
            later(self, out, &self->name[i]);
            return true;
        }
        drop_name(self, i);
        settle_name(self, out, &n, &m);
        return true;
    }
    return false;
}

/* ---- its timers ---- */

void usb_look_later(struct devbus_usb *self, struct out *out)
{
    uint64_t at = out->now + USB_LOOK_AFTER;
    if (self->look_by == 0)
        self->look_by = out->now + USB_LOOK_WITHIN;
    out_timer(out, USB_TIMER_LOOK, at < self->look_by ? at : self->look_by);
}

/* What a service under way will have done is not written yet either. */
static void look(struct devbus_usb *self, struct out *out)
{
    if (self->runs > 0 && out->now < self->look_by) {
        usb_look_later(self, out);
        return;
    }
    self->look_by = 0;
    devbus_ask_guests(out);
}

void usb_rings(struct devbus *bus, struct out *out, uint64_t timer)
{
    struct devbus_usb *self = (struct devbus_usb *)bus;
    if (timer == USB_TIMER_LOOK)
        look(self, out);
    for (size_t i = self->names; i > 0 && timer == USB_TIMER_NAMES; i--) {
        struct usb_name *n = &self->name[i - 1];
        if (n->again_at == 0 || n->again_at > out->now)
            continue;
        if (item_named(self, n) != NULL)
            ask_registry(self, out, n);
        else
            drop_name(self, i - 1);
    }
    set_timer(self, out);
}
