/* SPDX-License-Identifier: MIT
 * The host's core: who is told what runs, when the list, the roster, the router or libvirt change. */
#include "actors/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "proto/rules.h"

enum { SAID = 64, DOMAINS = 4 };
#define UUID_A "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11"
#define UUID_B "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02"

/* Everything around one host. */
struct bench {
    struct host *core;
    struct out out;
    struct hostwatch watch; /* the connection */
    struct host_doors doors;
    struct hostwatch_domain domains[DOMAINS];
    size_t count;
    int trouble; /* what calls answer */
    unsigned opens;
    char said[SAID][64]; /* in words */
    unsigned told, readies;
    bool asks_roster;
    struct task *task;
    uint64_t timer[4];
};

static struct bench *bench;

static void close_watch(struct hostwatch *watch)
{
    (void)watch;
}

static int list(struct hostwatch *watch, struct hostwatch_domain *rows, size_t room, size_t *count,
                struct fault *why)
{
    (void)watch;
    if (bench->trouble < 0)
        return fault_set(why, (enum err) - bench->trouble, "the bench wants this");
    assert_true(room >= bench->count);
    memcpy(rows, bench->domains, bench->count * sizeof *rows);
    *count = bench->count;
    return 0;
}

static int figures(struct hostwatch *watch, struct hostwatch_figures *f, struct fault *why)
{
    (void)watch, (void)why;
    *f = (struct hostwatch_figures){.driver = "TEST", .memory_kib = 1 << 20, .cpus = 2};
    return 0;
}

static int samples(struct hostwatch *watch, struct hostwatch_sample *rows, size_t room, size_t *count,
                   struct fault *why)
{
    (void)watch;
    if (bench->trouble < 0)
        return fault_set(why, (enum err) - bench->trouble, "the bench wants this");
    assert_true(room >= bench->count);
    for (size_t i = 0; i < bench->count; i++) {
        rows[i] = (struct hostwatch_sample){.domid = bench->domains[i].domid, .cputime_ns = 7, .vcpus = 2};
        memcpy(rows[i].uuid, bench->domains[i].uuid, sizeof rows[i].uuid);
    }
    *count = bench->count;
    return 0;
}

static const struct hostwatch_ops watch_ops = {close_watch, list, figures, samples};

static int open_watch(void *arg, struct hostwatch **ret, struct fault *why)
{
    (void)arg;
    bench->opens++;
    if (bench->trouble < 0)
        return fault_set(why, (enum err) - bench->trouble, "the bench wants this");
    *ret = &bench->watch;
    return 0;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    assert_true(bench->told < SAID);
    va_start(args, format);
    vsnprintf(bench->said[bench->told++], sizeof bench->said[0], format, args);
    va_end(args);
}

static int hear_said(void *shell, struct envelope *e)
{
    struct observed m;
    struct observed_all all;
    (void)shell;
    assert_int_equal(envelope_permitted(e, (struct address){KIND_HOST, 0}), 0);
    if (e->type == MESSAGE_observed) {
        assert_int_equal(observed_decode(&m, e->body), 0);
        say("vm/%u.%u active=%u domid=%u state=%u event=%u", e->to_instance, e->subject_generation, m.active,
            m.domid, m.state, m.event);
    } else if (e->type == MESSAGE_sample && e->class == CLASS_REPLY) {
        struct sample_reply sample;
        assert_int_equal(sample_reply_decode(&sample, e->body), 0);
        say("sample %u to api/%u", sample.samples.count, e->to_instance);
        struct reader in = list_reader(&sample.samples);
        struct sample_item item;
        while (sample_item_next(&in, &item) == 1)
            if (item.has != 0 || item.memory_max_kib != 0)
                say("domain %u has %u: %u %u most %u", item.domid, item.has, (unsigned)item.with_swap_kib,
                    (unsigned)item.swap_kib, (unsigned)item.memory_max_kib);
    } else if (e->type == MESSAGE_error) {
        say("error to api/%u", e->to_instance);
    } else if (e->type == MESSAGE_observed_all) {
        assert_int_equal(observed_all_decode(&all, e->body), 0);
        say("all %u", all.domains.count);
    } else {
        say("%s", message_rule(e->type)->name);
    }
    return 0;
}

