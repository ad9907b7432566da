/* SPDX-License-Identifier: MIT
 * See devbus_ask.h: in the core of a bus whose devices come and go. */
#include "actors/devbus/devbus_ask.h"

#include <stdlib.h>
#include <string.h>

#include "actors/devbus/devbus_settling.h"
#include "actors/devbus/devbus_tags.h"
#include "base/log.h"
#include "base/own.h"
#include "proto/registry_values.h"

/* After registry's error; then twice as long each time. */
#define REGISTRY_AGAIN (1 * SECONDS)
enum { REGISTRY_TRIES = 4 };

void devbus_ask_attach(struct devbus_ask *a, const struct devbus_person_ops *ops, void *arg)
{
    a->ops = ops;
    a->arg = arg;
}

bool devbus_ask_is_idle(const struct devbus_ask *a)
{
    return a->count == 0 && a->offers == 0 && a->lefts == 0;
}

void devbus_ask_free(struct devbus_ask *a)
{
    settling_free(TAKE(a->fresh));
    while (a->count > 0)
        settling_free(a->of[--a->count]);
}

/* ---- one device of a settling ---- */

static const struct device_item *find_exposed(const struct devbus_ask *a, const char *backend,
                                              const char *port)
{
    const struct device_item *item = devbus_exposed_find(&a->listing->exposed, backend, port);
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key(backend, port, key);
    bool is_free = item != NULL && item->attachment[0] == '\0' && devbus_find(a->listing->table, key) == NULL;
    return is_free ? item : NULL;
}

const struct device_item *devbus_ask_find(const struct devbus_ask *a, const char *backend, const char *port,
                                          const char *device_id, const char *vm)
{
    const struct device_item *item =
        a->find != NULL ? a->find(a->find_arg, backend, port, vm) : find_exposed(a, backend, port);
    return item != NULL && strcmp(item->device_id, device_id) == 0 ? item : NULL;
}

/* The device that is due, if it can still go to one of those who want it. */
static const struct device_item *free_item(const struct devbus_ask *a, const struct devbus_settling *s)
{
    const struct came_device *d = settling_device(s);
    const struct device_wanter *one;
    size_t left = settling_left(s, &one);
    return left > 0 ? devbus_ask_find(a, s->name, d->port, d->device_id, left == 1 ? one->name : NULL) : NULL;
}

static void choose(struct devbus_ask *a, struct out *out, const struct devbus_settling *s,
                   const struct device_wanter *w)
{
    const struct came_device *d = settling_device(s);
    struct devbus_offer offer = {.backend = s->backend,
                                 .chosen = {.qid = w->qid, .generation = w->generation}};
    memcpy(offer.name, s->name, sizeof offer.name);
    memcpy(offer.vm, w->name, sizeof offer.vm);
    memcpy(offer.chosen.port, d->port, sizeof offer.chosen.port);
    memcpy(offer.chosen.device_id, d->device_id, sizeof offer.chosen.device_id);
    devbus_offer_make(a, out, &offer);
}

/* Whether another question must end first: about that port, or because there are enough. */
static bool must_wait(const struct devbus_ask *a, const struct devbus_settling *s)
{
    size_t all = 0, of_one = 0;
    for (size_t i = 0; i < a->count; i++) {
        const struct devbus_settling *other = a->of[i];
        if (other->number == 0)
            continue;
        bool same = other->backend.instance == s->backend.instance;
        if (same && strcmp(settling_device(other)->port, settling_device(s)->port) == 0)
            return true;
        all++;
        of_one += same;
    }
    return all >= DEVBUS_ASKED_MAX || of_one >= DEVBUS_ASKED_OF_ONE;
}

static void put(struct devbus_ask *a, struct out *out, struct devbus_settling *s,
                const struct device_item *found)
{
    AUTO_TEXT text = TEXT_WITH_LIMIT(DEVBUS_QUESTION_MAX);
    struct device_item item = *found;
    struct devbus_question_asked q = {.device_class = a->listing->table->device_class,
                                      .backend = s->name,
                                      .item = &item,
                                      .icons = text_span(&s->icons)};
    if (a->listing->describe != NULL)
        a->listing->describe(a->listing->arg, &item);
    q.targets = settling_targets(s, q.target);
    s->several = q.targets > 1;
    devbus_question_text(&text, &q);
    s->number = ++a->last_number;
    s->until = out->now + DEVBUS_ASK_PATIENCE;
    int r = a->ops == NULL ? -ERR_UNSUPPORTED : text.failed;
    if (r == 0)
        r = a->ops->ask(a->arg, s->number, text_span(&text));
    if (r == 0)
        return;
    s->number = 0;
    log_line(LOG_WARN, "nobody can be asked about the %s device %s of %s: %s", q.device_class, item.port,
             s->name, err_text((enum err) - r));
    settling_refused(s);
}

