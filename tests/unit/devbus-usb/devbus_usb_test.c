/* SPDX-License-Identifier: MIT
 * devbus-usb between backends and VMs: one holder at a time; who has what is the backend's word; what comes
 * and goes is told once; it rests when there is nothing to know. */
#include "tests/unit/devbus-usb/devbus_usb_bench.h"

/* It would take what another backend has given away. */
static void who_says_anothers_name_takes_nothing(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front ", false);
    is_named(b, FRONT);
    bench_forget(b);
    HEAR(b, bus_exposed, OTHER, .device_class = "usb", .name = "back", .changed = 1);
    assert_true(bench_is_called(b, "back", BACK));
    HEAR(b, bus_exposed, OTHER, .device_class = "usb", .name = "back", .changed = 1);
    /* It may say of itself that it has changed. */
    assert_string_equal(b->events, "8 device-list-change:usb ;8 device-list-change:usb ;");
    assert_string_equal(b->attached, "");
    assert_int_equal(bench_bus(b)->table.used, 1);
}

/* It is read when registry has said whose the name is, before the backend's daemon has told of the change. */
static void a_device_that_comes_while_its_backends_name_is_asked_for_is_news(void **state)
{
    struct bench *b = *state;
    HEAR(b, bus_exposed, BACK, .device_class = "usb", .name = "back");
    exposes(b, "1-1 ", false);
    assert_string_equal(b->events, "4 device-added:usb back:1-1:1:2::u03****;");
    exposes(b, "1-1 ", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
}

/* ---- tests ---- */

static void a_device_is_connected_by_its_frontends_service_and_let_go_of_by_its_backends(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), 0);
    plug(b, FRONT);
    assert_int_equal(bench_last(b), 1); /* nobody hears anything before the service has ended */
    struct asked a = service_ends(b, 0, 0, "");
    assert_int_equal(a.subject, FRONT);
    assert_string_equal(a.words, "1 back 1-1");
    assert_int_equal(bench_last(b), 0);
    assert_string_equal(b->attached, "7 back+1-1;");
    unplug(b, FRONT, false);
    a = service_ends(b, 0, 0, "");
    assert_int_equal(a.subject, BACK);
    assert_string_equal(a.words, "0 back 1-1");
    assert_int_equal(bench_last(b), 0);
    assert_string_equal(b->attached, "7;");
    assert_string_equal(b->events, ""); /* who asked tells it */
}

static void one_device_has_one_holder(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    prepare(b, OTHER, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
    plug(b, OTHER);
    assert_int_equal(bench_last(b), -ERR_QUBES);
    plug(b, FRONT);
    (void)service_ends(b, 0, 0, "");
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
    assert_string_equal(bench_last_text(b), "'Device back:1-1:1:2::u03**** already attached to front'");
    prepare(b, FRONT, true); /* the same operation goes on */
    assert_int_equal(bench_last(b), 0);
    plug(b, FRONT);
    assert_int_equal(bench_last(b), 0);
    assert_int_equal(b->asks, 0);
}

static void what_is_not_there_and_what_has_options_is_refused(void **state)
{
    struct bench *b = *state;
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_UNRECOGNIZED);
    exposes(b, "1-1 ", false);
    HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "1-1", .device_id = "other");
    assert_int_equal(bench_last(b), -ERR_DEVICE_UNRECOGNIZED);
    HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "1-1",
         .options = SPAN_LITERAL("option:a=b\n"));
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_string_equal(bench_last_text(b), "USB device attachment does not support user options");
    assert_int_equal(bench_bus(b)->table.used, 0);
}