static int hear_ask(void *shell, struct envelope *e, uint64_t tag)
{
    (void)shell, (void)tag;
    assert_int_equal(e->type, MESSAGE_roster);
    bench->asks_roster = true;
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    (void)shell;
    assert_null(bench->task);
    bench->task = task;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell;
    bench->timer[timer] = at;
}

static void take_ready(void *shell)
{
    (void)shell;
    bench->readies++;
}

static const struct out_ops out_ops = {
    .send = hear_said, .ask = hear_ask, .task = take_task, .timer = take_timer, .ready = take_ready};

static void setup(struct bench *b)
{
    struct life life = {.self = {KIND_HOST, 0}};
    memset(b, 0, sizeof *b);
    bench = b;
    b->watch.ops = &watch_ops;
    b->doors.open = open_watch;
    b->out = (struct out){.ops = &out_ops, .now = 10 * SECONDS};
    b->core = calloc(1, host_actor.size);
    assert_int_equal(host_actor.begin(b->core, &b->out, &life), 0);
    host_actor.hello(b->core, &b->out, 1, 0);
}

static void finish(struct bench *b)
{
    host_actor.end(b->core);
    free(b->core);
    free(b->task);
}

static void runs(struct bench *b, const char *uuid, int domid, enum virt_state state)
{
    struct hostwatch_domain *d = &b->domains[b->count++];
    *d = (struct hostwatch_domain){.domid = domid, .state = state};
    snprintf(d->uuid, sizeof d->uuid, "%s", uuid);
}

static void perform(struct bench *b)
{
    struct task *task = TAKE(b->task);
    struct done d = {.task = task, .what = task->what};
    host_actor.perform(&b->doors, task);
    host_actor.done(b->core, &b->out, &d);
    free(task);
}

static void give_roster(struct bench *b)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(4096), body = TEXT_WITH_LIMIT(4096);
    struct roster_reply m = {0};
    struct roster_item items[] = {{0, 0, "00000000-0000-0000-0000-000000000000", "dom0"},
                                  {7, 3, UUID_A, "work"},
                                  {8, 0, UUID_B, "play"}};
    for (size_t i = 0; i < COUNT(items); i++)
        roster_item_add(&m.vms, &elements, &items[i]);
    roster_reply_encode(&body, &m);
    struct envelope e = {.type = MESSAGE_roster, .class = CLASS_REPLY, .body = text_span(&body)};
    struct answer a = {.e = &e};
    host_actor.answered(b->core, &b->out, &a);
}

static void event(struct bench *b, const char *uuid, enum virt_event what)
{
    struct hostwatch_event e = {.what = what};
    snprintf(e.uuid, sizeof e.uuid, "%s", uuid);
    host_heard(b->core, &b->out, &e);
}

static bool has_said(const struct bench *b, unsigned from, const char *text)
{
    for (unsigned i = from; i < b->told; i++)
        if (strcmp(b->said[i], text) == 0)
            return true;
    return false;
}

/* Connected, with its roster, and one domain that runs. */
static void settled(struct bench *b)
{
    setup(b);
    runs(b, UUID_A, 4, VIRT_RUNNING);
    perform(b);
    assert_true(b->asks_roster);
    give_roster(b);
}

static void what_runs_is_told_to_registry_and_to_each_vm(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    assert_true(b.readies > 0);
    assert_true(has_said(&b, 0, "facts") && has_said(&b, 0, "host_facts") && has_said(&b, 0, "all 1"));
    assert_true(has_said(&b, 0, "vm/7.3 active=1 domid=4 state=1 event=255"));
    assert_true(has_said(&b, 0, "vm_look"));
    for (unsigned i = 0; i < b.told; i++)
        assert_int_not_equal(strncmp(b.said[i], "vm/8", 4), 0);
    finish(&b);
}

static void ask_sample(struct bench *b, uint32_t instance)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(100);
    sample_encode(&body, NO_MESSAGE(sample));
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_sample,
                         .class = CLASS_REQUEST,
                         .source_kind = KIND_API,
                         .source_instance = instance,
                         .to_kind = KIND_HOST,
                         .correlation = 5,
                         .body = text_span(&body)};
    host_actor.hear(b->core, &b->out, &e);
}

