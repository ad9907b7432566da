/* SPDX-License-Identifier: MIT
 * A compromised process of a VM: it stands in the place of libexec/vm or libexec/guest, keeps their jail, and
 * does on the bus whatever it likes. Its VM's qid chooses the misdeed; from HONEST on it becomes the real
 * program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/post.h"
#include "runtime/program.h"
#include "runtime/shell_parts.h"

enum { HONEST = 10, VICTIM = 10, MANY = 5000 };

struct rogue {
    bool did;
};

static struct bus *bus_of(struct out *out)
{
    return ((struct shell *)out->shell)->bus;
}

/* Past every check of our own runtime. A full socket waits, as long as there is one. */
static void send_raw(struct out *out, struct span bytes)
{
    for (int i = 0; i < 1000 && bus_of(out) != NULL; i++) {
        if (bus_send(bus_of(out), bytes) != -ERR_BUSY)
            return;
        usleep(1000);
    }
}

static struct envelope about(struct address who, uint16_t type, uint8_t class, struct address to)
{
    return (struct envelope){.version = ENVELOPE_VERSION,
                             .type = type,
                             .class = class,
                             .subject_kind = KIND_VM,
                             .subject_instance = who.instance,
                             .subject_generation = 1,
                             .source_kind = who.kind,
                             .source_instance = who.instance,
                             .to_kind = to.kind,
                             .to_instance = to.instance,
                             .part = 1,
                             .parts = 1};
}

static void send_envelope(struct out *out, const struct envelope *e)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT((size_t)4 * ENVELOPE_MAX);
    envelope_write(&bytes, e);
    send_raw(out, text_span(&bytes));
}

static const struct address every_api = {KIND_API, EVERY_INSTANCE};

/* A change of the model in registry's name. */
static void forge_source(struct out *out, const struct life *me)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct envelope e = about((struct address){KIND_REGISTRY, 0}, MESSAGE_delta, CLASS_EVENT, every_api);
    (void)me;
    e.subject_kind = e.subject_instance = e.subject_generation = 0;
    e.correlation = 1000000;
    delta_encode(&body, &(struct delta){.version = 1000000});
    e.body = text_span(&body);
    send_envelope(out, &e);
}

/* Facts about somebody else's VM. */
static void foreign_subject(struct out *out, const struct life *me)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct envelope e = about((struct address){KIND_VM, VICTIM}, MESSAGE_facts, CLASS_EVENT, every_api);
    struct facts none;
    memset(&none, 0, sizeof none);
    (void)me;
    facts_encode(&body, &none);
    e.body = text_span(&body);
    send_envelope(out, &e);
}

static void oversize(struct out *out, const struct life *me)
{
    static char bytes[4 * ENVELOPE_MAX];
    (void)me;
    send_raw(out, (struct span){bytes, sizeof bytes});
}

/* Heads of arrays and maps with four billion elements, in place of events and facts. */
static void bombs(struct out *out, const struct life *me)
{
    static const uint16_t types[] = {MESSAGE_happened, MESSAGE_facts};
    static const char body[] = "\x91\xdd\xff\xff\xff\xff\x93\x01\xdb\xff\xff\xff\xff\xdf\xff\xff\xff\xff";
    for (int i = 0; i < MANY; i++) {
        struct envelope e = about(me->self, types[i % 2], CLASS_EVENT, every_api);
        e.subject_generation = me->generation;
        e.body = (struct span){body + i % 5, sizeof body - 1 - (size_t)(i % 5)};
        send_envelope(out, &e);
    }
}

/* Starts of every VM there may be. */
static void wake_thousands(struct out *out, const struct life *me)
{
    for (uint32_t qid = 1; qid <= 10000; qid++) {
        struct envelope e = about(me->self, MESSAGE_vm_start, CLASS_REQUEST, (struct address){KIND_VM, qid});
        e.subject_instance = qid;
        e.correlation = 1000000 + qid;
        e.body = SPAN_LITERAL("\x90");
        send_envelope(out, &e);
    }
}

/* Answers that nobody waits for, in every class, to api and registry. */
static void answer_unasked(struct out *out, const struct life *me)
{
    static const struct address to[] = {{KIND_API, 0}, {KIND_API, 1}, {KIND_REGISTRY, 0}, {KIND_HOST, 0}};
    for (uint64_t i = 0; i < MANY; i++) {
        struct envelope e = about(me->self, i % 2 ? MESSAGE_operate : MESSAGE_error,
                                  i % 3 ? CLASS_REPLY : CLASS_PROGRESS, to[i % COUNT(to)]);
        e.subject_generation = me->generation;
        e.correlation = i;
        e.body = SPAN_LITERAL("\x92\x01\xa1x");
        send_envelope(out, &e);
    }
}

static void garbage(struct out *out, const struct life *me)
{
    char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + me->self.instance);
    send_raw(out, (struct span){bytes, sizeof bytes});
}

/* It takes questions and answers none. */
static void say_nothing(struct out *out, const struct life *me)
{
    (void)out, (void)me;
}

static void (*const misdeeds[HONEST])(struct out *out, const struct life *me) = {
    [1] = forge_source,   [2] = foreign_subject, [3] = oversize, [4] = bombs,       [5] = wake_thousands,
    [6] = answer_unasked, [7] = garbage,         [8] = garbage,  [9] = say_nothing,
};

static struct life life_of_it;

static int begin(void *self, struct out *out, const struct life *life)
{
    (void)self;
    life_of_it = *life;
    out_ready(out);
    return 0;
}

static void hear(void *self, struct out *out, const struct envelope *e)
{
    struct rogue *r = self;
    if (e->class != CLASS_REQUEST || life_of_it.self.instance >= HONEST)
        return;
    void (*misdeed)(struct out *, const struct life *) = misdeeds[life_of_it.self.instance];
    if (!r->did)
        misdeed(out, &life_of_it);
    r->did = true;
    struct request request = request_of(e);
    if (misdeed != say_nothing)
        reply_error(out, &request, -ERR_STATE, NULL);
}

static void answered(void *self, struct out *out, const struct answer *a)
{
    (void)self, (void)out, (void)a;
}

static void timer(void *self, struct out *out, uint64_t number)
{
    (void)self, (void)out, (void)number;
}

static struct actor rogue = {.name = "rogue",
                             .kind = KIND_VM,
                             .size = sizeof(struct rogue),
                             .begin = begin,
                             .hear = hear,
                             .answered = answered,
                             .timer = timer};

int main(int argc, char **argv)
{
    static const struct program_parts parts = {.actor = &rogue};
    char honest[512];
    size_t len = strlen(argv[0]);
    bool guest = len > 5 && strcmp(argv[0] + len - 5, "guest") == 0;
    int qid = argc > 1 ? atoi(argv[1]) : 0;
    /* qid 8: an honest VM with a guest's process that was taken over */
    if (qid >= HONEST || guest != (qid == 8)) {
        snprintf(honest, sizeof honest, "%s.honest", argv[0]);
        execv(honest, argv);
        return 1;
    }
    rogue.kind = guest ? KIND_GUEST : KIND_VM;
    rogue.name = guest ? "guest" : "vm";
    return program_run(&parts, argc, argv);
}
