/* SPDX-License-Identifier: MIT
 * What the core of vm/<qid> says on the bench: collected, counted, and where a test wants it, its last word.
 */
#ifndef TESTS_UNIT_VM_VM_BENCH_SAYS_H
#define TESTS_UNIT_VM_VM_BENCH_SAYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/vm/vm.h"
#include "actors/vm/vm_actor.h"
#include "base/own.h"
#include "model/world.h"
#include "proto/rules.h"
#include "runtime/effects/programs.h"
#include "tests/unit/vm/vm_bench_left.h"
#include "tests/unit/vm/vm_bench_virt.h"

enum { BENCH_LIST = 256, BENCH_QID = 7, BENCH_GENERATION = 3, NETVM_QID = 2, CLIENT_QID = 9 };

struct bench_ask {
    uint16_t type;
    uint64_t tag;
    struct envelope e;
    uint32_t program; /* of a daemon */
    char body[256];   /* what is left of it when it happens; longer ones are not kept */
    size_t len;
    bool over; /* it was of a life that has ended since */
};

struct bench_reply {
    uint64_t correlation;
    int r; /* 0 or -ERR_ */
    char text[512];
};

struct bench {
    struct vm *core;
    struct bench_left left; /* what others hold for it */
    struct out out;
    struct vm_doors doors;
    struct bench_world world;
    char note[VM_NOTE_MAX + 1];
    uint64_t last_correlation;
    bool ready, retired, claimed, deaf;
    bool has_netvm, is_living_client, has_no_client, qrexec, has_volumes, homeless;
    char asked_of_storage[512];  /* "verify root, start root, ..." and when the claim was released */
    const char *storage_refuses; /* this verb */
    char console[256];
    unsigned hanging; /* as registry was told last */
    const char *gui_user, *audio_user;
    bool scarce; /* as registry says in its views */
    bool is_preload;
    uint32_t preload_waits;
    const char *refusal, *refusal_class;
    unsigned vetoed;                              /* 1: which is one of domain-pre-start; 2: told to nobody */
    struct daemon_reply daemon[OUTSIDE_PROGRAMS]; /* how they end */
    struct daemon last_daemon;                    /* as it was asked for last */
    unsigned serves, fills, services;             /* how often these were asked */
    struct service_reply service;
    struct entries_reply entries; /* as host answers */
    struct entries last_entries;  /* as it was asked last */
    unsigned entries_asked;
    char stubdom[48];                   /* as api was told last: "XID UUID" */
    char called[64];                    /* the service that was called last, and its user */
    bool paused_told;                   /* as registry was told last */
    unsigned dues;                      /* how often it was told that a change of the netvm is due */
    uint32_t netvm_asked;               /* whom it asked to start last */
    int fail_type, fail_type_with;      /* questions of this type fail */
    const char *virt_mode;              /* "pvh" */
    const struct view_hvm *hvm;         /* what only a device model is told */
    const struct view_device *assigned; /* one device */
    char chosen[256];                   /* the options that the bus gives back: as asked, and read-only */
    unsigned asked_of[4];               /* of the bus: bus_list, bus_prepare, bus_confirm, bus_part */
    uint32_t purpose, again;
    bool two_devices;   /* the bus has another at 00_1a.0 */
    bool shows_screen;  /* they are graphics cards, too */
    char prepared[16];  /* how its bus was asked: 'c' for checks only, 't' to take */
    unsigned wanted;    /* how often its bus was told that a person is to be asked */
    unsigned has_told;  /* how often its bus was told what it has, */
    unsigned over_told; /* how often the buses on demand heard that its life is over */
    uint32_t has;       /* and how much that was */
    char handshake[16];
    char event[BENCH_LIST][96];
    unsigned events;
    char power_state[16];
    struct bench_ask asks[BENCH_LIST];
    unsigned asked;
    struct task *task; /* given to the worker */
    struct task *parked;
    bool hold_tasks, hold_asks;
    uint16_t hold_type; /* questions of this type are not answered; 0: all are */
    struct bench_reply reply[BENCH_LIST];
    unsigned replies, progresses;
    uint64_t timer[VM_TIMERS];
    unsigned said;   /* how often the core spoke */
    unsigned die_at; /* dead at the n-th time; 0: never */
    bool dead;
    uint64_t correlation;
};

static bool speaks(struct bench *b)
{
    b->said++;
    if (b->die_at != 0 && b->said >= b->die_at)
        b->dead = true;
    return !b->dead;
}

