/* SPDX-License-Identifier: MIT
 * What a guest exposes is told to its bus: nothing that is there is missed, and nothing that is not known. */
#include "tests/unit/guest/guest_bench.h"

/* Nobody waits for it, so that nobody asks again: the bus would believe for good what was there before. */
static void a_look_that_fails_is_made_again_until_it_is_told(void **state)
{
    struct bench b;
    (void)state;
    setup(&b);
    open_guest(&b);
    guest_expose_look(&b.core, &b.out, GUEST_block, true);
    uint64_t paused = 0;
    for (int i = 0; i < 3; i++) {
        guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
        if (i == 1) { /* it hangs */
            struct guest_task *hangs = b.task;
            guest_actor.done(&b.core, &b.out, &(struct done){.overdue = true});
            guest_actor.done(&b.core, &b.out, &(struct done){.task = &hangs->task, .cleared = true});
            free(hangs);
            b.task = NULL;
        } else {
            read_ends(&b, -ERR_CLOSED, NULL, NULL);
        }
        assert_int_equal(b.errors, 0);
        assert_int_equal(b.core.calls, 0);
        assert_true(b.look_again > b.out.now + paused);
        paused = b.look_again - b.out.now;
        b.out.now = b.look_again;
        guest_actor.timer(&b.core, &b.out, TIMER_LOOK_AGAIN);
        assert_int_equal(b.look_again, 0);
        assert_int_equal(b.core.calls, 1);
    }
    b.core.exposed[GUEST_block].exposes = true;
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    read_ends(&b, 0, NULL, NULL);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.told_changed, 1);
    assert_int_equal(b.look_again, 0);
}

/* The bus keeps an answer, too: as what is exposed until it hears otherwise. */
static void the_end_of_what_a_bus_was_only_answered_is_told(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct device_item item = {.port = "sda"};
    (void)state;
    setup(&b);
    open_guest(&b);
    guest_devices_encode(&body, &(struct guest_devices){.device_class = "block"});
    hear(&b, MESSAGE_guest_devices, text_span(&body));
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    device_item_add(&b.task->words, &b.task->elements, &item);
    read_ends(&b, 0, NULL, NULL);
    assert_int_equal(b.told, 0);
    guest_expose_over(&b.core, &b.out);
    assert_int_equal(b.told, 1);
}

static void a_supervisor_that_is_silent_hides_no_device(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    setup(&b);
    open_guest(&b);
    b.core.exposed[GUEST_block].exposes = true;
    b.replies = 0;
    guest_expose_look(&b.core, &b.out, GUEST_block, true);
    guest_devices_encode(&body, &(struct guest_devices){.device_class = "block"});
    hear(&b, MESSAGE_guest_devices, text_span(&body));
    guest_actor.timer(&b.core, &b.out, TIMER_DOOR);
    guest_actor.timer(&b.core, &b.out, TIMER_DOOR);
    assert_int_equal(b.told, 0);
    assert_int_equal(b.replies, 0); /* whoever asks hears no empty list */
    assert_int_equal(b.error, ERR_TIMEOUT);
    assert_true(b.look_again > b.out.now);
    b.out.now = b.look_again;
    guest_actor.timer(&b.core, &b.out, TIMER_LOOK_AGAIN);
    guest_handed(&b.core, &b.out, GUEST_DOOR_READ, 77);
    read_ends(&b, 0, NULL, NULL);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.told_changed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_that_fails_is_made_again_until_it_is_told),
        cmocka_unit_test(the_end_of_what_a_bus_was_only_answered_is_told),
        cmocka_unit_test(a_supervisor_that_is_silent_hides_no_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
