/* SPDX-License-Identifier: MIT
 * Whose a device is to be: who is asked, in which order, how often at once, and that nothing but a valid yes
 * gives a device to a VM that somebody must allow. */
#include "tests/unit/devbus/devbus_ask_bench.h"

/* ---- who gets it ---- */

static void who_need_not_be_asked_about_gets_it(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    come_to(&b, BACK, "sda sdb sdc");
    assert_string_equal(b.came, "sda;sdb;sdc;");
    assert_int_equal(b.only, DEVICES_FOR_WHOEVER);
    wanted_by(&b, "2 7; 0 8");
    assert_string_equal(b.chosen, "sdc>7;sda>8;");
    assert_int_equal(b.put, 0);
    close_bench(&b);
}

static void what_nobody_wants_ends_at_once(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "");
    assert_true(devbus_ask_is_idle(&b.ask));
    assert_string_equal(b.chosen, "");
    close_bench(&b);
}

static void one_is_asked_about_and_a_no_is_only_that_devices(void **state)
{
    static const struct {
        const char *answer, *chosen;
    } rows[] = {{"allow:vm-7", "sda>7;sdb>8;"}, {"deny", "sdb>8;"},        {"", "sdb>8;"},
                {"allow:vm-8", "sdb>8;"},       {"allow:vm-77", "sdb>8;"}, {"allow:vm-7\n", "sdb>8;"}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        open_bench(&b);
        came(&b, "sda sdb", "0 7?; 1 8");
        assert_string_equal(b.targets, "\"vm-7\"");
        assert_string_equal(b.chosen, ""); /* what comes behind waits */
        assert_false(devbus_ask_is_idle(&b.ask));
        say(&b, rows[i].answer);
        assert_string_equal(b.chosen, rows[i].chosen);
        assert_int_equal(b.put, 1);
        close_bench(&b);
    }
}

static void of_several_one_is_named_or_all_of_the_change_ends(void **state)
{
    static const struct {
        const char *answer, *chosen;
    } rows[] = {{"allow:vm-7", "sda>7;sdb>8;"},
                {"allow:vm-8", "sda>8;sdb>8;"},
                {"allow:vm-9", ""},
                {"deny", ""},
                {"", ""},
                {"allow:nonsense", ""},
                {"allow:vm-7,vm-8", ""}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        open_bench(&b);
        came(&b, "sda sdb", "0 7? 8; 1 8");
        assert_string_equal(b.targets, "\"vm-7\", \"vm-8\"");
        say(&b, rows[i].answer);
        assert_string_equal(b.chosen, rows[i].chosen);
        assert_int_equal(b.put, 1); /* who was to be asked about is not asked about again */
        assert_int_equal(devbus_ask_is_idle(&b.ask), rows[i].chosen[0] == '\0');
        close_bench(&b);
    }
}

static void another_change_is_not_ended_with_it(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda sdb", "0 7 8; 1 8");
    come_to(&b, BACK + 1, "sda");
    wanted_by(&b, "0 8");
    assert_string_equal(b.chosen, "sda>8;");
    say(&b, "deny");
    assert_string_equal(b.chosen, "sda>8;");
    close_bench(&b);
}

static void where_nobody_can_be_asked_that_is_a_no(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    b.refuses = -ERR_IO;
    came(&b, "sda sdb", "0 7?; 1 8");
    assert_string_equal(b.chosen, "sdb>8;");
    arrive(&b, OTHER, "sdb");
    came(&b, "sdc sdd", "0 7 8; 1 8");
    assert_string_equal(b.chosen, "sdb>8;");
    assert_true(devbus_ask_is_idle(&b.ask));
    devbus_ask_attach(&b.ask, NULL, NULL);
    came(&b, "sde", "0 7?");
    assert_string_equal(b.chosen, "sdb>8;");
    close_bench(&b);
}

/* ---- how many questions ---- */

