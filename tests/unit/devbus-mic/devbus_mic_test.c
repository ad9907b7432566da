/* SPDX-License-Identifier: MIT
 * devbus-mic between VMs and those that have their sound: each VM may hear by its own word there, and by no
 * other; what is not known is asked for; it rests when nobody may hear. */
#include "tests/unit/devbus-mic/devbus_mic_bench.h"

/* ---- tests ---- */

static void dom0_has_one_microphone_and_nobody_else_any(void **state)
{
    struct bench *b = *state;
    const struct reply *all = bench_reply(b, HEAR(b, bus_list, 0, .backend = 0));
    assert_int_equal(all->devices, 1);
    assert_string_equal(all->first.device_id, "dom0:mic::m000000");
    assert_string_equal(all->first.attachment, "");
    assert_int_equal(bench_reply(b, HEAR(b, bus_list, 0, .port = "mic"))->devices, 1);
    assert_int_equal(bench_reply(b, HEAR(b, bus_list, 0, .port = "mic2"))->devices, 0);
    assert_int_equal(bench_reply(b, HEAR(b, bus_list, BACK, .backend = BACK))->devices, 0);
    assert_int_equal(b->asks, 0);
}

static void a_vm_hears_by_a_word_in_the_database_of_who_has_its_sound(void **state)
{
    struct bench *b = *state;
    prepare(b, FRONT, false);
    plug(b, FRONT);
    assert_string_equal(sound_is(b, FRONT, false).words, "front 1");
    assert_int_equal(bench_last(b), 1); /* not before it is written */
    struct asked word = ANSWER(b, guest_mic, 0, .nothing = 0);
    assert_string_equal(word.words, "front 1");
    assert_int_equal(word.to, AUDIO);
    assert_int_equal(word.subject, AUDIO);
    assert_int_equal(bench_last(b), 0);
    assert_string_equal(b->shown, "dom0+mic+dom0:mic::m000000 ;");
    unplug(b, false);
    assert_string_equal(sound_is(b, FRONT, false).words, "front 0");
    assert_string_equal(ANSWER(b, guest_mic, 0, .nothing = 0).words, "front 0");
    assert_int_equal(bench_last(b), 0);
    assert_string_equal(b->attached, "7;");
    assert_string_equal(b->events, ""); /* who asked tells it */
}

static void or_by_a_service_there(void **state)
{
    struct bench *b = *state;
    prepare(b, FRONT, false);
    plug(b, FRONT);
    sound_is(b, FRONT, true);
    struct asked call = ANSWER(b, mic_call, 0, .status = 0);
    assert_string_equal(call.words, "1 front");
    assert_int_equal(call.subject, AUDIO);
    assert_int_equal(bench_last(b), 0);
    assert_string_equal(b->attached, "7 dom0+mic;");
    unplug(b, false);
    sound_is(b, FRONT, true);
    assert_string_equal(ANSWER(b, mic_call, 0, .status = 1).words, "0 front");
    assert_int_equal(bench_last(b), -ERR_VM);
    assert_int_equal(bench_bus(b)->table.used, 1); /* it still hears */
}

static void any_number_of_vms_hear_it_and_each_once(void **state)
{
    struct bench *b = *state;
    attach(b, FRONT);
    attach(b, OTHER);
    assert_string_equal(b->attached, "8 dom0+mic;");
    prepare(b, FRONT, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_ATTACHED);
    assert_string_equal(bench_last_text(b), "'Device dom0:mic:dom0:mic::m000000 already attached to front'");
    prepare(b, FRONT, true); /* the same operation goes on */
    assert_int_equal(bench_last(b), 0);
    assert_int_equal(bench_bus(b)->table.used, 2);
}

