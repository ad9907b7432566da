/* SPDX-License-Identifier: MIT
 * The envelope has one form; stamping changes only what it names. */
#include "proto/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <msgpack.h>

#include "base/err.h"
#include "base/own.h"

static struct envelope example(struct span body)
{
    return (struct envelope){.version = ENVELOPE_VERSION,
                             .type = 0x0501,
                             .class = CLASS_REQUEST,
                             .subject_kind = KIND_VM,
                             .subject_instance = 7,
                             .subject_generation = 3,
                             .source_kind = KIND_API,
                             .source_instance = 1,
                             .to_kind = KIND_VM,
                             .to_instance = 7,
                             .caller = 9,
                             .correlation = UINT64_MAX,
                             .deadline = 5,
                             .op_high = 11,
                             .op_low = 12,
                             .number = 13,
                             .part = 2,
                             .parts = 3,
                             .body = body};
}

static void an_envelope_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 255, 256, BODY_PART_MAX};
    static char filler[BODY_PART_MAX];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(ENVELOPE_MAX);
        struct envelope e = example((struct span){filler, sizes[i]}), got;
        envelope_write(&t, &e);
        assert_int_equal(t.failed, 0);
        assert_int_equal(envelope_read(text_span(&t), &got), 0);
#define FIELD(name, bits, meaning) assert_true(got.name == e.name);
#include "proto/envelope.def"
        assert_int_equal(got.body.len, sizes[i]);
    }
}

static void a_truncated_or_longer_envelope_is_refused_at_every_byte(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    struct envelope e = example(SPAN_LITERAL("body")), got;
    envelope_write(&t, &e);
    for (size_t len = 0; len < t.len; len++)
        assert_int_equal(envelope_read((struct span){t.at, len}, &got), -ERR_BAD);
    text_byte(&t, 'x');
    assert_int_equal(envelope_read(text_span(&t), &got), -ERR_BAD);
}

/* Every byte of the frame is fixed in its form: each lead byte changed alone is refused. */
static void a_field_of_another_width_is_refused(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    struct envelope e = example(SPAN_LITERAL("body")), got;
    envelope_write(&t, &e);
    size_t at = 3;
#define FIELD(name, bits, meaning)                                                                           \
    t.at[at] ^= 1;                                                                                           \
    assert_int_equal(envelope_read(text_span(&t), &got), -ERR_BAD);                                          \
    t.at[at] ^= 1;                                                                                           \
    at += 1 + (bits) / 8;
#include "proto/envelope.def"
    assert_int_equal(envelope_read(text_span(&t), &got), 0);
}

static void values_outside_the_form_are_refused(void **state)
{
    (void)state;
    struct envelope bad[7], got;
    for (size_t i = 0; i < COUNT(bad); i++)
        bad[i] = example(SPAN_LITERAL(""));
    bad[0].version = 2;
    bad[1].class = 0;
    bad[2].class = CLASSES;
    bad[3].part = 0;
    bad[4].parts = 0;
    bad[5].part = 4;
    bad[6].version = 0;
    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(ENVELOPE_MAX);
        envelope_write(&t, &bad[i]);
        assert_int_equal(envelope_read(text_span(&t), &got), -ERR_BAD);
    }
}

static void a_body_over_the_limit_has_its_own_error(void **state)
{
    (void)state;
    static char filler[BODY_PART_MAX + 1];
    AUTO_TEXT t = TEXT_WITH_LIMIT(2 * (size_t)ENVELOPE_MAX);
    struct envelope e = example((struct span){filler, sizeof filler}), got;
    envelope_write(&t, &e);
    assert_int_equal(envelope_read(text_span(&t), &got), -ERR_TOO_BIG);
}

static void a_stamp_changes_its_fields_and_nothing_else(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    AUTO_TEXT want = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    struct envelope e = example(SPAN_LITERAL("body"));
    envelope_write(&t, &e);
    envelope_stamp_source(t.at, (struct address){KIND_GUEST, 0xfffffffe});
    envelope_stamp_number(t.at, UINT64_MAX - 1);
    e.source_kind = KIND_GUEST;
    e.source_instance = 0xfffffffe;
    e.number = UINT64_MAX - 1;
    envelope_write(&want, &e);
    assert_int_equal(t.len, want.len);
    assert_memory_equal(t.at, want.at, want.len);
}

static void msgpack_c_unpacks_it_whole(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    struct envelope e = example(SPAN_LITERAL("body"));
    msgpack_unpacked got;
    size_t at = 0, field = 0;
    msgpack_unpacked_init(&got);
    envelope_write(&t, &e);
    assert_int_equal(msgpack_unpack_next(&got, t.at, t.len, &at), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, t.len);
    const msgpack_object *o = got.data.via.array.ptr;
#define FIELD(name, bits, meaning) assert_true(o[field++].via.u64 == e.name);
#include "proto/envelope.def"
    assert_int_equal(got.data.via.array.size, field + 1);
    assert_int_equal(o[field].via.bin.size, 4);
    msgpack_unpacked_destroy(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_envelope_is_read_as_it_was_written),
        cmocka_unit_test(a_truncated_or_longer_envelope_is_refused_at_every_byte),
        cmocka_unit_test(a_field_of_another_width_is_refused),
        cmocka_unit_test(values_outside_the_form_are_refused),
        cmocka_unit_test(a_body_over_the_limit_has_its_own_error),
        cmocka_unit_test(a_stamp_changes_its_fields_and_nothing_else),
        cmocka_unit_test(msgpack_c_unpacks_it_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
