/* SPDX-License-Identifier: MIT
 * The core of storage/<pool>: whom it believes, what it does side by side, and what it owes its askers. */
#include "tests/unit/storage/storage_bench.h"

static void nothing_begins_before_the_pool_is_known_and_open(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    change(&b, 1, "create", LINES);
    assert_int_equal(b.tasks, 0);
    registry_says_which(&b);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, STORAGE_OPEN);
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, POOL_create);
    assert_string_equal(b.task[0]->volume.vid, "appvms/work/private");
    ends(&b, 0, 0);
    assert_int_equal(outcome(&b, 1), 0);
    down(&b);
}

static void a_pool_that_does_not_open_says_so_to_everybody(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    change(&b, 1, "create", LINES);
    registry_says_which(&b);
    ends(&b, 0, -ERR_STORAGE);
    assert_int_equal(outcome(&b, 1), -ERR_STORAGE);
    change(&b, 2, "create", LINES);
    assert_int_equal(outcome(&b, 2), -ERR_STORAGE);
    b.out.now += 5 * SECONDS; /* and it is tried again, for pools come back */
    change(&b, 3, "create", LINES);
    assert_int_equal(outcome(&b, 3), 1);
    registry_says_which(&b);
    ends(&b, 0, 0);
    assert_int_equal(b.task[0]->verb, POOL_create);
    down(&b);
}

static void volumes_are_worked_on_side_by_side_and_each_in_order(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    change(&b, 2, "revert", LINES);
    change(&b, 3, "resize", "vid=appvms/other/private\nrw=True");
    assert_int_equal(b.tasks, 2);
    assert_int_equal(b.task[0]->verb, POOL_resize);
    assert_string_equal(b.task[1]->volume.vid, "appvms/other/private");
    ends(&b, 0, 0);
    assert_int_equal(outcome(&b, 1), 0);
    assert_int_equal(outcome(&b, 2), 1);
    assert_int_equal(b.tasks, 2);
    assert_int_equal(b.task[1]->verb, POOL_revert);
    down(&b);
}

static void a_snapshot_waits_for_its_source(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "stop", "vid=vm-templates/t/root\nsave_on_stop=True\nrw=True");
    change(
        &b, 2, "start",
        "vid=appvms/work/root\nsnap_on_start=True\nsave_on_stop=False\nrw=True\nsource=vm-templates/t/root");
    assert_int_equal(b.tasks, 1);
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, POOL_start);
    down(&b);
}

static void volumes_of_one_vm_come_and_go_one_after_the_other(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "remove", LINES);
    change(&b, 2, "remove", "vid=appvms/work/volatile\nrw=True");
    change(&b, 3, "remove", "vid=appvms/worker/private\nrw=True");
    assert_int_equal(b.tasks, 2);
    assert_string_equal(b.task[1]->volume.vid, "appvms/worker/private");
    down(&b);
}

static void what_a_volume_is_registry_says_and_nobody_else(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    use(&b, 1, "fast", "start");
    assert_int_equal(b.tasks, 0);
    assert_true(find(&b, MESSAGE_volume_tell, CLASS_REQUEST) >= 0);
    registry_says_what(&b, LINES);
    assert_int_equal(b.tasks, 1);
    assert_string_equal(b.task[0]->volume.vid, "appvms/work/private");
    ends(&b, 0, 0);
    int i = find(&b, MESSAGE_volume_use, CLASS_REPLY);
    struct volume_use_reply m;
    assert_true(i >= 0);
    assert_int_equal(volume_use_reply_decode(&m, b.said[i].e.body), 0);
    assert_string_equal(m.path, "/p/a-dirty.img");
    forget(&b);
    use(&b, 2, "fast", "start");
    answer(&b, MESSAGE_volume_tell, -ERR_STORAGE, NULL);
    assert_int_equal(outcome(&b, 2), -ERR_STORAGE);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void a_vm_uses_volumes_and_changes_none(void **state)
{
    static const char *const others[] = {"remove", "create", "resize", "open", "clear", "list", "nonsense"};
    struct bench b;
    (void)state;
    up(&b);
    for (size_t i = 0; i < COUNT(others); i++) {
        use(&b, 1 + i, "fast", others[i]);
        assert_int_equal(outcome(&b, 1 + i), -ERR_REFUSED);
    }
    assert_int_equal(b.tasks, 0);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void a_process_of_another_pool_refuses(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    use(&b, 1, "slow", "start");
    assert_int_equal(outcome(&b, 1), -ERR_STORAGE);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void a_volume_that_makes_no_sense_is_refused(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "create", "vid=x\nsize=many");
    assert_int_equal(outcome(&b, 1), -ERR_VALUE);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void cancel(struct bench *b, uint64_t correlation)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_volume_change,
                         .class = CLASS_CANCEL,
                         .source_kind = KIND_REGISTRY,
                         .to_kind = KIND_STORAGE,
                         .to_instance = 5,
                         .correlation = correlation};
    storage_actor.hear(b->core, &b->out, &e);
}

static void cancelled_it_does_not_begin_or_hears_of_it(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    change(&b, 2, "resize", LINES);
    cancel(&b, 2);
    assert_int_equal(outcome(&b, 2), -ERR_CANCELLED);
    cancel(&b, 1);
    assert_true(atomic_load(&b.task[0]->watch->cancelled));
    ends(&b, 0, -ERR_CANCELLED);
    assert_int_equal(outcome(&b, 1), -ERR_CANCELLED);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void what_is_late_never_begins(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    change(&b, 2, "resize", LINES);
    b.out.now += 61 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_int_equal(outcome(&b, 2), 1); /* the router has answered it */
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 0);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void as_long_as_bytes_move_its_asker_is_told(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    b.out.now += 6 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_int_equal(find(&b, MESSAGE_volume_change, CLASS_PROGRESS), -1);
    atomic_store(&b.task[0]->watch->done, 64 << 20);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_true(find(&b, MESSAGE_volume_change, CLASS_PROGRESS) >= 0);
    assert_non_null(strstr(b.title, "64 MiB"));
    down(&b);
}

static void as_bytes_move_everybody_can_hear_of_it_once_a_second(void **state)
{
    struct bench b;
    struct noticed m;
    struct event_item event;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    b.out.now += SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_int_equal(find(&b, MESSAGE_noticed, CLASS_EVENT), -1);
    atomic_store(&b.task[0]->watch->total, 100);
    for (uint64_t done = 10; done < 40; done += 10) {
        forget(&b);
        atomic_store(&b.task[0]->watch->done, done);
        storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
        int i = find(&b, MESSAGE_noticed, CLASS_EVENT);
        assert_true(i >= 0);
        assert_int_equal(noticed_decode(&m, b.said[i].e.body), 0);
        struct reader in = list_reader(&m.events);
        assert_int_equal(event_item_next(&in, &event), 1);
        assert_int_equal(event.qid, 7);
        assert_true(span_is(event.name, "bulkhead-volume-progress"));
        forget(&b);
        atomic_store(&b.task[0]->watch->done, done + 1);
        storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
        assert_int_equal(find(&b, MESSAGE_noticed, CLASS_EVENT), -1);
        b.out.now += SECONDS;
    }
    down(&b);
}

static void how_many_wait_and_how_long_is_shown(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    change(&b, 2, "resize", LINES);
    b.out.now += 12 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_string_equal(b.title, "fast, 1 at work, 1 wait 12 s");
    down(&b);
}

static void tell_config(struct bench *b, const char *lines)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    struct pool_config m = {.pool = "fast", .lines = span_of(lines)};
    pool_config_encode(&body, &m);
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_pool_config,
                         .class = CLASS_EVENT,
                         .source_kind = KIND_REGISTRY,
                         .to_kind = KIND_STORAGE,
                         .to_instance = 5,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(&body)};
    storage_actor.hear(b->core, &b->out, &e);
}

