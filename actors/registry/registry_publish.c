/* SPDX-License-Identifier: MIT
 * What registry tells the others: deltas, early events, who exists, snapshots. */
#include "actors/registry/registry.h"

#include "base/log.h"

enum { DELTA_BYTES = 8 << 20, SNAPSHOT_BYTES = 8 << 20 };

static const struct address every_api = {KIND_API, EVERY_INSTANCE};
static const struct address the_router = {KIND_ROUTER, 0};
static const struct address the_host = {KIND_HOST, 0};

static void add_change(struct wire_list *list, struct text *elements, const struct change *c)
{
    struct change_item item = {(uint32_t)c->kind, c->qid, c->gone != 0, c->key, c->value};
    change_item_add(list, elements, &item);
}

static void add_event(struct wire_list *list, struct text *elements, const struct plan_event *e)
{
    AUTO_TEXT pairs = TEXT_WITH_LIMIT(DELTA_BYTES);
    struct event_item item = {.qid = e->subject, .name = e->name};
    for (unsigned i = 0; i < e->pair_count; i++) {
        struct event_argument argument = {.value = e->pair[i].value};
        (void)text_copy(argument.key, sizeof argument.key, span_of(e->pair[i].key));
        event_argument_add(&item.arguments, &pairs, &argument);
    }
    event_item_add(list, elements, &item);
}

void publish_encode(const struct plan *p, uint64_t version, size_t first_event, struct text *body)
{
    AUTO_TEXT changes = TEXT_WITH_LIMIT(DELTA_BYTES);
    AUTO_TEXT events = TEXT_WITH_LIMIT(DELTA_BYTES);
    struct delta m = {.version = version};
    for (size_t i = 0; i < p->changes; i++)
        add_change(&m.changes, &changes, &p->change[i]);
    for (size_t i = first_event; i < p->events; i++)
        add_event(&m.events, &events, &p->event[i]);
    delta_encode(body, &m);
}

void publish_sent(struct registry *r, int e)
{
    r->untold = r->untold || e == -ERR_NOMEM;
}

void publish_delta(struct registry *r, struct out *out, const struct context *c, uint64_t version,
                   const struct text *body)
{
    if (r->greeted)
        publish_sent(r, post_event(out, MESSAGE_delta, every_api, c, version, body));
}

void publish_early(struct registry *r, struct out *out, const struct context *c, const struct plan *p,
                   size_t count)
{
    AUTO_TEXT events = TEXT_WITH_LIMIT(DELTA_BYTES);
    struct happened m = {0};
    for (size_t i = 0; i < count && i < p->events; i++)
        add_event(&m.events, &events, &p->event[i]);
    if (m.events.count > 0 && r->greeted)
        (void)EVENT(out, happened, every_api, c, &m);
}

static struct context about(const struct vm *vm)
{
    return context_about_vm(vm_qid(vm), vm_generation(vm));
}

struct roster_item roster_item_of(const struct vm *vm)
{
    struct roster_item item = {.qid = vm_qid(vm), .generation = vm_generation(vm)};
    const char *name = vm_name(vm), *uuid = vm_uuid(vm);
    (void)text_copy(item.uuid, sizeof item.uuid, span_of(uuid != NULL ? uuid : ""));
    (void)text_copy(item.name, sizeof item.name, span_of(name != NULL ? name : ""));
    return item;
}

static void say_exists(struct registry *r, struct out *out)
{
    struct context all = {.subject = {KIND_REGISTRY, 0, 0}};
    for (size_t i = 0; i < model_vm_count(r->model); i++) {
        struct context c = about(model_vm_at(r->model, i));
        (void)EVENT(out, exists, the_router, &c, NO_MESSAGE(exists));
    }
    (void)EVENT(out, exists, the_router, &all, NO_MESSAGE(exists)); /* that was all */
}

void publish_all(struct registry *r, struct out *out)
{
    struct context nobody = {0};
    /* First, for changes wait for its answer; the rest is told meanwhile. */
    (void)EVENT(out, host_tell, the_host, &nobody, NO_MESSAGE(host_tell));
    say_exists(r, out);
    (void)EVENT(out, vm_tell, ((struct address){KIND_VM, EVERY_INSTANCE}), &nobody, NO_MESSAGE(vm_tell));
    if (r->last_correlation != 0)
        return;
    /* The first of this epoch: a mark from which a successor counts. */
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    delta_encode(&body, &(struct delta){.version = r->version});
    publish_delta(r, out, &nobody, r->version, &body);
    r->last_correlation = r->version;
}

/* A VM's beginning and end, for the router and for host. */
static void roster_change_of(struct registry *r, struct out *out, const struct roster_item *item, bool gone)
{
    struct context c = context_about_vm(item->qid, item->generation), nobody = {0};
    publish_sent(r, gone ? EVENT(out, removed, the_router, &c, NO_MESSAGE(removed))
                         : EVENT(out, exists, the_router, &c, NO_MESSAGE(exists)));
    publish_sent(r, EVENT(out, roster_change, the_host, &nobody,
                          (&(struct roster_change){.gone = gone, .vm = *item})));
}

void publish_roster(struct registry *r, struct out *out, const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++) {
        const struct change *c = &p->change[i];
        const struct vm *vm = c->kind == CHANGE_VM ? model_vm(r->model, c->qid) : NULL;
        if (vm == NULL)
            continue;
        struct roster_item item = roster_item_of(vm);
        roster_change_of(r, out, &item, c->gone);
    }
}

static int add_snapshot(void *arg, const struct change *c)
{
    struct {
        struct snapshot_reply m;
        struct text elements;
    } *s = arg;
    add_change(&s->m.changes, &s->elements, c);
    return s->elements.failed;
}

void publish_snapshot(struct registry *r, struct out *out, const struct request *to)
{
    struct {
        struct snapshot_reply m;
        struct text elements;
    } s = {{.version = r->version}, TEXT_WITH_LIMIT(SNAPSHOT_BYTES)};
    int e = model_each(r->model, add_snapshot, &s);
    if (e < 0)
        reply_error(out, to, e, NULL);
    else
        (void)REPLY(out, snapshot, to, &s.m);
    text_free(&s.elements);
}
