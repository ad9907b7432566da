/* SPDX-License-Identifier: MIT
 * A core of api with a small system in its replica, clients and a bus that only remember: for unit
 * tests and for the fuzzer. Nothing here depends on a test library. */
#ifndef TESTS_UNIT_API_API_SCENE_H
#define TESTS_UNIT_API_API_SCENE_H

#include <stdlib.h>
#include <string.h>

#include "actors/api/api.h"
#include "base/own.h"
#include "model/change.h"
#include "model/operation.h"
#include "runtime/post.h"

enum { SCENE_CONNS = 64, SCENE_ASKS = 64 };

/* A question that the core asked. */
struct scene_ask {
    struct envelope e; /* its body is `body` */
    uint64_t tag;
    struct text body;
};

struct scene {
    struct api *api;
    struct out out;
    struct text got[SCENE_CONNS]; /* what each connection was sent */
    bool finished[SCENE_CONNS], stream[SCENE_CONNS], broken[SCENE_CONNS];
    struct scene_ask ask[SCENE_ASKS];
    size_t asks;
    uint64_t seen, conns, number, timer_at[8]; /* last events_seen; next connection; last event */
    unsigned readies, tells, host_tells, traces;
    uint64_t version, draws;
};

static inline int scene_send(void *arg, struct envelope *e)
{
    struct scene *s = arg;
    if (e->type == MESSAGE_events_seen)
        s->seen = e->number;
    s->tells += e->type == MESSAGE_vm_tell || e->type == MESSAGE_host_tell;
    s->host_tells += e->type == MESSAGE_host_tell;
    s->traces += e->type == MESSAGE_trace;
    return 0;
}

static inline int scene_ask_op(void *arg, struct envelope *e, uint64_t tag)
{
    struct scene *s = arg;
    if (s->asks == SCENE_ASKS)
        return 0;
    struct scene_ask *a = &s->ask[s->asks++];
    a->e = *e;
    a->tag = tag;
    a->body = TEXT_WITH_LIMIT(BODY_MAX);
    text_append(&a->body, e->body);
    a->e.body = text_span(&a->body);
    return 0;
}

static inline void scene_timer(void *arg, uint64_t timer, uint64_t at)
{
    struct scene *s = arg;
    s->timer_at[timer % 8] = at;
}

static inline void scene_ready(void *arg)
{
    struct scene *s = arg;
    s->readies++;
}

static const struct out_ops scene_out_ops = {
    .send = scene_send, .ask = scene_ask_op, .timer = scene_timer, .ready = scene_ready};

static inline int scene_client_send(void *arg, uint64_t conn, struct span bytes)
{
    struct scene *s = arg;
    struct text *t = &s->got[conn % SCENE_CONNS];
    if (s->broken[conn % SCENE_CONNS])
        return -ERR_CLOSED;
    t->limit = 1 << 26;
    text_append(t, bytes);
    return 0;
}

static inline void scene_client_finish(void *arg, uint64_t conn)
{
    struct scene *s = arg;
    s->finished[conn % SCENE_CONNS] = true;
}

static inline void scene_client_stream(void *arg, uint64_t conn)
{
    struct scene *s = arg;
    s->stream[conn % SCENE_CONNS] = true;
}

static inline const char *scene_peer(void *arg, uint64_t conn)
{
    (void)arg, (void)conn;
    return "a test";
}

static inline void scene_random(void *arg, void *to, size_t len)
{
    struct scene *s = arg;
    s->draws++;
    memset(to, (int)(s->draws & 0x7f), len);
}

static const struct api_ops scene_client_ops = {.send = scene_client_send,
                                                .finish = scene_client_finish,
                                                .stream = scene_client_stream,
                                                .peer = scene_peer,
                                                .random = scene_random};

