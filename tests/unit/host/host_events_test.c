/* SPDX-License-Identifier: MIT
 * The host's core: what it hears of the domains is told with a look that began behind it, which always comes.
 */
#include "tests/unit/host/host_bench.h"

static void each_event_leads_to_a_fresh_look(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    unsigned from = b.told;
    bench_event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    assert_int_equal(b.told, from); /* what it said may be old: nothing before the look */
    b.domains[0].state = VIRT_PAUSED;
    bench_perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=1 domid=4 state=3 event=3");
    bench_down(&b);
}

static void an_event_during_a_look_leads_to_another(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    struct task *running = TAKE(b.task);
    bench_event(&b, UUID_A, VIRT_EVENT_RESUMED);
    assert_null(b.task);
    b.task = running;
    bench_perform(&b);
    assert_non_null(b.task);
    bench_perform(&b);
    assert_null(b.task);
    bench_down(&b);
}

/* It has listed the domains; its word of that is late. */
static struct task *look_only(struct bench *b)
{
    struct task *running = TAKE(b->task);
    host_actor.perform(&b->doors, running);
    return running;
}

static void look_ends(struct bench *b, struct task *running)
{
    struct done d = {.task = running, .what = running->what};
    host_actor.done(b->core, &b->out, &d);
    free(running);
}

static void an_event_is_told_with_a_look_that_began_after_it(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    b.domains[0].state = VIRT_PAUSED;
    bench_event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    struct task *running = look_only(&b);
    b.domains[0].state = VIRT_RUNNING;
    bench_event(&b, UUID_A, VIRT_EVENT_RESUMED);
    unsigned from = b.told;
    look_ends(&b, running);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=1 domid=4 state=3 event=3");
    bench_perform(&b);
    assert_int_equal(b.told, from + 2);
    assert_string_equal(b.said[from + 1], "vm/7.3 active=1 domid=4 state=1 event=4");
    assert_null(b.task);
    bench_down(&b);
}

/* As soon as a look shows it; what was heard is told besides, when a look began behind it. */
static void an_end_that_a_look_shows_does_not_wait_for_its_event(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_event(&b, UUID_B, VIRT_EVENT_STARTED);
    b.count = 0;
    struct task *running = look_only(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_STOPPED);
    unsigned from = b.told;
    look_ends(&b, running);
    assert_true(bench_has_said(&b, from, "vm/7.3 active=0 domid=0 state=5 event=255"));
    from = b.told;
    bench_perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=0 domid=0 state=5 event=5");
    assert_null(b.task);
    bench_down(&b);
}

/* Host has seen nothing but `running`: whoever believed otherwise must hear of it. */
static void an_event_that_changes_nothing_is_told_all_the_same(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_event(&b, UUID_B, VIRT_EVENT_STARTED);
    struct task *running = look_only(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    bench_event(&b, UUID_A, VIRT_EVENT_RESUMED);
    unsigned from = b.told;
    look_ends(&b, running);
    assert_false(bench_has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=4"));
    from = b.told;
    bench_perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/7.3 active=1 domid=4 state=1 event=4");
    bench_down(&b);
}

static void what_was_heard_before_and_during_a_look_that_fails_is_told_with_the_next(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_runs(&b, UUID_B, 5, VIRT_RUNNING);
    bench_event(&b, UUID_A, VIRT_EVENT_RESUMED);
    struct task *running = TAKE(b.task);
    bench_event(&b, UUID_B, VIRT_EVENT_STARTED);
    b.task = running;
    b.trouble = -ERR_NO_CONNECTION;
    unsigned from = b.told;
    bench_perform(&b);
    assert_int_equal(b.told, from);
    b.trouble = 0;
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    bench_perform(&b);
    assert_true(bench_has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=4"));
    assert_true(bench_has_said(&b, from, "vm/8.0 active=1 domid=5 state=1 event=2"));
    bench_down(&b);
}

static void what_was_heard_before_and_during_a_look_that_hangs_is_told_with_the_next(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    struct done overdue = {.what = b.task->what, .overdue = true};
    struct task *hung = look_only(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_RESUMED);
    host_actor.done(b.core, &b.out, &overdue);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    unsigned from = b.told;
    bench_perform(&b);
    assert_true(bench_has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=4"));
    struct done cleared = {.task = hung, .what = hung->what, .cleared = true};
    host_actor.done(b.core, &b.out, &cleared);
    free(hung);
    bench_down(&b);
}

/* Its own connection tells more than it knew: what comes while it is made is told behind it. */
static void an_event_while_the_connection_is_made_is_told_with_the_next_look(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    host_lost(b.core, &b.out);
    host_actor.timer(b.core, &b.out, TIMER_CONNECT);
    struct task *running = look_only(&b);
    b.domains[0].state = VIRT_PAUSED;
    bench_event(&b, UUID_A, VIRT_EVENT_SUSPENDED);
    look_ends(&b, running);
    unsigned from = b.told;
    assert_non_null(b.task);
    bench_perform(&b);
    assert_string_equal(b.said[from], "vm/7.3 active=1 domid=4 state=3 event=3");
    bench_down(&b);
}

static void definitions_are_no_news(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_event(&b, UUID_A, VIRT_EVENT_DEFINED);
    bench_event(&b, UUID_A, VIRT_EVENT_UNDEFINED);
    assert_null(b.task);
    bench_event(&b, UUID_B, VIRT_EVENT_STARTED);
    unsigned from = b.told;
    bench_perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_string_equal(b.said[from], "vm/8.0 active=0 domid=0 state=0 event=2");
    bench_down(&b);
}

/* However many of one VM: they are one word, and take no room from what is heard of another. */
static void a_storm_of_events_is_one_word_of_each_look(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    for (unsigned i = 0; i < 10000; i++)
        bench_event(&b, UUID_A, i % 2 == 0 ? VIRT_EVENT_SUSPENDED : VIRT_EVENT_RESUMED);
    bench_event(&b, UUID_B, VIRT_EVENT_STOPPED);
    unsigned from = b.told;
    bench_perform(&b);
    bench_perform(&b);
    assert_null(b.task);
    assert_int_equal(b.told, from + 3);
    assert_string_equal(b.said[from], "vm/7.3 active=1 domid=4 state=1 event=3");
    assert_true(bench_has_said(&b, from, "vm/7.3 active=1 domid=4 state=1 event=4"));
    assert_true(bench_has_said(&b, from, "vm/8.0 active=0 domid=0 state=0 event=5"));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_leads_to_a_fresh_look),
        cmocka_unit_test(an_event_during_a_look_leads_to_another),
        cmocka_unit_test(an_event_is_told_with_a_look_that_began_after_it),
        cmocka_unit_test(an_end_that_a_look_shows_does_not_wait_for_its_event),
        cmocka_unit_test(an_event_that_changes_nothing_is_told_all_the_same),
        cmocka_unit_test(what_was_heard_before_and_during_a_look_that_fails_is_told_with_the_next),
        cmocka_unit_test(what_was_heard_before_and_during_a_look_that_hangs_is_told_with_the_next),
        cmocka_unit_test(an_event_while_the_connection_is_made_is_told_with_the_next_look),
        cmocka_unit_test(definitions_are_no_news),
        cmocka_unit_test(a_storm_of_events_is_one_word_of_each_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
