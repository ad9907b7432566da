/* SPDX-License-Identifier: MIT
 * What the worker makes of a guest's database: bounded words, or nothing. */
#include "actors/guest/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/own.h"
#include "doors/qubesdb.h"

/* All that the daemon will say, before it is asked; then the end. */
struct bench {
    int end;
    struct guest_task task;
};

static void setup(struct bench *b, uint32_t what)
{
    int ends[2], room = 1 << 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    *b = (struct bench){.end = ends[1],
                        .task = {.fd = ends[0], .what = what, .elements = TEXT_WITH_LIMIT(BODY_PART_MAX)}};
}

static void say(struct bench *b, enum qubesdb_type type, const char *path, const char *value)
{
    char bytes[QUBESDB_FRAME_MAX];
    int len = qubesdb_frame_write(bytes, type, span_of(path), span_of(value));
    assert_true(len > 0);
    assert_int_equal(send(b->end, bytes, (size_t)len, MSG_NOSIGNAL), len);
}

/* Reads; then the words as "key=value;". */
static int perform(struct bench *b, char text[512])
{
    struct guest_word word;
    size_t at = 0;
    assert_int_equal(shutdown(b->end, SHUT_WR), 0);
    guest_perform(NULL, &b->task.task);
    struct reader in = list_reader(&b->task.words);
    text[0] = '\0';
    while (b->task.task.r == 0 && guest_word_next(&in, &word) == 1)
        at += (size_t)snprintf(text + at, 512 - at, "%s=%.100s;", word.key, word.value);
    text_free(&b->task.elements);
    close(b->end);
    return b->task.task.r;
}

static void requests_are_read_in_the_order_of_the_database(void **state)
{
    struct bench b;
    char text[512];
    (void)state;
    setup(&b, 0);
    say(&b, QUBESDB_ENTRY, "/features-request/", "x");
    say(&b, QUBESDB_ENTRY, "/features-request/os-version", "12.1");
    say(&b, QUBESDB_FIRED, "/elsewhere", "");
    say(&b, QUBESDB_ENTRY, "/features-request/qrexec", "1");
    say(&b, QUBESDB_ENTRY, "/features-request/gui", "");
    say(&b, QUBESDB_ENTRY, "", "");
    assert_int_equal(perform(&b, text), 0);
    assert_string_equal(text, "os-version=12.1;qrexec=1;gui=;");
}

static void one_bad_word_makes_the_request_void(void **state)
{
    static const char *const bad[][2] = {
        {"/features-request/a", "quo'te"},   {"/features-request/a", "line\nfeed"},
        {"/features-request/a", "\xc3\xa9"}, {"/features-request/a", "{}"},
        {"/features-request/a b", "1"},      {"/features-request/a'b", "1"},
        {"/features-request/a=b", "1"},
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct bench b;
        setup(&b, 0);
        say(&b, QUBESDB_ENTRY, "/features-request/qrexec", "1");
        say(&b, QUBESDB_ENTRY, bad[i][0], bad[i][1]);
        say(&b, QUBESDB_ENTRY, "", "");
        assert_int_equal(perform(&b, text), -ERR_PROTOCOL);
        assert_string_equal(text, "");
    }
}

static void more_words_or_bytes_than_are_allowed_make_it_void(void **state)
{
    char value[QUBESDB_DATA_MAX + 1], text[512];
    (void)state;
    for (int long_ones = 0; long_ones < 2; long_ones++) {
        struct bench b;
        setup(&b, 0);
        memset(value, 'a', sizeof value - 1);
        value[long_ones ? sizeof value - 1 : 1] = '\0';
        for (int i = 0; i < (long_ones ? 11 : 257); i++) {
            char path[64];
            snprintf(path, sizeof path, "/features-request/w%d", i);
            say(&b, QUBESDB_ENTRY, path, value);
        }
        say(&b, QUBESDB_ENTRY, "", "");
        assert_int_equal(perform(&b, text), -ERR_PROTOCOL);
    }
}

static void tools_are_read_in_their_order_and_empty_ones_skipped(void **state)
{
    struct bench b;
    char text[512];
    (void)state;
    setup(&b, 1);
    say(&b, QUBESDB_VALUE, "/qubes-tools/qrexec", "1");
    say(&b, QUBESDB_NOENT, "/qubes-tools/gui", "");
    say(&b, QUBESDB_VALUE, "/qubes-tools/gui-emulated", "");
    say(&b, QUBESDB_VALUE, "/qubes-tools/default-user", "user");
    say(&b, QUBESDB_VALUE, "/qubes-tools/os", "Windows");
    assert_int_equal(perform(&b, text), 0);
    assert_string_equal(text, "qrexec=1;default-user=user;os=Windows;");
}

static void a_tool_that_is_no_plain_word_makes_it_void(void **state)
{
    struct bench b;
    char text[512];
    (void)state;
    setup(&b, 1);
    say(&b, QUBESDB_VALUE, "/qubes-tools/qrexec", "1.0");
    assert_int_equal(perform(&b, text), -ERR_PROTOCOL);
}

static void a_daemon_that_ends_in_the_middle_makes_it_void(void **state)
{
    struct bench b;
    char text[512];
    (void)state;
    setup(&b, 0);
    say(&b, QUBESDB_ENTRY, "/features-request/qrexec", "1");
    assert_int_equal(perform(&b, text), -ERR_CLOSED);
    setup(&b, 0);
    say(&b, QUBESDB_ENTRY, "/other/qrexec", "1");
    assert_int_equal(perform(&b, text), -ERR_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_in_the_order_of_the_database),
        cmocka_unit_test(one_bad_word_makes_the_request_void),
        cmocka_unit_test(more_words_or_bytes_than_are_allowed_make_it_void),
        cmocka_unit_test(tools_are_read_in_their_order_and_empty_ones_skipped),
        cmocka_unit_test(a_tool_that_is_no_plain_word_makes_it_void),
        cmocka_unit_test(a_daemon_that_ends_in_the_middle_makes_it_void),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
