/* SPDX-License-Identifier: MIT
 * What registry says is written into the guest's database: in its order, one writing at a time, and what
 * cannot be written costs that writing alone. */
#include "actors/guest/guest.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"
#include "doors/qubesdb_sim.h"

enum { CLIENT = 9 };

struct bench {
    struct guest core;
    struct out out;
    unsigned replies, errors, doors, asks;
    int error;
    uint64_t tag;
    struct qdb_entries asked;
    struct guest_task *task;
    char note[64];
    uint64_t again;
};

static int take_said(void *shell, struct envelope *e)
{
    struct bench *b = shell;
    struct error m;
    b->replies += e->class == CLASS_REPLY && e->type != MESSAGE_error;
    b->errors += e->type == MESSAGE_error;
    if (e->type == MESSAGE_error && error_decode(&m, e->body) == 0)
        b->error = (int)m.code;
    return 0;
}

static int take_asked(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    b->asks++;
    b->tag = tag;
    assert_int_equal(e->type, MESSAGE_qdb_entries);
    assert_int_equal(qdb_entries_decode(&b->asked, e->body), 0);
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_null(b->task);
    b->task = (struct guest_task *)task;
}

static void take_door(void *shell, uint32_t what)
{
    ((struct bench *)shell)->doors += what == GUEST_DOOR_WRITE;
}

static void take_note(void *shell, struct span note)
{
    (void)text_copy(((struct bench *)shell)->note, 64, note);
}

static void take_nothing(void *shell)
{
    (void)shell;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (at > ((struct bench *)shell)->out.now)
        ((struct bench *)shell)->again = timer; /* the last that was set */
}

static void take_title(void *shell, const char *title)
{
    (void)shell, (void)title;
}

static const struct out_ops out_ops = {.send = take_said,
                                       .ask = take_asked,
                                       .task = take_task,
                                       .door = take_door,
                                       .note = take_note,
                                       .ready = take_nothing,
                                       .retire = take_nothing,
                                       .timer = take_timer,
                                       .title = take_title};

static void begin(struct bench *b, const char *note)
{
    struct life life = {.self = {KIND_GUEST, 7}, .generation = 3, .note = span_of(note)};
    memset(b, 0, sizeof *b);
    b->out = (struct out){&out_ops, b, 5 * SECONDS};
    assert_int_equal(guest_actor.begin(&b->core, &b->out, &life), 0);
}

static void hear(struct bench *b, uint16_t type, const struct text *body)
{
    struct envelope e = {.type = type,
                         .class = type == MESSAGE_guest_write ? CLASS_EVENT : CLASS_REQUEST,
                         .correlation = 1,
                         .source_kind = KIND_VM,
                         .source_instance = type == MESSAGE_guest_serve ? CLIENT : 7};
    if (body != NULL)
        e.body = text_span(body);
    guest_actor.hear(&b->core, &b->out, &e);
}

static void hear_nothing(struct bench *b, uint16_t type)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    write_array(&body, 0);
    hear(b, type, &body);
}

static void open_guest(struct bench *b, bool bare)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    guest_open_encode(&body, &(struct guest_open){.name = "work", .domid = 4, .bare = bare, .fresh = !bare});
    hear(b, MESSAGE_guest_open, &body);
    b->replies = 0;
}

static void entry(struct wire_list *list, struct text *elements, const char *path, const char *value)
{
    struct qdb_entry e = {.gone = value == NULL, .value = span_of(value != NULL ? value : "")};
    assert_int_equal(text_copy(e.path, sizeof e.path, span_of(path)), 0);
    qdb_entry_add(list, elements, &e);
}

static void registry_answers(struct bench *b, const char *path, const char *value)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096), elements = TEXT_WITH_LIMIT(4096);
    struct qdb_entries_reply m = {0};
    entry(&m.entries, &elements, path, value);
    qdb_entries_reply_encode(&body, &m);
    struct envelope e = {.body = text_span(&body)};
    guest_actor.answered(&b->core, &b->out, &(struct answer){.tag = b->tag, .e = &e});
}

static void push(struct bench *b, const char *path, const char *value)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096), elements = TEXT_WITH_LIMIT(4096);
    struct guest_write m = {0};
    entry(&m.entries, &elements, path, value);
    guest_write_encode(&body, &m);
    hear(b, MESSAGE_guest_write, &body);
}

static void ends(struct bench *b, int r)
{
    struct guest_task *t = TAKE(b->task);
    assert_non_null(t);
    t->task.r = r;
    if (r < 0)
        fault_set(&t->task.why, (enum err) - r, "for the test");
    guest_actor.done(&b->core, &b->out, &(struct done){.task = &t->task, .what = t->task.what});
    free(t);
}

static void end(struct bench *b)
{
    if (b->task != NULL)
        text_free(&b->task->elements);
    free(b->task);
    guest_actor.end(&b->core);
}

