/* SPDX-License-Identifier: MIT
 * Who has whose sound: what devbus-mic is told when it must look, and what it is answered. */
#include "tests/unit/registry/registry_bench.h"

#include "model/device.h"
#include "proto/devbus_values.h"
#include "proto/registry_values.h"

enum { AUDIO = 1, WORK, OTHER };

static void up(struct bench *b, bool serves)
{
    bench_up(b);
    b->core->device_classes = serves ? 1u << DEVICE_mic : 0;
    bench_create(b, "audio");
    bench_create(b, "work");
    bench_create(b, "other");
    b->core->claims[AUDIO].living = b->core->claims[WORK].living = true;
    bench_operate(b, OPERATION_property_set, WORK, "audiovm", "audio");
    bench_forget(b);
}

static void hear(struct bench *b, uint16_t type, enum kind from, uint32_t about, const struct text *body)
{
    bench_hear(b,
               (struct envelope){.type = type,
                                 .class = message_rule(type)->class,
                                 .source_kind = from,
                                 .source_instance = from == KIND_DEVBUS_MIC ? 0 : about,
                                 .correlation = 99,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = about,
                                 .subject_generation = 1},
               body);
}

static struct vm_sound_reply sound_of(struct bench *b, const char *name, bool enables)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    struct vm_sound m = {.enables = enables};
    struct vm_sound_reply reply;
    bench_forget(b);
    (void)text_copy(m.name, sizeof m.name, span_of(name));
    vm_sound_encode(&body, &m);
    hear(b, MESSAGE_vm_sound, KIND_DEVBUS_MIC, 0, &body);
    int at = bench_find(b, MESSAGE_vm_sound, 0);
    assert_true(at >= 0);
    assert_int_equal(vm_sound_reply_decode(&reply, b->said[at].e.body), 0);
    return reply;
}

/* What the bus is told last, about whom; false: nothing. */
static bool told(struct bench *b, struct bus_sound *m, uint32_t about)
{
    int at = bench_find(b, MESSAGE_bus_sound, 0);
    if (at < 0)
        return false;
    assert_int_equal(bench_count(b, MESSAGE_bus_sound), 1);
    assert_int_equal(bus_sound_decode(m, b->said[at].e.body), 0);
    assert_int_equal(b->said[at].e.subject_instance, about);
    return true;
}

static void set_audio(struct bench *b, const char *name)
{
    bench_forget(b);
    bench_operate(b, OPERATION_property_set, WORK, "audiovm", name);
    assert_int_equal(bench_answer(b, b->last_operation), 0);
}

static void a_vms_sound_is_where_its_property_says_and_each_lives_or_not(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    struct vm_sound_reply m = sound_of(&b, "work", true);
    assert_true(m.found == 1 && m.qid == WORK && m.lives == 1 && m.audio_qid == AUDIO && m.audio_lives == 1);
    assert_string_equal(m.audio, "audio");
    b.core->claims[AUDIO].living = false;
    assert_int_equal(sound_of(&b, "work", true).audio_lives, 0);
    m = sound_of(&b, "other", true);
    assert_true(m.lives == 0 && m.audio_qid == 0 && m.audio_lives == 1);
    assert_string_equal(m.audio, "dom0");
    set_audio(&b, "");
    assert_string_equal(sound_of(&b, "work", true).audio, "");
    assert_int_equal(sound_of(&b, "nobody", true).found, 0);
    assert_string_equal(sound_of(&b, "dom0", true).audio, "");
    bench_down(&b);
}

static void the_service_is_a_feature_of_who_has_the_sound_for_each_direction(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    assert_int_equal(sound_of(&b, "work", true).by_service, 0);
    bench_operate(&b, OPERATION_feature_set, AUDIO, "supported-rpc.qubes.AudioInputEnable", "1");
    assert_int_equal(sound_of(&b, "work", true).by_service, 1);
    assert_int_equal(sound_of(&b, "work", false).by_service, 0);
    bench_down(&b);
}

static void those_that_live_are_named_to_who_asks_whose_sound_a_vm_has(void **state)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct bench b;
    struct sounds_of_reply reply;
    struct roster_item item;
    (void)state;
    up(&b, true);
    bench_operate(&b, OPERATION_property_set, OTHER, "audiovm", "audio"); /* it does not live */
    bench_forget(&b);
    sounds_of_encode(&body, NO_MESSAGE(sounds_of));
    hear(&b, MESSAGE_sounds_of, KIND_DEVBUS_MIC, AUDIO, &body);
    int at = bench_find(&b, MESSAGE_sounds_of, 0);
    assert_true(at >= 0);
    assert_int_equal(sounds_of_reply_decode(&reply, b.said[at].e.body), 0);
    struct reader in = list_reader(&reply.vms);
    assert_int_equal(reply.vms.count, 1);
    assert_int_equal(roster_item_next(&in, &item), 1);
    assert_string_equal(item.name, "work");
    bench_down(&b);
}

