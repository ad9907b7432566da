/* SPDX-License-Identifier: MIT
 * devbus-block between backends and VMs: one holder at a time, wherever it is killed; what comes and goes is
 * told once; it rests when there is nothing to know. */
#include "tests/unit/devbus-block/devbus_block_bench.h"

#include "actors/devbus-block/devbus_block_options.h"

static void a_disk_is_held_for_one_vm_and_shown_when_it_is_there(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    uint64_t first = prepare(b, FRONT, "option:read-only=ON", false), second = prepare(b, OTHER, "", false);
    assert_int_equal(bench_result(b, first), 0);
    assert_string_equal(bench_reply(b, first)->options, "option:read-only=yes");
    assert_int_equal(bench_result(b, second), -ERR_DEVICE_ATTACHED);
    assert_int_equal(bench_result(b, confirm(b, FRONT, true)), 0);
    assert_string_equal(b->shown, "back+sda+:None option:frontend-dev=xvdi;");
    assert_int_equal(bench_result(b, prepare(b, FRONT, "", false)), -ERR_DEVICE_ATTACHED);
    assert_int_equal(bench_result(b, prepare(b, FRONT, "", true)), 0); /* the same attachment, asked again */
    assert_int_equal(bench_result(b, confirm(b, FRONT, false)), 0);
    assert_string_equal(b->shown, "");
    assert_int_equal(bench_result(b, prepare(b, OTHER, "", false)), 0);
}

static void what_is_not_exposed_or_has_another_id_is_not_given(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_result(b, prepare(b, FRONT, "", false)), -ERR_DEVICE_UNRECOGNIZED);
    exposes(b, "sda ", false);
    uint64_t other = HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "sda",
                          .device_id = "0000:0000::?******:1.0");
    assert_int_equal(bench_result(b, other), -ERR_DEVICE_UNRECOGNIZED);
    assert_int_equal(bench_bus(b)->table.used, 0);
}

static void options_are_checked_before_anything_is_held(void **state)
{
    static const char *const bad[] = {
        "option:read-only=maybe", "option:read-only=",         "option:frontend-dev=hda",
        "option:devtype=tape",    "option:color=red",          "option:frontend-dev=xvd i",
        "option:read-only=no",    "option:frontend-dev=xvda/", "option:frontend-dev=xvdaaaaaaaaaaaaaaaaa"};
    struct bench *b = *state;
    exposes(b, "!sda ", false);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(bench_result(b, prepare(b, FRONT, bad[i], false)), -ERR_VALUE);
    assert_int_equal(bench_bus(b)->table.used, 0);
    uint64_t good = prepare(b, FRONT, "option:devtype=cdrom\noption:frontend-dev=sdb", false);
    assert_int_equal(bench_result(b, good), 0);
    assert_string_equal(bench_reply(b, good)->options,
                        "option:devtype=cdrom\noption:frontend-dev=sdb\noption:read-only=yes");
}

static void news_is_what_differs_and_what_was_there_at_first_is_none(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda sdb ", false);
    assert_string_equal(b->events, "");
    exposes(b, "sdb sdc mapper_x ", true);
    assert_string_equal(b->events, "4 device-list-change:block ;4 device-removed:block back:sda;"
                                   "4 device-added:block back:sdc::None;");
    assert_string_equal(b->sent, "came 4 sdc;");
    exposes(b, "sdb sdc ", true);
    assert_string_equal(b->events, "4 device-list-change:block ;");
    exposes(b, "", false); /* its life has ended */
    assert_string_equal(b->events, "4 device-removed:block back:sdb;4 device-removed:block back:sdc;");
    assert_int_equal(bench_bus(b)->listing.exposed.count, 0);
}

static void the_first_device_of_a_vm_that_says_so_is_news(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", true);
    assert_string_equal(b->events, "4 device-list-change:block ;4 device-added:block back:sda::None;");
}