static void a_service_that_fails_leaves_the_device_free_and_its_words_are_the_error(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    (void)service_ends(b, 0, 1, "100%\x01 busy");
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_string_equal(bench_last_text(b), "Device attach failed: 100__ busy ");
    assert_int_equal(bench_bus(b)->table.used, 0);
    prepare(b, OTHER, false);
    plug(b, OTHER);
    (void)service_ends(b, 0, 127, "");
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_non_null(strstr(bench_last_text(b), "usb-proxy not installed"));
    assert_int_equal(bench_bus(b)->table.used, 0);
    attach(b);
    unplug(b, FRONT, false);
    (void)service_ends(b, 0, 1, "no");
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_int_equal(bench_bus(b)->table.used, 1); /* it is still attached */
}

static void what_is_not_attached_is_not_detached_unless_it_was_just_now(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    unplug(b, FRONT, false);
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_string_equal(bench_last_text(b), "Device 1-1 not connected to VM front");
    unplug(b, FRONT, true);
    assert_int_equal(bench_last(b), 0);
    attach(b);
    unplug(b, OTHER, false);
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_int_equal(b->asks, 0);
}

static void what_a_backend_says_by_itself_is_told(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 2-1 ", false);
    assert_string_equal(b->events, ""); /* on first sight nothing is news */
    exposes(b, "1-1=front 3-1 ", true);
    is_named(b, FRONT);
    assert_string_equal(b->events, "4 device-list-change:usb ;4 device-removed:usb back:2-1;"
                                   "4 device-added:usb back:3-1:1:2::u03****;"
                                   "7 device-attach:usb back:1-1:1:2::u03**** {};");
    assert_string_equal(b->sent, "came 4 3-1;");
    assert_string_equal(b->attached, "7 back+1-1;");
    exposes(b, "1-1=other 3-1 ", true);
    is_named(b, OTHER);
    assert_string_equal(b->events, "4 device-list-change:usb ;7 device-detach:usb back:1-1;"
                                   "8 device-attach:usb back:1-1:1:2::u03**** {};");
    assert_string_equal(b->attached, "7;8 back+1-1;");
    exposes(b, "", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;8 device-detach:usb back:1-1;"
                                   "4 device-removed:usb back:1-1;4 device-removed:usb back:3-1;");
    assert_int_equal(bench_bus(b)->table.used, 0);
    assert_int_equal(bench_bus(b)->listing.exposed.count, 0);
}

static void with_its_backend_a_device_is_gone_and_its_list_has_changed(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front 2-1 ", false);
    is_named(b, FRONT);
    b->events[0] = b->attached[0] = '\0';
    HEAR(b, bus_exposed, BACK, .device_class = "usb", .name = "back", .over = 1);
    assert_string_equal(b->events, "4 device-list-change:usb ;7 device-detach:usb back:1-1;"
                                   "4 device-removed:usb back:1-1;4 device-removed:usb back:2-1;");
    assert_int_equal(bench_bus(b)->table.used, 0);
    assert_int_equal(bench_bus(b)->listing.exposed.count, 0);
}

static void what_is_attached_when_a_backend_is_first_heard_is_known_and_no_news(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front ", false);
    is_named(b, FRONT);
    assert_string_equal(b->events, "");
    assert_string_equal(b->attached, "7 back+1-1;");
    prepare(b, OTHER, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
}

static void a_name_that_no_vm_has_is_nobody(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=nobody ", true);
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED); /* until registry has said so */
    is_named(b, 0);
    assert_string_equal(b->attached, "");
    attach(b);
}

