/* SPDX-License-Identifier: MIT
 * launcher runs only rows, with registry's words for a VM, and each asker gets one answer. */
#include "actors/launcher/launcher.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

struct bench {
    struct launcher core;
    struct out out;
    unsigned replies, errors, progress, asked, runs, kills, titles;
    uint64_t ask_tag, run_number, timer_at;
    enum outside_program program;
    struct program_values values;
    struct error error;
    struct daemon_reply daemon;
    char input[64];
    int run_answers;
};

static int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    if (e->class == CLASS_PROGRESS)
        return b->progress++, 0;
    b->errors += e->type == MESSAGE_error;
    b->replies += e->type != MESSAGE_error;
    if (e->type == MESSAGE_error)
        assert_int_equal(error_decode(&b->error, e->body), 0);
    else if (e->type == MESSAGE_daemon)
        assert_int_equal(daemon_reply_decode(&b->daemon, e->body), 0);
    return 0;
}

static int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    assert_int_equal(e->type, MESSAGE_daemons);
    assert_int_equal(e->subject_instance, 7);
    b->asked++;
    b->ask_tag = tag;
    return 0;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)timer;
    ((struct bench *)shell)->timer_at = at;
}

static void take_ready(void *shell)
{
    (void)shell;
}

static int take_run(void *arg, uint64_t number, enum outside_program program, const struct program_values *v,
                    struct span input)
{
    struct bench *b = arg;
    if (b->run_answers < 0)
        return b->run_answers;
    b->runs++;
    b->run_number = number;
    b->program = program;
    b->values = *v;
    (void)text_copy(b->input, sizeof b->input, input);
    return 0;
}

static void take_kill(void *arg, uint64_t number)
{
    struct bench *b = arg;
    assert_int_equal(number, b->run_number);
    b->kills++;
}

static void take_title(void *shell, const char *title)
{
    (void)title;
    ((struct bench *)shell)->titles++;
}

static const struct out_ops out_ops = {
    .send = take_said, .ask = take_ask, .timer = take_timer, .ready = take_ready, .title = take_title};
static const struct launcher_ops ops = {take_run, take_kill};

static int open_bench(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct life life = {.self = {KIND_LAUNCHER, 0}};
    b->out = (struct out){&out_ops, b, 5 * SECONDS};
    launcher_attach(&b->core, &ops, b);
    *state = b;
    return launcher_actor.begin(&b->core, &b->out, &life);
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    launcher_actor.end(&b->core);
    free(b);
    return 0;
}

static void hear(struct bench *b, uint16_t type, uint8_t class, const struct text *body)
{
    struct envelope e = {.type = type,
                         .class = class,
                         .correlation = 1,
                         .source_kind = KIND_VM,
                         .source_instance = 7,
                         .subject_kind = KIND_VM,
                         .subject_instance = 7};
    if (body != NULL)
        e.body = text_span(body);
    launcher_actor.hear(&b->core, &b->out, &e);
}

static void ask_daemon(struct bench *b, uint32_t program)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct daemon m = {.program = program, .domid = 12};
    daemon_encode(&body, &m);
    hear(b, MESSAGE_daemon, CLASS_REQUEST, &body);
}

static void ask_service(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct service m = {.service = "qubes.SuspendPre",
                        .user = "root",
                        .seconds = 60,
                        .connect_seconds = 5,
                        .input = SPAN_LITERAL("data")};
    service_encode(&body, &m);
    hear(b, MESSAGE_service, CLASS_REQUEST, &body);
}

static void registry_answers(struct bench *b, int r)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct daemons_reply d = {.name = "work", .user = "user", .qrexec = 1, .qrexec_timeout = 60};
    strcpy(d.uuid, "611da028-c63e-4137-ad7c-9408e5ca7f90");
    daemons_reply_encode(&body, &d);
    struct envelope e = {.body = text_span(&body)};
    struct answer a = {.tag = b->ask_tag, .e = &e, .r = r};
    launcher_actor.answered(&b->core, &b->out, &a);
}

static void ends(struct bench *b, uint32_t status, int error)
{
    struct program_end end = {b->run_number, status, error, SPAN_LITERAL("out"),
                              SPAN_LITERAL("no\nagent 100%")};
    launcher_ran(&b->core, &b->out, &end);
}

