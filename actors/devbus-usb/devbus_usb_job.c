/* SPDX-License-Identifier: MIT
 * Who gets a USB device: one VM at a time. It is connected by a service of the frontend and let go of by one
 * of the backend, both through launcher. In devbus-usb's core. Spec: devbus-usb-mic B.2. */
#include <stdio.h>
#include <string.h>

#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus/devbus_say.h"
#include "actors/devbus/devbus_tags.h"
#include "base/own.h"

/* Less than a VM's process waits for its bus. */
enum { SERVICE_SECONDS = 40 };
#define MARGIN (5 * SECONDS)
/* As a shell says that there is no such program. */
enum { NOT_INSTALLED = 127, SHOWN = 200 };

/* ---- preparing ---- */

void usb_prepare(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_prepare *m)
{
    struct request request = request_of(e);
    struct devbus_wish wish = {.vm = request.context.subject,
                               .name = m->name,
                               .backend = m->backend,
                               .port = m->port,
                               .device_id = m->device_id,
                               .again = m->again != 0};
    struct fault why;
    struct bus_prepare_reply reply = {.sbdf = ""};
    const struct device_item *item = NULL;
    int r = m->options.len > 0
                ? fault_set(&why, ERR_QUBES, "USB device attachment does not support user options")
                : devbus_wished(bus, &wish, &item, &why);
    if (r == 0)
        r = devbus_take(bus, out, &wish, SPAN_LITERAL(""), item, &why);
    if (r < 0) {
        reply_error(out, &request, r, &why);
        return;
    }
    memcpy(reply.device_id, item->device_id, sizeof reply.device_id);
    REPLY(out, bus_prepare, &request, &reply);
}

/* ---- services ---- */

bool usb_is_under_way(const struct devbus_usb *self, const char *key)
{
    for (size_t i = 0; i < self->runs; i++)
        if (strcmp(self->run[i].key, key) == 0)
            return true;
    return false;
}

static void answer(struct out *out, const struct usb_run *run, int r, const struct fault *why)
{
    if (r < 0)
        reply_error(out, &run->request, r, why);
    else if (run->attaches)
        REPLY(out, bus_plug, &run->request, NO_MESSAGE(bus_plug_reply));
    else
        REPLY(out, bus_unplug, &run->request, NO_MESSAGE(bus_unplug_reply));
}

static void call(struct devbus_usb *self, struct out *out, const struct usb_run *like, struct subject vm)
{
    struct usb_call m = {.attach = like->attaches, .seconds = SERVICE_SECONDS};
    struct context context = like->request.context;
    struct fault why;
    bool fits = text_copy(m.port, sizeof m.port, span_of(like->port)) == 0;
    if (!fits || self->runs == USB_CALLS_MAX || usb_is_under_way(self, like->key)) {
        int r = fault_set(&why, ERR_BUSY, "%s is being attached or detached; try again", like->key);
        answer(out, like, r, &why);
        return;
    }
    struct usb_run *run = &self->run[self->runs++];
    *run = *like;
    run->tag = devbus_tag(TAGS_OWN, &self->last_tag);
    (void)text_copy(m.backend, sizeof m.backend, span_of(run->backend));
    context.subject = vm;
    context.deadline = out->now + SERVICE_SECONDS * SECONDS + MARGIN;
    (void)ASK(out, usb_call, ((struct address){KIND_LAUNCHER, 0}), &context, run->tag, &m);
}

static struct usb_run run_of(const struct envelope *e, bool attaches, const char *name, const char *backend,
                             const char *port)
{
    struct usb_run run = {.request = request_of(e), .attaches = attaches};
    devbus_key(backend, port, run.key);
    (void)text_copy(run.name, sizeof run.name, span_of(name));
    (void)text_copy(run.backend, sizeof run.backend, span_of(backend));
    (void)text_copy(run.port, sizeof run.port, span_of(port));
    return run;
}

/* What the note of a hold does not say. */
static void complete(const struct devbus_usb *self, struct devbus_device *d, const struct bus_plug *m)
{
    const struct device_item *item = devbus_exposed_find(&self->bus.listing.exposed, m->backend, m->port);
    if (d->device_id[0] == '\0')
        (void)text_copy(d->device_id, sizeof d->device_id,
                        span_of(item != NULL ? item->device_id : "0000:0000::?******"));
    memcpy(d->name, m->name, sizeof d->name);
    memcpy(d->backend, m->backend, sizeof d->backend);
    memcpy(d->port, m->port, sizeof d->port);
}

