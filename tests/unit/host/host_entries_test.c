/* SPDX-License-Identifier: MIT
 * What host asks xenstored for a VM: whose domain it is, the entries with their owner, the device model; and
 * what a xenstored that hangs, lies or ends can spoil. */
#include "actors/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "doors/xenstore_talk.h"

#define UUID  "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11"
#define MODEL "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02"
enum { QID = 7, GENERATION = 3, DOMID = 12, LINES = 64, REPLIES = 128 };

struct line {
    uint64_t number;
    char asked[1024]; /* in words */
    unsigned open;
};

struct bench {
    struct host *core;
    struct out out;
    unsigned wanted; /* lines that were asked for and not handed yet */
    struct line line[LINES];
    unsigned lines, closed;
    bool deaf; /* nothing can be sent */
    struct entries_reply reply[REPLIES];
    int r[REPLIES];
    unsigned replies;
    uint64_t timer;
    uint64_t correlation;
};

static int take_reply(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct error m;
    if (e->class != CLASS_REPLY)
        return 0;
    assert_true(b->replies < REPLIES);
    if (e->type == MESSAGE_error) {
        assert_int_equal(error_decode(&m, e->body), 0);
        b->r[b->replies] = -(int)m.code;
    } else {
        assert_int_equal(entries_reply_decode(&b->reply[b->replies], e->body), 0);
    }
    b->replies++;
    return 0;
}

static int ask_nobody(void *shell, struct envelope *e, uint64_t tag)
{
    (void)shell, (void)e, (void)tag;
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    (void)shell;
    free(task);
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == TIMER_ENTRIES)
        ((struct bench *)shell)->timer = at;
}

static void ready(void *shell)
{
    (void)shell;
}

static const struct out_ops out_ops = {
    .send = take_reply, .ask = ask_nobody, .task = take_task, .timer = take_timer, .ready = ready};

/* ---- the lines ---- */

static void open_line(void *arg)
{
    ((struct bench *)arg)->wanted++;
}

static struct line *line_of(struct bench *b, uint64_t number)
{
    for (unsigned i = 0; i < b->lines; i++)
        if (b->line[i].number == number)
            return &b->line[i];
    fail_msg("no line %u", (unsigned)number);
    return NULL;
}

/* "verb number path=value;" */
static void read_request(struct line *l, struct span *bytes)
{
    uint32_t header[4];
    assert_true(bytes->len >= sizeof header);
    memcpy(header, bytes->at, sizeof header);
    assert_true(bytes->len >= sizeof header + header[3]);
    const char *path = bytes->at + sizeof header, *value = path + strlen(path) + 1;
    size_t at = strlen(l->asked), len = header[3] - (size_t)(value - path);
    snprintf(l->asked + at, sizeof l->asked - at, "%u %u %s=%.*s;", header[0], header[1], path, (int)len,
             value);
    bytes->at += sizeof header + header[3];
    bytes->len -= sizeof header + header[3];
}

static int send_line(void *arg, uint64_t number, struct span bytes)
{
    struct bench *b = arg;
    struct line *l = line_of(b, number);
    assert_int_equal(l->open, 1);
    if (b->deaf)
        return -ERR_CLOSED;
    l->asked[0] = '\0';
    while (bytes.len > 0)
        read_request(l, &bytes);
    return 0;
}

static void close_line(void *arg, uint64_t number)
{
    struct bench *b = arg;
    struct line *l = line_of(b, number);
    assert_int_equal(l->open, 1);
    l->open = 0;
    b->closed++;
}

/* The supervisor hands down what was asked for. */
static struct line *hand(struct bench *b)
{
    assert_true(b->wanted > 0 && b->lines < LINES);
    b->wanted--;
    uint64_t number = host_entries_opened(b->core);
    if (number == 0)
        return NULL;
    struct line *l = &b->line[b->lines++];
    *l = (struct line){.number = number, .open = 1};
    host_entries_begin(b->core, &b->out, number);
    return l;
}

static void say_bytes(struct bench *b, const struct line *l, const void *at, size_t len)
{
    host_entries_heard(b->core, &b->out, l->number, (struct span){at, len});
}

static void say(struct bench *b, const struct line *l, uint32_t verb, uint32_t number, const char *body)
{
    uint32_t header[4] = {verb, number, 0, (uint32_t)strlen(body)};
    say_bytes(b, l, header, sizeof header);
    if (body[0] != '\0')
        say_bytes(b, l, body, strlen(body));
}