static void a_disk_that_vanishes_is_taken_from_who_has_it(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    confirm(b, FRONT, true);
    exposes(b, "", true);
    assert_string_equal(b->sent, "lose 7 sda;");
    assert_int_equal(bench_result(b, confirm(b, FRONT, false)), 0);
    assert_int_equal(bench_bus(b)->table.used, 0);
}

static void the_end_of_a_vm_ends_what_it_has_and_what_it_waits_for(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda sdb ", false);
    prepare(b, FRONT, "", false);
    confirm(b, FRONT, true);
    b->events[0] = '\0';
    has(b, FRONT, "", true);
    assert_string_equal(b->events, "7 device-detach:block back:sda;");
    prepare(b, FRONT, "", false);
    has(b, FRONT, "", true);
    assert_int_equal(bench_bus(b)->table.used, 0);
    assert_int_equal(bench_result(b, prepare(b, OTHER, "", false)), 0);
}

static void killed_it_gives_nothing_to_another_until_it_has_heard_who_has_what(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    confirm(b, FRONT, true);
    bench_killed(b);
    uint64_t asked = prepare(b, OTHER, "", false);
    assert_null(bench_reply(b, asked));
    exposes(b, "sda ", false);
    assert_string_equal(b->events, "");
    has(b, FRONT, "sda", false);
    assert_string_equal(b->shown, "back+sda+:None option:frontend-dev=xvdi;");
    assert_true(b->timer[BLOCK_TIMER_SETTLED] > b->out.now);
    b->out.now = b->timer[BLOCK_TIMER_SETTLED];
    bench_rings(b, BLOCK_TIMER_SETTLED);
    assert_int_equal(bench_result(b, asked), -ERR_DEVICE_ATTACHED);
}

static void killed_between_holding_and_attaching_it_still_holds(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    bench_killed(b);
    exposes(b, "sda ", false);
    assert_int_equal(bench_result(b, prepare(b, OTHER, "", false)), -ERR_DEVICE_ATTACHED);
    assert_int_equal(bench_result(b, confirm(b, FRONT, true)), 0);
    assert_int_equal(bench_result(b, confirm(b, OTHER, true)), -ERR_DEVICE_ATTACHED);
}

static void what_nobody_attaches_is_given_up_in_the_end(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    HEAR(b, bus_release, OTHER, .backend = "back", .port = "sda");
    assert_int_equal(bench_bus(b)->table.used, 1);
    HEAR(b, bus_release, FRONT, .backend = "back", .port = "sda");
    assert_int_equal(bench_bus(b)->table.used, 0);
    prepare(b, FRONT, "", false);
    b->out.now += DEVBUS_HOLD_ATTACH;
    bench_rings(b, DEVBUS_TIMER_HOLDS);
    assert_int_equal(bench_bus(b)->table.used, 0);
    assert_string_equal(b->note, "");
}

/* The note says for what it is held. */
static void after_a_crash_it_is_held_no_longer_than_before(void **state)
{
    struct bench *b = *state;
    for (uint32_t starts = 0; starts < 2; starts++) {
        exposes(b, "sda ", false);
        HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "sda", .device_id = ":None",
             .purpose = starts);
        bench_killed(b);
        b->out.now += DEVBUS_HOLD_ATTACH - SECONDS;
        bench_rings(b, DEVBUS_TIMER_HOLDS);
        assert_int_equal(bench_bus(b)->table.used, 1);
        b->out.now += SECONDS;
        bench_rings(b, DEVBUS_TIMER_HOLDS);
        assert_int_equal(bench_bus(b)->table.used, starts);
        b->out.now += DEVBUS_HOLD_START - DEVBUS_HOLD_ATTACH;
        bench_rings(b, DEVBUS_TIMER_HOLDS);
        assert_int_equal(bench_bus(b)->table.used, 0);
    }
}