/* As far as it goes by itself. */
static void go_on(struct devbus_ask *a, struct out *out, struct devbus_settling *s)
{
    while (s->tag == 0 && s->again_at == 0 && s->number == 0 && s->at < s->wanters) {
        const struct device_item *item = free_item(a, s);
        const struct device_wanter *only;
        if (item == NULL) {
            settling_next(s);
        } else if (devbus_offer_is_open(a, s->backend.instance, item->port)) {
            return;
        } else if (settling_left(s, &only) == 1 && (only->asks == 0 || s->allowed)) {
            choose(a, out, s, only);
            settling_next(s);
        } else if (must_wait(a, s)) {
            return;
        } else {
            put(a, out, s, item);
        }
    }
}

/* ---- all of them ---- */

static void set_timer(struct devbus_ask *a, struct out *out)
{
    uint64_t next = devbus_offers_next(a), left = devbus_left_next(a);
    if (left != 0 && (next == 0 || left < next))
        next = left;
    for (size_t i = 0; i < a->count; i++) {
        const struct devbus_settling *s = a->of[i];
        uint64_t at = s->again_at != 0 ? s->again_at : s->number != 0 ? s->until : 0;
        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    out_timer(out, a->timer, next);
}

static void drop_done(struct devbus_ask *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct devbus_settling *s = a->of[i];
        if (s->tag == 0 && s->again_at == 0 && s->number == 0 && s->at == s->wanters)
            settling_free(s);
        else
            a->of[kept++] = s;
    }
    a->count = kept;
}

static void go_on_all(struct devbus_ask *a, struct out *out)
{
    for (size_t i = 0; i < a->count; i++)
        go_on(a, out, a->of[i]);
    drop_done(a);
    set_timer(a, out);
    devbus_note(a->listing->table, out); /* a question outlives this process */
}

static void withdraw(struct devbus_ask *a, struct devbus_settling *s)
{
    a->ops->end(a->arg, s->number);
    s->number = 0;
}

void devbus_ask_look(struct devbus_ask *a, struct out *out)
{
    if (devbus_ask_is_idle(a)) {
        devbus_note(a->listing->table, out); /* the last one may have gone just now */
        return;
    }
    devbus_offers_look(a);
    devbus_left_go_on(a, out);
    for (size_t i = 0; i < a->count; i++) {
        struct devbus_settling *s = a->of[i];
        if (s->number == 0 || free_item(a, s) != NULL)
            continue;
        withdraw(a, s);
        settling_next(s);
    }
    go_on_all(a, out);
}

void devbus_ask_over(struct devbus_ask *a, struct out *out, uint32_t qid)
{
    for (size_t i = 0; i < a->count; i++)
        settling_strike(a->of[i], qid);
    devbus_offers_over(a, qid);
    devbus_left_over(a, qid);
    devbus_ask_look(a, out);
}

/* ---- what people say ---- */

static void judge(struct devbus_ask *a, struct out *out, struct devbus_settling *s, struct span answer)
{
    const struct device_wanter *chosen = settling_allowed(s, answer);
    s->number = 0;
    if (chosen != NULL) {
        choose(a, out, s, chosen);
        settling_next(s);
        return;
    }
    log_line(LOG_NOTE, "the %s device %s of %s is attached to nobody: nobody has allowed it",
             a->listing->table->device_class, settling_device(s)->port, s->name);
    settling_refused(s);
}

void devbus_ask_said(struct devbus_ask *a, struct out *out, uint64_t number, struct span answer)
{
    for (size_t i = 0; i < a->count; i++) {
        if (number == 0 || a->of[i]->number != number)
            continue;
        judge(a, out, a->of[i], answer);
        devbus_ask_look(a, out);
        return;
    }
}

/* ---- registry: whose they are to be ---- */

static void ask_registry(struct devbus_ask *a, struct out *out, struct devbus_settling *s)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct context context = context_about_vm(s->backend.instance, s->backend.generation);
    struct devices_came m = {.only = s->only};
    context.deadline = out->now + DEVBUS_REGISTRY_WITHIN;
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(a->listing->table->device_class));
    for (size_t i = 0; i < s->devices; i++)
        came_device_add(&m.devices, &packed, &s->device[i]);
    s->again_at = 0;
    s->tag = devbus_tag(TAGS_SETTLING, &a->last_tag);
    (void)ASK(out, devices_came, ((struct address){KIND_REGISTRY, 0}), &context, s->tag, &m);
}

