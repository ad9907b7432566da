/* SPDX-License-Identifier: MIT
 * A bench for the core of vm/<qid>: everything around it in memory, and a hypervisor of one domain.
 * What the core says is collected; what it asks is answered; it dies where a test wants it to. */
#ifndef TESTS_UNIT_VM_VM_BENCH_H
#define TESTS_UNIT_VM_VM_BENCH_H

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
    bool has_netvm, is_living_client, qrexec, has_volumes;
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
    int fail_type, fail_type_with;      /* questions of this type fail */
    const char *virt_mode;              /* "pvh" */
    const struct view_hvm *hvm;         /* what only a device model is told */
    const struct view_device *assigned; /* one device */
    unsigned asked_of[4];               /* of the bus: bus_list, bus_prepare, bus_confirm, bus_part */
    uint32_t purpose, again;
    bool two_devices;  /* the bus has another at 00_1a.0 */
    bool shows_screen; /* they are graphics cards, too */
    char prepared[16]; /* how its bus was asked: 'c' for checks only, 't' to take */
    unsigned has_told; /* how often its bus was told what it has, */
    uint32_t has;      /* and how much that was */
    char handshake[16];
    char event[BENCH_LIST][96];
    unsigned events;
    char power_state[16];
    struct bench_ask asks[BENCH_LIST];
    unsigned asked;
    struct task *task; /* given to the worker */
    struct task *parked;
    bool hold_tasks, hold_asks;
    struct bench_reply reply[BENCH_LIST];
    unsigned replies, progresses;
    uint64_t timer[8];
    unsigned said;   /* how often the core spoke */
    unsigned die_at; /* dead at the n-th time; 0: never */
    bool dead;
    uint64_t correlation;
};

/* ---- what the core says ---- */

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

/* ---- one incarnation ---- */

static void bench_begin(struct bench *b)
{
    struct life life = {{KIND_VM, BENCH_QID}, BENCH_GENERATION, span_of(b->note)};
    b->dead = b->ready = b->retired = false;
    b->die_at = 0;
    b->asked = 0;
    memset(b->timer, 0, sizeof b->timer);
    b->core = calloc(1, vm_actor.size);
    assert_non_null(b->core);
    assert_int_equal(vm_actor.begin(b->core, &b->out, &life), 0);
    vm_actor.hello(b->core, &b->out, 1, b->last_correlation);
}

static void bench_end(struct bench *b)
{
    vm_actor.end(b->core);
    free(b->core);
    free(b->task);
    free(b->parked);
    b->core = NULL;
    b->task = b->parked = NULL;
}

static void bench_setup(struct bench *b)
{
    memset(b, 0, sizeof *b);
    b->out = (struct out){&bench_out, b, 1000 * SECONDS};
    b->world.door = (struct domain_door){&bench_ops, &bench_can};
    b->entries.present = 1;
    b->doors = (struct vm_doors){.open = bench_open, .arg = &b->world, .kernels = "/kernels"};
    bench_begin(b);
}

/* ---- what is around it ---- */

static void view_of(const struct bench *b, struct vm_view *v, struct text *netvm, struct text *clients,
                    struct text *devices, struct text *hvm)
{
    *v = (struct vm_view){.version = 1,
                          .name = "work",
                          .uuid = BENCH_UUID,
                          .class = "AppVM",
                          .virt_mode = "pvh",
                          .kernel = "6.1",
                          .kernelopts = "nomodeset quiet",
                          .common_len = sizeof "nomodeset",
                          .modeset = 2,
                          .memory = 400,
                          .maxmem = 4000,
                          .vcpus = 2,
                          .qrexec = b->qrexec,
                          .calls_scarce = b->scarce,
                          .shutdown_timeout = 60,
                          .is_preload = b->is_preload,
                          .preload_waits = b->preload_waits,
                          .qrexec_timeout = 90};
    if (b->gui_user != NULL)
        strcpy(v->gui_user, b->gui_user);
    if (b->audio_user != NULL)
        strcpy(v->audio_user, b->audio_user);
    if (b->refusal != NULL) {
        v->vetoed = b->vetoed;
        snprintf(v->refusal, sizeof v->refusal, "%s", b->refusal);
        snprintf(v->refusal_class, sizeof v->refusal_class, "%s", b->refusal_class);
    }
    struct view_peer net = {.qid = NETVM_QID, .generation = 1, .name = "net"};
    struct view_peer client = {.qid = CLIENT_QID, .name = "client", .living = b->is_living_client};
    if (b->virt_mode != NULL)
        snprintf(v->virt_mode, sizeof v->virt_mode, "%s", b->virt_mode);
    if (b->hvm != NULL)
        view_hvm_add(&v->hvm, hvm, b->hvm);
    if (b->assigned != NULL) {
        view_device_add(&v->devices, devices, b->assigned);
        v->has_pci = 1;
    }
    if (b->has_netvm)
        view_peer_add(&v->netvm, netvm, &net), strcpy(v->ip, "10.137.0.7");
    view_peer_add(&v->clients, clients, &client);
}

