/* SPDX-License-Identifier: MIT
 * While a USB device is being attached a line of dom0's policy holds; afterwards none does, whatever
 * happened. */
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
    unsigned replies, errors, runs, kills, left;
    uint64_t ask_tag, run_number;
    enum outside_program program;
    char name[40];
    struct error error;
    struct usb_call_reply reply;
    struct task *task[8]; /* with the worker */
    unsigned tasks;
    char done[512]; /* what it was told */
};

static int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    b->replies += e->type == MESSAGE_usb_call && e->class == CLASS_REPLY;
    if (e->type == MESSAGE_usb_call && e->class == CLASS_REPLY)
        assert_int_equal(usb_call_reply_decode(&b->reply, e->body), 0);
    b->errors += e->type == MESSAGE_error;
    if (e->type == MESSAGE_error)
        assert_int_equal(error_decode(&b->error, e->body), 0);
    return 0;
}

static int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    (void)e;
    ((struct bench *)shell)->ask_tag = tag;
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_true(b->tasks < COUNT(b->task));
    b->task[b->tasks++] = task;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell, (void)timer, (void)at;
}

static void take_ready(void *shell)
{
    (void)shell;
}

static void take_leave(void *shell)
{
    ((struct bench *)shell)->left++;
}

static int take_run(void *arg, uint64_t number, enum outside_program program, const struct program_values *v,
                    struct span input)
{
    struct bench *b = arg;
    b->program = program;
    assert_true(span_is(input, "back 1-1\n") || span_is(input, "1-1\n"));
    b->runs++;
    b->run_number = number;
    (void)text_copy(b->name, sizeof b->name, span_of(v->name));
    return 0;
}

static void take_kill(void *arg, uint64_t number)
{
    (void)number;
    ((struct bench *)arg)->kills++;
}

static const struct out_ops out_ops = {.send = take_said,
                                       .ask = take_ask,
                                       .task = take_task,
                                       .timer = take_timer,
                                       .ready = take_ready,
                                       .leave = take_leave};
static const struct launcher_ops ops = {take_run, take_kill};

/* The oldest task ends: r, and its text is added to what was done. */
static void works(struct bench *b, int r)
{
    static const char *const names[] = {
        [POLICY_SWEEP] = "sweep", [POLICY_ADD] = "add", [POLICY_REMOVE] = "remove"};
    assert_true(b->tasks > 0);
    struct policy_task *t = (struct policy_task *)(void *)b->task[0];
    struct done d = {.task = &t->task, .what = t->task.what};
    memmove(b->task, b->task + 1, --b->tasks * sizeof *b->task);
    strcat(strcat(b->done, b->done[0] != '\0' ? ", " : ""), names[t->task.what]);
    if (t->grant.line[0] != '\0')
        strcat(strcat(strcat(strcat(b->done, " "), t->grant.port), " "), t->grant.line);
    t->task.r = r < 0 ? fault_set(&t->task.why, (enum err) - r, "the disk is full") : 0;
    launcher_actor.done(&b->core, &b->out, &d);
    free(t);
}

static int open_bench(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    struct life life = {.self = {KIND_LAUNCHER, 0}};
    b->out = (struct out){&out_ops, b, 5 * SECONDS};
    launcher_attach(&b->core, &ops, b);
    launcher_settle(&b->core, true);
    *state = b;
    int r = launcher_actor.begin(&b->core, &b->out, &life);
    works(b, 0);
    assert_string_equal(b->done, "sweep");
    b->done[0] = '\0';
    return r;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    assert_int_equal(b->tasks, 0);
    launcher_actor.end(&b->core);
    free(b);
    return 0;
}

static void hear_port(struct bench *b, uint8_t class, bool attach, uint32_t qid, const char *port)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct usb_call m = {.attach = attach, .backend = "back", .seconds = 40};
    struct envelope e = {.type = MESSAGE_usb_call,
                         .class = class,
                         .correlation = 1,
                         .source_kind = KIND_DEVBUS_USB,
                         .subject_kind = KIND_VM,
                         .subject_instance = qid};
    assert_int_equal(text_copy(m.port, sizeof m.port, span_of(port)), 0);
    usb_call_encode(&body, &m);
    e.body = text_span(&body);
    launcher_actor.hear(&b->core, &b->out, &e);
}

static void hear_of(struct bench *b, uint8_t class, bool attach, uint32_t qid)
{
    hear_port(b, class, attach, qid, "1-1");
}

static void hear(struct bench *b, uint8_t class, bool attach)
{
    hear_of(b, class, attach, 7);
}

