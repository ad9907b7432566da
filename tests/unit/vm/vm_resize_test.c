/* SPDX-License-Identifier: MIT
 * A volume of a VM that runs was resized: its guest is told, and what it says of it is the answer. */
#include "tests/unit/vm/vm_bench.h"

static void living(struct bench *b, bool qrexec)
{
    bench_setup(b);
    b->qrexec = qrexec;
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    bench_observe(b, VIRT_EVENT_RESUMED);
    bench_run(b);
}

static int resized(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, volume_resized, .volume = "private");
    bench_run(b);
    return bench_answer(b, asked);
}

static void its_guest_is_called_as_root_with_the_volumes_name(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    assert_int_equal(resized(&b), 0);
    assert_string_equal(b.called, "qubes.ResizeDisk root");
    assert_string_equal(b.handshake, "private");
    bench_is_definite(&b);
    bench_end(&b);
}

static void what_it_says_is_the_error_without_what_no_client_may_read(void **state)
{
    struct bench b;
    (void)state;
    living(&b, true);
    b.service.status = 1;
    strcpy(b.service.said, "100% of \xc3\xa4 no\n");
    assert_int_equal(resized(&b), -ERR_STORAGE);
    assert_string_equal(b.reply[(b.replies - 1) % BENCH_LIST].text, "100 of  no");
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_guest_that_cannot_be_called_is_an_error(void **state)
{
    struct bench b;
    (void)state;
    living(&b, false);
    assert_int_equal(resized(&b), -ERR_STORAGE);
    assert_int_equal(b.services, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_vm_that_has_ended_meanwhile_needs_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    assert_int_equal(resized(&b), 0);
    assert_int_equal(b.services, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_guest_is_called_as_root_with_the_volumes_name),
        cmocka_unit_test(what_it_says_is_the_error_without_what_no_client_may_read),
        cmocka_unit_test(a_guest_that_cannot_be_called_is_an_error),
        cmocka_unit_test(a_vm_that_has_ended_meanwhile_needs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
