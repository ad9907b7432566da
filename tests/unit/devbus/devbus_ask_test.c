/* SPDX-License-Identifier: MIT
 * Whose a device is to be: who is asked, in which order, what ends a question, and that nothing but a valid
 * yes gives a device to a VM that somebody must allow. */
#include "actors/devbus/devbus_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

enum { BACK = 4, FRONT = 7, OTHER = 8, THIRD = 9, GENERATION = 3, TIMER = 5, OPEN = 32 };

/* FRONT asks, OTHER does not; so on by letters: f? is FRONT after asking. */
struct bench {
    struct devbus_table table;
    struct devbus_listing listing;
    struct devbus_ask ask;
    struct out out;
    uint64_t registry, offer; /* tags of its last questions to registry; 0: none since looked at */
    uint32_t only;
    char came[256];   /* the devices of the last one */
    char chosen[256]; /* "sda>7;" */
    uint64_t open[OPEN];
    unsigned opens, put;
    char targets[128]; /* of the last question */
    uint64_t rings;
    int refuses; /* -ERR_: what putting a question answers */
};

/* ---- what it says ---- */

static int take_send(void *shell, struct envelope *e)
{
    (void)shell, (void)e;
    return 0;
}

static int take_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct bench *b = shell;
    struct devices_came came;
    struct device_chosen chosen;
    struct came_device device;
    size_t at = strlen(b->chosen);
    if (e->type == MESSAGE_device_chosen) {
        assert_int_equal(device_chosen_decode(&chosen, e->body), 0);
        snprintf(b->chosen + at, sizeof b->chosen - at, "%s>%u;", chosen.port, chosen.qid);
        b->offer = tag;
        return 0;
    }
    assert_int_equal(e->type, MESSAGE_devices_came);
    assert_int_equal(devices_came_decode(&came, e->body), 0);
    struct reader in = list_reader(&came.devices);
    b->came[0] = '\0';
    while (came_device_next(&in, &device) == 1)
        snprintf(b->came + strlen(b->came), sizeof b->came - strlen(b->came), "%s;", device.port);
    b->registry = tag;
    b->only = came.only;
    return 0;
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    if (timer == TIMER)
        ((struct bench *)shell)->rings = at;
}

static void take_note(void *shell, struct span note)
{
    (void)shell, (void)note;
}

static int put(void *arg, uint64_t number, struct span text)
{
    struct bench *b = arg;
    if (b->refuses < 0)
        return b->refuses;
    assert_true(b->opens < OPEN);
    b->open[b->opens++] = number;
    b->put++;
    const char *json = text.at + strlen(text.at) + 1, *from = strstr(json, "\"targets\": ");
    assert_non_null(from);
    const char *to = strchr(from, ']');
    snprintf(b->targets, sizeof b->targets, "%.*s", (int)(to - from - 11), from + 11 + 1);
    b->targets[to - from - 12] = '\0';
    return 0;
}

static void withdraw(void *arg, uint64_t number)
{
    struct bench *b = arg;
    for (unsigned i = 0; i < b->opens; i++) {
        if (b->open[i] != number)
            continue;
        b->open[i] = b->open[--b->opens];
        return;
    }
    fail_msg("a question is withdrawn that is not open");
}

static void open_bench(struct bench *b)
{
    static const struct out_ops ops = {
        .send = take_send, .ask = take_ask, .timer = take_timer, .note = take_note};
    static const struct devbus_person_ops person = {put, withdraw};
    *b = (struct bench){.out = {&ops, b, 1000 * SECONDS}};
    b->table.device_class = "block";
    b->listing.table = &b->table;
    b->ask.listing = &b->listing;
    b->ask.timer = TIMER;
    devbus_ask_attach(&b->ask, &person, b);
}

static void close_bench(struct bench *b)
{
    devbus_ask_free(&b->ask);
    devbus_exposed_free(&b->listing.exposed);
}

/* ---- what it hears ---- */

/* What that backend exposes now: ports, each ended by a blank. */
static struct devbus_backend *expose(struct bench *b, uint32_t qid, const char *ports)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX);
    struct wire_list list = {0};
    struct span port, rest = span_of(ports);
    char name[32];
    while (rest.len > 0) {
        struct device_item item = {.device_id = ":None", .interfaces = "b******", .name = "stick"};
        port = span_split(rest, ' ', &rest);
        assert_int_equal(text_copy(item.port, sizeof item.port, port), 0);
        device_item_add(&list, &packed, &item);
    }
    snprintf(name, sizeof name, "back-%u", qid);
    return devbus_exposed_take(&b->listing.exposed, (struct subject){KIND_VM, qid, GENERATION}, name, &list);
}

static void come_to(struct bench *b, uint32_t qid, const char *ports)
{
    struct devbus_backend *of = expose(b, qid, ports);
    for (size_t i = 0; i < of->count; i++)
        devbus_ask_came(&b->ask, of, &of->item[i]);
    devbus_ask_settle(&b->ask, &b->out);
}

static void reply(struct bench *b, uint64_t tag, const struct text *body, int r)
{
    struct envelope e = {.body = text_span(body)};
    struct answer a = {.tag = tag, .e = &e, .r = r};
    assert_true(devbus_ask_answered(&b->ask, &b->out, &a));
}

/* Registry's answer: "0 7? 8; 1 7": device 0 is wanted by FRONT after asking and by OTHER, device 1 by FRONT.
 */
static void wanted_by(struct bench *b, const char *rows)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_MAX), body = TEXT_WITH_LIMIT(BODY_MAX);
    struct devices_came_reply m = {0};
    struct span row, word, rest = span_of(rows);
    uint64_t tag = b->registry, device, qid;
    b->registry = 0;
    while (rest.len > 0) {
        row = span_trim(span_split(rest, ';', &rest));
        assert_int_equal(text_number(span_split(row, ' ', &row), 0, 255, &device), 0);
        while (row.len > 0) {
            word = span_split(row, ' ', &row);
            struct device_wanter w = {.device = (uint32_t)device, .generation = GENERATION};
            w.asks = word.at[word.len - 1] == '?';
            word.len -= w.asks;
            assert_int_equal(text_number(word, 1, 10000, &qid), 0);
            w.qid = (uint32_t)qid;
            snprintf(w.name, sizeof w.name, "vm-%u", w.qid);
            device_wanter_add(&m.wanters, &packed, &w);
        }
    }
    devices_came_reply_encode(&body, &m);
    reply(b, tag, &body, 0);
}

static void came(struct bench *b, const char *ports, const char *rows)
{
    come_to(b, BACK, ports);
    wanted_by(b, rows);
}

static void say(struct bench *b, const char *answer)
{
    assert_true(b->opens > 0);
    uint64_t number = b->open[0];
    b->open[0] = b->open[--b->opens];
    devbus_ask_said(&b->ask, &b->out, number, span_of(answer));
}

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

/* Whoever was chosen comes and takes it. */
static void arrive(struct bench *b, uint32_t qid, const char *port)
{
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key("back-4", port, key);
    devbus_ask_arrived(&b->ask, qid, "back-4", port);
    struct devbus_device *d = devbus_add(&b->table, key);
    assert_non_null(d);
    d->qid = qid;
    (void)devbus_happens(&b->table, &b->out, d, DEVBUS_THERE);
    devbus_ask_look(&b->ask, &b->out);
}

/* ---- who gets it ---- */

static void who_need_not_be_asked_about_gets_it(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b);
    come_to(&b, BACK, "sda sdb sdc");
    assert_string_equal(b.came, "sda;sdb;sdc;");
    assert_int_equal(b.only, 10001);
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