static uint64_t ask_list(struct bench *b, const char *port)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_list m = {.backend = BACK};
    assert_int_equal(text_copy(m.port, sizeof m.port, span_of(port)), 0);
    bus_list_encode(&body, &m);
    return bench_hear(b, MESSAGE_bus_list, BACK, &body);
}

static void guest_says(struct bench *b, const char *ports, int r)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list devices = devices_of(&packed, ports);
    ANSWER(b, guest_devices, r, .name = "back", .devices = devices);
    if (bench_is_called(b, "back", BACK))
        ANSWER(b, guest_devices, r, .name = "back", .devices = devices);
}

/* A guest's process that is broken open says whatever it likes, but not who it is. */
static void who_says_anothers_name_exposes_nothing_and_takes_nothing(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list evil = devices_of(&packed, "sda sdx ");
    exposes(b, "sda ", false);
    prepare(b, FRONT, "", false);
    confirm(b, FRONT, true);
    bench_forget(b);
    for (int turn = 0; turn < 3; turn++) {
        struct wire_list list = evil;
        list.count = turn == 1 ? 0 : list.count;
        list.elements.len = turn == 1 ? 0 : list.elements.len;
        HEAR(b, bus_exposed, OTHER, .device_class = "block", .name = "back", .changed = 1, .devices = list,
             .over = turn == 1);
        assert_int_equal(bench_is_called(b, "back", BACK), turn == 0);
    }
    const char *own = "8 device-list-change:block ;8 device-list-change:block ;8 device-list-change:block ;";
    assert_string_equal(b->events, own); /* which it may say of itself */
    assert_string_equal(b->sent, "");
    assert_string_equal(b->attached, "");
    assert_int_equal(bench_bus(b)->listing.exposed.count, 1);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    bus_list_encode(&body, &(struct bus_list){.backend = OTHER});
    uint64_t asked = bench_hear(b, MESSAGE_bus_list, OTHER, &body);
    ANSWER(b, guest_devices, 0, .name = "back", .devices = evil);
    assert_int_equal(bench_reply(b, asked)->devices, 0);
    assert_null(devbus_exposed_find(&bench_bus(b)->listing.exposed, "back", "sdx"));
}

static void a_registry_that_is_being_replaced_is_asked_again(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list devices = devices_of(&packed, "sda ");
    HEAR(b, bus_exposed, BACK, .device_class = "block", .name = "back", .changed = 1, .devices = devices);
    assert_string_equal(b->events, "4 device-list-change:block ;");
    for (int i = 0; i < 5; i++) {
        ANSWER(b, vm_named, i == 0 ? -ERR_GONE : -ERR_BUSY, .found = 0);
        assert_int_equal(b->asks, 0); /* it needs a while to begin */
        bench_rings(b, DEVBUS_TIMER_REST);
        assert_false(b->retired);
        assert_true(b->timer[DEVBUS_TIMER_NAMES] > b->out.now);
        b->out.now = b->timer[DEVBUS_TIMER_NAMES];
        bench_rings(b, DEVBUS_TIMER_NAMES);
    }
    assert_true(bench_is_called(b, "back", BACK));
    assert_int_equal(b->timer[DEVBUS_TIMER_NAMES], 0);
    assert_int_equal(b->told_again, BACK);
    assert_true(b->timer[DEVBUS_TIMER_REST] > b->out.now);
    HEAR(b, bus_exposed, BACK, .device_class = "block", .name = "back", .devices = devices);
    assert_string_equal(b->events, "4 device-list-change:block ;4 device-added:block back:sda::None;");
}

static void what_registry_says_whose_a_device_is_names_nobody(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX), none = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list devices = devices_of(&packed, "sda ");
    exposes(b, "sda ", true);
    HEAR(b, bus_exposed, OTHER, .device_class = "block", .name = "other", .changed = 1, .devices = devices);
    exposes(b, "sda sdb ", true); /* the second answer of each kind is still to come */
    struct asked asked = {.type = MESSAGE_devices_came, .tag = b->came_tag};
    devices_came_reply_encode(&none, &(struct devices_came_reply){.wanters.count = 0});
    bench_answer(b, &asked, 0, &none);
    assert_int_equal(b->asks, 1);
    assert_int_equal(bench_bus(b)->ask.count, 1); /* that of sda has no answer */
    assert_true(bench_is_called(b, "other", OTHER));
    assert_int_equal(b->told_again, OTHER);
}

