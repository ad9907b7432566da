/* SPDX-License-Identifier: MIT
 * A bus that dies while people are asked: the next one asks them again about what is still to be settled, and
 * about nothing else. Spec: devices 14.1, 14.2. */
#include "tests/unit/devbus-block/devbus_block_bench.h"

/* Whoever sits before the screen. */
static struct {
    uint64_t number; /* of the question put last; 0: it has ended */
    unsigned put;
    char about[64];
} person;

static int put(void *arg, uint64_t number, struct span text)
{
    (void)arg;
    const char *json = text.at + strlen(text.at) + 1, *port = strstr(json, "\"argument\": \"");
    assert_non_null(port);
    person.number = number;
    person.put++;
    port += strlen("\"argument\": \"");
    snprintf(person.about, sizeof person.about, "%.*s", (int)strcspn(port, "\""), port);
    return 0;
}

static void withdraw(void *arg, uint64_t number)
{
    (void)arg;
    if (person.number == number)
        person.number = 0;
}

static void sits_down(struct bench *b)
{
    static const struct devbus_person_ops ops = {put, withdraw};
    person.number = person.put = 0;
    devbus_ask_attach(&bench_bus(b)->ask, &ops, NULL);
}

static void says(struct bench *b, const char *answer)
{
    uint64_t number = person.number;
    assert_int_not_equal(number, 0);
    person.number = 0;
    devbus_ask_said(&bench_bus(b)->ask, &b->out, number, span_of(answer));
}

/* Its backend tells again what is there. */
static void dies(struct bench *b, const char *ports)
{
    b->came_tag = 0;
    bench_killed(b);
    sits_down(b);
    if (ports != NULL)
        exposes(b, ports, false);
}

static void comes(struct bench *b, const char *ports)
{
    sits_down(b);
    exposes(b, "sdz ", false);
    exposes(b, ports, true);
    assert_int_not_equal(b->came_tag, 0);
}

/* Registry: device 0 is wanted by FRONT, after a yes; 1 by FRONT, too. */
static void is_wanted(struct bench *b, unsigned count)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX), body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct devices_came_reply m = {0};
    for (unsigned i = 0; i < count; i++) {
        struct device_wanter w = {
            .device = i, .qid = FRONT, .generation = GENERATION, .name = "front", .asks = 1};
        device_wanter_add(&m.wanters, &packed, &w);
    }
    devices_came_reply_encode(&body, &m);
    struct asked a = {.type = MESSAGE_devices_came, .tag = b->came_tag};
    b->came_tag = 0;
    bench_answer(b, &a, 0, &body);
}

static unsigned chosen(struct bench *b, const char *words)
{
    unsigned count = 0;
    for (size_t i = 0; i < b->asks; i++)
        count += b->ask[i].type == MESSAGE_device_chosen && strcmp(b->ask[i].words, words) == 0;
    return count;
}

static void an_open_question_is_put_again_and_ends_in_one_attachment(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdz ");
    is_wanted(b, 1);
    assert_int_equal(person.put, 1);
    for (int times = 0; times < 2; times++) { /* the second one finds what the first has left */
        dies(b, NULL);
        assert_int_equal(b->came_tag, 0);
    }
    exposes(b, "sda sdz ", false);
    assert_string_equal(b->sent, "came 4 sda;");
    assert_int_equal(b->came_only, 10001);
    is_wanted(b, 1);
    assert_int_equal(person.put, 1);
    assert_string_equal(person.about, "sda");
    says(b, "allow:front");
    assert_int_equal(chosen(b, "sda>7"), 1);
    prepare(b, FRONT, "", false);
    assert_int_equal(bench_last(b), 0);
    confirm(b, FRONT, true);
    assert_string_equal(b->note, "!");
    exposes(b, "sda sdz ", false);
    assert_int_equal(b->came_tag, 0);
}

static void what_registry_had_not_answered_is_asked_again(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdb sdz ");
    dies(b, "sda sdb sdz ");
    assert_string_equal(b->sent, "came 4 sda;came 4 sdb;"); /* as one change */
    is_wanted(b, 2);
    assert_string_equal(person.about, "sda");
    says(b, "deny");
    assert_string_equal(person.about, "sdb");
}

static void a_no_stays_a_no(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdb sdz ");
    is_wanted(b, 2);
    says(b, "deny");
    dies(b, "sda sdb sdz ");
    assert_string_equal(b->sent, "came 4 sdb;");
    is_wanted(b, 1);
    says(b, "");
    dies(b, "sda sdb sdz ");
    assert_int_equal(b->came_tag, 0);
    assert_string_equal(b->note, "");
}

