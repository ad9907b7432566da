/* SPDX-License-Identifier: MIT
 * The devices that a guest exposes: read from its QubesDB when a bus asks and when the guest says that they
 * have changed, told to the bus as typed and bounded records. Spec: devbus-block 1, 8. */
#include "actors/guest/guest_device.h"
#include "actors/guest/guest_inside.h"
#include "actors/guest/guest_mic.h"
#include "actors/guest/guest_usb.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "doors/qubesdb.h"
#include "model/device.h"

/* A look that has failed is made again: the bus would know for good what is not so. */
#define LOOK_AGAIN (1 * SECONDS)
enum { DOUBLINGS = 5 };

static const struct {
    const char *name, *path;
    enum kind bus;
} classes[GUEST_CLASSES] = {
#define GUEST_CLASS(name, path, bus) [GUEST_##name] = {#name, path, bus},
#include "actors/guest/guest_class.def"
};

/* A class of a package that is not installed: whatever the guest says of it is nobody's business. */
void guest_settle(struct guest *g, unsigned more)
{
    enum device_class served;
    g->unserved = 0;
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++)
        if (device_class_parse(span_of(classes[class].name), &served) < 0 ||
            !device_class_is_served(served, more))
            g->unserved |= 1u << class;
}

bool guest_serves(const struct guest *g, enum guest_class class)
{
    return class < GUEST_CLASSES && (g->unserved & 1u << class) == 0;
}

enum guest_class guest_class_named(const char *name)
{
    enum guest_class class = 0;
    while (class < GUEST_CLASSES && strcmp(classes[class].name, name) != 0)
        class ++;
    return class;
}

enum guest_class guest_class_at(const char *path)
{
    enum guest_class class = 0;
    while (class < GUEST_CLASSES && strcmp(classes[class].path, path) != 0)
        class ++;
    return class;
}

/* ---- the core ---- */

void guest_expose_asked(struct guest *g, struct out *out, const struct request *request,
                        enum guest_class class)
{
    struct guest_call *c;
    if (!g->open) {
        (void)REPLY(out, guest_devices, request, (&(struct guest_devices_reply){.name = ""}));
        guest_idle(g, out);
    } else if ((c = guest_call_add(g, out, request)) != NULL) {
        c->what = GUEST_EXPOSES;
        c->class = class;
        guest_call_next(g, out);
    }
}

static bool is_looking(const struct guest *g, enum guest_class class)
{
    for (size_t i = 0; i < g->calls; i++)
        if (g->call[i].what == GUEST_EXPOSES && g->call[i].class == class && g->call[i].request.type == 0)
            return true;
    return false;
}

/* One look at a time: what changes meanwhile is seen by the next. */
void guest_expose_look(struct guest *g, struct out *out, enum guest_class class, bool changed)
{
    struct guest_exposed *x = &g->exposed[class];
    if (!g->open || !guest_serves(g, class))
        return;
    if (is_looking(g, class) || g->calls == GUEST_CALLS) {
        x->again = true;
        x->changed = x->changed || changed;
        return;
    }
    struct guest_call *c = guest_call_add(g, out, &(struct request){.type = 0});
    c->what = GUEST_EXPOSES;
    c->class = class;
    c->changed = changed;
    guest_call_next(g, out);
}

void guest_expose_look_all(struct guest *g, struct out *out)
{
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++)
        guest_expose_look(g, out, class, false);
}

void guest_expose_next(struct guest *g, struct out *out)
{
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++) {
        struct guest_exposed *x = &g->exposed[class];
        bool changed = x->changed;
        if (!x->again)
            continue;
        x->again = x->changed = false;
        guest_expose_look(g, out, class, changed);
    }
}

static void set_timer(const struct guest *g, struct out *out)
{
    uint64_t next = 0;
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++) {
        uint64_t at = g->exposed[class].again_at;
        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    out_timer(out, TIMER_LOOK_AGAIN, next);
}

/* Whoever asked has the error, and asks again. */
void guest_expose_failed(struct guest *g, struct out *out, const struct guest_call *c)
{
    struct guest_exposed *x = &g->exposed[c->class];
    if (c->what != GUEST_EXPOSES || c->request.type != 0 || !g->open)
        return;
    x->changed = x->changed || c->changed;
    x->again_at = out->now + (LOOK_AGAIN << (x->tries < DOUBLINGS ? x->tries : DOUBLINGS));
    x->tries++;
    set_timer(g, out);
}

void guest_expose_again(struct guest *g, struct out *out)
{
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++) {
        struct guest_exposed *x = &g->exposed[class];
        if (x->again_at == 0 || x->again_at > out->now)
            continue;
        bool changed = x->changed;
        x->again_at = 0;
        x->changed = false;
        guest_expose_look(g, out, class, changed);
    }
    set_timer(g, out);
}

static void tell(struct guest *g, struct out *out, enum guest_class class, const struct bus_exposed *like)
{
    struct context about = {.caller = g->subject.instance, .subject = g->subject};
    struct bus_exposed m = *like;
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(classes[class].name));
    memcpy(m.name, g->name, sizeof m.name);
    g->exposed[class].exposes = m.devices.count > 0;
    (void)EVENT(out, bus_exposed, ((struct address){classes[class].bus, 0}), &about, &m);
}