/* What the registry of this scene knows. */
static const struct scene_item {
    enum change_kind kind;
    uint32_t qid;
    const char *key, *value;
} scene_items[] = {
    {CHANGE_VM, 0, "", "0 AdminVM"},
    {CHANGE_LABEL, QID_GLOBAL, "red", "1 0xcc0000"},
    {CHANGE_LABEL, QID_GLOBAL, "black", "8 0x000000"},
    {CHANGE_POOL, QID_GLOBAL, "varlibqubes", "driver=file"},
    {CHANGE_POOL, QID_GLOBAL, "linux-kernel", "driver=linux-kernel"},
    {CHANGE_VM, 1, "", "3 AppVM"},
    {CHANGE_PROPERTY, 1, "name", "work"},
    {CHANGE_PROPERTY, 1, "uuid", "611da028-c63e-4137-ad7c-9408e5ca7f90"},
    {CHANGE_PROPERTY, 1, "label", "red"},
    {CHANGE_PROPERTY, 1, "kernelopts", "a\nb\\c"},
    {CHANGE_FEATURE, 1, "zz", "last"},
    {CHANGE_FEATURE, 1, "aa", ""},
    {CHANGE_TAG, 1, "two", ""},
    {CHANGE_TAG, 1, "one", ""},
    {CHANGE_VOLUME, 1, "root", "pool=varlibqubes"},
    {CHANGE_VOLUME, 1, "private", "pool=varlibqubes"},
    {CHANGE_VM, 2, "", "1 RemoteVM"},
    {CHANGE_PROPERTY, 2, "name", "away"},
    {CHANGE_PROPERTY, 2, "uuid", "711da028-c63e-4137-ad7c-9408e5ca7f90"},
    {CHANGE_PROPERTY, 2, "label", "red"},
    {CHANGE_FEATURE, 0, "admin-only", "from-dom0"},
};

/* The answer to question i: 0 with the body of a reply, or an error. */
static inline void scene_answer(struct scene *s, size_t i, int r, const char *why, const struct text *body)
{
    struct envelope e = s->ask[i].e;
    struct answer a = {.tag = s->ask[i].tag, .e = &e, .r = r};
    e.class = CLASS_REPLY;
    e.body = body != NULL ? text_span(body) : (struct span){NULL, 0};
    if (r < 0)
        fault_set(&a.why, (enum err) - r, "%s", why);
    api_actor.answered(s->api, &s->out, &a);
}

static inline void scene_snapshot(struct scene *s, size_t i, uint64_t version)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct snapshot_reply m = {.version = version};
    for (size_t n = 0; n < COUNT(scene_items); n++) {
        const struct scene_item *at = &scene_items[n];
        change_item_add(
            &m.changes, &elements,
            &(struct change_item){
                .kind = at->kind, .qid = at->qid, .key = span_of(at->key), .value = span_of(at->value)});
    }
    m.changes.elements = text_span(&elements);
    snapshot_reply_encode(&body, &m);
    s->version = version;
    scene_answer(s, i, 0, "", &body);
}

static inline void scene_hello(struct scene *s, uint64_t epoch)
{
    api_actor.hello(s->api, &s->out, epoch, 0);
}

/* A core that has begun and has no snapshot yet. */
static inline void scene_begin(struct scene *s, uint32_t instance)
{
    struct life life = {.self = {KIND_API, instance}};
    *s = (struct scene){.out = {&scene_out_ops, s, 1000 * SECONDS}};
    s->api = calloc(1, api_actor.size);
    if (s->api == NULL)
        abort();
    api_attach(s->api, &scene_client_ops, s);
    if (api_actor.begin(s->api, &s->out, &life) < 0)
        abort();
}

static inline void scene_forget_asks(struct scene *s)
{
    for (size_t i = 0; i < s->asks; i++)
        text_free(&s->ask[i].body);
    s->asks = 0;
}

/* One that knows the whole scene, at version 10. */
static inline void scene_open(struct scene *s, uint32_t instance)
{
    scene_begin(s, instance);
    scene_hello(s, 7);
    scene_snapshot(s, 0, 10);
    scene_forget_asks(s);
}

static inline void scene_close(struct scene *s)
{
    api_actor.end(s->api);
    free(s->api);
    for (size_t i = 0; i < SCENE_CONNS; i++)
        text_free(&s->got[i]);
    scene_forget_asks(s);
}

/* A whole request on a new connection, whose number is returned. */
static inline uint64_t scene_request(struct scene *s, enum client_socket socket, struct span bytes)
{
    uint64_t conn = ++s->conns, at = conn % SCENE_CONNS;
    text_clear(&s->got[at]);
    s->finished[at] = s->stream[at] = s->broken[at] = false;
    api_hear_client(s->api, &s->out, conn, socket, bytes);
    return conn;
}

