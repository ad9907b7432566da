/* SPDX-License-Identifier: MIT
 * What tests of devbus-mic have it hear: VMs, those that have their sound, and registry. */
#ifndef TESTS_UNIT_DEVBUS_MIC_DEVBUS_MIC_BENCH_H
#define TESTS_UNIT_DEVBUS_MIC_DEVBUS_MIC_BENCH_H

#include "actors/devbus-mic/devbus_mic.h"
#include "tests/unit/devbus/devbus_bench.h"

enum { AUDIO = 20, ELSEWHERE = 21 };

static inline const char *name_of(uint32_t qid)
{
    return qid == OTHER ? "other" : "front";
}

static inline void prepare(struct bench *b, uint32_t qid, bool again)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_prepare m = {.backend = "dom0", .port = "mic", .device_id = MIC_DEVICE_ID, .again = again};
    (void)text_copy(m.name, sizeof m.name, span_of(name_of(qid)));
    bus_prepare_encode(&body, &m);
    bench_hear(b, MESSAGE_bus_prepare, qid, &body);
}

static inline void plug(struct bench *b, uint32_t qid)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct bus_plug m = {.backend = "dom0", .port = "mic"};
    (void)text_copy(m.name, sizeof m.name, span_of(name_of(qid)));
    bench_forget(b);
    bus_plug_encode(&body, &m);
    bench_hear(b, MESSAGE_bus_plug, qid, &body);
}

static inline void unplug(struct bench *b, bool again)
{
    bench_forget(b);
    HEAR(b, bus_unplug, FRONT, .name = "front", .backend = "dom0", .port = "mic", .again = again);
}

/* Registry's word: qid's sound is in AUDIO, which lives. */
static inline struct asked sound_is(struct bench *b, uint32_t qid, bool by_service)
{
    return ANSWER(b, vm_sound, 0, .found = 1, .qid = qid, .generation = GENERATION, .lives = 1,
                  .audio = "audio", .audio_qid = AUDIO, .audio_generation = GENERATION, .audio_lives = 1,
                  .by_service = by_service);
}

static inline void attach(struct bench *b, uint32_t qid)
{
    prepare(b, qid, false);
    assert_int_equal(bench_last(b), 0);
    plug(b, qid);
    sound_is(b, qid, false);
    ANSWER(b, guest_mic, 0, .nothing = 0);
    assert_int_equal(bench_last(b), 0);
}

/* "front=1 other=0 " */
static inline struct wire_list words(struct text *packed, const char *said)
{
    struct wire_list list = {0};
    struct span rest = span_of(said);
    while (rest.len > 0) {
        struct span value, name = span_split(span_split(rest, ' ', &rest), '=', &value);
        struct device_item item = {.port = "mic", .device_id = MIC_DEVICE_ID};
        assert_int_equal(text_copy(item.attachment, sizeof item.attachment, name), 0);
        snprintf(item.data, sizeof item.data, "allowed=%.*s", (int)value.len, value.at);
        device_item_add(&list, packed, &item);
    }
    return list;
}

static inline void audio_says(struct bench *b, uint32_t audio, const char *said)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    bench_forget(b);
    HEAR(b, bus_exposed, audio, .device_class = "mic", .name = "audio", .changed = 1,
         .devices = words(&packed, said));
}

/* What it says when it is asked. */
static inline struct asked is_read(struct bench *b, const char *said)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    bench_forget(b);
    return ANSWER(b, guest_devices, 0, .name = "audio", .devices = words(&packed, said));
}

/* Registry's word: these have their sound in whom it was asked about; 0: nobody else. */
static inline struct asked sounds_are(struct bench *b, uint32_t first, uint32_t second)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list list = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct roster_item item = {.qid = i == 0 ? first : second, .generation = GENERATION};
        memset(item.uuid, '0', sizeof item.uuid - 1);
        (void)text_copy(item.name, sizeof item.name, span_of(name_of(item.qid)));
        if (item.qid != 0)
            roster_item_add(&list, &packed, &item);
    }
    return ANSWER(b, sounds_of, 0, .vms = list);
}

static inline void sound(struct bench *b, uint32_t what, uint32_t to, uint32_t from)
{
    bench_forget(b);
    HEAR(b, bus_sound, FRONT, .name = "front", .what = what, .to = to, .to_generation = GENERATION,
         .from = from, .from_generation = GENERATION);
}

static inline int open_bench(void **state)
{
    return bench_open(state, &devbus_mic_actor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, bench_close)

#endif