/* ---- the bench ---- */

static const struct host_line_ops lines = {open_line, send_line, close_line};

static void roster(struct bench *b)
{
    struct host_vm *vm = calloc(1, sizeof *vm);
    assert_non_null(vm);
    strcpy(vm->uuid, UUID);
    vm->qid = QID;
    vm->generation = GENERATION;
    HASH_ADD_STR(b->core->vms, uuid, vm);
    b->core->has_roster = true;
}

static int begin(void **state)
{
    static struct bench b;
    struct life life = {{KIND_HOST, 0}, 0, {NULL, 0}};
    memset(&b, 0, sizeof b);
    b.out = (struct out){&out_ops, &b, 1000 * SECONDS};
    b.core = calloc(1, host_actor.size);
    assert_non_null(b.core);
    assert_int_equal(host_actor.begin(b.core, &b.out, &life), 0);
    b.core->lines = &lines;
    b.core->lines_arg = &b;
    roster(&b);
    *state = &b;
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;
    unsigned open = 0;
    for (unsigned i = 0; i < b->lines; i++)
        open += b->line[i].open;
    host_actor.end(b->core);
    free(b->core);
    return open == 0 ? 0 : -1; /* none is left behind */
}

static void hear(struct bench *b, const struct entries *m, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    entries_encode(&body, m);
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_entries,
                         .class = CLASS_REQUEST,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid,
                         .subject_generation = GENERATION,
                         .source_kind = KIND_VM,
                         .source_instance = qid,
                         .correlation = ++b->correlation,
                         .body = text_span(&body)};
    host_actor.hear(b->core, &b->out, &e);
}

static const struct entries all = {.domid = DOMID, .balanced = 1, .hotplug_kib = 4096000};
static const struct entries look = {.domid = DOMID};

/* One that was asked whose domain it is. */
static struct line *asked(struct bench *b, const struct entries *m)
{
    hear(b, m, QID);
    return hand(b);
}

static void its(struct bench *b, const struct line *l, const char *model)
{
    say(b, l, XENSTORE_READ, 1, "/vm/" UUID);
    say(b, l, model != NULL ? XENSTORE_READ : 16, 2, model != NULL ? model : "ENOENT");
}

/* ---- what is promised ---- */

static void the_guest_owns_its_entries_and_the_device_model_is_named(void **state)
{
    struct bench *b = *state;
    struct line *l = asked(b, &all);
    assert_string_equal(l->asked, "2 1 /local/domain/12/vm=;2 2 /local/domain/12/image/device-model-domid=;");
    its(b, l, "13");
    assert_string_equal(l->asked, "2 3 /local/domain/13/vm=;"
                                  "11 4 /local/domain/12/memory/meminfo=;"
                                  "14 5 /local/domain/12/memory/meminfo=n12;"
                                  "11 6 /local/domain/12/memory/swapinfo=;"
                                  "14 7 /local/domain/12/memory/swapinfo=n12;"
                                  "11 8 /local/domain/12/memory/hotplug-max=4096000;");
    say(b, l, XENSTORE_READ, 3, "/vm/" MODEL);
    for (uint32_t i = 4; i <= 8; i++) {
        assert_int_equal(b->replies, 0);
        say(b, l, i == 5 || i == 7 ? XENSTORE_PERMIT : XENSTORE_WRITE, i, "OK");
    }
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->r[0], 0);
    assert_int_equal(b->reply[0].present, 1);
    assert_int_equal(b->reply[0].stubdom, 13);
    assert_string_equal(b->reply[0].stubdom_uuid, MODEL);
    assert_int_equal(b->timer, 0);
}

static void who_only_looks_writes_nothing(void **state)
{
    struct bench *b = *state;
    struct line *l = asked(b, &look);
    l->asked[0] = '\0';
    its(b, l, NULL);
    assert_string_equal(l->asked, "");
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->reply[0].stubdom, 0);
}

static void a_domain_of_another_vm_is_left_alone(void **state)
{
    static const char *const whose[] = {"/vm/" MODEL, "/vm/", "", UUID, "/vm/" UUID "x"};
    struct bench *b = *state;
    for (unsigned i = 0; i < COUNT(whose); i++) {
        struct line *l = asked(b, &all);
        l->asked[0] = '\0';
        say(b, l, XENSTORE_READ, 1, whose[i]);
        assert_string_equal(l->asked, "");
        assert_int_equal(b->r[i], -ERR_REFUSED);
    }
    struct line *l = asked(b, &all);
    say(b, l, 16, 1, "ENOENT");
    assert_int_equal(b->r[COUNT(whose)], -ERR_REFUSED);
}

