/* SPDX-License-Identifier: MIT
 * Fuzzes the router's rules with several peers: each byte string is a script of starts, ends, blocked
 * sockets, time and messages. Nobody gets more answers than it has asked questions, and in the end, after
 * every deadline, exactly as many. */
#include "router/route.h"

#include <assert.h>
#include <string.h>

#include "base/own.h"
#include "proto/messages.h"
#include "proto/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct address peers[] = {{KIND_API, 0},   {KIND_API, 1},       {KIND_REGISTRY, 0},
                                       {KIND_HOST, 0},  {KIND_VM, 1},        {KIND_VM, 2},
                                       {KIND_GUEST, 1}, {KIND_DEVBUS_PCI, 0}};
enum { PEERS = COUNT(peers), NUMBERS = 4096 };

/* Numbers that damaged messages carry, whatever single byte of them is changed. */
#define MANGLED (UINT64_C(1) << 40)

struct world {
    struct route *route;
    uint64_t now, incarnation[PEERS], number;
    uint32_t blocked;
    bool live[PEERS], accused[PEERS];
    /* By the number of a question: who asks (its incarnation), and how often it was answered. */
    struct {
        uint8_t asker, answers;
        uint64_t incarnation;
        bool asked;
    } asked[NUMBERS];
};

static unsigned index_of(struct address who)
{
    for (unsigned i = 0; i < PEERS; i++)
        if (address_equal(peers[i], who))
            return i;
    return PEERS;
}

static int deliver(void *arg, struct address to, uint64_t incarnation, struct span bytes)
{
    struct world *w = arg;
    unsigned i = index_of(to);
    struct envelope e;
    assert(i < PEERS && w->incarnation[i] == incarnation);
    if ((w->blocked & 1u << i) != 0)
        return -ERR_BUSY;
    assert(envelope_read(bytes, &e) == 0);
    if (e.class != CLASS_REPLY || e.part != e.parts)
        return 0;
    if (e.correlation >= MANGLED)
        return 0;
    assert(e.correlation > 0 && e.correlation <= w->number);
    assert(w->asked[e.correlation].asker == i && w->asked[e.correlation].incarnation == incarnation);
    assert(++w->asked[e.correlation].answers == 1);
    return 0;
}

static void wake(void *arg, struct address who, uint32_t generation)
{
    (void)arg;
    (void)who;
    (void)generation;
}

static void accuse(void *arg, struct address who, uint64_t incarnation, const char *why)
{
    struct world *w = arg;
    unsigned i = index_of(who);
    (void)why;
    assert(w->incarnation[i] == incarnation && !w->accused[i]);
    w->accused[i] = true;
}

static void shut(void *arg, struct address who, uint64_t incarnation)
{
    struct world *w = arg;
    assert(w->incarnation[index_of(who)] == incarnation);
    w->live[index_of(who)] = false;
}

static void start(struct world *w, unsigned i)
{
    if (w->live[i])
        return;
    w->incarnation[i]++;
    w->live[i] = true;
    w->accused[i] = false;
    w->blocked &= ~(1u << i);
    route_expect(w->route, peers[i], 1, w->incarnation[i]);
    route_live(w->route, peers[i], w->incarnation[i], w->now);
}

static void stop(struct world *w, unsigned i, unsigned how)
{
    route_ended(w->route, peers[i], w->incarnation[i], (enum ending)(how % 3), w->now);
    w->live[i] = false;
}

static void unblock(struct world *w, unsigned i)
{
    w->blocked &= ~(1u << i);
    route_writable(w->route, peers[i]);
}

/* A message from its four bytes: mostly one that some row knows, now and then any. */
static void speak(struct world *w, unsigned i, const uint8_t b[4])
{
    size_t count;
    const struct message_rule *rows = message_rules(&count), *row = &rows[b[0] % count];
    unsigned to = b[1] % PEERS;
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = row->type,
                         .class = row->class,
                         .to_kind = row->to == BY_ROUTER ? KIND_ROUTER : peers[to].kind,
                         .to_instance = row->to == BY_ROUTER ? 0 : peers[to].instance,
                         .subject_kind = KIND_VM,
                         .subject_instance = b[3] & 0x10 ? peers[i].instance : peers[to].instance,
                         .subject_generation = b[3] >> 5 & 1,
                         .caller = b[3] & 1,
                         .part = 1,
                         .parts = 1,
                         .number = b[2],
                         .correlation = b[2],
                         .body = SPAN_LITERAL("\x90")};
    if (b[3] & 0x0e)
        e.subject_generation = 1;
    if (e.class == CLASS_REQUEST && (b[3] & 0xc0) == 0xc0) {
        e.class = b[3] & 1 ? CLASS_REPLY : CLASS_PROGRESS;
        e.correlation = w->number > b[2] ? w->number - b[2] : 1;
    } else if (e.class == CLASS_REQUEST) {
        if (w->number + 1 >= NUMBERS || !w->live[i] || w->accused[i])
            return;
        e.correlation = ++w->number;
        w->asked[w->number].asker = (uint8_t)i;
        w->asked[w->number].incarnation = w->incarnation[i];
        w->asked[w->number].answers = 0;
        w->asked[w->number].asked = true;
    }
    bool mangle = b[0] == 0xff;
    if (mangle) {
        if (e.class == CLASS_REQUEST)
            w->number--;
        e.correlation = UINT64_C(0xffff) << 40;
    }
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    envelope_write(&bytes, &e);
    if (bytes.len > 0 && mangle)
        bytes.at[b[1] % bytes.len] ^= (char)b[2];
    route_hear(w->route, peers[i], w->incarnation[i], bytes.at, bytes.len, w->now);
}

static void step(struct world *w, const uint8_t *b)
{
    unsigned i = b[0] % PEERS;
    switch (b[0] / PEERS % 8) {
    case 0:
        start(w, i);
        break;
    case 1:
        stop(w, i, b[1]);
        break;
    case 2:
        w->blocked |= 1u << i;
        break;
    case 3:
        unblock(w, i);
        break;
    case 4:
        w->now += UINT64_C(10000000) * b[1];
        route_due(w->route, w->now);
        break;
    default:
        if (w->live[i])
            speak(w, i, b + 1);
        break;
    }
}

/* All sockets take messages and every deadline has passed: who still lives has every answer. */
static void settle(struct world *w)
{
    for (unsigned i = 0; i < PEERS; i++)
        unblock(w, i);
    w->now += UINT64_C(3600000000000);
    route_due(w->route, w->now);
    for (uint64_t n = 1; n <= w->number; n++) {
        unsigned i = w->asked[n].asker;
        if (w->asked[n].asked && w->live[i] && w->asked[n].incarnation == w->incarnation[i])
            assert(w->asked[n].answers == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct route_ops ops = {deliver, wake, accuse, shut, &w};
    memset(&w, 0, sizeof w);
    w.now = UINT64_C(1000000000000);
    w.route = route_new(&ops, 1);
    if (w.route == NULL)
        return 0;
    for (unsigned i = 0; i < PEERS; i++)
        start(&w, i);
    for (size_t at = 0; at + 5 <= size; at += 5)
        step(&w, data + at);
    settle(&w);
    route_free(w.route);
    return 0;
}
