/* SPDX-License-Identifier: MIT
 * Whose a device is to be: what ends a question, and that registry and whoever was chosen are asked until
 * they have heard it, and not for ever. */
#include "tests/unit/devbus/devbus_ask_bench.h"

/* ---- what it hears ---- */

static void ring(struct bench *b)
{
    assert_int_not_equal(b->rings, 0);
    b->out.now = b->rings;
    devbus_ask_rings(&b->ask, &b->out);
}

static void offered(struct bench *b, uint32_t is, int r)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct device_chosen_reply m = {.offered = is};
    device_chosen_reply_encode(&body, &m);
    reply(b, b->offer, &body, r);
}

/* ---- what ends one ---- */

static void with_the_device_its_question_goes(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda sdb", "0 7 8; 1 8");
    assert_int_equal(b.opens, 1);
    expose(&b, BACK, "sdb");
    devbus_ask_look(&b.ask, &b.out);
    assert_int_equal(b.opens, 0);
    assert_string_equal(b.chosen, "sdb>8;"); /* nobody has said no */
    devbus_ask_said(&b.ask, &b.out, 1, SPAN_LITERAL("allow:vm-7"));
    assert_string_equal(b.chosen, "sdb>8;");
    close_bench(&b);
}

static void with_its_attachment_elsewhere_too(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "0 7?");
    arrive(&b, THIRD, "sda");
    assert_int_equal(b.opens, 0);
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

static void a_vm_whose_life_is_over_gets_nothing(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "0 7 8");
    devbus_ask_over(&b.ask, &b.out, FRONT);
    assert_int_equal(b.opens, 1); /* the other one may still be named */
    say(&b, "allow:vm-7");
    assert_string_equal(b.chosen, "");
    came(&b, "sdb", "0 7 8");
    devbus_ask_over(&b.ask, &b.out, FRONT);
    devbus_ask_over(&b.ask, &b.out, OTHER);
    assert_int_equal(b.opens, 0);
    came(&b, "sdc", "0 7");
    assert_string_equal(b.chosen, "sdc>7;");
    devbus_ask_over(&b.ask, &b.out, FRONT);
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

static void who_does_not_answer_in_time_has_said_no(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda sdb", "0 7?; 1 8");
    assert_int_equal(b.rings, b.out.now + DEVBUS_ASK_PATIENCE);
    ring(&b);
    assert_int_equal(b.opens, 0);
    assert_string_equal(b.chosen, "sdb>8;");
    close_bench(&b);
}

/* ---- registry ---- */

static void registry_is_asked_again_and_not_for_ever(void **state)
{
    AUTO_TEXT nothing = TEXT_WITH_LIMIT(1);
    struct bench b;
    (void)state;
    open_bench(&b);
    come_to(&b, BACK, "sda");
    reply(&b, b.registry, &nothing, -ERR_GONE);
    ring(&b);
    wanted_by(&b, "0 7");
    assert_string_equal(b.chosen, "sda>7;");
    arrive(&b, FRONT, "sda");
    come_to(&b, BACK, "sdb");
    for (int i = 0; i < 20 && !devbus_ask_is_idle(&b.ask); i++) {
        reply(&b, b.registry, &nothing, -ERR_BUSY);
        if (!devbus_ask_is_idle(&b.ask))
            ring(&b);
    }
    assert_true(devbus_ask_is_idle(&b.ask));
    assert_int_equal(b.rings, 0);
    close_bench(&b);
}

static void an_answer_about_a_device_that_was_not_asked_about_is_none(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "0 7; 1 8");
    assert_string_equal(b.chosen, "");
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

static void who_was_chosen_is_told_until_it_comes(void **state)
{
    AUTO_TEXT nothing = TEXT_WITH_LIMIT(1);
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "0 7");
    reply(&b, b.offer, &nothing, -ERR_GONE);
    assert_false(devbus_ask_is_idle(&b.ask));
    ring(&b);
    offered(&b, 1, 0);
    ring(&b);
    assert_string_equal(b.chosen, "sda>7;sda>7;sda>7;");
    devbus_ask_arrived(&b.ask, FRONT, "back-4", "sda");
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

static void who_does_not_want_it_or_never_comes_is_let_be(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "0 7");
    offered(&b, 0, 0);
    assert_true(devbus_ask_is_idle(&b.ask));
    came(&b, "sdb", "0 7");
    for (int i = 0; i < 20 && !devbus_ask_is_idle(&b.ask); i++) {
        offered(&b, 1, 0);
        if (!devbus_ask_is_idle(&b.ask))
            ring(&b);
    }
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_the_device_its_question_goes),
        cmocka_unit_test(with_its_attachment_elsewhere_too),
        cmocka_unit_test(a_vm_whose_life_is_over_gets_nothing),
        cmocka_unit_test(who_does_not_answer_in_time_has_said_no),
        cmocka_unit_test(registry_is_asked_again_and_not_for_ever),
        cmocka_unit_test(an_answer_about_a_device_that_was_not_asked_about_is_none),
        cmocka_unit_test(who_was_chosen_is_told_until_it_comes),
        cmocka_unit_test(who_does_not_want_it_or_never_comes_is_let_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