static void a_vm_that_there_is_not_is_asked_for_by_nobody(void **state)
{
    struct bench *b = *state;
    hear(b, &all, QID + 1);
    assert_int_equal(b->r[0], -ERR_REFUSED);
    assert_int_equal(b->wanted, 0);
}

static void an_entry_that_is_refused_is_an_error(void **state)
{
    struct bench *b = *state;
    struct line *l = asked(b, &all);
    its(b, l, NULL);
    say(b, l, XENSTORE_WRITE, 4, "OK");
    say(b, l, 16, 5, "EACCES");
    assert_int_equal(b->r[0], -ERR_HYPERVISOR);
    assert_int_equal(b->closed, 1);
}

static void a_device_model_that_is_none_is_not_believed(void **state)
{
    static const char *const models[] = {"", "0", "-1", "13x", "99999999999", "nobody"};
    struct bench *b = *state;
    for (unsigned i = 0; i < COUNT(models); i++) {
        its(b, asked(b, &look), models[i]);
        assert_int_equal(b->replies, i + 1);
        assert_int_equal(b->reply[i].stubdom, 0);
    }
    struct line *l = asked(b, &look);
    its(b, l, "13");
    say(b, l, XENSTORE_READ, 3, "/vm/not-an-identity-of-36-characters-xxx");
    assert_int_equal(b->reply[COUNT(models)].stubdom, 13);
    assert_string_equal(b->reply[COUNT(models)].stubdom_uuid, "");
}

static void answers_in_pieces_are_put_together(void **state)
{
    struct bench *b = *state;
    char bytes[128];
    uint32_t header[4] = {XENSTORE_READ, 1, 0, 4 + 36}, none[4] = {16, 2, 0, 7};
    struct line *l = asked(b, &look);
    memcpy(bytes, header, 16);
    snprintf(bytes + 16, 41, "/vm/%s", UUID);
    memcpy(bytes + 56, none, 16);
    memcpy(bytes + 72, "ENOENT", 7);
    for (unsigned i = 0; i < 79; i++) {
        assert_int_equal(b->replies, 0);
        say_bytes(b, l, bytes + i, 1);
    }
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->r[0], 0);
}

static void nonsense_ends_the_question_and_no_other(void **state)
{
    static const uint32_t rows[][4] = {
        {XENSTORE_WRITE, 1, 0, 0},         /* of another kind */
        {XENSTORE_READ, 3, 0, 0},          /* to what was not asked */
        {XENSTORE_READ, 0, 0, 0},          /* to nothing */
        {15, 0, 0, 0},                     /* an event that nobody waits for */
        {XENSTORE_READ, UINT32_MAX, 0, 0}, /* far away */
        {XENSTORE_READ, 1, 0, 4097},       /* longer than any */
        {XENSTORE_READ, 1, 0, UINT32_MAX},
    };
    struct bench *b = *state;
    struct line *other = asked(b, &look);
    for (unsigned i = 0; i < COUNT(rows); i++) {
        say_bytes(b, asked(b, &all), rows[i], sizeof rows[i]);
        assert_int_equal(b->replies, i + 1);
        assert_int_equal(b->r[i], -ERR_IO);
    }
    struct line *l = asked(b, &all);
    its(b, l, NULL);
    say(b, l, XENSTORE_WRITE, 4, "OK");
    say(b, l, XENSTORE_WRITE, 4, "OK"); /* twice */
    assert_int_equal(b->r[COUNT(rows)], -ERR_IO);
    its(b, other, NULL);
    assert_int_equal(b->r[COUNT(rows) + 1], 0);
}

static void a_flood_is_not_kept(void **state)
{
    static char much[HOST_LINE_PIECE];
    struct bench *b = *state;
    uint32_t header[4] = {XENSTORE_READ, 1, 0, XENSTORE_PAYLOAD};
    struct line *l = asked(b, &all);
    say_bytes(b, l, header, sizeof header);
    for (int i = 0; i < 4; i++)
        say_bytes(b, l, much, sizeof much);
    assert_int_equal(b->replies, 1);
    assert_true(b->r[0] < 0);
}