/* Each of so many is asked about: none of those who wait for one is forgotten. */
static void a_name_that_is_being_asked_has_its_answer_however_many_there_are(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list devices = devices_of(&packed, "sda ");
    uint64_t asked = ask_list(b, "");
    ANSWER(b, guest_devices, 0, .name = "back", .devices = devices);
    struct asked waits = bench_asked(b, MESSAGE_vm_named);
    for (uint32_t qid = 100; qid < 100 + 2 * DEVBUS_BACKENDS_MAX; qid++) {
        HEAR(b, bus_exposed, qid, .device_class = "block", .name = "another", .devices = devices);
        b->asks = 0;
    }
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    vm_named_reply_encode(&body, &(struct vm_named_reply){.found = 1, .qid = BACK, .generation = GENERATION});
    bench_answer(b, &waits, 0, &body);
    ANSWER(b, guest_devices, 0, .name = "back", .devices = devices);
    assert_int_equal(bench_reply(b, asked)->devices, 1);
}

static void a_list_is_what_the_guests_process_reads_now(void **state)
{
    struct bench *b = *state;
    uint64_t asked = ask_list(b, "");
    guest_says(b, "sda mapper_x sdb ", 0);
    assert_int_equal(bench_reply(b, asked)->devices, 2);
    assert_string_equal(b->events, ""); /* a look is no news */
    asked = ask_list(b, "mapper_x");
    guest_says(b, "sda mapper_x sdb ", 0);
    assert_int_equal(bench_reply(b, asked)->devices, 1);
    asked = ask_list(b, "");
    guest_says(b, "", -ERR_TIMEOUT);
    assert_int_equal(bench_result(b, asked), -ERR_TIMEOUT);
    prepare(b, FRONT, "", false);
    confirm(b, FRONT, true);
    asked = ask_list(b, "sda");
    guest_says(b, "sda ", 0);
    assert_string_equal(bench_reply(b, asked)->first.attachment, "front");
}

static void it_rests_only_when_there_is_nothing_to_know(void **state)
{
    struct bench *b = *state;
    exposes(b, "sda ", false);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired);
    exposes(b, "", true);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_true(b->retired);
    b->retired = false;
    has(b, FRONT, "sdz", false); /* of a backend that has told nothing */
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_disk_is_held_for_one_vm_and_shown_when_it_is_there),
        TEST(what_is_not_exposed_or_has_another_id_is_not_given),
        TEST(options_are_checked_before_anything_is_held),
        TEST(news_is_what_differs_and_what_was_there_at_first_is_none),
        TEST(the_first_device_of_a_vm_that_says_so_is_news),
        TEST(a_disk_that_vanishes_is_taken_from_who_has_it),
        TEST(the_end_of_a_vm_ends_what_it_has_and_what_it_waits_for),
        TEST(killed_it_gives_nothing_to_another_until_it_has_heard_who_has_what),
        TEST(killed_between_holding_and_attaching_it_still_holds),
        TEST(what_nobody_attaches_is_given_up_in_the_end),
        TEST(after_a_crash_it_is_held_no_longer_than_before),
        TEST(a_list_is_what_the_guests_process_reads_now),
        TEST(it_rests_only_when_there_is_nothing_to_know),
        TEST(who_says_anothers_name_exposes_nothing_and_takes_nothing),
        TEST(a_registry_that_is_being_replaced_is_asked_again),
        TEST(what_registry_says_whose_a_device_is_names_nobody),
        TEST(a_name_that_is_being_asked_has_its_answer_however_many_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