static void the_bus_hears_when_a_vms_sound_goes_elsewhere(void **state)
{
    struct bench b;
    struct bus_sound m = {0};
    (void)state;
    up(&b, true);
    set_audio(&b, "dom0");
    assert_true(told(&b, &m, WORK));
    assert_true(m.what == SOUND_MOVES && m.from == AUDIO && m.to == 0);
    set_audio(&b, "dom0"); /* where it was */
    assert_false(told(&b, &m, WORK));
    b.core->claims[AUDIO].living = false;
    set_audio(&b, "audio");
    assert_true(told(&b, &m, WORK));
    assert_int_equal(m.what, SOUND_ENDS);
    set_audio(&b, "dom0");
    assert_true(told(&b, &m, WORK));
    assert_true(m.what == SOUND_MOVES && m.from == m.to && m.to == 0); /* it was nowhere that runs */
    set_audio(&b, "");
    assert_true(told(&b, &m, WORK));
    assert_int_equal(m.what, SOUND_ENDS);
    b.core->claims[WORK].living = false;
    set_audio(&b, "dom0");
    assert_false(told(&b, &m, WORK));
    bench_down(&b);
}

static void lives_as(struct bench *b, uint32_t domid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    bench_forget(b);
    lives_as_encode(&body, &(struct lives_as){.there = 1, .domid = domid});
    hear(b, MESSAGE_lives_as, KIND_VM, WORK, &body);
}

static void the_bus_hears_of_a_domain_that_nobody_knew_and_of_a_new_database(void **state)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct bench b;
    struct bus_sound m = {0};
    (void)state;
    up(&b, true);
    lives_as(&b, 12);
    assert_true(told(&b, &m, WORK));
    assert_true(m.what == SOUND_LOOKS && m.to == AUDIO);
    lives_as(&b, 12);
    assert_false(told(&b, &m, WORK));
    bench_forget(&b);
    qdb_entries_encode(&body, &(struct qdb_entries){.what = QDB_ALL});
    hear(&b, MESSAGE_qdb_entries, KIND_GUEST, WORK, &body);
    assert_true(told(&b, &m, WORK));
    assert_true(m.what == SOUND_BEGINS && m.to == AUDIO);
    b.core->claims[AUDIO].living = false;
    lives_as(&b, 13); /* nothing was said where nobody runs */
    assert_false(told(&b, &m, WORK));
    bench_down(&b);
}

/* "There is no such VM" would be the answer to a person whose VM runs. */
static void before_the_store_is_read_nobodys_sound_is_known(void **state)
{
    struct bench b;
    struct error error = {0};
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    (void)state;
    up(&b, true);
    b.core->loaded = false;
    vm_sound_encode(&body, &(struct vm_sound){.name = "work"});
    hear(&b, MESSAGE_vm_sound, KIND_DEVBUS_MIC, 0, &body);
    b.core->loaded = true;
    assert_true(bench_find(&b, MESSAGE_vm_sound, 0) < 0);
    int at = bench_find(&b, MESSAGE_error, 0);
    assert_true(at >= 0 && error_decode(&error, b.said[at].e.body) == 0);
    assert_int_equal(error.code, ERR_BUSY);
    assert_int_equal(sound_of(&b, "work", false).qid, WORK);
    bench_down(&b);
}

static void where_microphones_are_not_served_nobody_hears_of_sound(void **state)
{
    struct bench b;
    struct bus_sound m = {0};
    (void)state;
    up(&b, false);
    lives_as(&b, 12);
    assert_false(told(&b, &m, WORK));
    set_audio(&b, "dom0");
    assert_false(told(&b, &m, WORK));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vms_sound_is_where_its_property_says_and_each_lives_or_not),
        cmocka_unit_test(the_service_is_a_feature_of_who_has_the_sound_for_each_direction),
        cmocka_unit_test(those_that_live_are_named_to_who_asks_whose_sound_a_vm_has),
        cmocka_unit_test(the_bus_hears_when_a_vms_sound_goes_elsewhere),
        cmocka_unit_test(the_bus_hears_of_a_domain_that_nobody_knew_and_of_a_new_database),
        cmocka_unit_test(before_the_store_is_read_nobodys_sound_is_known),
        cmocka_unit_test(where_microphones_are_not_served_nobody_hears_of_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