static void take_events(struct bench *b, const struct envelope *e)
{
    struct happened m;
    struct event_item item;
    struct event_argument argument;
    assert_int_equal(happened_decode(&m, e->body), 0);
    assert_int_equal(e->subject_generation, BENCH_GENERATION);
    assert_true(e->correlation > b->last_correlation);
    b->last_correlation = e->correlation;
    struct reader in = list_reader(&m.events);
    while (event_item_next(&in, &item) == 1) {
        assert_true(b->events < BENCH_LIST);
        char *to = b->event[b->events++];
        int at = snprintf(to, 96, "%.*s", (int)item.name.len, item.name.at);
        struct reader arguments = list_reader(&item.arguments);
        while (event_argument_next(&arguments, &argument) == 1 && at < 96)
            at += snprintf(to + at, 96 - (size_t)at, " %s=%.*s", argument.key, (int)argument.value.len,
                           argument.value.at);
    }
}

static void take_facts(struct bench *b, const struct envelope *e)
{
    struct facts m;
    struct fact_item item;
    assert_int_equal(facts_decode(&m, e->body), 0);
    struct reader in = list_reader(&m.facts);
    while (fact_item_next(&in, &item) == 1) {
        if (item.fact == FACT_power_state)
            snprintf(b->power_state, sizeof b->power_state, "%.15s", item.value);
        if (item.fact == FACT_stubdom_xid)
            snprintf(b->stubdom, sizeof b->stubdom, "%.8s", item.value);
        if (item.fact == FACT_stubdom_uuid)
            snprintf(b->stubdom + strlen(b->stubdom), sizeof b->stubdom - strlen(b->stubdom), " %.37s",
                     item.value);
    }
}

static void take_reply(struct bench *b, const struct envelope *e)
{
    struct bench_reply *reply = &b->reply[b->replies++ % BENCH_LIST];
    struct error m;
    struct vm_console_reply console;
    *reply = (struct bench_reply){.correlation = e->correlation};
    if (e->type == MESSAGE_vm_console && vm_console_reply_decode(&console, e->body) == 0)
        memcpy(b->console, console.tty, sizeof b->console);
    if (e->type != MESSAGE_error)
        return;
    assert_int_equal(error_decode(&m, e->body), 0);
    reply->r = -(int)m.code;
    snprintf(reply->text, sizeof reply->text, "%s", m.text);
}

static void take_hanging(struct bench *b, const struct envelope *e)
{
    struct calls_hang m;
    assert_int_equal(calls_hang_decode(&m, e->body), 0);
    b->hanging = m.count;
}

static void take_paused(struct bench *b, const struct envelope *e)
{
    struct lives_as m;
    assert_int_equal(lives_as_decode(&m, e->body), 0);
    b->paused_told = m.paused != 0;
}

static void take_has(struct bench *b, const struct envelope *e)
{
    struct bus_has m;
    assert_int_equal(bus_has_decode(&m, e->body), 0);
    b->has_told += e->to_kind == KIND_DEVBUS_PCI ? 1 : 0;
    b->has = e->to_kind == KIND_DEVBUS_PCI ? m.devices.count : b->has;
    left_happens(&b->left, e);
    /* The bus takes nothing for a life that is over, though it was asked to. */
    for (unsigned i = 0; m.over != 0 && i < b->asked; i++)
        b->asks[i].over = b->asks[i].over || b->asks[i].type == MESSAGE_bus_prepare;
}

static int bench_send(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    if (!speaks(b))
        return 0;
    if (b->deaf)
        return -ERR_GONE;
    b->wanted += e->type == MESSAGE_bus_wanted;
    if (e->type == MESSAGE_bus_release)
        left_happens(&b->left, e);
    if (e->type == MESSAGE_happened)
        take_events(b, e);
    else if (e->type == MESSAGE_facts)
        take_facts(b, e);
    else if (e->type == MESSAGE_lives_as)
        take_paused(b, e);
    else if (e->type == MESSAGE_calls_hang)
        take_hanging(b, e);
    else if (e->type == MESSAGE_domain_over)
        b->left.running = false;
    else if (e->type == MESSAGE_bus_over)
        b->over_told++;
    else if (e->type == MESSAGE_netvm_due)
        b->dues++;
    else if (e->class == CLASS_PROGRESS)
        b->progresses++;
    else if (e->class == CLASS_REPLY)
        take_reply(b, e);
    return 0;
}

