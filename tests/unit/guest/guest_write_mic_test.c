/* SPDX-License-Identifier: MIT
 * Who may hear the microphone, as the guest's database is to say it; and what the worker writes, against a
 * daemon that serves. */
#include "tests/unit/guest/guest_write_bench.h"

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
        cmocka_unit_test(who_may_hear_is_written_for_the_bus_also_into_dom0s_own),
        cmocka_unit_test(the_worker_writes_and_removes_what_the_entries_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