static void registry_says(struct bench *b, bool stubdom)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(512);
    struct daemons_reply d = {.name = "work", .user = "user", .stubdom_qrexec = stubdom};
    strcpy(d.uuid, "611da028-c63e-4137-ad7c-9408e5ca7f90");
    daemons_reply_encode(&body, &d);
    struct envelope e = {.body = text_span(&body)};
    struct answer a = {.tag = b->ask_tag, .e = &e};
    launcher_actor.answered(&b->core, &b->out, &a);
}

static void begins(struct bench *b)
{
    hear(b, CLASS_REQUEST, true);
    registry_says(b, false);
}

static void ends(struct bench *b, uint32_t status)
{
    struct program_end end = {b->run_number, status, 0, SPAN_LITERAL(""), SPAN_LITERAL("")};
    launcher_ran(&b->core, &b->out, &end);
}

#define ADD    "add 1-1 work back allow,user=root"
#define REMOVE "remove 1-1 work back allow,user=root"

static void the_line_is_there_before_the_service_runs_and_goes_when_it_has_ended(void **state)
{
    struct bench *b = *state;
    for (uint32_t status = 0; status < 2; status++) {
        b->done[0] = '\0';
        begins(b);
        assert_int_equal(b->runs, status);
        works(b, 0);
        assert_int_equal(b->runs, status + 1);
        assert_string_equal(b->name, "work");
        ends(b, status);
        works(b, 0);
        assert_string_equal(b->done, ADD ", " REMOVE);
        assert_int_equal(b->replies, status + 1);
    }
    assert_int_equal(b->core.count, 0);
}

static void a_backend_lets_go_without_a_line(void **state)
{
    struct bench *b = *state;
    hear(b, CLASS_REQUEST, false);
    registry_says(b, true);
    assert_int_equal(b->runs, 1);
    assert_string_equal(b->name, "work"); /* it is the guest that exposes it */
    ends(b, 0);
    assert_int_equal(b->tasks, 0);
}

static void what_dom0_exposes_is_let_go_of_by_dom0s_own_service(void **state)
{
    struct bench *b = *state;
    for (uint32_t status = 0; status < 2; status++) {
        b->ask_tag = 0;
        hear_of(b, CLASS_REQUEST, false, 0);
        assert_int_equal(b->ask_tag, 0); /* registry knows nothing of it */
        assert_int_equal(b->runs, status + 1);
        assert_int_equal(b->program, PROGRAM_DOM0_USB_DETACH);
        ends(b, status);
        assert_int_equal(b->replies, status + 1);
        assert_int_equal(b->reply.status, status);
    }
    assert_int_equal(b->tasks, 0);
    assert_int_equal(b->core.count, 0);
}

static void a_service_of_dom0_that_hangs_is_ended_and_its_asker_told(void **state)
{
    struct bench *b = *state;
    hear_of(b, CLASS_REQUEST, false, 0);
    launcher_actor.timer(&b->core, &b->out, b->run_number);
    assert_int_equal(b->kills, 1);
    assert_int_equal(b->error.code, ERR_TIMEOUT);
    ends(b, 137);
    assert_int_equal(b->replies, 0); /* it has its answer */
    assert_int_equal(b->core.count, 0);
}

static void whatever_a_service_of_dom0_says_is_bounded_and_its_status_a_byte(void **state)
{
    struct bench *b = *state;
    static char much[JOB_OUTPUT];
    memset(much, '\x1b', sizeof much);
    hear_of(b, CLASS_REQUEST, false, 0);
    struct program_end end = {b->run_number, UINT32_MAX, 0, {much, sizeof much}, {much, sizeof much}};
    launcher_ran(&b->core, &b->out, &end);
    assert_int_equal(b->reply.status, 255);
    assert_int_equal(strlen(b->reply.said), JOB_SAID);
    assert_int_equal(strspn(b->reply.said, " "), JOB_SAID);
}

static void a_dom0_without_its_services_says_so(void **state)
{
    struct bench *b = *state;
    hear_of(b, CLASS_REQUEST, false, 0);
    struct program_end end = {b->run_number, 127, ENOENT, SPAN_LITERAL(""), SPAN_LITERAL("")};
    launcher_ran(&b->core, &b->out, &end);
    assert_int_equal(b->error.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(b->error.text, "qubes-rpc-multiplexer cannot be run"));
    assert_int_equal(b->core.count, 0);
}