static void one_sample_of_all_domains_answers_all_who_ask_meanwhile(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    runs(&b, UUID_B, 5, VIRT_RUNNING);
    unsigned from = b.told;
    ask_sample(&b, 0);
    ask_sample(&b, 1);
    perform(&b);
    assert_null(b.task);
    assert_true(has_said(&b, from, "sample 2 to api/0") && has_said(&b, from, "sample 2 to api/1"));
    ask_sample(&b, 0);
    b.trouble = -ERR_HYPERVISOR;
    from = b.told;
    perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_true(has_said(&b, from, "error to api/0"));
    finish(&b);
}

/* ---- what domains say of themselves ---- */

struct word {
    const char *path, *value; /* NULL: the daemon is gone */
};
static const struct word *words;
static unsigned words_read;

static int read_word(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *value,
                     struct fault *why)
{
    (void)x, (void)tx;
    words_read++;
    for (const struct word *w = words; w->path != NULL; w++) {
        if (strcmp(w->path, path) != 0)
            continue;
        if (w->value == NULL)
            return fault_set(why, ERR_CLOSED, "gone");
        text_add(value, w->value);
        return value->failed;
    }
    return fault_set(why, ERR_UNKNOWN, "no such key");
}

static void guests_are_believed_numbers_and_nothing_else(void **state)
{
    static const struct {
        struct word words[5];
        const char *says;
    } rows[] = {
        {{{"/local/domain/4/memory/meminfo", "7000"}}, "domain 4 has 1: 7000 0 most 0"},
        {{{"/local/domain/4/memory/meminfo", "7000"}, {"/local/domain/4/memory/swapinfo", "99"}},
         "domain 4 has 3: 7000 99 most 0"},
        {{{"/local/domain/4/memory/meminfo", "7000"}, {"/local/domain/4/memory/swapinfo", "lots"}},
         "domain 4 has 1: 7000 0 most 0"},
        {{{"/local/domain/4/memory/meminfo", "-1"}, {"/local/domain/4/memory/swapinfo", "99"}}, NULL},
        {{{"/local/domain/4/memory/meminfo", "123456789012345678901234567890"}}, NULL},
        {{{"/local/domain/4/memory/meminfo", ""}}, NULL},
        {{{"/local/domain/4/image/device-model-domid", "5"}, {"/local/domain/5/memory/static-max", "147456"}},
         "domain 4 has 0: 0 0 most 147456"},
        {{{"/local/domain/4/image/device-model-domid", "99999999999"}}, NULL},
    };
    static const struct xenstore_ops ops = {.read = read_word};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        struct xenstore_door door = {&ops};
        settled(&b);
        b.doors.xenstore = &door;
        words = rows[i].words;
        unsigned from = b.told;
        ask_sample(&b, 0);
        perform(&b);
        assert_true(has_said(&b, from, "sample 1 to api/0"));
        assert_int_equal(b.told - from, rows[i].says != NULL ? 2 : 1);
        assert_true(rows[i].says == NULL || has_said(&b, from, rows[i].says));
        finish(&b);
    }
}

static void a_xenstore_that_is_gone_is_not_asked_again_and_samples_go_on(void **state)
{
    static const struct word gone[] = {{"/local/domain/4/memory/meminfo", NULL}, {NULL, NULL}};
    static const struct xenstore_ops ops = {.read = read_word};
    struct xenstore_door door = {&ops};
    struct bench b;
    (void)state;
    settled(&b);
    b.doors.xenstore = &door;
    words = gone;
    words_read = 0;
    for (unsigned i = 1; i <= 2; i++) {
        unsigned from = b.told;
        ask_sample(&b, 0);
        perform(&b);
        assert_true(has_said(&b, from, "sample 1 to api/0"));
        assert_int_equal(words_read, 1);
    }
    finish(&b);
}

static void without_a_hypervisor_no_sample_is_promised(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    b.trouble = -ERR_NO_CONNECTION;
    perform(&b);
    unsigned from = b.told;
    ask_sample(&b, 0);
    assert_null(b.task);
    assert_true(has_said(&b, from, "error to api/0"));
    finish(&b);
}