void usb_plug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_plug *m)
{
    struct devbus_usb *self = (struct devbus_usb *)bus;
    struct usb_run run = run_of(e, true, m->name, m->backend, m->port);
    struct fault why;
    struct devbus_device *d = devbus_find(&self->bus.table, run.key);
    if (d != NULL && d->qid == e->subject_instance)
        complete(self, d, m);
    if (d == NULL || d->qid != e->subject_instance) {
        int r = fault_set(&why, ERR_QUBES, "%s is not held for %s; try again", run.key, m->name);
        answer(out, &run, r, &why);
    } else if (d->state == DEVBUS_ATTACHED)
        answer(out, &run, 0, NULL);
    else
        call(self, out, &run, (struct subject){KIND_VM, e->subject_instance, e->subject_generation});
}

static const struct devbus_backend *backend_named(const struct devbus_usb *self, const char *name)
{
    const struct devbus_exposed *x = &self->bus.listing.exposed;
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->at[i]->name, name) == 0)
            return x->at[i];
    return NULL;
}

/* Its holder's name as the backend has it stands before registry has said who that is. */
static bool has_it(const struct usb_run *run, const struct devbus_device *d, const struct device_item *item)
{
    if (d != NULL)
        return d->qid == run->request.context.subject.instance && d->state == DEVBUS_ATTACHED;
    return item != NULL && strcmp(item->attachment, run->name) == 0;
}

/* What went on when we began anew may be undone or not: that is known when its backend has said it. */
static void part(struct devbus_usb *self, struct out *out, struct usb_run *run, bool waited)
{
    struct fault why;
    const struct devbus_backend *b = backend_named(self, run->backend);
    const struct device_item *item = devbus_exposed_find(&self->bus.listing.exposed, run->backend, run->port);
    if (b != NULL && has_it(run, devbus_find(&self->bus.table, run->key), item))
        call(self, out, run, b->vm);
    else if (!run->again)
        answer(out, run,
               fault_set(&why, ERR_QUBES, "Device %.60s not connected to VM %s", run->port, run->name), &why);
    else if (self->bus.settled && b == NULL && waited)
        answer(out, run,
               fault_set(&why, ERR_TIMEOUT, "%s does not say whether %.60s is detached; try again",
                         run->backend, run->port),
               &why);
    else if (self->bus.settled || item != NULL || self->runs == USB_CALLS_MAX)
        answer(out, run, 0, NULL);
    else
        self->run[self->runs++] = *run;
}

void usb_unplug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_unplug *m)
{
    struct usb_run run = run_of(e, false, m->name, m->backend, m->port);
    run.again = m->again != 0;
    part((struct devbus_usb *)bus, out, &run, false);
}

void usb_part_again(struct devbus_usb *self, struct out *out)
{
    for (size_t i = self->runs; i > 0; i--) {
        struct usb_run run = self->run[i - 1];
        if (run.tag != 0)
            continue;
        self->run[i - 1] = self->run[--self->runs];
        part(self, out, &run, true);
    }
}

/* What a guest's service has said: people read it, and clients of the API format it. */
static void add_words(struct text *to, struct span from)
{
    for (size_t i = 0; i < from.len && i < SHOWN; i++) {
        char c = from.at[i];
        if (c < ' ' || c >= 0x7f || c == '%')
            c = '_';
        text_byte(to, c);
    }
}

static int judge(const struct usb_run *run, const struct answer *a, struct fault *why)
{
    AUTO_TEXT words = TEXT_WITH_LIMIT(512);
    struct usb_call_reply m;
    if (a->r < 0) {
        *why = a->why;
        return a->r;
    }
    if (usb_call_reply_decode(&m, a->e->body) < 0)
        return fault_set(why, ERR_BAD, "launcher's answer is malformed");
    if (m.status == 0)
        return 0;
    if (run->attaches && m.status == NOT_INSTALLED)
        return fault_set(why, ERR_QUBES, "usb-proxy not installed in %s", run->name);
    add_words(&words, m.output);
    text_byte(&words, ' ');
    add_words(&words, span_of(m.said));
    return fault_set(why, ERR_QUBES, "Device %s failed: %.*s", run->attaches ? "attach" : "detach",
                     (int)words.len, words.at != NULL ? words.at : "");
}