static void it_is_opened_anew_when_nothing_works_with_it(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    tell_config(&b, "driver=file-reflink\ndir_path=/p\nrevisions_to_keep=3");
    change(&b, 2, "resize", "vid=appvms/other/private\nrw=True");
    assert_int_equal(b.tasks, 1); /* nothing begins before it is open again */
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, STORAGE_OPEN);
    assert_non_null(strstr(b.task[0]->lines, "revisions_to_keep=3"));
    tell_config(&b, "driver=file-reflink\ndir_path=/p\nrevisions_to_keep=4");
    assert_int_equal(b.tasks, 1); /* never two at a time */
    ends(&b, 0, 0);
    assert_non_null(strstr(b.task[0]->lines, "revisions_to_keep=4"));
    ends(&b, 0, 0);
    assert_int_equal(b.task[0]->verb, POOL_resize);
    down(&b);
}

static void a_pool_that_is_gone_ends_its_process(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    tell_config(&b, "");
    assert_true(b.retires);
    assert_false(
        b.leaves); /* that would be a crash, and the next one's process would begin as its successor */
    down(&b);
}

static void idle_it_rests_and_never_while_something_is_asked(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_false(b.retires);
    ends(&b, 0, 0);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_true(b.retires);
    down(&b);
}

static void more_than_it_can_hold_is_answered_busy(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    for (uint64_t i = 1; i <= STORAGE_QUEUE_MAX; i++)
        change(&b, i, "resize", LINES);
    assert_int_equal(b.count, 0);
    change(&b, 5000, "resize", LINES);
    assert_int_equal(outcome(&b, 5000), -ERR_BUSY);
    assert_int_equal(b.tasks, 1);
    down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_begins_before_the_pool_is_known_and_open),
        cmocka_unit_test(a_pool_that_does_not_open_says_so_to_everybody),
        cmocka_unit_test(volumes_are_worked_on_side_by_side_and_each_in_order),
        cmocka_unit_test(a_snapshot_waits_for_its_source),
        cmocka_unit_test(volumes_of_one_vm_come_and_go_one_after_the_other),
        cmocka_unit_test(what_a_volume_is_registry_says_and_nobody_else),
        cmocka_unit_test(a_vm_uses_volumes_and_changes_none),
        cmocka_unit_test(a_process_of_another_pool_refuses),
        cmocka_unit_test(a_volume_that_makes_no_sense_is_refused),
        cmocka_unit_test(cancelled_it_does_not_begin_or_hears_of_it),
        cmocka_unit_test(what_is_late_never_begins),
        cmocka_unit_test(as_long_as_bytes_move_its_asker_is_told),
        cmocka_unit_test(as_bytes_move_everybody_can_hear_of_it_once_a_second),
        cmocka_unit_test(how_many_wait_and_how_long_is_shown),
        cmocka_unit_test(it_is_opened_anew_when_nothing_works_with_it),
        cmocka_unit_test(a_pool_that_is_gone_ends_its_process),
        cmocka_unit_test(idle_it_rests_and_never_while_something_is_asked),
        cmocka_unit_test(more_than_it_can_hold_is_answered_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
