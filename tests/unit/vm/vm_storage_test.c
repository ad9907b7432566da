/* SPDX-License-Identifier: MIT
 * A VM's volumes: verified before anything else, started before its domain is defined, stopped before its
 * claim is released; whatever else happens. */
#include "tests/unit/vm/vm_bench.h"

#define STARTED "verify root;verify private;start root;start private;"
#define STOPPED "stop root;stop private;release;"

static void with_volumes(struct bench *b)
{
    bench_setup(b);
    b->has_volumes = true;
    bench_run(b);
    b->asked_of_storage[0] = '\0';
    bench_disks = 0;
}

static void volumes_are_started_before_the_domain_is_defined(void **state)
{
    struct bench b;
    (void)state;
    with_volumes(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    assert_string_equal(b.asked_of_storage, STARTED);
    assert_int_equal(bench_disks, 2);
    bench_end(&b);
}

static void they_are_stopped_before_the_claim_is_released(void **state)
{
    struct bench b;
    (void)state;
    with_volumes(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    b.asked_of_storage[0] = '\0';
    uint64_t end = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, end), 0);
    assert_memory_equal(b.asked_of_storage, STOPPED, strlen(STOPPED));
    bench_end(&b);
}

static void a_volume_that_cannot_start_ends_the_start_and_nothing_is_left(void **state)
{
    static const struct {
        const char *refuses, *asked;
        unsigned verified;
    } rules[] = {{"verify private", "verify root;verify private;release;", 0},
                 {"start private", STARTED STOPPED, 1}};
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct bench b;
        with_volumes(&b);
        b.storage_refuses = rules[i].refuses;
        uint64_t start = BENCH_HEAR(&b, vm_start, 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, start), -ERR_STORAGE);
        assert_memory_equal(b.asked_of_storage, rules[i].asked, strlen(rules[i].asked));
        assert_int_equal(bench_count(&b, "domain-verify-files"), rules[i].verified);
        assert_int_equal(b.world.creates, 0);
        assert_false(b.claimed);
        bench_is_definite(&b);
        bench_end(&b);
    }
}

static void a_pool_that_cannot_stop_them_holds_nobody_up(void **state)
{
    struct bench b;
    (void)state;
    with_volumes(&b);
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    b.storage_refuses = "stop";
    b.asked_of_storage[0] = '\0';
    uint64_t end = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, end), 0);
    assert_memory_equal(b.asked_of_storage, STOPPED, strlen(STOPPED));
    assert_false(b.claimed);
    bench_end(&b);
}

static void a_claim_that_was_refused_touches_no_volume(void **state)
{
    struct bench b;
    (void)state;
    with_volumes(&b);
    b.fail_type = MESSAGE_claim;
    b.fail_type_with = -ERR_VM_NOT_FOUND;
    BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_null(strstr(b.asked_of_storage, "stop"));
    bench_end(&b);
}

static void killed_while_they_start_all_are_stopped_by_the_next(void **state)
{
    struct bench b;
    (void)state;
    with_volumes(&b);
    b.hold_asks = true;
    BENCH_HEAR(&b, vm_start, 0);
    for (int turns = 0; turns < 20 && strstr(b.asked_of_storage, "start root;") == NULL; turns++) {
        b.hold_asks = false;
        bench_run_once(&b);
        b.hold_asks = true;
    }
    assert_non_null(strstr(b.asked_of_storage, "start root;"));
    bench_crash(&b, false);
    b.hold_asks = false;
    b.asked_of_storage[0] = '\0';
    bench_run(&b);
    assert_memory_equal(b.asked_of_storage, STOPPED, strlen(STOPPED));
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_vm_without_its_directory_does_not_start(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.has_volumes = b.homeless = true;
    bench_run(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), -ERR_VM);
    assert_string_equal(b.reply[0].text, "VM directory does not exist: /var/lib/qubes/appvms/work");
    assert_int_equal(bench_count(&b, "domain-pre-start"), 1);
    assert_int_equal(bench_count(&b, "domain-verify-files"), 0);
    assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
    assert_null(strstr(b.asked_of_storage, "start"));
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vm_without_its_directory_does_not_start),
        cmocka_unit_test(volumes_are_started_before_the_domain_is_defined),
        cmocka_unit_test(they_are_stopped_before_the_claim_is_released),
        cmocka_unit_test(a_volume_that_cannot_start_ends_the_start_and_nothing_is_left),
        cmocka_unit_test(a_pool_that_cannot_stop_them_holds_nobody_up),
        cmocka_unit_test(a_claim_that_was_refused_touches_no_volume),
        cmocka_unit_test(killed_while_they_start_all_are_stopped_by_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