static void warn(struct guest *g, enum guest_class class, size_t left_out)
{
    struct guest_exposed *x = &g->exposed[class];
    if (left_out > x->left_out)
        log_line(LOG_WARN,
                 "names of %s devices of %s contain unsafe characters, or are too many: %zu entries skipped",
                 classes[class].name, g->name, left_out);
    x->left_out = left_out;
}

/* A bus that has nothing to hear is not woken. */
void guest_expose_read(struct guest *g, struct out *out, const struct guest_call *c,
                       const struct guest_task *t)
{
    struct wire_list none = {0};
    const struct wire_list *devices = t != NULL ? &t->words : &none;
    g->exposed[c->class].tries = 0;
    warn(g, c->class, t != NULL ? t->left_out : 0);
    if (c->request.type != 0) {
        struct guest_devices_reply m = {.devices = *devices};
        memcpy(m.name, g->name, sizeof m.name);
        g->exposed[c->class].exposes = g->exposed[c->class].exposes || devices->count > 0;
        (void)REPLY(out, guest_devices, &c->request, &m);
    } else if (g->open && (devices->count > 0 || g->exposed[c->class].exposes))
        tell(g, out, c->class, &(struct bus_exposed){.changed = c->changed, .devices = *devices});
}

/* Who asks knows nothing: that there is nothing is told, too. */
void guest_expose_ask(struct guest *g, struct out *out, enum kind bus)
{
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++) {
        if (classes[class].bus != bus || !guest_serves(g, class))
            continue;
        g->exposed[class].exposes = true;
        if (g->open)
            guest_expose_look(g, out, class, false);
        else if (g->name[0] != '\0')
            tell(g, out, class, &(struct bus_exposed){.over = 1});
    }
}

void guest_expose_over(struct guest *g, struct out *out)
{
    for (enum guest_class class = 0; class < GUEST_CLASSES; class ++) {
        if (g->exposed[class].exposes && guest_serves(g, class))
            tell(g, out, class, &(struct bus_exposed){.over = 1});
        g->exposed[class].again = g->exposed[class].changed = false;
        g->exposed[class].again_at = g->exposed[class].tries = 0;
    }
    set_timer(g, out);
}

/* ---- on the worker ---- */

static void add(struct guest_task *t, const struct device_item *item)
{
    device_item_add(&t->words, &t->elements, item);
}

static void tell_block(const void *list_, struct guest_task *t)
{
    const struct guest_device_list *list = list_;
    struct device_item item;
    for (size_t i = 0; i < list->count; i++) {
        guest_device_item(list, &list->device[i], t->name, &item);
        add(t, &item);
    }
    t->left_out = list->left_out;
}

static void tell_usb(const void *list_, struct guest_task *t)
{
    const struct guest_usb_list *list = list_;
    struct device_item item;
    t->left_out = list->left_out;
    for (size_t i = 0; i < list->count; i++) {
        if (guest_usb_item(&list->device[i], &item))
            add(t, &item);
        else
            t->left_out++;
    }
}

static void tell_mic(const void *list_, struct guest_task *t)
{
    const struct guest_mic_list *list = list_;
    struct device_item item;
    for (size_t i = 0; i < list->count; i++) {
        guest_mic_item(&list->vm[i], &item);
        add(t, &item);
    }
    t->left_out = list->left_out;
}

/* How a class is read: the entries below its folder go into a list of that size, which then is told. */
static const struct {
    const char *folder;
    size_t size;
    qubesdb_each *take;
    void (*tell)(const void *list, struct guest_task *t);
} readings[GUEST_CLASSES] = {
    [GUEST_block] = {GUEST_DEVICE_FOLDER, sizeof(struct guest_device_list), guest_device_take, tell_block},
    [GUEST_usb] = {GUEST_USB_FOLDER, sizeof(struct guest_usb_list), guest_usb_take, tell_usb},
    [GUEST_mic] = {GUEST_MIC_FOLDER, sizeof(struct guest_mic_list), guest_mic_take, tell_mic},
};

static int read_class(struct guest_task *t, struct qubesdb *q, uint64_t deadline)
{
    AUTO_MEMORY void *list = calloc(1, readings[t->class].size);
    if (list == NULL)
        return -ERR_NOMEM;
    int r = qubesdb_multiread(q, readings[t->class].folder, deadline, readings[t->class].take, list,
                              &t->task.why);
    if (r == 0)
        readings[t->class].tell(list, t);
    return r;
}

int guest_expose_perform(struct guest_task *t, uint64_t deadline)
{
    AUTO(qubesdb) *q = NULL;
    int r = qubesdb_new(t->fd, &q);
    if (r == 0)
        r = read_class(t, q, deadline);
    if (r == 0)
        r = t->elements.failed;
    if (r < 0)
        t->left_out = 0;
    return r;
}