static void the_backends_word_about_our_own_attachment_is_no_second_event(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", true);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    exposes(b, "1-1=front ", true);
    is_named(b, FRONT);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(bench_last(b), 0);
    exposes(b, "1-1=front ", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
    unplug(b, FRONT, false);
    exposes(b, "1-1 ", true);
    assert_string_equal(b->events, "4 device-list-change:usb ;");
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(bench_last(b), 0);
    assert_int_equal(bench_bus(b)->table.used, 0);
}

static void a_vm_that_ends_has_nothing_and_what_was_on_its_way_is_free(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 2-1=front ", false);
    is_named(b, FRONT);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    HEAR(b, bus_over, FRONT, .nothing = 0);
    assert_string_equal(b->events, "7 device-detach:usb back:2-1;");
    assert_int_equal(bench_bus(b)->table.used, 0);
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_int_equal(bench_bus(b)->table.used, 0);
}

static void after_a_crash_a_hold_stands_and_backends_say_the_rest(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    bench_killed(b);
    exposes(b, "1-1=front ", false);
    prepare(b, OTHER, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
    plug(b, FRONT); /* the same operation asks again; the service has done its work already */
    (void)service_ends(b, 0, 1, "is connected");
    assert_int_equal(bench_last(b), 0);
    is_named(b, FRONT);
    assert_string_equal(b->events, "");
}

static void what_its_backend_has_taken_away_meanwhile_is_not_attached(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 2-1 ", false);
    prepare(b, FRONT, false);
    plug(b, FRONT);
    exposes(b, "2-1 ", true);
    (void)service_ends(b, 0, 0, "");
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_string_equal(bench_last_text(b), "back:1-1 is not there any more");
    assert_int_equal(bench_bus(b)->table.used, 0);
}

/* After a crash, or because it has ended: whoever knows is asked, and only that word attaches it. */
static void without_its_backends_word_a_device_is_only_held(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    prepare(b, FRONT, false);
    for (int again = 0; again < 2; again++) {
        bench_killed(b);
        unsigned asked = b->guests_asked;
        plug(b, FRONT);
        (void)service_ends(b, 0, 0, "");
        assert_int_equal(bench_last(b), 0);
        assert_int_equal(b->guests_asked, asked + 1);
        assert_string_equal(b->attached, "7;");
        assert_int_equal(bench_bus(b)->table.device[0].state, DEVBUS_HELD);
    }
    exposes(b, "1-1=front ", false);
    is_named(b, FRONT);
    assert_string_equal(b->attached, "7 back+1-1;");
    bench_killed(b);
    assert_int_equal(bench_bus(b)->table.used, 0); /* and needs no note */
}

/* Whoever detached it asks again, and its backend has not said yet whether it is still connected. */
static void a_detachment_that_a_crash_cut_off_waits_for_its_backends_word(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front ", false);
    is_named(b, FRONT);
    bench_killed(b);
    unplug(b, FRONT, true);
    assert_int_equal(bench_last(b), 1);
    assert_int_equal(b->asks, 0);
    uint64_t asked = b->request;
    exposes(b, "1-1=front ", false);
    struct asked a = service_ends(b, 0, 0, ""); /* whose that name is registry has not said */
    assert_int_equal(a.subject, BACK);
    assert_int_equal(bench_result(b, asked), 0);
    exposes(b, "1-1 ", false);
    assert_int_equal(bench_bus(b)->table.used, 0);
    bench_killed(b);
    unplug(b, FRONT, true);
    bench_rings(b, DEVBUS_TIMER_SETTLED); /* it says nothing */
    assert_int_equal(bench_last(b), -ERR_TIMEOUT);
    unplug(b, FRONT, true); /* nobody exposes it */
    assert_int_equal(bench_last(b), 0);
    bench_killed(b);
    unplug(b, FRONT, true);
    exposes(b, "1-1=front ", false);
    asked = b->request;
    (void)service_ends(b, 0, 1, "no");
    assert_int_equal(bench_result(b, asked), -ERR_QUBES);
    is_named(b, FRONT);
    assert_string_equal(b->attached, "7;7 back+1-1;");
}

/* What was attached may have been let go of, or its backend have ended, while there was no bus. */
static void who_is_not_said_to_have_anything_after_a_crash_has_nothing(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front 2-1=other ", false);
    is_named(b, FRONT);
    is_named(b, OTHER);
    bench_killed(b);
    exposes(b, "1-1 2-1=other ", false);
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    assert_string_equal(b->sent, ""); /* whose that name is, is being asked */
    is_named(b, OTHER);
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    assert_string_equal(b->sent, "only 8;");
}

static void it_rests_only_when_there_is_nothing_to_know(void **state)
{
    struct bench *b = *state;
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    bench_forget(b);
    exposes(b, "1-1 ", false);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired);
    exposes(b, "", true);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_true(b->retired);
}

/* Nothing is known of a name until registry says something of it. */
static void
a_question_that_registry_does_not_answer_is_asked_again_and_the_device_is_nobody_elses(void **state)
{
    static const int errors[] = {-ERR_BUSY, -ERR_LATE, -ERR_GONE, -ERR_TIMEOUT};
    struct bench *b = *state;
    exposes(b, "1-1 ", false);
    exposes(b, "1-1=front ", true);
    for (size_t i = 0; i < 3 * COUNT(errors); i++) {
        (void)ANSWER(b, vm_named, errors[i % COUNT(errors)], .found = 0);
        assert_int_equal(b->asks, 0);
        prepare(b, OTHER, false);
        assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
        assert_true(b->timer[USB_TIMER_NAMES] > b->out.now);
        assert_true(b->timer[USB_TIMER_NAMES] <= b->out.now + 20 * SECONDS);
        b->out.now = b->timer[USB_TIMER_NAMES];
        bench_rings(b, USB_TIMER_NAMES);
        assert_int_equal(b->asks, 1);
    }
    bench_forget(b);
    is_named(b, FRONT);
    assert_string_equal(b->attached, "7 back+1-1;");
    assert_string_equal(b->events, "7 device-attach:usb back:1-1:1:2::u03**** {};");
    assert_int_equal(b->timer[USB_TIMER_NAMES], 0);
}

static void what_has_changed_meanwhile_is_not_asked_again(void **state)
{
    struct bench *b = *state;
    exposes(b, "1-1=front ", false);
    (void)ANSWER(b, vm_named, -ERR_BUSY, .found = 0);
    exposes(b, "1-1 ", true);
    b->out.now = b->timer[USB_TIMER_NAMES];
    bench_rings(b, USB_TIMER_NAMES);
    assert_int_equal(b->asks, 0);
    assert_int_equal(b->timer[USB_TIMER_NAMES], 0);
    assert_int_equal(((struct devbus_usb *)b->core)->names, 0);
    prepare(b, OTHER, false);
    assert_int_equal(bench_last(b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_connected_by_its_frontends_service_and_let_go_of_by_its_backends),
        TEST(one_device_has_one_holder),
        TEST(what_is_not_there_and_what_has_options_is_refused),
        TEST(a_service_that_fails_leaves_the_device_free_and_its_words_are_the_error),
        TEST(what_is_not_attached_is_not_detached_unless_it_was_just_now),
        TEST(what_a_backend_says_by_itself_is_told),
        TEST(with_its_backend_a_device_is_gone_and_its_list_has_changed),
        TEST(what_is_attached_when_a_backend_is_first_heard_is_known_and_no_news),
        TEST(a_name_that_no_vm_has_is_nobody),
        TEST(the_backends_word_about_our_own_attachment_is_no_second_event),
        TEST(a_vm_that_ends_has_nothing_and_what_was_on_its_way_is_free),
        TEST(after_a_crash_a_hold_stands_and_backends_say_the_rest),
        TEST(what_its_backend_has_taken_away_meanwhile_is_not_attached),
        TEST(without_its_backends_word_a_device_is_only_held),
        TEST(a_detachment_that_a_crash_cut_off_waits_for_its_backends_word),
        TEST(who_is_not_said_to_have_anything_after_a_crash_has_nothing),
        TEST(it_rests_only_when_there_is_nothing_to_know),
        TEST(who_says_anothers_name_takes_nothing),
        TEST(a_device_that_comes_while_its_backends_name_is_asked_for_is_news),
        TEST(a_question_that_registry_does_not_answer_is_asked_again_and_the_device_is_nobody_elses),
        TEST(what_has_changed_meanwhile_is_not_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
