/* SPDX-License-Identifier: MIT
 * Calls that hang in libvirtd: registry hears how many of this VM's do, and while too many of all VMs' do,
 * nothing is begun here that could hang, too. */
#include "doors/virt.h"
#include "tests/unit/vm/vm_bench.h"

static void overdue(struct bench *b)
{
    struct done d = {.what = b->task->what, .overdue = true};
    assert_null(b->parked);
    b->parked = TAKE(b->task);
    b->hold_tasks = false;
    vm_actor.done(b->core, &b->out, &d);
}

static void living(struct bench *b)
{
    bench_setup(b);
    bench_run(b);
    BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
}

/* A pause whose call has passed its deadline. */
static void hang(struct bench *b)
{
    living(b);
    b->hold_tasks = true;
    BENCH_HEAR(b, vm_pause, 0);
    overdue(b);
    bench_run(b);
}

static void registry_hears_of_a_call_that_hangs_and_of_its_end(void **state)
{
    struct bench b;
    (void)state;
    hang(&b);
    assert_int_equal(b.hanging, 1);
    struct done d = {.task = b.parked, .what = b.parked->what, .cleared = true};
    vm_actor.done(b.core, &b.out, &d);
    bench_run(&b);
    assert_int_equal(b.hanging, 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* Killed between its note and its word to registry it would leave a call behind that nobody makes. */
static void an_incarnation_that_left_nothing_hanging_says_so(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    b.hanging = 1;
    bench_crash(&b, false);
    bench_run(&b);
    assert_int_equal(b.hanging, 0);
    bench_end(&b);
}

/* What hung has ended with the process that it waited for. */
static void a_vm_that_was_killed_starts_again_though_a_call_hung_before(void **state)
{
    struct bench b;
    (void)state;
    hang(&b);
    bench_crash(&b, false);
    bench_run(&b);
    uint64_t asked = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(b.hanging, 0);
    asked = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void the_next_incarnation_counts_it_until_its_time_is_over(void **state)
{
    struct bench b;
    (void)state;
    hang(&b);
    b.hanging = 0;
    bench_crash(&b, false);
    bench_run(&b);
    assert_int_equal(b.hanging, 1);
    uint64_t refused = BENCH_HEAR(&b, vm_pause, 0), since = b.out.now;
    bench_run(&b);
    assert_int_equal(bench_answer(&b, refused), -ERR_BUSY);
    while (b.hanging > 0 && b.timer[TIMER_AGAIN] != 0) {
        bench_timer_fires(&b, TIMER_AGAIN);
        bench_run(&b);
    }
    assert_int_equal(b.hanging, 0);
    assert_true(b.out.now >= since + 60 * SECONDS);
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_new_registry_hears_it_again(void **state)
{
    struct bench b;
    (void)state;
    hang(&b);
    b.hanging = 0;
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    vm_tell_encode(&body, NO_MESSAGE(vm_tell));
    bench_hear_from(&b, (struct address){KIND_REGISTRY, 0}, MESSAGE_vm_tell, &body);
    assert_int_equal(b.hanging, 1);
    bench_end(&b);
}

static void scarce(struct bench *b, uint32_t scarce)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    calls_scarce_encode(&body, &(struct calls_scarce){.scarce = scarce});
    bench_hear_from(b, (struct address){KIND_REGISTRY, 0}, MESSAGE_calls_scarce, &body);
}

static void while_others_hang_it_is_only_looked_at_and_killed(void **state)
{
    struct bench b;
    (void)state;
    living(&b);
    scarce(&b, 1);
    unsigned from = b.events;
    uint64_t pause = BENCH_HEAR(&b, vm_pause, 0), suspend = BENCH_HEAR(&b, vm_suspend, 0);
    uint64_t shutdown = BENCH_HEAR(&b, vm_shutdown, 0), current = BENCH_HEAR(&b, vm_current, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, pause), -ERR_BUSY);
    assert_int_equal(bench_answer(&b, suspend), -ERR_BUSY);
    assert_int_equal(bench_answer(&b, shutdown), -ERR_BUSY);
    assert_int_equal(bench_answer(&b, current), 0);
    assert_int_equal(b.events, from);
    uint64_t kill = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    assert_false(b.world.active);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_start_is_refused_without_a_word_and_done_when_they_have_ended(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.scarce = true;
    bench_run(&b);
    uint64_t start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), -ERR_BUSY);
    assert_int_equal(b.events, 0);
    bench_is_definite(&b);
    b.scarce = false;
    scarce(&b, 0);
    start = BENCH_HEAR(&b, vm_start, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, start), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

/* Xen's driver keeps libvirtd silent while it builds a domain: that must not end anybody's call. */
static void on_xen_a_silent_libvirtd_ends_no_call_before_its_own_deadline(void **state)
{
    static const unsigned seconds[] = {
#define TASK(name, seconds_, always, text) seconds_,
#include "actors/vm/vm_task.def"
    };
    (void)state;
    for (size_t i = 0; i < COUNT(seconds); i++)
        assert_true(virt_silence_max("xen:///system") > seconds[i]);
    assert_true(virt_silence_max("xen+unix:///system?socket=/run/libvirt/libvirt-sock") > 60);
    assert_int_equal(virt_silence_max("qemu:///system"), 4);
    assert_int_equal(virt_silence_max("test:///default"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_hears_of_a_call_that_hangs_and_of_its_end),
        cmocka_unit_test(an_incarnation_that_left_nothing_hanging_says_so),
        cmocka_unit_test(a_vm_that_was_killed_starts_again_though_a_call_hung_before),
        cmocka_unit_test(the_next_incarnation_counts_it_until_its_time_is_over),
        cmocka_unit_test(a_new_registry_hears_it_again),
        cmocka_unit_test(while_others_hang_it_is_only_looked_at_and_killed),
        cmocka_unit_test(a_start_is_refused_without_a_word_and_done_when_they_have_ended),
        cmocka_unit_test(on_xen_a_silent_libvirtd_ends_no_call_before_its_own_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