/* "method+arg src name dest" and a payload. */
static inline uint64_t scene_call(struct scene *s, const char *header, const char *payload)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(1 << 20);
    enum client_socket socket = strncmp(header, "internal.", 9) == 0   ? SOCKET_INTERNAL
                                : strncmp(header, "bulkhead.", 9) == 0 ? SOCKET_OWN
                                : strncmp(header, "qubes.", 6) == 0    ? SOCKET_MISC
                                                                       : SOCKET_ADMIN;
    text_add(&bytes, header);
    text_byte(&bytes, '\0');
    text_add(&bytes, payload);
    return scene_request(s, socket, text_span(&bytes));
}

/* One event with at most one argument. */
struct scene_event {
    uint32_t qid;
    const char *name, *key, *value;
};

static inline void scene_events(struct wire_list *list, struct text *elements,
                                const struct scene_event *event, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_TEXT arguments = TEXT_WITH_LIMIT(BODY_MAX);
        struct event_item item = {.qid = event[i].qid, .name = span_of(event[i].name)};
        struct event_argument argument = {.value = span_of(event[i].value != NULL ? event[i].value : "")};
        if (event[i].key != NULL) {
            (void)text_copy(argument.key, sizeof argument.key, span_of(event[i].key));
            event_argument_add(&item.arguments, &arguments, &argument);
        }
        item.arguments.elements = text_span(&arguments);
        event_item_add(list, elements, &item);
    }
    list->elements = text_span(elements);
}

static inline void scene_hear(struct scene *s, uint16_t type, struct subject subject, const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = CLASS_EVENT,
                         .subject_kind = subject.kind,
                         .subject_instance = subject.instance,
                         .subject_generation = subject.generation,
                         .number = ++s->number,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    api_actor.hear(s->api, &s->out, &e);
}

/* registry's word: this version, with at most one change, and events. */
static inline void scene_delta(struct scene *s, uint64_t version, const struct change *c,
                               const struct scene_event *event, size_t count)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT changes = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct delta m = {.version = version};
    if (c != NULL)
        change_item_add(
            &m.changes, &changes,
            &(struct change_item){
                .kind = c->kind, .qid = c->qid, .gone = (uint32_t)c->gone, .key = c->key, .value = c->value});
    m.changes.elements = text_span(&changes);
    scene_events(&m.events, &elements, event, count);
    delta_encode(&body, &m);
    s->version = version;
    scene_hear(s, MESSAGE_delta, (struct subject){0}, &body);
}

static inline void scene_happened(struct scene *s, const struct scene_event *event, size_t count)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct happened m = {0};
    scene_events(&m.events, &elements, event, count);
    happened_encode(&body, &m);
    scene_hear(s, MESSAGE_happened, (struct subject){0}, &body);
}

/* What only bulkhead.Events tells. */
static inline void scene_noticed(struct scene *s, const struct scene_event *event, size_t count)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct noticed m = {0};
    scene_events(&m.events, &elements, event, count);
    noticed_encode(&body, &m);
    scene_hear(s, MESSAGE_noticed, (struct subject){0}, &body);
}

static inline void scene_fact(struct scene *s, uint32_t qid, uint32_t generation, enum fact fact,
                              const char *value)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct fact_item item = {.fact = fact};
    struct facts m = {0};
    (void)text_copy(item.value, sizeof item.value, span_of(value));
    fact_item_add(&m.facts, &elements, &item);
    m.facts.elements = text_span(&elements);
    facts_encode(&body, &m);
    scene_hear(s, MESSAGE_facts, (struct subject){KIND_VM, qid, generation}, &body);
}

/* Whether a connection was sent exactly these bytes (NUL written as '|'). */
static inline bool scene_got(const struct scene *s, uint64_t conn, const char *expected)
{
    const struct text *t = &s->got[conn % SCENE_CONNS];
    if (t->len != strlen(expected))
        return false;
    for (size_t i = 0; i < t->len; i++)
        if ((t->at[i] == '\0' ? '|' : t->at[i]) != expected[i])
            return false;
    return true;
}

/* Whether it was sent an exception of this class, and nothing else. */
static inline bool scene_refused(const struct scene *s, uint64_t conn, const char *class)
{
    const struct text *t = &s->got[conn % SCENE_CONNS];
    size_t len = strlen(class);
    return t->len > len + 4 && memcmp(t->at, "2\0", 2) == 0 && memcmp(t->at + 2, class, len + 1) == 0 &&
           t->at[len + 3] == '\0' && t->at[t->len - 1] == '\0' && s->finished[conn % SCENE_CONNS];
}

#endif