static void a_new_guest_is_filled_with_registrys_words(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_fill);
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.what, 0);
    assert_int_equal(b.doors, 0);
    registry_answers(&b, "/name", "work");
    assert_int_equal(b.doors, 1);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
    assert_int_equal(b.task->fd, 77);
    assert_int_equal(b.task->count, 1);
    assert_int_equal(b.replies, 0);
    ends(&b, 0);
    assert_int_equal(b.replies, 1);
    end(&b);
}

static void of_a_client_only_registry_says_whether_it_is_one(void **state)
{
    struct bench b;
    struct answer no = {.r = -ERR_REFUSED};
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_serve);
    assert_int_equal(b.asked.what, 2);
    assert_int_equal(b.asked.client, CLIENT);
    no.tag = b.tag;
    fault_set(&no.why, ERR_REFUSED, "no client");
    guest_actor.answered(&b.core, &b.out, &no);
    assert_int_equal(b.error, ERR_REFUSED);
    assert_int_equal(b.doors, 0);
    end(&b);
}

static void writings_keep_their_order_and_a_failure_costs_one(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_fill);
    push(&b, "/a", "1");
    push(&b, "/b", NULL);
    assert_int_equal(b.doors, 0);
    registry_answers(&b, "/name", "work");
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, -1); /* nobody serves */
    assert_int_equal(b.error, ERR_CLOSED);
    assert_int_equal(b.doors, 2);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
    ends(&b, -ERR_TIMEOUT);
    assert_int_equal(b.doors, 3);
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 78);
    struct wire_list list = {.count = b.task->count, .elements = text_span(&b.task->elements)};
    struct reader in = list_reader(&list);
    struct qdb_entry last;
    assert_int_equal(qdb_entry_next(&in, &last), 1);
    assert_string_equal(last.path, "/b");
    assert_int_equal(last.gone, 1);
    ends(&b, 0);
    assert_int_equal(b.core.writes, 0);
    assert_int_equal(b.errors, 1);
    end(&b);
}

static void what_is_too_much_is_written_anew_as_a_whole(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    for (int i = 0; i < GUEST_PUSHES + 3; i++)
        push(&b, "/a", "1");
    assert_int_equal(b.core.writes, GUEST_PUSHES);
    for (int i = 0; i < GUEST_PUSHES; i++) {
        guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
        ends(&b, 0);
    }
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.what, 1);
    end(&b);
}

static void without_a_database_nothing_is_written_and_nothing_is_missing(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, true);
    hear_nothing(&b, MESSAGE_guest_fill);
    hear_nothing(&b, MESSAGE_guest_serve);
    push(&b, "/a", "1");
    assert_int_equal(b.replies, 2);
    assert_int_equal(b.asks + b.doors, 0);
    assert_string_equal(b.note, "4 work bare");
    end(&b);
    begin(&b, "4 work bare");
    assert_true(b.core.bare);
    assert_int_equal(b.asks, 0);
    end(&b);
}

static void one_that_comes_after_a_crash_writes_what_was_pushed_meanwhile(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "4 work");
    assert_true(b.core.open && !b.core.bare);
    assert_int_equal(b.asks, 1);
    assert_int_equal(b.asked.what, 1);
    guest_actor.answered(&b.core, &b.out, &(struct answer){.tag = b.tag, .r = -ERR_BUSY});
    assert_int_equal(b.core.writes, 0); /* registry has not read its store yet: once more, a while later */
    guest_actor.timer(&b.core, &b.out, b.again);
    assert_int_equal(b.asks, 2);
    end(&b);
}

static void the_end_of_the_vm_ends_its_writings(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "");
    open_guest(&b, false);
    hear_nothing(&b, MESSAGE_guest_fill);
    registry_answers(&b, "/name", "work");
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
    hear_nothing(&b, MESSAGE_guest_close);
    assert_int_equal(b.error, ERR_VM_NOT_RUNNING);
    struct guest_task *old = TAKE(b.task);
    open_guest(&b, false); /* another life, before the worker is back */
    hear_nothing(&b, MESSAGE_guest_fill);
    registry_answers(&b, "/name", "work");
    guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 78);
    guest_actor.done(&b.core, &b.out, &(struct done){.task = &old->task, .what = old->task.what});
    free(old);
    assert_int_equal(b.replies, 0); /* that was not this one's end */
    ends(&b, 0);
    assert_int_equal(b.replies, 1);
    end(&b);
}

static void hear_mic(struct bench *b, uint32_t allowed)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    guest_mic_encode(&body, &(struct guest_mic){.name = "other", .allowed = allowed});
    hear(b, MESSAGE_guest_mic, &body);
}

/* "path=value " of each entry that the worker has in hand; "path " of one that goes. */
static void in_hand(const struct bench *b, char *to, size_t size)
{
    struct wire_list list = {.count = b->task->count, .elements = text_span(&b->task->elements)};
    struct reader in = list_reader(&list);
    struct qdb_entry e;
    to[0] = '\0';
    while (qdb_entry_next(&in, &e) == 1)
        snprintf(to + strlen(to), size - strlen(to), "%s%s%.*s ", e.path, e.gone ? "" : "=", (int)e.value.len,
                 e.value.at != NULL ? e.value.at : "");
}