static void each_event_leads_to_a_fresh_look(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    unsigned from = b.told;
    event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    assert_int_equal(b.told, from); /* what it said may be old: nothing before the look */
    b.domains[0].state = VIRT_PAUSED;
    perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=1 domid=4 state=3 event=3");
    finish(&b);
}

static void an_event_during_a_look_leads_to_another(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    struct task *running = TAKE(b.task);
    event(&b, UUID_A, VIRT_EVENT_RESUMED);
    assert_null(b.task);
    b.task = running;
    perform(&b);
    assert_non_null(b.task);
    perform(&b);
    assert_null(b.task);
    finish(&b);
}

static void a_domain_that_is_gone_is_told_once(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    unsigned from = b.told;
    b.count = 0;
    event(&b, UUID_A, VIRT_EVENT_STOPPED);
    perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=0 domid=0 state=5 event=5");
    event(&b, UUID_B, VIRT_EVENT_DEFINED);
    assert_null(b.task);
    finish(&b);
}

static void strangers_are_nobodys_business(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    unsigned from = b.told;
    runs(&b, "11111111-0f39-4c4e-9a53-0c7d3a4f8e11", 9, VIRT_RUNNING);
    event(&b, "11111111-0f39-4c4e-9a53-0c7d3a4f8e11", VIRT_EVENT_STARTED);
    perform(&b);
    assert_int_equal(b.told, from);
    finish(&b);
}