#define BENCH_SBDF "0000:00:19.0"

/* The bus has one device, at 00_19.0. */
static void answer_of_bus(struct bench *b, const struct bench_ask *ask, struct text *body)
{
    AUTO_TEXT devices = TEXT_WITH_LIMIT(8192);
    struct device_item item = {.port = "00_19.0", .device_id = "net"};
    (void)text_copy(item.interfaces, sizeof item.interfaces,
                    span_of(b->shows_screen ? "p0200**p030000" : ""));
    struct bus_list_reply list = {0};
    struct bus_prepare_reply prepared = {.sbdf = BENCH_SBDF, .device_id = "net"};
    struct bus_part_reply parted = {.sbdf = BENCH_SBDF, .guest = "00:05.0"};
    if (ask->type == MESSAGE_bus_list) {
        device_item_add(&list.devices, &devices, &item);
        strcpy(item.port, "00_1a.0");
        if (b->two_devices)
            device_item_add(&list.devices, &devices, &item);
        bus_list_reply_encode(body, &list);
        b->asked_of[0]++;
    } else if (ask->type == MESSAGE_bus_prepare) {
        bus_prepare_reply_encode(body, &prepared);
        b->asked_of[1]++;
    } else if (ask->type == MESSAGE_bus_part) {
        bus_part_reply_encode(body, &parted);
        b->asked_of[3]++;
    } else {
        b->asked_of[2] += ask->type == MESSAGE_bus_confirm;
        write_array(body, 0);
    }
}

static void add_volumes(struct vm_view *v, struct text *volumes)
{
    struct view_volume root = {.name = "root", .pool = "fast", .storage = 5, .writable = 1};
    struct view_volume private = {.name = "private", .pool = "fast", .storage = 5, .writable = 1};
    view_volume_add(&v->volumes, volumes, &root);
    view_volume_add(&v->volumes, volumes, &private);
}

/* Whether the last thing that was asked of storage is what it refuses. */
static bool bench_refuses(const struct bench *b)
{
    const char *at = b->asked_of_storage, *last = at;
    for (; (at = strchr(at, ';')) != NULL && at[1] != '\0'; at++)
        last = at + 1;
    return b->storage_refuses != NULL && strncmp(last, b->storage_refuses, strlen(b->storage_refuses)) == 0;
}

static void answer(struct bench *b, const struct bench_ask *ask)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX), netvm = TEXT_WITH_LIMIT(1024),
              clients = TEXT_WITH_LIMIT(1024), devices = TEXT_WITH_LIMIT(8192),
              volumes = TEXT_WITH_LIMIT(4096), hvm = TEXT_WITH_LIMIT(4096);
    struct envelope e = {.type = ask->type, .class = CLASS_REPLY};
    struct answer a = {.tag = ask->tag, .e = &e};
    struct claim_reply m = {0};
    if (ask->type == MESSAGE_volume_use && bench_refuses(b)) {
        a.r = fault_set(&a.why, ERR_STORAGE, "the pool refuses");
    } else if (ask->type == MESSAGE_volume_use) {
        volume_use_reply_encode(&body, &(struct volume_use_reply){.path = "/pool/a.img"});
    } else if (b->fail_type == ask->type) {
        a.r = fault_set(&a.why, (enum err) - b->fail_type_with, "the bench refuses");
    } else if (ask->type == MESSAGE_claim) {
        view_of(b, &m.view, &netvm, &clients, &devices, &hvm);
        if (b->has_volumes)
            add_volumes(&m.view, &volumes);
        claim_reply_encode(&body, &m);
    } else if (ask->type == MESSAGE_service) {
        service_reply_encode(&body, &b->service);
    } else if (ask->type == MESSAGE_entries) {
        entries_reply_encode(&body, &b->entries);
    } else if (ask->type == MESSAGE_daemon) {
        struct daemon_reply end = b->daemon[ask->program];
        b->left.running = false;
        daemon_reply_encode(&body, &end);
    } else {
        answer_of_bus(b, ask, &body);
    }
    if (a.r == 0)
        bench_does(b, ask);
    e.body = text_span(&body);
    vm_actor.answered(b->core, &b->out, &a);
}

static void perform(struct bench *b)
{
    struct task *task = TAKE(b->task);
    struct done d = {.task = task, .what = task->what};
    vm_actor.perform(&b->doors, task);
    vm_actor.done(b->core, &b->out, &d);
    free(task);
}