static void who_may_hear_is_written_for_the_bus_also_into_dom0s_own(void **state)
{
    static const char *const written[] = {
        "/audio-input-config/other=0 ", "/audio-input-config/other=1 ",
        "/audio-input-config/other /audio-input/other /audio-input-request/other "};
    struct bench b;
    char entries[256];
    (void)state;
    for (int dom0 = 0; dom0 < 2; dom0++) {
        struct life life = {.self = {KIND_GUEST, dom0 ? 0 : 7}, .generation = 3, .note = SPAN_LITERAL("")};
        begin(&b, "");
        guest_actor.end(&b.core);
        memset(&b.core, 0, sizeof b.core);
        assert_int_equal(guest_actor.begin(&b.core, &b.out, &life), 0);
        hear_mic(&b, 1);
        assert_int_equal(b.error, dom0 ? 0 : ERR_VM_NOT_RUNNING);
        if (!dom0)
            open_guest(&b, false);
        else
            guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, -1);
        assert_int_equal(b.error, dom0 ? ERR_CLOSED : ERR_VM_NOT_RUNNING); /* nobody serves */
        for (uint32_t allowed = 0; allowed < 3; allowed++) {
            b.replies = 0;
            hear_mic(&b, allowed);
            guest_handed(&b.core, &b.out, GUEST_DOOR_WRITE, 77);
            in_hand(&b, entries, sizeof entries);
            assert_string_equal(entries, written[allowed]);
            assert_int_equal(b.replies, 0);
            ends(&b, 0);
            assert_int_equal(b.replies, 1);
        }
        end(&b);
    }
}

/* ---- the worker against a daemon that serves ---- */

static void *serve(void *arg)
{
    int fd = *(int *)arg;
    struct qubesdb_sim *sim = qubesdb_sim_new();
    struct qubesdb_stream stream = {0};
    struct qubesdb_message m;
    ssize_t got;
    while ((got = read(fd, stream.bytes + stream.have, sizeof stream.bytes - stream.have)) > 0) {
        stream.have += (size_t)got;
        while (qubesdb_frame_take(&stream, &m) == 1) {
            AUTO_TEXT answer = TEXT_WITH_LIMIT(1 << 16);
            (void)qubesdb_sim_hear(sim, 0, &m, &answer, NULL, NULL);
            (void)!write(fd, answer.at, answer.len);
        }
    }
    close(fd);
    return sim;
}

static void the_worker_writes_and_removes_what_the_entries_say(void **state)
{
    int ends_of[2];
    pthread_t daemon;
    void *sim;
    struct guest_task t = {.task.what = GUEST_WRITES_IT, .elements = TEXT_WITH_LIMIT(4096)};
    struct wire_list list = {0};
    AUTO_TEXT answer = TEXT_WITH_LIMIT(4096);
    struct qubesdb_message read_b = {.type = QUBESDB_READ, .path = "/b"},
                           read_a = {.type = QUBESDB_READ, .path = "/x/a"};
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_of), 0);
    assert_int_equal(pthread_create(&daemon, NULL, serve, &ends_of[1]), 0);
    entry(&list, &t.elements, "/x/a", "1");
    entry(&list, &t.elements, "/x/", NULL);
    entry(&list, &t.elements, "/not-there", NULL);
    entry(&list, &t.elements, "/b", "");
    t.count = list.count;
    t.fd = ends_of[0];
    guest_perform(NULL, &t.task);
    assert_int_equal(t.task.r, 0);
    pthread_join(daemon, &sim);
    (void)qubesdb_sim_hear(sim, 0, &read_b, &answer, NULL, NULL);
    assert_int_equal(answer.at[0], QUBESDB_VALUE);
    text_clear(&answer);
    (void)qubesdb_sim_hear(sim, 0, &read_a, &answer, NULL, NULL);
    assert_int_equal(answer.at[0], QUBESDB_NOENT);
    qubesdb_sim_free(sim);
    text_free(&t.elements);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_guest_is_filled_with_registrys_words),
        cmocka_unit_test(of_a_client_only_registry_says_whether_it_is_one),
        cmocka_unit_test(writings_keep_their_order_and_a_failure_costs_one),
        cmocka_unit_test(what_is_too_much_is_written_anew_as_a_whole),
        cmocka_unit_test(without_a_database_nothing_is_written_and_nothing_is_missing),
        cmocka_unit_test(one_that_comes_after_a_crash_writes_what_was_pushed_meanwhile),
        cmocka_unit_test(the_end_of_the_vm_ends_its_writings),
        cmocka_unit_test(who_may_hear_is_written_for_the_bus_also_into_dom0s_own),
        cmocka_unit_test(the_worker_writes_and_removes_what_the_entries_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
