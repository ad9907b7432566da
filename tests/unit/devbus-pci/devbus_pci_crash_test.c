/* SPDX-License-Identifier: MIT
 * devbus-pci killed anywhere: nothing is left half bound, and what was asked again ends in one attachment. */
#include "tests/unit/devbus-pci/devbus_pci_bench.h"

/* Dies at its n-th word; `does`: what the worker had in hand happens. False: it did not come to that. */
static bool dies_at(struct bench *b, unsigned n, bool does, bool confirms, uint64_t *asked)
{
    b->die_at = b->said + n;
    *asked = prepare(b, WORK, 0, 0);
    bench_run(b);
    if (!b->dead && confirms && reply_to(b, *asked) != NULL) {
        *asked = confirm(b, WORK, 1);
        bench_run(b);
    }
    bool died = b->dead;
    if (died)
        crash(b, does);
    b->die_at = 0;
    return died;
}

static void killed_anywhere_and_asked_again_it_ends_in_one_attachment(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        bool died = true;
        for (unsigned at = 1; died; at++) {
            void *made;
            uint64_t asked;
            bench_begin(&made);
            struct bench *b = made;
            died = dies_at(b, at, does != 0, true, &asked);
            assert_true(at < 40);
            if (died) { /* the VM's process goes on: it asks again what was lost */
                asked = prepare(b, WORK, 0, 1);
                bench_run(b);
                assert_int_equal(reply_to(b, asked)->r, 0);
                confirm(b, WORK, 1);
                bench_run(b);
            }
            nothing_is_half_done(b, true);
            assert_string_equal(b->attached, PORT);
            bench_end(&made);
        }
    }
}

static void killed_anywhere_and_never_asked_again_it_ends_with_dom0s_driver(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        bool died = true;
        for (unsigned at = 1; died; at++) {
            void *made;
            uint64_t asked;
            bench_begin(&made);
            struct bench *b = made;
            died = dies_at(b, at, does != 0, false, &asked);
            if (died) {
                HEAR(b, bus_has, WORK, .over = (uint32_t)(at % 2)); /* dead or alive, it has nothing */
                bench_run(b);
                lease_ends(b);
                nothing_is_half_done(b, false);
            }
            bench_end(&made);
        }
    }
}

/* What the dead one had asked libvirt for is done when the next one has put all right. */
static void what_a_late_call_of_a_dead_one_binds_again_goes_back_again(void **state)
{
    unsigned late = 0;
    bool died = true;
    (void)state;
    for (unsigned at = 1; died; at++) {
        void *made;
        uint64_t asked;
        bench_begin(&made);
        struct bench *b = made;
        died = dies_at(b, at, false, false, &asked);
        if (died && b->self->table.used == 1 && b->self->table.device[0].late) {
            late++;
            HEAR(b, bus_has, WORK, .over = 1);
            bench_run(b);
            set_driver(b, "pciback");
            lease_ends(b);
            nothing_is_half_done(b, false);
        }
        bench_end(&made);
    }
    assert_true(late > 0);
}

/* Asked again and taken by the next one, or the one after that, which then gave it back at once. */
static void what_a_late_call_takes_apart_behind_a_fresh_attachment_goes_back_again(void **state)
{
    (void)state;
    for (int deaths = 1; deaths <= 2; deaths++) {
        unsigned late = 0;
        bool died = true;
        for (unsigned at = 1; died; at++) {
            void *made;
            uint64_t asked;
            bench_begin(&made);
            struct bench *b = made;
            died = dies_at(b, at, false, false, &asked);
            if (died && b->self->table.used == 1 && b->self->table.device[0].late) {
                late++;
                prepare(b, WORK, 0, 1);
                bench_run(b);
                if (deaths == 2)
                    crash(b, false);
                HEAR(b, bus_release, WORK, .sbdf = CARD);
                bench_run(b);
                set_driver(b, "");
                lease_ends(b);
                nothing_is_half_done(b, false);
            }
            bench_end(&made);
        }
        assert_true(late > 0);
    }
}

/* Until it has read what the device is called api believes what the one before has said. */
static void killed_it_says_what_a_vm_has_only_when_it_can_name_it(void **state)
{
    void *made;
    AUTO_TEXT packed = TEXT_WITH_LIMIT(512);
    struct bus_has m = {.name = "work"};
    struct bus_address card = {.sbdf = CARD};
    (void)state;
    bench_begin(&made);
    struct bench *b = made;
    prepare(b, WORK, 0, 0);
    bench_run(b);
    confirm(b, WORK, 1);
    bench_run(b);
    assert_string_equal(b->attached, PORT);
    crash(b, false);
    bus_address_add(&m.devices, &packed, &card);
    HEAR(b, bus_has, WORK, .name = "work", .devices = m.devices);
    assert_string_equal(b->attached, PORT); /* not "", which it would be while the list is read */
    bench_run(b);
    assert_string_equal(b->attached, PORT);
    nothing_is_half_done(b, true);
    bench_end(&made);
}

static void killed_while_it_gives_back_it_gives_back(void **state)
{
    (void)state;
    for (int does = 0; does < 2; does++) {
        for (unsigned at = 1; at < 12; at++) {
            void *made;
            bench_begin(&made);
            struct bench *b = made;
            prepare(b, WORK, 0, 0);
            bench_run(b);
            b->die_at = b->said + at;
            HEAR(b, bus_release, WORK, .sbdf = CARD);
            bench_run(b);
            if (b->dead)
                crash(b, does != 0);
            b->die_at = 0;
            lease_ends(b);
            nothing_is_half_done(b, false);
            bench_end(&made);
        }
    }
}

static void a_note_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
    struct devbus_device d = {.key = CARD,
                              .state = DEVBUS_RETURNING,
                              .qid = 7,
                              .generation = 3,
                              .mine = true,
                              .late = true,
                              .brief = true},
                         read;
    AUTO_TEXT note = TEXT_WITH_LIMIT(DEVBUS_NOTE_MAX);
    (void)state;
    devbus_device_note(&note, &d);
    struct span rest = text_span(&note);
    assert_int_equal(devbus_device_read(&rest, &read), 1);
    assert_memory_equal(&read.key, &d.key, sizeof d.key);
    assert_int_equal(read.state, DEVBUS_RETURNING);
    assert_int_equal(read.qid, 7);
    assert_true(read.mine && read.late && read.brief);
    assert_int_equal(devbus_device_read(&rest, &read), 0);
    static const char *const bad[] = {"x",
                                      "r0000:02:00.0 7;",
                                      "z0000:02:00.0 7 3 1;",
                                      "r0000:02:00.0 7 3 8;",
                                      "r0000:02:00.0 7 3 1 9;",
                                      "r 7 3 1;"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        rest = span_of(bad[i]);
        read.qid = 99;
        assert_int_equal(devbus_device_read(&rest, &read), -ERR_BAD);
        assert_int_equal(read.qid, 99);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_and_asked_again_it_ends_in_one_attachment),
        cmocka_unit_test(killed_anywhere_and_never_asked_again_it_ends_with_dom0s_driver),
        cmocka_unit_test(what_a_late_call_of_a_dead_one_binds_again_goes_back_again),
        cmocka_unit_test(what_a_late_call_takes_apart_behind_a_fresh_attachment_goes_back_again),
        cmocka_unit_test(killed_it_says_what_a_vm_has_only_when_it_can_name_it),
        cmocka_unit_test(killed_while_it_gives_back_it_gives_back),
        cmocka_unit_test(a_note_is_read_as_it_was_written_and_nothing_else_is),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