/* False: there is nothing to do. */
static bool bench_run_once(struct bench *b)
{
    if (b->dead)
        return false;
    if (b->asked > 0 && !b->hold_asks) {
        struct bench_ask ask = b->asks[0];
        memmove(b->asks, b->asks + 1, --b->asked * sizeof ask);
        answer(b, &ask);
        return true;
    }
    if (b->task == NULL || b->hold_tasks)
        return false;
    perform(b);
    return true;
}

/* Until nothing is left to do, or it dies. */
static void bench_run(struct bench *b)
{
    for (int turns = 0; turns < 1000 && bench_run_once(b); turns++)
        ;
}

/* The process is killed, and the supervisor starts another. `does`: what the worker had in hand happens. */
__attribute__((unused)) static void bench_crash(struct bench *b, bool does)
{
    if (b->task != NULL && does)
        vm_actor.perform(&b->doors, b->task);
    bench_end(b);
    b->doors.door = NULL;
    bench_begin(b);
}

__attribute__((unused)) static void bench_timer_fires(struct bench *b, enum vm_timer timer)
{
    if (b->timer[timer] == 0)
        return;
    if (b->timer[timer] > b->out.now)
        b->out.now = b->timer[timer];
    b->timer[timer] = 0;
    vm_actor.timer(b->core, &b->out, timer);
}

/* A request of this type with this body. Returns its correlation. */
static uint64_t bench_hear_from(struct bench *b, struct address source, uint16_t type,
                                const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = message_rule(type)->class,
                         .subject_kind = KIND_VM,
                         .subject_instance = BENCH_QID,
                         .subject_generation = BENCH_GENERATION,
                         .source_kind = source.kind,
                         .source_instance = source.instance,
                         .to_kind = KIND_VM,
                         .to_instance = BENCH_QID,
                         .correlation = ++b->correlation,
                         .body = text_span(body)};
    vm_actor.hear(b->core, &b->out, &e);
    return b->correlation;
}

#define BENCH_HEAR(b, name, ...)                                                                             \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_MAX);                                                         \
        name##_encode(&body_, &(struct name){__VA_ARGS__});                                                  \
        bench_hear_from(b, (struct address){KIND_API, 0}, MESSAGE_##name, &body_);                           \
    })

/* host has looked at the domain as it is now. */
__attribute__((unused)) static void bench_observe(struct bench *b, unsigned event)
{
    struct bench_world *w = &b->world;
    BENCH_HEAR(b, observed, .active = w->active, .domid = w->active ? (uint32_t)w->domid : 0,
               .state = !w->active || w->dying ? VIRT_SHUTOFF
                        : w->asleep            ? VIRT_PMSUSPENDED
                        : w->paused            ? VIRT_PAUSED
                                               : VIRT_RUNNING,
               .event = event);
}

/* The answer that this request has got: 0 or -ERR_; 1 while there is none. */
static int bench_answer(const struct bench *b, uint64_t correlation)
{
    int r = 1, count = 0;
    for (unsigned i = 0; i < b->replies; i++) {
        if (b->reply[i].correlation == correlation) {
            r = b->reply[i].r;
            count++;
        }
    }
    assert_true(count <= 1);
    return r;
}

__attribute__((unused)) static unsigned bench_count(const struct bench *b, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->events; i++)
        count += strcspn(b->event[i], " ") == strlen(name) && strncmp(b->event[i], name, strlen(name)) == 0;
    return count;
}

/* The events since `from` are these, in this order. */
__attribute__((unused)) static void bench_heard(const struct bench *b, unsigned from,
                                                const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && from + i < b->events; i++)
        assert_string_equal(b->event[from + i], names[i]);
    assert_int_equal(b->events - from, count);
}

#define BENCH_HEARD(b, from, ...)                                                                            \
    bench_heard(b, from, (const char *const[]){__VA_ARGS__},                                                 \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Whatever happened: each life has ended once, and all agree. */
static void bench_agrees(const struct bench *b)
{
    unsigned ended = (unsigned)b->world.creates - (b->world.active ? 1 : 0);
    assert_int_equal(bench_count(b, "domain-stopped"), ended);
    assert_int_equal(bench_count(b, "domain-shutdown"), ended);
    assert_int_equal(b->claimed, b->world.active);
    assert_int_equal(b->core->life, b->world.active ? VM_LIVING : VM_HALTED);
    assert_int_equal(strlen(b->note) > 0, b->world.active);
    assert_true(b->ready);
    if (b->power_state[0] != '\0')
        assert_int_equal(strcmp(b->power_state, "Halted") != 0, b->world.active);
}

/* And each start that began has one outcome. */
__attribute__((unused)) static void bench_is_definite(const struct bench *b)
{
    bench_agrees(b);
    assert_int_equal(bench_count(b, "domain-pre-start"),
                     bench_count(b, "domain-start") + bench_count(b, "domain-start-failed"));
}

#endif