static void bench_note_storage(struct bench *b, const struct envelope *e)
{
    struct volume_use m;
    char *end = b->asked_of_storage + strlen(b->asked_of_storage);
    size_t room = sizeof b->asked_of_storage - strlen(b->asked_of_storage);
    if (e->type == MESSAGE_release)
        snprintf(end, room, "release;");
    if (e->type != MESSAGE_volume_use)
        return;
    assert_int_equal(volume_use_decode(&m, e->body), 0);
    assert_string_equal(m.pool, "fast");
    assert_int_equal(e->to_instance, 5);
    snprintf(end, room, "%s %s;", m.verb, m.volume);
}

static void bench_keep_body(struct bench_ask *ask, struct span body)
{
    if (body.len > sizeof ask->body)
        return;
    memcpy(ask->body, body.at, body.len);
    ask->len = body.len;
}

/* What was asked is done, whoever hears of it. */
static void bench_does(struct bench *b, const struct bench_ask *ask)
{
    struct envelope e = ask->e;
    e.body = (struct span){ask->body, ask->len};
    if (!ask->over && ask->type != MESSAGE_bus_has) /* that was heard at once */
        left_happens(&b->left, &e);
}

static int bench_asks(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    struct address self = {KIND_VM, BENCH_QID};
    if (!speaks(b))
        return 0;
    assert_int_equal(envelope_permitted(e, self), 0);
    if (e->type == MESSAGE_claim) {
        struct claim m;
        assert_int_equal(claim_decode(&m, e->body), 0);
        b->claimed = b->claimed || (m.purpose == 0 && b->fail_type != MESSAGE_claim);
    }
    if (e->type == MESSAGE_bus_prepare) {
        struct bus_prepare m;
        assert_int_equal(bus_prepare_decode(&m, e->body), 0);
        b->purpose = m.purpose;
        b->again = m.again;
        snprintf(b->chosen, sizeof b->chosen, "%.*s%soption:read-only=no", (int)m.options.len,
                 m.options.len > 0 ? m.options.at : "", m.options.len > 0 ? "\n" : "");
        size_t at = strlen(b->prepared);
        if (at + 1 < sizeof b->prepared)
            b->prepared[at] = m.only_checks != 0 ? 'c' : 't';
    }
    if (e->type == MESSAGE_service) {
        struct service m;
        assert_int_equal(service_decode(&m, e->body), 0);
        snprintf(b->handshake, sizeof b->handshake, "%.*s", (int)m.input.len, m.input.at);
        snprintf(b->called, sizeof b->called, "%.40s %.20s", m.service, m.user);
    }
    if (e->type == MESSAGE_bus_has)
        take_has(b, e);
    if (e->type == MESSAGE_vm_start)
        b->netvm_asked = e->to_instance;
    b->claimed = b->claimed && e->type != MESSAGE_release;
    bench_note_storage(b, e);
    assert_true(b->asked < BENCH_LIST);
    b->asks[b->asked++] = (struct bench_ask){.type = e->type, .tag = tag, .e = *e};
    bench_keep_body(&b->asks[b->asked - 1], e->body);
    b->serves += e->type == MESSAGE_guest_serve;
    b->fills += e->type == MESSAGE_guest_fill;
    b->services += e->type == MESSAGE_service;
    if (e->type == MESSAGE_entries) {
        assert_int_equal(entries_decode(&b->last_entries, e->body), 0);
        b->entries_asked++;
    }
    if (e->type == MESSAGE_daemon) {
        assert_int_equal(daemon_decode(&b->last_daemon, e->body), 0);
        assert_int_equal(b->last_daemon.domid,
                         b->last_daemon.stubdom ? b->entries.stubdom : (uint32_t)b->world.domid);
        b->asks[b->asked - 1].program = b->last_daemon.program;
        b->left.running = true;
    }
    return 0;
}

static void bench_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    if (!speaks(b)) {
        free(task);
        return;
    }
    assert_null(b->task);
    b->task = task;
}

static void bench_timer(void *shell, uint64_t timer, uint64_t at)
{
    ((struct bench *)shell)->timer[timer] = at;
}

static void bench_note(void *shell, struct span note)
{
    struct bench *b = shell;
    if (!speaks(b))
        return;
    assert_true(note.len <= VM_NOTE_MAX);
    memset(b->note, 0, sizeof b->note);
    if (note.len > 0)
        memcpy(b->note, note.at, note.len);
}

static void bench_ready(void *shell)
{
    ((struct bench *)shell)->ready = true;
}

static void bench_retire(void *shell)
{
    ((struct bench *)shell)->retired = true;
}

static void bench_title(void *shell, const char *title)
{
    (void)shell;
    assert_string_equal(title, "work");
}

static const struct out_ops bench_out = {bench_send,  bench_asks,   bench_task,   bench_timer, bench_note,
                                         bench_ready, bench_retire, bench_retire, bench_title, NULL};

#endif