/* A service reads a line, as root: its second word, or a way out of its sysfs, is for nobody to choose. */
static void what_is_no_port_is_said_to_no_service(void **state)
{
    static const char *const ports[] = {"1-1 x", "../x", "1-1\n2-1", "1-1\\", "-1", "1-", "x"};
    struct bench *b = *state;
    for (size_t i = 0; i < 4 * COUNT(ports); i++) {
        b->error = (struct error){0};
        hear_port(b, CLASS_REQUEST, i % 2 != 0, i % 4 < 2 ? 0 : 7, ports[i / 4]);
        assert_int_equal(b->error.code, ERR_BAD);
        assert_int_equal(b->core.count, 0);
    }
    assert_int_equal(b->runs + b->tasks, 0);
    assert_int_equal(b->ask_tag, 0);
}

static void dom0_takes_no_device(void **state)
{
    struct bench *b = *state;
    hear_of(b, CLASS_REQUEST, true, 0);
    assert_int_equal(b->error.code, ERR_BAD);
    assert_int_equal(b->runs + b->tasks, 0);
    assert_int_equal(b->core.count, 0);
}

static void where_the_device_model_takes_it_that_one_is_called_and_allowed(void **state)
{
    struct bench *b = *state;
    hear(b, CLASS_REQUEST, true);
    registry_says(b, true);
    works(b, 0);
    assert_string_equal(b->name, "work-dm");
    ends(b, 0);
    works(b, 0);
    assert_string_equal(b->done,
                        "add 1-1 work-dm back allow,user=root, remove 1-1 work-dm back allow,user=root");
}

static void without_its_line_nothing_runs_and_the_reason_is_said(void **state)
{
    struct bench *b = *state;
    begins(b);
    works(b, -ERR_IO);
    assert_int_equal(b->runs, 0);
    assert_int_equal(b->error.code, ERR_IO);
    assert_string_equal(b->error.text, "the disk is full");
    works(b, 0); /* whatever of it was written */
    assert_string_equal(b->done, ADD ", " REMOVE);
    assert_int_equal(b->core.count, 0);
}

static void one_that_is_given_up_leaves_no_line(void **state)
{
    struct bench *b = *state;
    begins(b);
    launcher_actor.timer(&b->core, &b->out, b->core.next); /* the disk hangs */
    assert_int_equal(b->error.code, ERR_TIMEOUT);
    assert_int_equal(b->core.count, 0);
    works(b, 0);
    works(b, 0);
    assert_string_equal(b->done, ADD ", " REMOVE);
    assert_int_equal(b->runs, 0);
    b->done[0] = '\0';
    begins(b);
    works(b, 0);
    hear(b, CLASS_CANCEL, true); /* it runs, and does not die of it */
    assert_int_equal(b->kills, 1);
    works(b, 0);
    assert_string_equal(b->done, ADD ", " REMOVE);
    ends(b, 137);
    assert_int_equal(b->tasks, 0);
}

static void a_line_that_two_calls_need_goes_with_the_last_of_them(void **state)
{
    struct bench *b = *state;
    begins(b);
    works(b, 0);
    uint64_t first = b->run_number;
    begins(b); /* the bus has died, and the next one calls again */
    works(b, 0);
    uint64_t second = b->run_number;
    b->done[0] = '\0';
    b->run_number = first;
    ends(b, 0);
    assert_int_equal(b->tasks, 0);
    b->run_number = second;
    ends(b, 1);
    works(b, 0);
    assert_string_equal(b->done, REMOVE);
    assert_int_equal(b->core.count, 0);
}

static void asked_to_finish_it_takes_its_lines_back_first(void **state)
{
    struct bench *b = *state;
    begins(b);
    works(b, 0);
    launcher_actor.stop(&b->core, &b->out);
    assert_int_equal(b->left, 0);
    works(b, 0);
    assert_string_equal(b->done, ADD ", " REMOVE);
    assert_int_equal(b->left, 1);
    begins(b);
    assert_int_equal(b->error.code, ERR_CLOSED);
}

int main(void)
{
#define BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        BENCH(the_line_is_there_before_the_service_runs_and_goes_when_it_has_ended),
        BENCH(a_backend_lets_go_without_a_line),
        BENCH(what_dom0_exposes_is_let_go_of_by_dom0s_own_service),
        BENCH(a_service_of_dom0_that_hangs_is_ended_and_its_asker_told),
        BENCH(whatever_a_service_of_dom0_says_is_bounded_and_its_status_a_byte),
        BENCH(a_dom0_without_its_services_says_so),
        BENCH(what_is_no_port_is_said_to_no_service),
        BENCH(dom0_takes_no_device),
        BENCH(where_the_device_model_takes_it_that_one_is_called_and_allowed),
        BENCH(without_its_line_nothing_runs_and_the_reason_is_said),
        BENCH(one_that_is_given_up_leaves_no_line),
        BENCH(a_line_that_two_calls_need_goes_with_the_last_of_them),
        BENCH(asked_to_finish_it_takes_its_lines_back_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