static void what_does_not_fit_is_refused_and_nothing_is_asked(void **state)
{
    struct bench *b = *state;
    HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "dom0", .port = "mic",
         .options = SPAN_LITERAL("option:a=b\n"));
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_string_equal(bench_last_text(b), "Microphone assignment does not support user options");
    HEAR(b, bus_prepare, FRONT, .name = "front", .backend = "back", .port = "mic");
    assert_int_equal(bench_last(b), -ERR_DEVICE_UNRECOGNIZED);
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    unplug(b, false);
    assert_int_equal(bench_last(b), -ERR_DEVICE_NOT_ASSIGNED);
    unplug(b, true);
    assert_int_equal(bench_last(b), 0);
    assert_int_equal(b->asks, 0);
}

static void a_vm_whose_sound_goes_to_nobody_who_runs_hears_nothing(void **state)
{
    struct bench *b = *state;
    plug(b, FRONT);
    ANSWER(b, vm_sound, 0, .found = 1, .qid = FRONT, .generation = GENERATION, .lives = 1);
    assert_int_equal(bench_last(b), -ERR_QUBES);
    assert_string_equal(bench_last_text(b), "VM front has no AudioVM set");
    plug(b, FRONT);
    ANSWER(b, vm_sound, 0, .found = 1, .qid = FRONT, .generation = GENERATION, .lives = 1, .audio = "audio",
           .audio_qid = AUDIO);
    assert_int_equal(bench_last(b), -ERR_VM_NOT_RUNNING);
    plug(b, FRONT);
    sound_is(b, OTHER, false); /* the name is another VM's by now */
    assert_int_equal(bench_last(b), -ERR_VM_NOT_RUNNING);
    plug(b, FRONT);
    sound_is(b, FRONT, false);
    ANSWER(b, guest_mic, -ERR_CLOSED, .nothing = 0);
    assert_int_equal(bench_last(b), -ERR_CLOSED);
    assert_int_equal(bench_bus(b)->table.used, 0);
    assert_int_equal(b->asks, 0);
}

static void what_who_has_the_sound_says_counts_about_those_vms_only(void **state)
{
    struct bench *b = *state;
    audio_says(b, AUDIO, "front=1 other=1 nobody=1 ");
    assert_string_equal(b->attached, "");
    assert_int_equal(sounds_are(b, FRONT, 0).subject, AUDIO);
    assert_string_equal(b->attached, "7 dom0+mic;");
    audio_says(b, ELSEWHERE, "front=0 other=1 ");
    sounds_are(b, OTHER, 0);
    assert_string_equal(b->attached, "8 dom0+mic;");
    audio_says(b, AUDIO, "front=0 ");
    assert_string_equal(b->attached, "7;");
    assert_string_equal(b->events, ""); /* subscribers hear of none of that */
    audio_says(b, ELSEWHERE, "");       /* its life is over */
    assert_string_equal(b->attached, "8;");
    assert_int_equal(bench_bus(b)->table.used, 0);
    assert_int_equal(b->asks, 0);
}

static void its_last_word_is_believed_when_it_says_more_while_registry_is_asked(void **state)
{
    struct bench *b = *state;
    audio_says(b, AUDIO, "front=1 ");
    audio_says(b, AUDIO, "other=1 ");
    sounds_are(b, FRONT, OTHER);
    assert_string_equal(b->attached, "8 dom0+mic;");
    assert_int_equal(b->asks, 0);
}

static void a_vm_that_is_new_hears_nothing_of_what_was_said_before(void **state)
{
    struct bench *b = *state;
    attach(b, FRONT);
    sound(b, 1, AUDIO, AUDIO);
    assert_string_equal(b->attached, "7;");
    struct asked word = ANSWER(b, guest_mic, 0, .nothing = 0);
    assert_string_equal(word.words, "front 2");
    assert_int_equal(word.to, AUDIO);
    assert_int_equal(b->asks, 0);
}

