/* SPDX-License-Identifier: MIT
 * The QubesDB door believes nothing: whatever a daemon answers, a call ends by its deadline with an error
 * or with what was asked. */
#include "doors/qubesdb.h"
#include "doors/qubesdb_sim.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

/* The daemon's end: answers from a simulated database in a thread of its own, or says fixed bytes. */
struct bench {
    int end;
    pthread_t thread;
    bool runs;
    struct qubesdb *q;
};

static void not_told(void *arg, int client, const char *path)
{
    char bytes[QUBESDB_FRAME_MAX];
    int len = qubesdb_frame_write(bytes, QUBESDB_FIRED, span_of(path), SPAN_LITERAL(""));
    (void)client;
    (void)send(((struct bench *)arg)->end, bytes, (size_t)len, MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
    struct bench *b = arg;
    struct qubesdb_stream s = {0};
    struct qubesdb_message m;
    AUTO(qubesdb_sim) *sim = qubesdb_sim_new();
    AUTO_TEXT answer = TEXT_WITH_LIMIT(1 << 20);
    ssize_t got;
    while (sim != NULL && (got = read(b->end, s.bytes + s.have, sizeof s.bytes - s.have)) > 0) {
        s.have += (size_t)got;
        while (qubesdb_frame_take(&s, &m) == 1) {
            text_clear(&answer);
            (void)qubesdb_sim_hear(sim, 1, &m, &answer, not_told, b);
            (void)send(b->end, answer.at, answer.len, MSG_NOSIGNAL);
        }
    }
    return NULL;
}

static void setup(struct bench *b, bool runs)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    *b = (struct bench){.end = ends[1], .runs = runs};
    assert_int_equal(qubesdb_new(ends[0], &b->q), 0);
    if (runs)
        assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
}

static void teardown(struct bench *b)
{
    qubesdb_free(b->q);
    if (b->runs)
        pthread_join(b->thread, NULL);
    close(b->end);
}

static uint64_t in(unsigned milliseconds)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec + milliseconds * UINT64_C(1000000);
}

static void say(struct bench *b, enum qubesdb_type type, const char *path, const char *value)
{
    char bytes[QUBESDB_FRAME_MAX];
    int len = qubesdb_frame_write(bytes, type, span_of(path), span_of(value));
    assert_true(len > 0);
    assert_int_equal(send(b->end, bytes, (size_t)len, 0), len);
}

static int collect(void *arg, struct span name, struct span value, struct fault *why)
{
    struct text *all = arg;
    (void)why;
    text_format(all, "%.*s=%.*s;", (int)name.len, name.at, (int)value.len, value.at);
    return all->failed;
}

static void what_was_written_is_read_and_listed_in_order(void **state)
{
    struct bench b;
    struct fault why;
    AUTO_TEXT value = TEXT_WITH_LIMIT(64);
    AUTO_TEXT all = TEXT_WITH_LIMIT(256);
    (void)state;
    setup(&b, true);
    assert_int_equal(qubesdb_write(b.q, "/a/two", SPAN_LITERAL("2"), in(2000), &why), 0);
    assert_int_equal(qubesdb_write(b.q, "/a/one", SPAN_LITERAL("1"), in(2000), &why), 0);
    assert_int_equal(qubesdb_write(b.q, "/b", SPAN_LITERAL("x"), in(2000), &why), 0);
    assert_int_equal(qubesdb_read(b.q, "/a/two", in(2000), &value, &why), 0);
    assert_string_equal(value.at, "2");
    assert_int_equal(qubesdb_multiread(b.q, "/a/", in(2000), collect, &all, &why), 0);
    assert_string_equal(all.at, "one=1;two=2;");
    assert_int_equal(qubesdb_rm(b.q, "/a/", in(2000), &why), 0);
    assert_int_equal(qubesdb_rm(b.q, "/a/", in(2000), &why), 0);
    assert_int_equal(qubesdb_read(b.q, "/a/one", in(2000), &value, &why), -ERR_UNKNOWN);
    teardown(&b);
}

static void a_fired_watch_between_answers_disturbs_nothing(void **state)
{
    struct bench b;
    struct fault why;
    AUTO_TEXT value = TEXT_WITH_LIMIT(64);
    (void)state;
    setup(&b, true);
    assert_int_equal(qubesdb_watch(b.q, "/w/", in(2000), &why), 0);
    assert_int_equal(qubesdb_write(b.q, "/w/x", SPAN_LITERAL("1"), in(2000), &why), 0);
    assert_int_equal(qubesdb_write(b.q, "/w/y", SPAN_LITERAL("2"), in(2000), &why), 0);
    assert_int_equal(qubesdb_read(b.q, "/w/x", in(2000), &value, &why), 0);
    assert_string_equal(value.at, "1");
    assert_int_equal(qubesdb_unwatch(b.q, "/w/", in(2000), &why), 0);
    assert_int_equal(qubesdb_unwatch(b.q, "/w/", in(2000), &why), -ERR_UNKNOWN);
    teardown(&b);
}

