/* SPDX-License-Identifier: MIT
 * vm/<qid> is killed wherever it can be: whatever it was doing, the VM is definite afterwards, each end of a
 * life was told once, and each start has one outcome. */
#include "tests/unit/vm/vm_bench.h"

/* What is done to a VM, from halted. */
typedef void script(struct bench *b);

static void start(struct bench *b)
{
    b->has_netvm = true;
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
}

static void start_and_kill(struct bench *b)
{
    start(b);
    if (!b->dead)
        BENCH_HEAR(b, vm_kill, 0);
    bench_run(b);
}

static void start_and_end_by_itself(struct bench *b)
{
    start(b);
    if (strstr(b->note, "step=creating") != NULL)
        return; /* it is paused, and nobody knows of it: it cannot end by itself */
    b->world.active = false;
    if (!b->dead)
        bench_observe(b, VIRT_EVENT_STOPPED);
    bench_run(b);
}

static void start_that_fails(struct bench *b)
{
    b->fail_type = MESSAGE_guest_open;
    b->fail_type_with = -ERR_LATE;
    start(b);
}

static void start_without_agent(struct bench *b)
{
    b->daemon[PROGRAM_QREXEC_DAEMON] = (struct daemon_reply){.status = 3};
    start(b);
}

static void start_without_programs(struct bench *b)
{
    b->daemon[PROGRAM_QUBESDB_DAEMON].missing = b->daemon[PROGRAM_QREXEC_DAEMON].missing = 1;
    start(b);
}

static void start_pause_unpause(struct bench *b)
{
    start(b);
    if (!b->dead)
        BENCH_HEAR(b, vm_pause, 0);
    bench_run(b);
    if (!b->dead)
        bench_observe(b, VIRT_EVENT_SUSPENDED);
    if (!b->dead)
        BENCH_HEAR(b, vm_unpause, 0);
    bench_run(b);
}

static void settle(struct bench *b)
{
    bench_run(b);
    for (int i = 0; i < 8 && !b->dead; i++) {
        bench_timer_fires(b, TIMER_AGAIN);
        bench_run(b);
    }
}

/* Dies at the n-th thing that it says, and again at the m-th of the next incarnation. False: it lived. */
static bool dies_at(script *play, unsigned n, unsigned m, bool does)
{
    struct bench b;
    bench_setup(&b);
    bench_run(&b);
    b.said = 0;
    b.die_at = n;
    play(&b);
    bool died = b.dead;
    if (died) {
        b.said = 0;
        bench_crash(&b, does);
        b.die_at = m;
        settle(&b);
        if (b.dead)
            bench_crash(&b, does);
    }
    settle(&b);
    bench_is_definite(&b);
    bench_end(&b);
    return died;
}

static void killed_anywhere_it_leaves_a_definite_vm(void **state)
{
    static script *const plays[] = {start,
                                    start_and_kill,
                                    start_and_end_by_itself,
                                    start_that_fails,
                                    start_pause_unpause,
                                    start_without_agent,
                                    start_without_programs};
    (void)state;
    for (size_t i = 0; i < COUNT(plays); i++)
        for (int does = 0; does < 2; does++)
            for (unsigned n = 1; dies_at(plays[i], n, 0, does != 0); n++)
                assert_true(n < 200);
}

static void killed_twice_it_leaves_a_definite_vm(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++)
        for (unsigned n = 1; dies_at(start_and_kill, n, 0, does != 0); n++)
            for (unsigned m = 1; m < 25; m++)
                dies_at(start_and_kill, n, m, does != 0);
}

static void a_running_vm_survives_its_process(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    start(&b);
    unsigned events = b.events;
    bench_crash(&b, true);
    bench_run(&b);
    assert_int_equal(b.events, events);
    assert_string_equal(b.power_state, "Running");
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_guest_that_ended_meanwhile_is_told_once(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    start(&b);
    b.world.active = false;
    bench_crash(&b, true);
    bench_run(&b);
    bench_observe(&b, VIRT_EVENT_STOPPED);
    bench_run(&b);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_domain_that_was_replaced_has_ended_once(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    start(&b);
    b.world.domid++;
    b.world.creates++;
    bench_observe(&b, VIRT_EVENT_STARTED);
    bench_run(&b);
    bench_is_definite(&b);
    b.world.domid++;
    b.world.creates++;
    bench_crash(&b, true);
    bench_run(&b);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_call_that_was_abandoned_is_remembered(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_end(&b);
    snprintf(b.note, sizeof b.note, "step=none abandoned=1 unwanted=1");
    bench_begin(&b);
    bench_run(&b);
    uint64_t refused = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, refused), -ERR_BUSY);
    b.world.active = b.world.paused = true; /* the hung call has made it at last */
    b.world.creates++;
    b.world.domid++;
    bench_observe(&b, VIRT_EVENT_STARTED);
    settle(&b);
    assert_false(b.world.active);
    b.out.now += 120 * SECONDS;
    settle(&b);
    uint64_t start_again = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start_again), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_note_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
    static const char *const bad[] = {"step=flying", "seq", "seq=x", "colour=3", "step=none  seq=1"};
    struct vm_note note = {.step = STEP_UNDOING,
                           .op = {~UINT64_C(0), ~UINT64_C(0)},
                           .caller = 10000,
                           .seq = UINT64_MAX,
                           .domid = UINT32_MAX,
                           .started = UINT64_MAX,
                           .created = true,
                           .abandoned = true,
                           .unwanted = true,
                           .settles = UINT64_MAX};
    struct vm_note back = {0}, none = {0};
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(VM_NOTE_MAX);
    (void)state;
    vm_note_write(&bytes, &note);
    assert_int_equal(bytes.failed, 0);
    assert_int_equal(vm_note_read(text_span(&bytes), &back), 0);
    assert_int_equal(back.step, note.step);
    assert_int_equal(back.op.low, note.op.low);
    assert_int_equal(back.seq, note.seq);
    assert_true(back.settles == note.settles);
    assert_true(back.created && back.abandoned && back.unwanted);
    note.settles = 0; /* of a life */
    note.step = STEP_PLUGGING;
    note.bare = note.qrexec = true;
    note.host = VM_PUT_TO_SLEEP;
    note.wishes = WISHES_DUE | WISHES_USB | WISHES_ASKED;
    note.own = UINT32_MAX;
    text_clear(&bytes);
    vm_note_write(&bytes, &note);
    assert_int_equal(bytes.failed, 0);
    assert_int_equal(vm_note_read(text_span(&bytes), &back), 0);
    assert_int_equal(back.wishes, note.wishes);
    assert_int_equal(back.own, note.own);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(vm_note_read(span_of(bad[i]), &none), -ERR_BAD);
        assert_int_equal(none.step, STEP_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_it_leaves_a_definite_vm),
        cmocka_unit_test(killed_twice_it_leaves_a_definite_vm),
        cmocka_unit_test(a_running_vm_survives_its_process),
        cmocka_unit_test(a_guest_that_ended_meanwhile_is_told_once),
        cmocka_unit_test(a_domain_that_was_replaced_has_ended_once),
        cmocka_unit_test(a_call_that_was_abandoned_is_remembered),
        cmocka_unit_test(a_note_is_read_as_it_was_written_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
