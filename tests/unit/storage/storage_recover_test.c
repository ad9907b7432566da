/* SPDX-License-Identifier: MIT
 * What a crash of the host left is looked for before a pool serves: once in a boot, and by what registry
 * knows. */
#include "tests/unit/storage/storage_bench.h"

static void says_volumes(struct bench *b, uint32_t known, uint32_t next, uint32_t certain)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(8192);
    struct pool_volumes_reply m = {.next = next, .certain = certain};
    struct pool_volume v = {.name = "private", .lines = SPAN_LITERAL(LINES), .known = known};
    pool_volume_add(&m.volumes, &bytes, &v);
    pool_volumes_reply_encode(&body, &m);
    answer(b, MESSAGE_pool_volumes, 0, &body);
}

static void opened(struct bench *b, const char *note)
{
    begin_with(b, note);
    registry_says_which(b);
    ends(b, 0, 0);
}

static void before_it_serves_it_looks_at_all_that_registry_knows(void **state)
{
    struct bench b;
    (void)state;
    begin_with(&b, "");
    change(&b, 1, "resize", LINES);
    registry_says_which(&b);
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 0);
    says_volumes(&b, 0, 77, 1);
    assert_int_equal(b.tasks, 0); /* that was one page */
    says_volumes(&b, 1, 0, 1);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, STORAGE_RECOVER);
    assert_int_equal(b.task[0]->known.count, 2);
    assert_int_equal(b.task[0]->known.at[0].known, POOL_AT_REST);
    assert_int_equal(b.task[0]->known.at[1].known, POOL_LIVING);
    assert_string_equal(b.task[0]->known.at[1].volume.vid, "appvms/work/private");
    assert_string_equal(b.note, "");
    ends(&b, 0, 0);
    assert_string_equal(b.note, "fast");
    assert_int_equal(b.task[0]->verb, POOL_resize);
    down(&b);
}

static void in_one_boot_it_looks_once(void **state)
{
    struct bench b;
    (void)state;
    opened(&b, "fast");
    assert_int_equal(find(&b, MESSAGE_pool_volumes, CLASS_REQUEST), -1);
    change(&b, 1, "resize", LINES);
    assert_int_equal(b.tasks, 1);
    down(&b);
}

static void what_was_found_of_another_pool_is_no_word_about_this_one(void **state)
{
    struct bench b;
    (void)state;
    opened(&b, "fas");
    assert_true(find(&b, MESSAGE_pool_volumes, CLASS_REQUEST) >= 0);
    down(&b);
}

static void what_it_finds_it_tells(void **state)
{
    struct bench b;
    struct noticed m;
    struct event_item event;
    struct event_argument argument;
    (void)state;
    opened(&b, "");
    says_volumes(&b, 0, 0, 1);
    b.task[0]->found = TEXT_WITH_LIMIT(1000);
    text_add(&b.task[0]->found, "appvms/work/private\tcommitted\t\nappvms/odd/root\tunknown\t\n");
    ends(&b, 0, 0);
    int i = find(&b, MESSAGE_noticed, CLASS_EVENT);
    assert_true(i >= 0);
    assert_int_equal(b.said[i].e.to_kind, KIND_API);
    assert_int_equal(noticed_decode(&m, b.said[i].e.body), 0);
    assert_int_equal(m.events.count, 2);
    struct reader in = list_reader(&m.events);
    assert_int_equal(event_item_next(&in, &event), 1);
    assert_true(span_is(event.name, "bulkhead-volume-found"));
    struct reader arguments = list_reader(&event.arguments);
    assert_int_equal(event_argument_next(&arguments, &argument), 1);
    assert_true(span_is(argument.value, "fast"));
    assert_int_equal(event_argument_next(&arguments, &argument), 1);
    assert_true(span_is(argument.value, "appvms/work/private"));
    assert_int_equal(event_argument_next(&arguments, &argument), 1);
    assert_true(span_is(argument.value, "committed"));
    down(&b);
}

static void tick(struct bench *b)
{
    b->out.now += SECONDS;
    storage_actor.timer(b->core, &b->out, STORAGE_TIMER_TICK);
}

static void it_waits_until_it_is_known_who_lives_but_not_for_ever(void **state)
{
    struct bench b;
    (void)state;
    opened(&b, "");
    for (int i = 0; i < 9; i++) {
        says_volumes(&b, 1, 0, 0);
        assert_int_equal(b.tasks, 0);
        assert_int_equal(find(&b, MESSAGE_pool_volumes, CLASS_REQUEST), -1);
        tick(&b);
    }
    says_volumes(&b, 1, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->known.count, 1); /* each try begins anew */
    ends(&b, 0, 0);
    assert_string_equal(b.note, ""); /* the next incarnation looks again */
    change(&b, 1, "resize", LINES);
    assert_int_equal(b.task[0]->verb, POOL_resize);
    down(&b);
}

static void a_pool_that_cannot_be_looked_through_serves_and_is_tried_again(void **state)
{
    struct bench b;
    (void)state;
    opened(&b, "");
    says_volumes(&b, 0, 0, 1);
    ends(&b, 0, -ERR_STORAGE);
    assert_string_equal(b.note, "");
    change(&b, 1, "resize", LINES);
    assert_int_equal(b.tasks, 1);
    down(&b);
    opened(&b, "");
    answer(&b, MESSAGE_pool_volumes, -ERR_GONE, NULL);
    change(&b, 1, "resize", LINES);
    assert_int_equal(b.tasks, 1);
    down(&b);
}

static void as_long_as_the_search_gets_on_those_behind_it_are_told(void **state)
{
    struct bench b;
    (void)state;
    opened(&b, "");
    says_volumes(&b, 0, 0, 1);
    change(&b, 1, "resize", LINES);
    b.out.now += 6 * SECONDS;
    tick(&b);
    assert_int_equal(find(&b, MESSAGE_volume_change, CLASS_PROGRESS), -1);
    atomic_store(&b.task[0]->watch->done, 1);
    tick(&b);
    assert_true(find(&b, MESSAGE_volume_change, CLASS_PROGRESS) >= 0);
    down(&b);
}

static void nobody_may_ask_for_it(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "recover", LINES);
    assert_int_equal(outcome(&b, 1), -ERR_REFUSED);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void a_pool_that_is_gone_leaves_no_note(void **state)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    struct pool_config m = {.pool = "fast"};
    struct bench b;
    (void)state;
    up(&b);
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
    storage_actor.hear(b.core, &b.out, &e);
    assert_string_equal(b.note, "");
    assert_true(b.retires);
    down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_it_serves_it_looks_at_all_that_registry_knows),
        cmocka_unit_test(in_one_boot_it_looks_once),
        cmocka_unit_test(what_was_found_of_another_pool_is_no_word_about_this_one),
        cmocka_unit_test(what_it_finds_it_tells),
        cmocka_unit_test(it_waits_until_it_is_known_who_lives_but_not_for_ever),
        cmocka_unit_test(a_pool_that_cannot_be_looked_through_serves_and_is_tried_again),
        cmocka_unit_test(as_long_as_the_search_gets_on_those_behind_it_are_told),
        cmocka_unit_test(nobody_may_ask_for_it),
        cmocka_unit_test(a_pool_that_is_gone_leaves_no_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