static void with_its_sound_its_word_goes_to_another(void **state)
{
    struct bench *b = *state;
    static const char *const said[] = {"front=0 ", "front=1 "}, *const written[] = {"front 0", "front 1"};
    for (unsigned i = 0; i < COUNT(said); i++) {
        attach(b, FRONT);
        sound(b, 2, ELSEWHERE, AUDIO);
        assert_string_equal(b->attached, "7;"); /* until the other one says so */
        assert_int_equal(is_read(b, said[i]).to, AUDIO);
        struct asked word = ANSWER(b, guest_mic, 0, .nothing = 0);
        assert_string_equal(word.words, written[i]);
        assert_int_equal(word.to, ELSEWHERE);
        assert_int_equal(is_read(b, said[i]).to, ELSEWHERE);
    }
    sounds_are(b, FRONT, 0);
    assert_string_equal(b->attached, "7 dom0+mic;");
    assert_int_equal(b->asks, 0);
}

static void what_is_neither_yes_nor_no_or_not_said_is_not_copied(void **state)
{
    struct bench *b = *state;
    static const char *const said[] = {"front=? ", "other=1 ", ""};
    for (unsigned i = 0; i < COUNT(said); i++) {
        sound(b, 2, ELSEWHERE, AUDIO);
        is_read(b, said[i]);
        assert_int_equal(is_read(b, "").to, ELSEWHERE);
        assert_int_equal(b->asks, 0);
    }
    sound(b, 2, AUDIO, AUDIO); /* from nobody who runs */
    assert_int_equal(is_read(b, "front=1 ").to, AUDIO);
    sounds_are(b, FRONT, 0);
    assert_string_equal(b->attached, "7 dom0+mic;");
    sound(b, 3, 0, 0); /* to nobody who runs */
    assert_string_equal(b->attached, "7;");
}

static void with_a_vms_life_its_hearing_ends_and_is_told(void **state)
{
    struct bench *b = *state;
    attach(b, FRONT);
    attach(b, OTHER);
    bench_forget(b);
    HEAR(b, bus_over, FRONT, .nothing = 0);
    assert_string_equal(b->events, "7 device-detach:mic dom0:mic;");
    assert_int_equal(bench_bus(b)->table.used, 1);
}

static void too_much_at_once_is_answered_busy(void **state)
{
    struct bench *b = *state;
    for (unsigned i = 0; i < MIC_JOBS_MAX; i++) {
        plug(b, FRONT);
        b->asks = 0;
    }
    assert_int_equal(bench_last(b), 1);
    plug(b, FRONT);
    assert_int_equal(bench_last(b), -ERR_BUSY);
}

static void it_rests_when_nobody_may_hear(void **state)
{
    struct bench *b = *state;
    attach(b, FRONT);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired);
    audio_says(b, AUDIO, "front=0 other=1 ");
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired); /* it has asked */
    sounds_are(b, 0, 0);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_false(b->retired); /* others may not have had the time to tell */
    bench_rings(b, DEVBUS_TIMER_SETTLED);
    bench_rings(b, DEVBUS_TIMER_REST);
    assert_true(b->retired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dom0_has_one_microphone_and_nobody_else_any),
        TEST(a_vm_hears_by_a_word_in_the_database_of_who_has_its_sound),
        TEST(or_by_a_service_there),
        TEST(any_number_of_vms_hear_it_and_each_once),
        TEST(what_does_not_fit_is_refused_and_nothing_is_asked),
        TEST(a_vm_whose_sound_goes_to_nobody_who_runs_hears_nothing),
        TEST(what_who_has_the_sound_says_counts_about_those_vms_only),
        TEST(its_last_word_is_believed_when_it_says_more_while_registry_is_asked),
        TEST(a_vm_that_is_new_hears_nothing_of_what_was_said_before),
        TEST(with_its_sound_its_word_goes_to_another),
        TEST(what_is_neither_yes_nor_no_or_not_said_is_not_copied),
        TEST(with_a_vms_life_its_hearing_ends_and_is_told),
        TEST(too_much_at_once_is_answered_busy),
        TEST(it_rests_when_nobody_may_hear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