static void without_libvirt_it_is_ready_and_tries_less_and_less_often(void **state)
{
    struct bench b;
    uint64_t waits[8];
    (void)state;
    setup(&b);
    b.trouble = -ERR_NO_CONNECTION;
    for (size_t i = 0; i < COUNT(waits); i++) {
        perform(&b);
        waits[i] = b.timer[TIMER_CONNECT] - b.out.now;
        host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    }
    assert_true(b.readies > 0);
    assert_true(waits[0] == 100 * MILLISECONDS && waits[1] == 200 * MILLISECONDS && waits[7] == 2 * SECONDS);
    b.trouble = 0;
    runs(&b, UUID_A, 4, VIRT_RUNNING);
    give_roster(&b);
    unsigned from = b.told;
    perform(&b);
    assert_true(has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=255"));
    finish(&b);
}

static void what_ended_while_libvirt_was_away_is_told(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    host_lost(b.core, &b.out);
    b.count = 0;
    unsigned from = b.told;
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    perform(&b);
    assert_true(has_said(&b, from, "vm/7.3 active=0 domid=0 state=5 event=255"));
    assert_true(has_said(&b, from, "all 0"));
    finish(&b);
}

/* The look that was under way has nothing to connect again for, and the time for it is over. */
static void a_connection_that_ends_during_a_look_is_made_again(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    event(&b, UUID_A, VIRT_EVENT_STOPPED);
    assert_int_equal(b.task->what, HOST_LIST);
    host_lost(b.core, &b.out);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    unsigned opens = b.opens;
    b.timer[TIMER_CONNECT] = 0;
    perform(&b);
    assert_int_not_equal(b.timer[TIMER_CONNECT], 0);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    perform(&b);
    assert_int_equal(b.opens, opens + 1);
    finish(&b);
}

static void a_connection_that_ends_while_it_is_made_is_made_again(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    host_lost(b.core, &b.out);
    perform(&b);
    assert_false(has_said(&b, 0, "all 0"));
    assert_int_not_equal(b.timer[TIMER_CONNECT], 0);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    perform(&b);
    give_roster(&b);
    assert_true(has_said(&b, 0, "all 0"));
    finish(&b);
}

/* libvirtd stands still: two threads may hang in it, and no more is asked until one returns. */
static void what_hangs_is_bounded_and_recovers(void **state)
{
    struct bench b;
    struct task *hung[2];
    (void)state;
    setup(&b);
    for (size_t i = 0; i < COUNT(hung); i++) {
        struct done overdue = {.what = b.task->what, .overdue = true};
        hung[i] = TAKE(b.task);
        host_actor.done(b.core, &b.out, &overdue);
        host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    }
    assert_null(b.task);
    assert_true(b.readies > 0);
    for (size_t i = 0; i < COUNT(hung); i++) {
        struct done cleared = {.task = hung[i], .what = hung[i]->what, .cleared = true};
        host_actor.done(b.core, &b.out, &cleared);
        free(hung[i]);
    }
    assert_non_null(b.task);
    perform(&b);
    give_roster(&b);
    assert_true(has_said(&b, 0, "all 0"));
    finish(&b);
}

static void a_new_router_hears_everything_again(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    unsigned from = b.told;
    host_actor.hello(b.core, &b.out, 2, 0);
    assert_true(has_said(&b, from, "all 1") && has_said(&b, from, "facts"));
    assert_true(has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=255"));
    finish(&b);
}

static void a_roster_that_does_not_come_is_asked_for_again(void **state)
{
    struct bench b;
    struct answer gone = {.r = -ERR_GONE};
    (void)state;
    setup(&b);
    b.asks_roster = false;
    host_actor.answered(b.core, &b.out, &gone);
    assert_true(b.timer[TIMER_ROSTER] > b.out.now);
    host_actor.timer(b.core, &b.out, TIMER_ROSTER);
    assert_true(b.asks_roster);
    finish(&b);
}

static void a_vm_that_was_removed_is_told_nothing(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    struct roster_change gone = {.gone = 1, .vm = {7, 3, UUID_A, "work"}};
    (void)state;
    settled(&b);
    roster_change_encode(&body, &gone);
    struct envelope e = {.type = MESSAGE_roster_change,
                         .class = CLASS_EVENT,
                         .source_kind = KIND_REGISTRY,
                         .body = text_span(&body)};
    host_actor.hear(b.core, &b.out, &e);
    unsigned from = b.told;
    b.count = 0;
    event(&b, UUID_A, VIRT_EVENT_STOPPED);
    perform(&b);
    assert_int_equal(b.told, from);
    finish(&b);
}

static void definitions_are_no_news(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    event(&b, UUID_A, VIRT_EVENT_DEFINED);
    event(&b, UUID_A, VIRT_EVENT_UNDEFINED);
    assert_null(b.task);
    assert_int_equal(((struct host *)b.core)->event_count, 0);
    finish(&b);
}

static void events_beyond_the_room_for_them_are_made_up_by_the_look(void **state)
{
    struct bench b;
    (void)state;
    settled(&b);
    for (unsigned i = 0; i < HOST_EVENTS_MAX + 8; i++)
        event(&b, UUID_A, VIRT_EVENT_RESUMED);
    assert_int_equal(((struct host *)b.core)->event_count, HOST_EVENTS_MAX);
    assert_non_null(b.task);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_is_told_to_registry_and_to_each_vm),
        cmocka_unit_test(one_sample_of_all_domains_answers_all_who_ask_meanwhile),
        cmocka_unit_test(guests_are_believed_numbers_and_nothing_else),
        cmocka_unit_test(a_xenstore_that_is_gone_is_not_asked_again_and_samples_go_on),
        cmocka_unit_test(without_a_hypervisor_no_sample_is_promised),
        cmocka_unit_test(each_event_leads_to_a_fresh_look),
        cmocka_unit_test(an_event_during_a_look_leads_to_another),
        cmocka_unit_test(a_domain_that_is_gone_is_told_once),
        cmocka_unit_test(strangers_are_nobodys_business),
        cmocka_unit_test(without_libvirt_it_is_ready_and_tries_less_and_less_often),
        cmocka_unit_test(what_ended_while_libvirt_was_away_is_told),
        cmocka_unit_test(a_connection_that_ends_during_a_look_is_made_again),
        cmocka_unit_test(a_connection_that_ends_while_it_is_made_is_made_again),
        cmocka_unit_test(what_hangs_is_bounded_and_recovers),
        cmocka_unit_test(a_new_router_hears_everything_again),
        cmocka_unit_test(a_roster_that_does_not_come_is_asked_for_again),
        cmocka_unit_test(a_vm_that_was_removed_is_told_nothing),
        cmocka_unit_test(definitions_are_no_news),
        cmocka_unit_test(events_beyond_the_room_for_them_are_made_up_by_the_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
