/* SPDX-License-Identifier: MIT
 * See devbus_news.h: in the core of a bus whose devices come and go. */
#include "actors/devbus/devbus_news.h"

#include <stdio.h>
#include <string.h>

#include "actors/devbus/devbus_say.h"
#include "base/own.h"

struct news {
    struct devbus *bus;
    struct out *out;
};

static void say(const struct news *n, struct subject vm, const char *prefix, const char *key,
                struct span value)
{
    char name[48];
    snprintf(name, sizeof name, "%s:%s", prefix, n->bus->kind->device_class);
    devbus_say(n->out, &n->bus->seq, vm, name, key, value);
}

static void gone(void *arg, const struct devbus_backend *b, const char *port)
{
    const struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(512);
    text_format(&text, "%s:%s", b->name, port);
    say(n, b->vm, "device-removed", "port", text_span(&text));
}

static void came(void *arg, const struct devbus_backend *b, const struct device_item *item)
{
    const struct news *n = arg;
    AUTO_TEXT text = TEXT_WITH_LIMIT(2048);
    text_format(&text, "%s:%s:%s", b->name, item->port, item->device_id);
    say(n, b->vm, "device-added", "device", text_span(&text));
    if (item->attachment[0] == '\0')
        devbus_ask_came(&n->bus->ask, b, item);
}

static void tell(struct devbus *bus, struct out *out, struct devbus_backend *b, const struct bus_exposed *m,
                 bool changed)
{
    struct news n = {bus, out};
    struct devbus_news news = {gone, came, bus->listing.lists, &n};
    b->is_known = b->is_known || changed;
    bool is_news = b->is_known;
    devbus_exposed_news(b, &news);
    devbus_ask_settle(&bus->ask, out);
    if (bus->kind->told != NULL)
        bus->kind->told(bus, out, b, is_news);
    if (b->count == 0)
        (void)devbus_exposed_take(&bus->listing.exposed, b->vm, m->name, &m->devices); /* forgets it */
}

/* A VM that begins to expose something was known to expose nothing: its guest process says so only when that
 * changes, and what is there when that process is first heard is no news. */
void devbus_hears_news(struct devbus *bus, struct out *out, const struct envelope *e,
                       const struct bus_exposed *m)
{
    struct subject vm = {KIND_VM, e->subject_instance, e->subject_generation};
    const struct news n = {bus, out};
    bool changed;
    if (m->changed || (m->over && bus->kind->ends_say)) /* which tells no name */
        say(&n, vm, "device-list-change", NULL, (struct span){NULL, 0});
    if (!devbus_believes(&bus->listing.names, out, vm, m, &changed))
        return;
    struct devbus_backend *b = devbus_exposed_take(&bus->listing.exposed, vm, m->name, &m->devices);
    if (bus->kind->read != NULL)
        bus->kind->read(bus, out, m->name, b);
    if (b != NULL)
        tell(bus, out, b, m, changed);
    if (bus->kind->heard != NULL)
        bus->kind->heard(bus, out, m->name);
}