/* The listing shows it before the backend has said it. */
static void write_attachment(struct devbus_usb *self, const struct usb_run *run, const char *name)
{
    struct devbus_exposed *x = &self->bus.listing.exposed;
    struct device_item *item =
        (struct device_item *)(uintptr_t)devbus_exposed_find(x, run->backend, run->port);
    if (item != NULL)
        (void)text_copy(item->attachment, sizeof item->attachment, span_of(name));
}

/* A service that was cut off may have done its work all the same: the backend knows. */
static bool is_connected(const struct devbus_usb *self, const struct usb_run *run)
{
    const struct device_item *item = devbus_exposed_find(&self->bus.listing.exposed, run->backend, run->port);
    return item != NULL && strcmp(item->attachment, run->name) == 0;
}

/* A guest's service may say what is not so: the backend is looked at. What its backend has not told since we
 * began stays held until it does. */
static void believe(struct devbus_usb *self, struct out *out, struct devbus_device *d,
                    const struct usb_run *run, const struct devbus_backend *b)
{
    if (b != NULL) {
        write_attachment(self, run, run->name);
        usb_look_later(self, out);
    } else {
        d->until = out->now + DEVBUS_HOLD_ATTACH;
        devbus_ask_guests(out);
    }
    (void)devbus_happens(&self->bus.table, out, d, b != NULL ? DEVBUS_THERE : DEVBUS_BOUND);
}

static int connected(struct devbus_usb *self, struct out *out, const struct usb_run *run, int r,
                     struct fault *why)
{
    struct devbus_device *d = devbus_find(&self->bus.table, run->key);
    if (d == NULL || d->qid != run->request.context.subject.instance)
        return r < 0 ? r : fault_set(why, ERR_QUBES, "%s was taken away meanwhile", run->key);
    const struct devbus_backend *b = backend_named(self, d->backend);
    bool is_gone = b != NULL && devbus_exposed_find(&self->bus.listing.exposed, d->backend, d->port) == NULL;
    if (r == 0 && is_gone)
        r = fault_set(why, ERR_QUBES, "%s is not there any more", run->key);
    if (r < 0 && !is_connected(self, run)) {
        (void)devbus_happens(&self->bus.table, out, d, DEVBUS_GIVEN_UP);
        return r;
    }
    if (d->state != DEVBUS_ATTACHED)
        believe(self, out, d, run, b);
    return 0;
}

/* Its backend may have been faster. */
static int let_go(struct devbus_usb *self, struct out *out, const struct usb_run *run, int r)
{
    struct devbus_device *d = devbus_find(&self->bus.table, run->key);
    bool has = d != NULL && d->qid == run->request.context.subject.instance && d->state == DEVBUS_ATTACHED;
    if (r < 0 && (has || (d == NULL && is_connected(self, run))))
        return r;
    usb_look_later(self, out);
    if (!has && d != NULL)
        return 0;
    write_attachment(self, run, "");
    if (has)
        (void)devbus_happens(&self->bus.table, out, d, DEVBUS_NOT_THERE);
    return 0;
}

static void ended(struct devbus_usb *self, struct out *out, const struct usb_run *run, const struct answer *a)
{
    const struct subject *vm = &run->request.context.subject;
    struct fault why = {0};
    int r = judge(run, a, &why);
    r = run->attaches ? connected(self, out, run, r, &why) : let_go(self, out, run, r);
    devbus_tell(&self->bus.table, out, vm->instance, vm->generation);
    answer(out, run, r, &why);
}

bool usb_ran(struct devbus_usb *self, struct out *out, const struct answer *a)
{
    for (size_t i = 0; i < self->runs; i++) {
        struct usb_run run = self->run[i];
        if (run.tag == 0 || run.tag != a->tag)
            continue;
        self->run[i] = self->run[--self->runs];
        ended(self, out, &run, a);
        return true;
    }
    return false;
}
