/* SPDX-License-Identifier: MIT
 * A pool that cannot be made: whoever asks for it once more is served by a process that begins anew, whose
 * jail is of what is there now; and the one that has failed does not stay. */
#include "tests/unit/storage/storage_bench.h"

#define POOL "driver=file-reflink\ndir_path=/p" /* as registry_says_which */

static void make(struct bench *b, uint64_t correlation)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16384);
    struct volume_change m = {.pool = "fast", .verb = "setup", .lines = SPAN_LITERAL(POOL)};
    volume_change_encode(&body, &m);
    hear(b, MESSAGE_volume_change, (struct address){KIND_REGISTRY, 0}, correlation, &body);
}

/* Opening it (0) or making it (1) fails. */
static void fail_at(struct bench *b, unsigned step)
{
    begin(b);
    registry_says_which(b);
    make(b, 1);
    if (step == 1)
        ends(b, 0, 0);
    assert_int_equal(b->task[0]->verb, step == 0 ? STORAGE_OPEN : POOL_setup);
    ends(b, 0, -ERR_STORAGE);
    assert_int_equal(outcome(b, 1), -ERR_STORAGE);
}

static void what_could_not_be_made_is_made_anew_by_the_next_process(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 2; step++) {
        struct bench b;
        fail_at(&b, step);
        make(&b, 2);
        assert_true(b.leaves);
        assert_int_equal(outcome(&b, 2), 1); /* the next one answers it */
        assert_int_equal(b.tasks, 0);
        down(&b);
    }
}

/* It was started again by a kill when its pool had been removed, and the next pool of its name came. */
static void who_began_without_a_place_leaves_a_pool_that_is_to_be_made_to_the_next_but_once(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    b.core->placeless = true;
    make(&b, 1);
    assert_true(b.leaves);
    assert_int_equal(outcome(&b, 1), 1);
    assert_int_equal(b.tasks, 0);
    char note[STORAGE_NOTE];
    (void)text_copy(note, sizeof note, span_of(b.note));
    down(&b);
    begin_with(&b, note);
    b.core->placeless = true;
    make(&b, 2);
    assert_false(b.leaves);
    down(&b);
}

static void who_cannot_serve_rests_soon_also_when_it_is_asked_all_the_time(void **state)
{
    (void)state;
    for (unsigned step = 0; step < 2; step++) {
        struct bench b;
        fail_at(&b, step);
        uint64_t rests = b.timer[STORAGE_TIMER_REST];
        assert_true(rests <= b.out.now + SECONDS);
        b.out.now += SECONDS / 2;
        use(&b, 2, "fast", "start");
        assert_int_equal(outcome(&b, 2), -ERR_STORAGE);
        assert_int_equal(b.timer[STORAGE_TIMER_REST], rests);
        storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
        assert_true(b.retires);
        down(&b);
    }
}

static void one_that_was_refused_leaves_no_note_that_would_start_it_again(void **state)
{
    struct bench b;
    (void)state;
    begin_with(&b, "");
    registry_says_which(&b);
    ends(&b, 0, 0);
    (void)text_copy(b.note, sizeof b.note, SPAN_LITERAL("fast")); /* it has been looked through */
    storage_actor.bygone(b.core, &b.out);
    assert_string_equal(b.note, "");
    assert_true(b.retires);
    down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_not_be_made_is_made_anew_by_the_next_process),
        cmocka_unit_test(who_began_without_a_place_leaves_a_pool_that_is_to_be_made_to_the_next_but_once),
        cmocka_unit_test(who_cannot_serve_rests_soon_also_when_it_is_asked_all_the_time),
        cmocka_unit_test(one_that_was_refused_leaves_no_note_that_would_start_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