static void a_daemon_is_called_with_registrys_words_and_its_end_is_the_answer(void **state)
{
    struct bench *b = *state;
    ask_daemon(b, PROGRAM_QREXEC_DAEMON);
    assert_int_equal(b->runs, 0);
    registry_answers(b, 0);
    assert_int_equal(b->runs, 1);
    assert_string_equal(b->values.name, "work");
    assert_string_equal(b->values.xid, "12");
    assert_string_equal(b->values.user, "user");
    assert_string_equal(b->values.timeout, "60");
    assert_int_equal(b->progress, 1);
    assert_int_equal(b->timer_at, b->out.now + 70 * SECONDS);
    ends(b, 3, 0);
    assert_int_equal(b->replies, 1);
    assert_int_equal(b->daemon.status, 3);
    assert_string_equal(b->daemon.said, "no agent 100 ");
    assert_int_equal(b->core.count, 0);
}

static void ask_daemon_again(struct bench *b, uint32_t domid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct daemon m = {.program = PROGRAM_QREXEC_DAEMON, .domid = domid, .again = 1};
    daemon_encode(&body, &m);
    hear(b, MESSAGE_daemon, CLASS_REQUEST, &body);
}

static void who_asks_again_after_a_crash_runs_nothing_twice(void **state)
{
    struct bench *b = *state;
    ask_daemon(b, PROGRAM_QREXEC_DAEMON);
    registry_answers(b, 0);
    ask_daemon_again(b, 12); /* it runs: the asker waits for it */
    assert_int_equal(b->asked, 1);
    ends(b, 0, 0);
    assert_int_equal(b->replies, 1);
    ask_daemon_again(b, 12); /* it has ended well */
    assert_int_equal(b->replies, 2);
    assert_int_equal(b->runs, 1);
    ask_daemon_again(b, 13); /* another domain */
    assert_int_equal(b->asked, 2);
    ask_daemon(b, PROGRAM_QREXEC_DAEMON); /* a new start of the same number: whatever was, it is run */
    assert_int_equal(b->asked, 3);
}

static void a_program_that_is_missing_is_no_error_where_it_is_optional(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct daemon m = {.program = PROGRAM_QUBESDB_DAEMON, .domid = 12, .optional = 1};
    daemon_encode(&body, &m);
    hear(b, MESSAGE_daemon, CLASS_REQUEST, &body);
    registry_answers(b, 0);
    ends(b, 127, ENOENT);
    assert_int_equal(b->errors, 0);
    assert_int_equal(b->daemon.missing, 1);
    hear(b, MESSAGE_daemon, CLASS_REQUEST, &body);
    registry_answers(b, 0);
    ends(b, 127, EACCES);
    assert_int_equal(b->errors, 1);
    assert_int_equal(b->titles, 1);
}

static void only_rows_for_guests_are_daemons(void **state)
{
    struct bench *b = *state;
    ask_daemon(b, PROGRAM_QREXEC_CLIENT);
    ask_daemon(b, 200);
    assert_int_equal(b->errors, 2);
    assert_int_equal(b->asked, 0);
    assert_int_equal(b->core.count, 0);
}

static void a_service_gets_its_input_and_the_time_that_its_asker_gives_it(void **state)
{
    struct bench *b = *state;
    ask_service(b);
    registry_answers(b, 0);
    assert_int_equal(b->program, PROGRAM_QREXEC_CLIENT);
    assert_string_equal(b->values.user, "root");
    assert_string_equal(b->values.source, "dom0");
    assert_string_equal(b->values.timeout, "5");
    assert_string_equal(b->input, "data");
    assert_int_equal(b->timer_at, b->out.now + 60 * SECONDS);
    ends(b, 0, 0);
    assert_int_equal(b->replies, 1);
}

static void a_bus_has_services_of_its_own_called_and_no_others(void **state)
{
    static const char *const service[] = {"qubes.AudioInputDisable+work", "qubes.AudioInputEnable+work",
                                          "qubes.USBDetach", "qubes.USBAttach"};
    static const char *const input[] = {"", "", "1-1\n", "back 1-1\n"};
    struct bench *b = *state;
    for (unsigned i = 0; i < 4; i++) {
        AUTO_TEXT body = TEXT_WITH_LIMIT(512);
        if (i < 2)
            mic_call_encode(&body, &(struct mic_call){.enable = i, .name = "work", .seconds = 9});
        else
            usb_call_encode(
                &body, &(struct usb_call){.attach = i - 2, .backend = "back", .port = "1-1", .seconds = 9});
        hear(b, i < 2 ? MESSAGE_mic_call : MESSAGE_usb_call, CLASS_REQUEST, &body);
        registry_answers(b, 0);
        assert_int_equal(b->program, PROGRAM_QREXEC_CLIENT);
        assert_string_equal(b->values.service, service[i]);
        assert_string_equal(b->values.user, i < 2 ? "user" : "root");
        assert_string_equal(b->values.source, "dom0");
        assert_string_equal(b->input, input[i]);
        assert_int_equal(b->timer_at, b->out.now + 9 * SECONDS);
        ends(b, 0, 0);
        assert_int_equal(b->replies, i + 1);
    }
}