static void one_that_hangs_or_hangs_up_costs_its_question_alone(void **state)
{
    struct bench *b = *state;
    struct line *hung = asked(b, &all), *gone = asked(b, &all), *well = asked(b, &look);
    say_bytes(b, gone, "", 0);
    assert_int_equal(b->r[0], -ERR_CLOSED);
    its(b, well, NULL);
    assert_int_equal(b->r[1], 0);
    assert_true(b->timer > b->out.now && b->timer <= b->out.now + 10 * SECONDS);
    b->out.now = b->timer;
    host_actor.timer(b->core, &b->out, TIMER_ENTRIES);
    assert_int_equal(b->replies, 3);
    assert_int_equal(b->r[2], -ERR_TIMEOUT);
    assert_int_equal(b->timer, 0);
    say(b, hung, XENSTORE_READ, 1, "/vm/" UUID); /* too late: nothing comes of it */
    assert_int_equal(b->replies, 3);
}

static void one_that_takes_nothing_or_is_dead_is_an_error_and_none_is_none(void **state)
{
    struct bench *b = *state;
    b->deaf = true;
    (void)asked(b, &all);
    assert_int_equal(b->r[0], -ERR_CLOSED);
    b->deaf = false;
    hear(b, &all, QID);
    b->wanted--;
    host_entries_no_line(b->core, &b->out, true);
    assert_int_equal(b->r[1], -ERR_CLOSED);
    hear(b, &all, QID);
    b->wanted--;
    host_entries_no_line(b->core, &b->out, false);
    assert_int_equal(b->r[2], 0);
    assert_int_equal(b->reply[2].present, 0);
    b->core->lines = NULL;
    hear(b, &all, QID);
    assert_int_equal(b->r[3], 0);
    assert_int_equal(b->reply[3].present, 0);
}

static void a_line_that_comes_too_late_serves_the_next_or_nobody(void **state)
{
    struct bench *b = *state;
    hear(b, &all, QID);
    b->out.now = b->timer;
    host_actor.timer(b->core, &b->out, TIMER_ENTRIES);
    assert_int_equal(b->r[0], -ERR_TIMEOUT);
    hear(b, &look, QID);
    assert_int_equal(b->wanted, 2);
    struct line *l = hand(b);
    assert_non_null(l);
    assert_null(hand(b));
    its(b, l, NULL);
    assert_int_equal(b->r[1], 0);
}

static void before_the_roster_questions_wait(void **state)
{
    struct bench *b = *state;
    b->core->has_roster = false;
    hear(b, &look, QID);
    assert_int_equal(b->wanted, 0);
    b->core->has_roster = true;
    host_entries_roster(b->core, &b->out);
    its(b, hand(b), NULL);
    assert_int_equal(b->r[0], 0);
}

static void so_many_lines_are_open_and_the_rest_wait_their_turn(void **state)
{
    struct bench *b = *state;
    enum { MANY = HOST_LINES_MAX + 8 };
    for (unsigned i = 0; i < MANY; i++)
        hear(b, &look, QID);
    assert_int_equal(b->wanted, HOST_LINES_MAX);
    for (unsigned i = 0; i < MANY; i++) {
        struct line *l = hand(b);
        assert_int_equal(l->number, i + 1); /* in their order */
        its(b, l, NULL);
        assert_int_equal(b->replies, i + 1);
    }
    assert_int_equal(b->wanted, 0);
    assert_int_equal(b->closed, MANY);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(the_guest_owns_its_entries_and_the_device_model_is_named),
        BENCH_TEST(who_only_looks_writes_nothing),
        BENCH_TEST(a_domain_of_another_vm_is_left_alone),
        BENCH_TEST(a_vm_that_there_is_not_is_asked_for_by_nobody),
        BENCH_TEST(an_entry_that_is_refused_is_an_error),
        BENCH_TEST(a_device_model_that_is_none_is_not_believed),
        BENCH_TEST(answers_in_pieces_are_put_together),
        BENCH_TEST(nonsense_ends_the_question_and_no_other),
        BENCH_TEST(a_flood_is_not_kept),
        BENCH_TEST(one_that_hangs_or_hangs_up_costs_its_question_alone),
        BENCH_TEST(one_that_takes_nothing_or_is_dead_is_an_error_and_none_is_none),
        BENCH_TEST(a_line_that_comes_too_late_serves_the_next_or_nobody),
        BENCH_TEST(before_the_roster_questions_wait),
        BENCH_TEST(so_many_lines_are_open_and_the_rest_wait_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