static void a_daemon_that_says_nothing_costs_the_deadline(void **state)
{
    struct bench b;
    struct fault why;
    AUTO_TEXT value = TEXT_WITH_LIMIT(64);
    uint64_t begun = in(0);
    (void)state;
    setup(&b, false);
    assert_int_equal(qubesdb_read(b.q, "/a", in(60), &value, &why), -ERR_TIMEOUT);
    assert_true(in(0) - begun < UINT64_C(2000000000));
    assert_int_equal(value.len, 0);
    /* what comes late belongs to no later question */
    say(&b, QUBESDB_VALUE, "/a", "late");
    assert_int_equal(qubesdb_read(b.q, "/a", in(60), &value, &why), -ERR_CLOSED);
    assert_int_equal(value.len, 0);
    teardown(&b);
}

static void an_answer_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        enum qubesdb_type type;
        const char *path;
    } lie[] = {{QUBESDB_VALUE, "/b"}, {QUBESDB_OK, "/a"}, {QUBESDB_ENTRY, "/a"}, {QUBESDB_READ, "/a"}};
    (void)state;
    for (size_t i = 0; i < COUNT(lie); i++) {
        struct bench b;
        struct fault why;
        AUTO_TEXT value = TEXT_WITH_LIMIT(64);
        setup(&b, false);
        say(&b, lie[i].type, lie[i].path, "v");
        assert_int_equal(qubesdb_read(b.q, "/a", in(500), &value, &why), -ERR_BAD);
        assert_int_equal(value.len, 0);
        teardown(&b);
    }
}

static void a_length_beyond_the_limit_is_not_waited_for(void **state)
{
    struct bench b;
    struct fault why;
    AUTO_TEXT value = TEXT_WITH_LIMIT(64);
    char bytes[QUBESDB_FRAME_MAX];
    (void)state;
    setup(&b, false);
    assert_int_equal(qubesdb_frame_write(bytes, QUBESDB_VALUE, SPAN_LITERAL("/a"), SPAN_LITERAL("")), 72);
    memset(bytes + 68, 0xff, 4);
    assert_int_equal(send(b.end, bytes, 72, 0), 72);
    assert_int_equal(qubesdb_read(b.q, "/a", in(5000), &value, &why), -ERR_BAD);
    teardown(&b);
}

static int at_most_three(void *arg, struct span name, struct span value, struct fault *why)
{
    (void)name, (void)value;
    return ++*(int *)arg > 3 ? fault_set(why, ERR_TOO_BIG, "more than three") : 0;
}

static void an_endless_list_ends_where_its_reader_says(void **state)
{
    struct bench b;
    struct fault why;
    int count = 0;
    (void)state;
    setup(&b, false);
    for (int i = 0; i < 10; i++)
        say(&b, QUBESDB_ENTRY, "/f/x", "1");
    assert_int_equal(qubesdb_multiread(b.q, "/f/", in(500), at_most_three, &count, &why), -ERR_TOO_BIG);
    assert_int_equal(count, 4);
    assert_int_equal(qubesdb_multiread(b.q, "/f/", in(500), at_most_three, &count, &why), -ERR_CLOSED);
    teardown(&b);
}

static void half_an_answer_and_an_end_is_an_end(void **state)
{
    struct bench b;
    struct fault why;
    AUTO_TEXT value = TEXT_WITH_LIMIT(64);
    (void)state;
    setup(&b, false);
    assert_int_equal(send(b.end, "\x0a/a", 3, 0), 3);
    assert_int_equal(shutdown(b.end, SHUT_WR), 0);
    assert_int_equal(qubesdb_read(b.q, "/a", in(5000), &value, &why), -ERR_CLOSED);
    teardown(&b);
}

static void a_path_of_ours_that_does_not_fit_is_never_sent(void **state)
{
    static const char long_path[] = "/2345678901234567890123456789012345678901234567890123456789012345";
    struct bench b;
    struct fault why;
    char byte;
    (void)state;
    setup(&b, false);
    assert_int_equal(qubesdb_rm(b.q, long_path, in(500), &why), -ERR_RANGE);
    assert_int_equal(qubesdb_rm(b.q, "no/slash", in(500), &why), -ERR_RANGE);
    assert_int_equal(recv(b.end, &byte, 1, MSG_DONTWAIT), -1);
    teardown(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_and_listed_in_order),
        cmocka_unit_test(a_fired_watch_between_answers_disturbs_nothing),
        cmocka_unit_test(a_daemon_that_says_nothing_costs_the_deadline),
        cmocka_unit_test(an_answer_that_does_not_fit_is_refused),
        cmocka_unit_test(a_length_beyond_the_limit_is_not_waited_for),
        cmocka_unit_test(an_endless_list_ends_where_its_reader_says),
        cmocka_unit_test(half_an_answer_and_an_end_is_an_end),
        cmocka_unit_test(a_path_of_ours_that_does_not_fit_is_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