static void take(struct devbus_ask *a, struct out *out, struct devbus_settling *s,
                 const struct answer *answer)
{
    struct devices_came_reply m;
    int r = answer->r < 0 ? answer->r : devices_came_reply_decode(&m, answer->e->body);
    s->tag = 0;
    if (r == 0)
        r = settling_take(s, &m);
    if (r == 0)
        return;
    if (answer->r < 0 && ++s->tries < REGISTRY_TRIES) {
        s->again_at = out->now + (REGISTRY_AGAIN << s->tries);
        return;
    }
    log_line(LOG_WARN, "%s devices of %s are attached to nobody: registry does not say whose they are (%s)",
             a->listing->table->device_class, s->name, err_text((enum err) - r));
}

bool devbus_ask_answered(struct devbus_ask *a, struct out *out, const struct answer *answer)
{
    if (devbus_offer_answered(a, out, answer))
        return true;
    for (size_t i = 0; i < a->count; i++) {
        if (a->of[i]->tag == 0 || a->of[i]->tag != answer->tag)
            continue;
        take(a, out, a->of[i], answer);
        devbus_ask_look(a, out);
        return true;
    }
    return false;
}

void devbus_ask_rings(struct devbus_ask *a, struct out *out)
{
    devbus_offers_ring(a, out);
    devbus_left_ring(a, out);
    for (size_t i = 0; i < a->count; i++) {
        struct devbus_settling *s = a->of[i];
        if (s->again_at != 0 && s->again_at <= out->now)
            ask_registry(a, out, s);
        if (s->number == 0 || s->until > out->now)
            continue;
        a->ops->end(a->arg, s->number);
        judge(a, out, s, (struct span){NULL, 0});
    }
    devbus_ask_look(a, out);
    set_timer(a, out);
}

/* ---- what begins one ---- */

static bool has_room(const struct devbus_ask *a, uint32_t backend)
{
    size_t of_one = 0;
    for (size_t i = 0; i < a->count; i++)
        of_one += a->of[i]->backend.instance == backend;
    return a->count < DEVBUS_SETTLINGS_MAX && of_one < DEVBUS_SETTLINGS_OF_ONE;
}

void devbus_ask_begin(struct devbus_ask *a, struct out *out, struct devbus_settling *s)
{
    if (s == NULL)
        return;
    if (!has_room(a, s->backend.instance)) {
        log_line(LOG_WARN, "%s devices of %s are attached to nobody: too many questions are open",
                 a->listing->table->device_class, s->name);
        settling_free(s);
        return;
    }
    a->of[a->count++] = s;
    ask_registry(a, out, s);
}

void devbus_ask_came(struct devbus_ask *a, const struct devbus_backend *b, const struct device_item *item)
{
    if (a->fresh == NULL)
        a->fresh = settling_new(b->vm, b->name, DEVICES_FOR_WHOEVER);
    if (a->fresh == NULL || settling_add(a->fresh, item->port, item->device_id) < 0)
        log_line(LOG_WARN, "no memory to find out whose %s of %s is to be", item->port, b->name);
}

void devbus_ask_settle(struct devbus_ask *a, struct out *out)
{
    devbus_ask_begin(a, out, TAKE(a->fresh));
}

bool devbus_ask_backend(const struct devbus_ask *a, const char *name, struct subject *vm)
{
    const struct devbus_exposed *x = &a->listing->exposed;
    *vm = (struct subject){KIND_VM, 0, 0};
    for (size_t i = 0; i < x->count; i++) {
        if (strcmp(x->at[i]->name, name) != 0)
            continue;
        *vm = x->at[i]->vm;
        return true;
    }
    return a->find != NULL && strcmp(name, "dom0") == 0;
}

static bool is_wanted_already(const struct devbus_ask *a, uint32_t backend, uint32_t qid, const char *port)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->of[i]->backend.instance == backend && settling_wants(a->of[i], qid, port))
            return true;
    return false;
}

void devbus_ask_wanted(struct devbus_ask *a, struct out *out, const struct envelope *e,
                       const struct bus_wanted *m)
{
    struct devbus_left left = {.only = e->subject_instance, .until = out->now + DEVBUS_LEFT_PATIENCE};
    struct subject backend;
    bool is_known = devbus_ask_backend(a, m->backend, &backend);
    if (is_known && is_wanted_already(a, backend.instance, left.only, m->port))
        return;
    memcpy(left.backend, m->backend, sizeof left.backend);
    if (text_copy(left.port, sizeof left.port, span_of(m->port)) == 0)
        devbus_left_add(a, &left);
    devbus_ask_look(a, out);
}