static void a_yes_is_not_asked_for_twice(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdz ");
    is_wanted(b, 1);
    says(b, "allow:front");
    dies(b, "sda sdz ");
    assert_int_equal(b->came_only, FRONT);
    is_wanted(b, 1);
    assert_int_equal(person.put, 0);
    assert_int_equal(chosen(b, "sda>7"), 1);
}

static void about_what_is_gone_nobody_is_asked(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdz ");
    is_wanted(b, 1);
    dies(b, "sdz ");
    assert_int_equal(b->came_tag, 0);
    assert_string_equal(b->note, "");
}

static void about_what_somebody_has_nobody_is_asked(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdb sdz ");
    is_wanted(b, 2);
    prepare(b, OTHER, "", false);
    confirm(b, OTHER, true);
    assert_string_equal(person.about, "sdb");
    assert_string_equal(b->note, "?back:sdb 10001;!");
    dies(b, "sda sdb sdz ");
    assert_int_equal(b->came_tag, 0); /* who has what is not known yet */
    has(b, OTHER, "sdb", false);
    b->out.now += 4 * SECONDS;
    bench_rings(b, BLOCK_TIMER_SETTLED);
    is_wanted(b, 1);
    assert_int_equal(person.put, 0);
    assert_string_equal(b->note, "!");
}

static void a_backend_that_is_silent_is_waited_for_but_not_for_ever(void **state)
{
    struct bench *b = *state;
    comes(b, "sda sdz ");
    is_wanted(b, 1);
    dies(b, NULL);
    assert_string_equal(b->note, "?back:sda 10001;");
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired);
    b->out.now = b->timer[DEVBUS_TIMER_ASK];
    bench_rings(b, DEVBUS_TIMER_ASK);
    assert_string_equal(b->note, "");
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_true(b->retired);
}

static void a_wish_waits_for_its_backend(void **state)
{
    struct bench *b = *state;
    sits_down(b);
    HEAR(b, bus_wanted, FRONT, .backend = "back", .port = "sda", .device_id = ":None");
    assert_string_equal(b->note, "?back:sda 7;");
    dies(b, "sda ");
    assert_int_equal(b->came_only, FRONT);
    is_wanted(b, 1);
    assert_int_equal(person.put, 1);
    HEAR(b, bus_over, FRONT, .nothing = 0);
    assert_int_equal(person.number, 0);
    assert_string_equal(b->note, "");
}

static void a_vm_that_has_ended_is_not_waited_for(void **state)
{
    struct bench *b = *state;
    HEAR(b, bus_wanted, FRONT, .backend = "back", .port = "sda", .device_id = ":None");
    HEAR(b, bus_over, FRONT, .nothing = 0);
    assert_string_equal(b->note, "");
}

/* The note is short: what a VM is to get has its room before anybody's question. */
static void questions_leave_room_for_devices(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT ports = TEXT_WITH_LIMIT(1024);
    for (int i = 0; i < 30; i++)
        text_format(&ports, "disk-%02d ", i);
    text_add(&ports, "sda sdz ");
    text_byte(&ports, '\0');
    comes(b, ports.at);
    assert_true(strlen(b->note) > DEVBUS_NOTE_MAX - 30 && strlen(b->note) < DEVBUS_NOTE_MAX);
    prepare(b, FRONT, "", false);
    assert_int_equal(bench_last(b), 0);
    assert_true(strncmp(b->note, "hback:sda 7 3 ", 14) == 0);
    dies(b, ports.at);
    assert_string_equal(b->note + strlen(b->note) - 1, ";");
    assert_non_null(devbus_find(&bench_bus(b)->table, "back:sda"));
    assert_int_not_equal(b->came_tag, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_question_is_put_again_and_ends_in_one_attachment),
        TEST(what_registry_had_not_answered_is_asked_again),
        TEST(a_no_stays_a_no),
        TEST(a_yes_is_not_asked_for_twice),
        TEST(about_what_is_gone_nobody_is_asked),
        TEST(about_what_somebody_has_nobody_is_asked),
        TEST(a_backend_that_is_silent_is_waited_for_but_not_for_ever),
        TEST(a_wish_waits_for_its_backend),
        TEST(a_vm_that_has_ended_is_not_waited_for),
        TEST(questions_leave_room_for_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
