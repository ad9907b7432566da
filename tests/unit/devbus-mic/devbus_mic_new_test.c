/* SPDX-License-Identifier: MIT
 * devbus-mic, begun anew, has not heard yet who may hear: it asks before it says that a VM may not, and tells
 * api when it knows all who may. */
#include "tests/unit/devbus-mic/devbus_mic_bench.h"

static void killed_it_reads_who_may_hear(void **state)
{
    struct bench *b = *state;
    attach(b, FRONT);
    bench_killed(b);
    assert_int_equal(bench_bus(b)->table.used, 0);
    sound(b, 0, AUDIO, AUDIO);
    sound(b, 0, AUDIO, AUDIO); /* one reading is enough */
    is_read(b, "front=1 ");
    sounds_are(b, FRONT, 0);
    assert_string_equal(b->attached, "7 dom0+mic;");
    assert_int_equal(b->asks, 0);
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
}

static void is_killed(struct bench *b)
{
    attach(b, FRONT);
    bench_killed(b);
}

static void a_detachment_that_finds_it_new_asks_who_may_hear_and_is_done(void **state)
{
    struct bench *b = *state;
    for (unsigned again = 0; again < 2; again++) {
        is_killed(b);
        unplug(b, again != 0);
        assert_int_equal(bench_last(b), 1);
        sound_is(b, FRONT, false);
        assert_int_equal(is_read(b, "other=0 front=1 ").to, AUDIO);
        assert_int_equal(bench_last(b), 1);
        assert_string_equal(ANSWER(b, guest_mic, 0, .nothing = 0).words, "front 0");
        assert_int_equal(bench_last(b), 0);
        assert_string_equal(b->attached, "7;");
        assert_int_equal(b->asks, 0);
    }
}

static void or_by_the_service_there(void **state)
{
    struct bench *b = *state;
    is_killed(b);
    unplug(b, false);
    sound_is(b, FRONT, true);
    is_read(b, "front=1 ");
    assert_string_equal(ANSWER(b, mic_call, 0, .status = 1).words, "0 front");
    assert_int_equal(bench_last(b), -ERR_VM); /* it still hears */
    assert_string_equal(b->attached, "");
    unplug(b, true);
    sound_is(b, FRONT, true);
    is_read(b, "front=1 ");
    ANSWER(b, mic_call, 0, .status = 0);
    assert_int_equal(bench_last(b), 0);
    assert_string_equal(b->attached, "7;");
}

static void who_does_not_hear_by_the_word_of_its_sound_is_not_attached(void **state)
{
    static const char *const said[] = {"front=0 ", "front=? ", "other=1 ", ""};
    struct bench *b = *state;
    for (unsigned i = 0; i < 2 * COUNT(said); i++) {
        bool again = i % 2 != 0;
        is_killed(b);
        unplug(b, again);
        sound_is(b, FRONT, false);
        is_read(b, said[i / 2]);
        assert_int_equal(bench_last(b), again ? 0 : -ERR_DEVICE_NOT_ASSIGNED);
        assert_string_equal(b->attached, "7;"); /* api may have heard otherwise */
        assert_int_equal(b->asks, 0);
    }
}

static void nor_is_who_has_its_sound_nowhere(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < 4; i++) {
        bool again = i % 2 != 0, rests = i / 2 != 0;
        bench_killed(b);
        unplug(b, again);
        ANSWER(b, vm_sound, 0, .found = 1, .qid = FRONT, .generation = GENERATION, .lives = 1,
               .audio = {rests ? 'a' : '\0'}, .audio_qid = AUDIO);
        assert_int_equal(bench_last(b), again ? 0 : -ERR_DEVICE_NOT_ASSIGNED);
        assert_string_equal(b->attached, "7;");
        assert_int_equal(b->asks, 0);
    }
}

static void what_nobody_says_is_no_answer(void **state)
{
    struct bench *b = *state;
    for (unsigned again = 0; again < 2; again++) {
        is_killed(b);
        unplug(b, again != 0);
        ANSWER(b, vm_sound, -ERR_BUSY, .found = 0);
        assert_int_equal(bench_last(b), -ERR_BUSY);
        unplug(b, again != 0);
        sound_is(b, FRONT, false);
        ANSWER(b, guest_devices, -ERR_CLOSED, .name = "audio");
        assert_int_equal(bench_last(b), -ERR_CLOSED);
        assert_string_equal(b->attached, "");
        assert_int_equal(b->asks, 0);
    }
}

static void when_all_have_had_the_time_api_hears_who_alone_may_hear(void **state)
{
    struct bench *b = *state;
    is_killed(b);
    assert_int_equal(b->timer[DEVBUS_TIMER_SETTLED], b->out.now + DEVBUS_SETTLE);
    audio_says(b, AUDIO, "other=1 ");
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    assert_string_equal(b->sent, ""); /* registry is being asked */
    assert_int_equal(b->timer[DEVBUS_TIMER_SETTLED], b->out.now + 1 * SECONDS);
    sounds_are(b, OTHER, 0);
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    assert_string_equal(b->sent, "only 8;");
    unplug(b, false); /* it is known now */
    assert_int_equal(bench_last(b), -ERR_DEVICE_NOT_ASSIGNED);
    assert_int_equal(b->asks, 0);
}

static void what_registry_does_not_say_is_asked_for_again(void **state)
{
    struct bench *b = *state;
    is_killed(b);
    audio_says(b, AUDIO, "front=1 ");
    ANSWER(b, sounds_of, -ERR_BUSY, .vms.count = 0);
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_string_equal(b->sent, "");
    assert_false(b->retired);
    unsigned asked = b->guests_asked;
    assert_int_equal(b->timer[MIC_TIMER_AGAIN], b->out.now + MIC_AGAIN_AFTER);
    bench_rings(b, MIC_TIMER_AGAIN);
    assert_int_equal(b->guests_asked, asked + 1);
    audio_says(b, AUDIO, "front=1 ");
    sounds_are(b, FRONT, 0);
    assert_string_equal(b->attached, "7 dom0+mic;");
    bench_rings(b, MIC_TIMER_AGAIN); /* that is over */
    assert_int_equal(b->guests_asked, asked + 1);
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    assert_string_equal(b->sent, "only 7;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(killed_it_reads_who_may_hear),
        TEST(a_detachment_that_finds_it_new_asks_who_may_hear_and_is_done),
        TEST(or_by_the_service_there),
        TEST(who_does_not_hear_by_the_word_of_its_sound_is_not_attached),
        TEST(nor_is_who_has_its_sound_nowhere),
        TEST(what_nobody_says_is_no_answer),
        TEST(what_registry_does_not_say_is_asked_for_again),
        TEST(when_all_have_had_the_time_api_hears_who_alone_may_hear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
