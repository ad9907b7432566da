/* SPDX-License-Identifier: MIT
 * What is exposed: what a backend's guest process tells by itself is compared with what subscribers know. In
 * devbus-block's core. Spec: devbus-block 1, 8; devices 14.1. */
#include <string.h>

#include "actors/devbus-block/devbus_block.h"
#include "actors/devbus-block/devbus_block_options.h"
#include "actors/devbus/devbus_say.h"
#include "base/own.h"

struct news {
    struct devbus_block *self;
    struct out *out;
};

static void gone(void *arg, const struct devbus_backend *b, const char *port)
{
    struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(512);
    text_format(&text, "%s:%s", b->name, port);
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
    struct devbus_backend *b = devbus_exposed_take(&self->listing.exposed, vm, m->name, &m->devices);
    if (b != NULL) {
        b->is_known = b->is_known || m->changed;
        devbus_exposed_news(b, &news);
        if (b->count == 0)
            (void)devbus_exposed_take(&self->listing.exposed, vm, m->name, &m->devices); /* forgets it */
    }
    block_sweep(self, out, m->name);
}