static void wants(struct bench *b, uint32_t qid, const char *port)
{
    struct bus_wanted m = {.backend = "back-4", .device_id = ":None"};
    struct envelope e = {.subject_kind = KIND_VM, .subject_instance = qid, .subject_generation = GENERATION};
    assert_int_equal(text_copy(m.port, sizeof m.port, span_of(port)), 0);
    devbus_ask_wanted(&b->ask, &b->out, &e, &m);
}

static void a_vm_that_starts_is_asked_about_alone(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    expose(&b, BACK, "sda");
    wants(&b, FRONT, "sda");
    assert_int_equal(b.only, FRONT);
    wants(&b, FRONT, "sda"); /* says it again while registry is asked, and while a person is */
    wanted_by(&b, "0 7?");
    assert_int_equal(b.registry, 0);
    wants(&b, FRONT, "sda");
    assert_int_equal(b.registry, 0);
    assert_int_equal(b.opens, 1);
    say(&b, "allow:vm-7");
    assert_string_equal(b.chosen, "sda>7;");
    close_bench(&b);
}

static void about_one_port_there_is_one_question_at_a_time(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda sdb", "0 7?");
    wants(&b, OTHER, "sda");
    wanted_by(&b, "0 8?");
    wants(&b, OTHER, "sdb");
    wanted_by(&b, "0 8?");
    assert_int_equal(b.opens, 2);
    say(&b, "deny"); /* of FRONT, about sda */
    assert_int_equal(b.put, 3);
    assert_string_equal(b.targets, "\"vm-8\"");
    close_bench(&b);
}

static void while_it_is_on_its_way_to_one_vm_nobody_is_asked_about_another(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    came(&b, "sda", "0 7?");
    wants(&b, OTHER, "sda");
    wanted_by(&b, "0 8?");
    say(&b, "allow:vm-7");
    assert_int_equal(b.put, 1);
    arrive(&b, FRONT, "sda");
    assert_int_equal(b.put, 1);
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

static void a_backend_cannot_fill_the_screen(void **state)
{
    struct bench b;
    char port[16], ports[512] = "";
    (void)state;
    open_bench(&b);
    for (int i = 0; i < 40; i++) {
        snprintf(port, sizeof port, "%ssd%d", i > 0 ? " " : "", i);
        strcat(ports, port);
        struct devbus_backend *of = expose(&b, BACK, ports);
        devbus_ask_came(&b.ask, of, &of->item[i]);
        b.registry = 0;
        devbus_ask_settle(&b.ask, &b.out);
        if (b.registry != 0)
            wanted_by(&b, "0 7?");
    }
    assert_int_equal(b.opens, DEVBUS_ASKED_OF_ONE);
    assert_int_equal(b.ask.count, DEVBUS_SETTLINGS_OF_ONE);
    for (uint32_t other = 20; other < 23; other++) {
        come_to(&b, other, "x");
        wanted_by(&b, "0 7?");
    }
    assert_int_equal(b.opens, 7);
    come_to(&b, 30, "x y");
    wanted_by(&b, "0 7?; 1 7?");
    come_to(&b, 31, "x");
    wanted_by(&b, "0 7?");
    assert_int_equal(b.opens, DEVBUS_ASKED_MAX);
    for (int i = 0; i < 60 && b.opens > 0; i++)
        say(&b, "deny");
    assert_int_equal(b.put, DEVBUS_SETTLINGS_OF_ONE + 6);
    assert_true(devbus_ask_is_idle(&b.ask));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_need_not_be_asked_about_gets_it),
        cmocka_unit_test(what_nobody_wants_ends_at_once),
        cmocka_unit_test(one_is_asked_about_and_a_no_is_only_that_devices),
        cmocka_unit_test(of_several_one_is_named_or_all_of_the_change_ends),
        cmocka_unit_test(another_change_is_not_ended_with_it),
        cmocka_unit_test(where_nobody_can_be_asked_that_is_a_no),
        cmocka_unit_test(a_vm_that_starts_is_asked_about_alone),
        cmocka_unit_test(about_one_port_there_is_one_question_at_a_time),
        cmocka_unit_test(while_it_is_on_its_way_to_one_vm_nobody_is_asked_about_another),
        cmocka_unit_test(a_backend_cannot_fill_the_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
