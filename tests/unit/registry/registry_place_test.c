/* SPDX-License-Identifier: MIT
 * Where pools lie, as the supervisor is told: all of them, then that these are all; of one that is not made,
 * and of one that is removed, nothing is kept. */
#include "tests/unit/registry/registry_bench.h"

#include "actors/registry/registry_storage.h"
#include "model/pool.h"

#define POOL "driver=file-reflink\nname=far\ndir_path=/far\nrevisions_to_keep=1\nephemeral_volatile=False"

static char told[1024]; /* "far=file-reflink /far;" and the like */

static void is_placed(void *arg, uint32_t number, struct span what, bool reads)
{
    size_t at = strlen(told);
    (void)arg, (void)reads;
    if (number == pool_instance(span_of("far")))
        snprintf(told + at, sizeof told - at, "far=%.*s;", (int)what.len, what.at);
}

static void are_placed(void *arg)
{
    (void)arg;
    strncat(told, "all;", sizeof told - strlen(told) - 1);
}

static void hear_places(struct bench *b)
{
    told[0] = '\0';
    b->core->pool_place = is_placed;
    b->core->pools_placed = are_placed;
}

static void of_a_pool_that_cannot_be_made_nothing_is_kept(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    hear_places(&b);
    b.storage_fails = -ERR_STORAGE;
    uint64_t op = bench_operate(&b, OPERATION_pool_add, QID_GLOBAL, "far", POOL);
    assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
    assert_string_equal(told, "far=file-reflink /far;far=;");
    told[0] = '\0';
    b.storage_fails = 0;
    op = bench_operate(&b, OPERATION_pool_add, QID_GLOBAL, "far", POOL);
    assert_int_equal(bench_answer(&b, op), 0);
    const char *last = strrchr(told, '=');
    assert_string_equal(last, "=file-reflink /far;");
    bench_down(&b);
}

static void all_pools_are_placed_before_it_is_said_that_they_are_all(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_operate(&b, OPERATION_pool_add, QID_GLOBAL, "far", POOL);
    hear_places(&b);
    pools_place_all(b.core);
    assert_string_equal(told, "far=file-reflink /far;all;");
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_pool_that_cannot_be_made_nothing_is_kept),
        cmocka_unit_test(all_pools_are_placed_before_it_is_said_that_they_are_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
