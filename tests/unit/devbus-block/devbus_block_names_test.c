/* SPDX-License-Identifier: MIT
 * Whose name it is that guests' processes say: each is asked of registry once, a few at a time, and again for
 * as long as registry does not answer. */
#include "tests/unit/devbus-block/devbus_block_bench.h"

enum { FIRST = 100, VMS = 3000 };

static void says_its_name(struct bench *b, uint32_t qid)
{
    struct bus_exposed m = {.device_class = "block"};
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    snprintf(m.name, sizeof m.name, "vm-%u", qid);
    bus_exposed_encode(&body, &m);
    bench_hear(b, MESSAGE_bus_exposed, qid, &body);
}

/* What registry is asked first, or -ERR_: its error. */
static unsigned answers(struct bench *b, int r)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct asked a = bench_asked(b, MESSAGE_vm_named);
    unsigned qid = 0;
    assert_int_equal(sscanf(a.words, "vm-%u", &qid), 1);
    vm_named_reply_encode(&body, &(struct vm_named_reply){.found = 1, .qid = qid, .generation = GENERATION});
    b->told_again = 0;
    bench_answer(b, &a, r, &body);
    return qid;
}

static void of_thousands_each_is_asked_for_once_and_none_is_forgotten(void **state)
{
    static bool named[FIRST + VMS];
    struct bench *b = *state;
    for (uint32_t qid = FIRST; qid < FIRST + VMS; qid++) {
        says_its_name(b, qid);
        assert_true(b->asks <= DEVBUS_NAMES_AT_ONCE);
    }
    for (unsigned i = 0; i < VMS; i++) {
        unsigned qid = answers(b, 0);
        assert_true(qid >= FIRST && !named[qid]);
        named[qid] = true;
        assert_int_equal(b->told_again, qid);
        says_its_name(b, qid);
    }
    assert_int_equal(b->asks, 0);
    for (uint32_t qid = FIRST; qid < FIRST + VMS; qid++)
        says_its_name(b, qid);
    assert_int_equal(b->asks, 0);
    assert_false(devbus_names_are_open(&bench_bus(b)->listing.names));
}

static void errors_leave_nobody_out(void **state)
{
    struct bench *b = *state;
    unsigned named = 0;
    for (uint32_t qid = FIRST; qid < FIRST + 3 * DEVBUS_NAMES_AT_ONCE; qid++)
        says_its_name(b, qid);
    for (unsigned i = 0; named < 3 * DEVBUS_NAMES_AT_ONCE; i++) {
        assert_true(i < 10000);
        if (b->asks == 0) {
            b->out.now = b->timer[DEVBUS_TIMER_NAMES];
            bench_rings(b, DEVBUS_TIMER_NAMES);
        }
        (void)answers(b, i % 3 == 0 ? 0 : -ERR_BUSY);
        named += b->told_again != 0;
    }
    assert_int_equal(b->asks, 0);
    assert_false(devbus_names_are_open(&bench_bus(b)->listing.names));
}

/* Whoever waits hears something; registry is asked on. */
static void a_registry_that_is_away_for_long_is_asked_on(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list devices = devices_of(&packed, "sda ");
    uint64_t asked = HEAR(b, bus_list, BACK, .backend = BACK);
    ANSWER(b, guest_devices, 0, .name = "vm-4", .devices = devices);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(answers(b, -ERR_GONE), BACK);
        assert_true(b->timer[DEVBUS_TIMER_NAMES] <= b->out.now + 20 * SECONDS);
        b->out.now = b->timer[DEVBUS_TIMER_NAMES];
        bench_rings(b, DEVBUS_TIMER_NAMES);
    }
    assert_int_equal(bench_reply(b, asked)->devices, 0);
    assert_int_equal(bench_bus(b)->listing.questions, 0);
    assert_int_equal(answers(b, 0), BACK);
    assert_int_equal(b->told_again, BACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_thousands_each_is_asked_for_once_and_none_is_forgotten),
        TEST(errors_leave_nobody_out),
        TEST(a_registry_that_is_away_for_long_is_asked_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
