/* SPDX-License-Identifier: MIT
 * The cursor reads what msgpack-c writes, refuses all else, and believes no length. */
#include "proto/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <msgpack.h>

#include "base/err.h"
#include "base/own.h"

static struct reader reader_at(const void *bytes, size_t len)
{
    return reader_of((struct span){bytes, len});
}

static void a_number_of_every_width_is_read_and_its_bounds_hold(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {
        0, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(64);
        uint64_t n = 1, value = numbers[i];
        write_unsigned(&t, value);
        struct reader in = reader_of(text_span(&t));
        assert_int_equal(read_unsigned(&in, value, value, &n), 0);
        assert_true(n == value);
        assert_int_equal(read_end(&in), 0);
        if (value > 0) {
            in = reader_of(text_span(&t));
            assert_int_equal(read_unsigned(&in, 0, value - 1, &n), -ERR_RANGE);
        }
        if (value < UINT64_MAX) {
            in = reader_of(text_span(&t));
            assert_int_equal(read_unsigned(&in, value + 1, UINT64_MAX, &n), -ERR_RANGE);
        }
        assert_true(n == value);
    }
}

static void a_length_that_the_bytes_do_not_cover_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"", 0},
        {"\xa3"
         "ab",
         3},
        {"\xd9", 1},
        {"\xda\x01", 2},
        {"\xdb\xff\xff\xff\xff"
         "abc",
         8},
        {"\xc6\xff\xff\xff\xff", 5},
        {"\xc4\x02"
         "a",
         3},
        {"\x01", 1},
        {"\xc0", 1},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct reader in = reader_at(bad[i].bytes, bad[i].len);
        struct span s = {NULL, 7};
        assert_int_equal(read_bytes(&in, UINT32_MAX, &s), -ERR_BAD);
        assert_int_equal(s.len, 7);
        assert_int_equal(in.failed, -ERR_BAD);
    }
}

static void an_array_of_more_elements_than_bytes_is_refused(void **state)
{
    (void)state;
    uint32_t count = 7;
    struct reader in = reader_at("\xdd\xff\xff\xff\xff\x01", 6);
    assert_int_equal(read_array_between(&in, 0, UINT32_MAX, &count), -ERR_BAD);
    in = reader_at("\xdf\x0a\x94\x18\x2c", 5); /* a map: no field of ours */
    assert_int_equal(read_array_between(&in, 0, UINT32_MAX, &count), -ERR_BAD);
    in = reader_at("\x93\x01\x01\x01", 4);
    assert_int_equal(read_array(&in, 2), -ERR_RANGE);
    assert_int_equal(count, 7);
}

static void arrays_nest_no_deeper_than_the_limit(void **state)
{
    (void)state;
    static const char nested[] = "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01";
    struct reader in = reader_at(nested, sizeof nested - 1);
    for (int i = 0; i < WIRE_DEPTH; i++)
        assert_int_equal(read_array(&in, 1), 0);
    assert_int_equal(read_array(&in, 1), -ERR_BAD);
}

static void after_a_failure_nothing_more_is_read(void **state)
{
    (void)state;
    struct reader in = reader_at("\xc0\x05\xa1x", 4);
    uint64_t n = 7;
    char text[8] = "as was";
    struct span s = {NULL, 7};
    assert_int_equal(read_unsigned(&in, 0, 9, &n), -ERR_BAD);
    assert_int_equal(read_unsigned(&in, 0, 9, &n), -ERR_BAD);
    assert_int_equal(read_text(&in, text, 0, 7), -ERR_BAD);
    assert_int_equal(read_bytes(&in, 9, &s), -ERR_BAD);
    assert_int_equal(read_end(&in), -ERR_BAD);
    assert_true(n == 7 && s.len == 7 && text[0] == 'a');
}

static void a_text_has_no_nul_inside_and_keeps_its_bounds(void **state)
{
    (void)state;
    char to[5] = "";
    struct reader in = reader_at("\xa3"
                                 "a\0b",
                                 4);
    assert_int_equal(read_text(&in, to, 0, 4), -ERR_RANGE);
    in = reader_at("\xa5"
                   "abcde",
                   6);
    assert_int_equal(read_text(&in, to, 0, 4), -ERR_RANGE);
    in = reader_at("\xa1"
                   "a",
                   2);
    assert_int_equal(read_text(&in, to, 2, 4), -ERR_RANGE);
    assert_string_equal(to, "");
    in = reader_at("\xa4"
                   "abcd",
                   5);
    assert_int_equal(read_text(&in, to, 4, 4), 0);
    assert_string_equal(to, "abcd");
}

static void bytes_left_over_are_an_error(void **state)
{
    (void)state;
    uint64_t n;
    struct reader in = reader_at("\x05\x06", 2);
    assert_int_equal(read_unsigned(&in, 0, 9, &n), 0);
    assert_int_equal(read_end(&in), -ERR_BAD);
}

static void msgpack_c_unpacks_what_was_written(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(256);
    msgpack_unpacked got;
    msgpack_unpacked_init(&got);
    write_array(&t, 3);
    write_unsigned(&t, 300);
    write_text(&t, "text");
    write_bytes(&t, SPAN_LITERAL("by\0te"));
    size_t at = 0;
    assert_int_equal(msgpack_unpack_next(&got, t.at, t.len, &at), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(at, t.len);
    const msgpack_object *o = got.data.via.array.ptr;
    assert_int_equal(got.data.via.array.size, 3);
    assert_int_equal(o[0].via.u64, 300);
    assert_memory_equal(o[1].via.str.ptr, "text", 4);
    assert_int_equal(o[2].type, MSGPACK_OBJECT_BIN);
    assert_int_equal(o[2].via.bin.size, 5);
    msgpack_unpacked_destroy(&got);
}

static void what_msgpack_c_packs_is_read(void **state)
{
    (void)state;
    msgpack_sbuffer out;
    msgpack_packer p;
    char text[301] = "", want[301] = "";
    uint64_t n = 0;
    memset(want, 'x', 300);
    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&p, &out, msgpack_sbuffer_write);
    msgpack_pack_array(&p, 20);
    for (unsigned i = 0; i < 19; i++)
        msgpack_pack_fix_uint64(&p, i);
    msgpack_pack_str(&p, 300);
    msgpack_pack_str_body(&p, want, 300);
    struct reader in = reader_at(out.data, out.size);
    assert_int_equal(read_array(&in, 20), 0);
    for (unsigned i = 0; i < 19; i++) {
        assert_int_equal(read_unsigned(&in, i, i, &n), 0);
        assert_int_equal(n, i);
    }
    assert_int_equal(read_text(&in, text, 300, 300), 0);
    assert_string_equal(text, want);
    assert_int_equal(read_end(&in), 0);
    msgpack_sbuffer_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_of_every_width_is_read_and_its_bounds_hold),
        cmocka_unit_test(a_length_that_the_bytes_do_not_cover_is_refused),
        cmocka_unit_test(an_array_of_more_elements_than_bytes_is_refused),
        cmocka_unit_test(arrays_nest_no_deeper_than_the_limit),
        cmocka_unit_test(after_a_failure_nothing_more_is_read),
        cmocka_unit_test(a_text_has_no_nul_inside_and_keeps_its_bounds),
        cmocka_unit_test(bytes_left_over_are_an_error),
        cmocka_unit_test(msgpack_c_unpacks_what_was_written),
        cmocka_unit_test(what_msgpack_c_packs_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
