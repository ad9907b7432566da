/* SPDX-License-Identifier: MIT
 * A long body is cut and put together again, whoever else is in the middle of one. */
#include "runtime/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"

enum { MOST = 200 };
struct cut {
    struct envelope part[MOST];
    unsigned count, fail_at;
};

static int collect(void *arg, const struct envelope *part)
{
    struct cut *c = arg;
    if (c->count + 1 == c->fail_at)
        return -ERR_BUSY;
    c->part[c->count++] = *part;
    return 0;
}

static char body[3 * BODY_PART_MAX + 5];

static struct envelope from(uint32_t instance, size_t len)
{
    return (struct envelope){.version = 1,
                             .type = 9,
                             .source_kind = KIND_VM,
                             .source_instance = instance,
                             .correlation = 4,
                             .part = 1,
                             .parts = 1,
                             .body = {body, len}};
}

static void a_body_of_any_length_arrives_as_it_left(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, BODY_PART_MAX, BODY_PART_MAX + 1, sizeof body};
    struct parts *p = parts_new();
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct cut c = {.count = 0};
        struct envelope e = from(1, sizes[i]), whole;
        assert_int_equal(parts_send(&e, collect, &c), 0);
        for (unsigned n = 0; n + 1 < c.count; n++)
            assert_int_equal(parts_take(p, &c.part[n], &whole), 0);
        assert_int_equal(parts_take(p, &c.part[c.count - 1], &whole), 1);
        assert_int_equal(whole.parts, 1);
        assert_int_equal(whole.body.len, sizes[i]);
        if (sizes[i] > 0)
            assert_memory_equal(whole.body.at, body, sizes[i]);
    }
    parts_free(p);
}

static void two_senders_do_not_meet(void **state)
{
    (void)state;
    struct parts *p = parts_new();
    struct cut a = {.count = 0}, b = {.count = 0};
    struct envelope first = from(1, sizeof body), second = from(2, sizeof body - 1), whole;
    parts_send(&first, collect, &a);
    parts_send(&second, collect, &b);
    for (unsigned n = 0; n + 1 < a.count; n++) {
        assert_int_equal(parts_take(p, &a.part[n], &whole), 0);
        assert_int_equal(parts_take(p, &b.part[n], &whole), 0);
    }
    assert_int_equal(parts_take(p, &b.part[b.count - 1], &whole), 1);
    assert_int_equal(whole.body.len, sizeof body - 1);
    assert_int_equal(parts_take(p, &a.part[a.count - 1], &whole), 1);
    assert_int_equal(whole.body.len, sizeof body);
    parts_free(p);
}

static void a_part_out_of_turn_is_refused_and_what_was_begun_is_dropped(void **state)
{
    (void)state;
    struct parts *p = parts_new();
    struct cut c = {.count = 0};
    struct envelope e = from(1, sizeof body), whole = {.part = 77};
    parts_send(&e, collect, &c);
    assert_int_equal(parts_take(p, &c.part[1], &whole), -ERR_BAD);
    assert_int_equal(parts_take(p, &c.part[0], &whole), 0);
    assert_int_equal(parts_take(p, &c.part[2], &whole), -ERR_BAD);
    assert_int_equal(parts_take(p, &c.part[1], &whole), -ERR_BAD);
    struct envelope other = c.part[1];
    other.correlation++;
    assert_int_equal(parts_take(p, &c.part[0], &whole), 0);
    assert_int_equal(parts_take(p, &other, &whole), -ERR_BAD);
    assert_int_equal(whole.part, 77);
    parts_free(p);
}

static void a_whole_message_passes_one_that_is_half_there(void **state)
{
    (void)state;
    struct parts *p = parts_new();
    struct cut c = {.count = 0};
    struct envelope e = from(1, sizeof body), small = from(1, 3), whole;
    parts_send(&e, collect, &c);
    assert_int_equal(parts_take(p, &c.part[0], &whole), 0);
    assert_int_equal(parts_take(p, &small, &whole), 1);
    assert_int_equal(parts_take(p, &c.part[1], &whole), 0);
    parts_free(p);
}

static void a_sum_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct parts *p = parts_new();
    struct envelope e = from(1, BODY_PART_MAX), whole;
    int r = 0;
    e.parts = UINT16_MAX;
    for (e.part = 1; r == 0; e.part++)
        r = parts_take(p, &e, &whole);
    assert_int_equal(r, -ERR_TOO_BIG);
    assert_int_equal(e.part, BODY_MAX / BODY_PART_MAX + 2);
    struct cut c = {.count = 0};
    e.body.len = (size_t)BODY_MAX + 1;
    assert_int_equal(parts_send(&e, collect, &c), -ERR_TOO_BIG);
    assert_int_equal(c.count, 0);
    parts_free(p);
}

static void sending_stops_at_the_first_failure(void **state)
{
    (void)state;
    struct cut c = {.fail_at = 2};
    struct envelope e = from(1, sizeof body);
    assert_int_equal(parts_send(&e, collect, &c), -ERR_BUSY);
    assert_int_equal(c.count, 1);
}

int main(void)
{
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7 + i / 251);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_any_length_arrives_as_it_left),
        cmocka_unit_test(two_senders_do_not_meet),
        cmocka_unit_test(a_part_out_of_turn_is_refused_and_what_was_begun_is_dropped),
        cmocka_unit_test(a_whole_message_passes_one_that_is_half_there),
        cmocka_unit_test(a_sum_over_the_limit_is_refused),
        cmocka_unit_test(sending_stops_at_the_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