static void one_that_takes_too_long_is_killed_and_answered_once(void **state)
{
    struct bench *b = *state;
    ask_service(b);
    registry_answers(b, 0);
    launcher_actor.timer(&b->core, &b->out, b->run_number);
    assert_int_equal(b->kills, 1);
    assert_int_equal(b->error.code, ERR_TIMEOUT);
    ends(b, 137, 0);
    assert_int_equal(b->errors + b->replies, 1);
    assert_int_equal(b->core.count, 0);
}

static void a_cancelled_one_is_killed(void **state)
{
    struct bench *b = *state;
    ask_service(b);
    registry_answers(b, 0);
    hear(b, MESSAGE_service, CLASS_CANCEL, NULL);
    assert_int_equal(b->kills, 1);
    assert_int_equal(b->error.code, ERR_CANCELLED);
}

static void say_over(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    write_array(&body, 0);
    hear(b, MESSAGE_domain_over, CLASS_EVENT, &body);
}

/* Killed by hand while its agent is waited for, or before its command is known. */
static void with_its_domain_a_daemon_that_is_being_started_ends_and_calls_of_services_do_not(void **state)
{
    struct bench *b = *state;
    ask_daemon(b, PROGRAM_QREXEC_DAEMON);
    say_over(b);
    assert_int_equal(b->core.count, 0);
    assert_int_equal(b->errors, 1);
    ask_daemon(b, PROGRAM_QREXEC_DAEMON);
    registry_answers(b, 0);
    say_over(b);
    say_over(b);
    assert_int_equal(b->errors, 2);
    assert_int_equal(b->error.code, ERR_CANCELLED);
    ends(b, 137, 0);
    assert_int_equal(b->core.count, 0);
    ask_service(b);
    say_over(b);
    assert_int_equal(b->core.count, 1);
}

static void a_program_that_is_not_installed_is_named(void **state)
{
    struct bench *b = *state;
    ask_daemon(b, PROGRAM_QUBESDB_DAEMON);
    registry_answers(b, 0);
    ends(b, 127, ENOENT);
    assert_int_equal(b->error.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(b->error.text, "qubesdb-daemon"));
    assert_int_equal(b->core.count, 0);
}

static void without_registrys_word_nothing_runs(void **state)
{
    struct bench *b = *state;
    ask_daemon(b, PROGRAM_QUBESDB_DAEMON);
    registry_answers(b, -ERR_VM_NOT_FOUND);
    assert_int_equal(b->runs, 0);
    assert_int_equal(b->errors, 1);
    b->run_answers = -ERR_BUSY;
    ask_daemon(b, PROGRAM_QUBESDB_DAEMON);
    registry_answers(b, 0);
    assert_int_equal(b->errors, 2);
    assert_int_equal(b->core.count, 0);
}

static void too_many_jobs_are_told_so(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < JOBS_MAX; i++)
        ask_daemon(b, PROGRAM_QUBESDB_DAEMON);
    assert_int_equal(b->errors, 0);
    ask_daemon(b, PROGRAM_QUBESDB_DAEMON);
    assert_int_equal(b->error.code, ERR_BUSY);
    assert_int_equal(b->core.count, JOBS_MAX);
}

int main(void)
{
#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        BENCH(a_daemon_is_called_with_registrys_words_and_its_end_is_the_answer),
        BENCH(who_asks_again_after_a_crash_runs_nothing_twice),
        BENCH(a_program_that_is_missing_is_no_error_where_it_is_optional),
        BENCH(only_rows_for_guests_are_daemons),
        BENCH(a_service_gets_its_input_and_the_time_that_its_asker_gives_it),
        BENCH(a_bus_has_services_of_its_own_called_and_no_others),
        BENCH(one_that_takes_too_long_is_killed_and_answered_once),
        BENCH(a_cancelled_one_is_killed),
        BENCH(with_its_domain_a_daemon_that_is_being_started_ends_and_calls_of_services_do_not),
        BENCH(a_program_that_is_not_installed_is_named),
        BENCH(without_registrys_word_nothing_runs),
        BENCH(too_many_jobs_are_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
