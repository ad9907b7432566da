/* SPDX-License-Identifier: MIT
 * Memory for a start: how much is asked for, for how long it is kept, and what a balancer can spoil. */
#include "tests/unit/vm/vm_bench.h"

static struct {
    char line[VM_MEMORY_LINE];
    unsigned asks;
    bool open;
} balancer;

static void ask(void *arg, const char *line)
{
    (void)arg;
    assert_false(balancer.open);
    snprintf(balancer.line, sizeof balancer.line, "%s", line);
    balancer.asks++;
    balancer.open = true;
}

static void hang_up(void *arg)
{
    (void)arg;
    assert_true(balancer.open);
    balancer.open = false;
}

static uint64_t begin(struct bench *b)
{
    static const struct vm_memory_ops ops = {ask, hang_up};
    memset(&balancer, 0, sizeof balancer);
    bench_setup(b);
    bench_run(b);
    b->core->memory = &ops;
    uint64_t asked = BENCH_HEAR(b, vm_start, 0);
    bench_run(b);
    return asked;
}

static void say(struct bench *b, enum vm_memory_word word)
{
    vm_memory_said(b->core, &b->out, word);
    bench_run(b);
}

static void what_is_asked_for_follows_from_the_kind_of_vm(void **state)
{
    static const struct {
        struct vm_view view;
        struct view_hvm hvm;
        uint64_t bytes;
    } rows[] = {
        {{.virt_mode = "pvh", .memory = 400, .maxmem = 4000, .vcpus = 2}, {0}, 459538432},
        {{.virt_mode = "pvh", .memory = 400, .vcpus = 2}, {0}, 430047232},
        {{.virt_mode = "pv", .memory = 400, .maxmem = 4000, .vcpus = 2}, {0}, 426770432},
        {{.virt_mode = "pv", .memory = 400, .vcpus = 1}, {.linux_stubdom = 1}, 425197568},
        {{.virt_mode = "hvm", .memory = 400, .vcpus = 2}, {.linux_stubdom = 1}, 581042176},
        {{.virt_mode = "hvm", .memory = 400, .vcpus = 2}, {0}, 476184576},
        {{.virt_mode = "hvm", .memory = 400, .vcpus = 2},
         {.linux_stubdom = 1, .stubdom_mem = 200},
         656539648},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_TEXT elements = TEXT_WITH_LIMIT(8192);
        struct vm_view view = rows[i].view;
        view_hvm_add(&view.hvm, &elements, &rows[i].hvm);
        assert_int_equal(vm_memory_needed(&view), rows[i].bytes);
    }
}

static void it_is_granted_before_volumes_start_and_kept_until_the_domain_is_there(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b);
    assert_string_equal(balancer.line, "459538432\n");
    assert_int_equal(b.world.creates, 0);
    assert_string_equal(b.event[b.events - 1], "domain-verify-files");
    vm_memory_said(b.core, &b.out, VM_MEMORY_GRANTED);
    while (b.world.creates == 0) {
        assert_true(balancer.open);
        assert_true(bench_run_once(&b));
    }
    bench_run(&b);
    assert_false(balancer.open);
    assert_int_equal(bench_answer(&b, asked), 0);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_host_without_a_balancer_starts_its_vms(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b);
    say(&b, VM_MEMORY_NONE);
    assert_int_equal(bench_answer(&b, asked), 0);
    bench_end(&b);
}

static void whatever_it_says_else_undoes_the_start(void **state)
{
    static const enum vm_memory_word words[] = {VM_MEMORY_REFUSED, VM_MEMORY_DEAD, VM_MEMORY_LATE};
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        struct bench b;
        uint64_t asked = begin(&b);
        if (words[i] == VM_MEMORY_LATE)
            vm_actor.timer(b.core, &b.out, TIMER_MEMORY);
        else
            vm_memory_said(b.core, &b.out, words[i]);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), -ERR_MEMORY);
        assert_int_equal(b.world.creates, 0);
        assert_false(balancer.open);
        assert_int_equal(bench_count(&b, "domain-start-failed"), 1);
        bench_is_definite(&b);
        say(&b, VM_MEMORY_GRANTED); /* too late: nobody hears it */
        assert_int_equal(b.world.creates, 0);
        bench_end(&b);
    }
}

static void a_kill_does_not_wait_for_it(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b), kill = BENCH_HEAR(&b, vm_kill, 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, kill), 0);
    assert_int_equal(bench_answer(&b, asked), -ERR_CANCELLED);
    assert_false(balancer.open);
    bench_is_definite(&b);
    bench_end(&b);
}

static void a_start_that_fails_later_gives_it_back(void **state)
{
    struct bench b;
    (void)state;
    uint64_t asked = begin(&b);
    b.world.fail_call = b.world.calls + 2;
    b.world.fail_with = -ERR_HYPERVISOR;
    say(&b, VM_MEMORY_GRANTED);
    assert_true(bench_answer(&b, asked) < 0);
    assert_false(balancer.open);
    bench_is_definite(&b);
    bench_end(&b);
}

/* Paused in any case, and with a word to the balancer before. */
static void one_that_waits_for_its_use_shrinks_before_it_is_paused(void **state)
{
    static const enum vm_memory_word words[] = {VM_MEMORY_NONE, VM_MEMORY_GRANTED, VM_MEMORY_LATE};
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        struct bench b;
        char line[VM_MEMORY_LINE];
        begin(&b);
        b.is_preload = true;
        say(&b, VM_MEMORY_NONE);
        b.core->view.is_preload = 1;
        uint64_t asked = BENCH_HEAR(&b, vm_pause, 0);
        bench_run(&b);
        snprintf(line, sizeof line, "%d:0\n", b.world.domid);
        assert_string_equal(balancer.line, line);
        assert_false(b.world.paused);
        say(&b, words[i]);
        assert_int_equal(bench_answer(&b, asked), 0);
        assert_true(b.world.paused);
        assert_false(balancer.open);
        bench_end(&b);
    }
}

static void any_other_vm_is_paused_as_it_is(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    say(&b, VM_MEMORY_GRANTED);
    BENCH_HEAR(&b, vm_pause, 0);
    bench_run(&b);
    assert_true(b.world.paused);
    assert_int_equal(balancer.asks, 1);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_follows_from_the_kind_of_vm),
        cmocka_unit_test(it_is_granted_before_volumes_start_and_kept_until_the_domain_is_there),
        cmocka_unit_test(a_host_without_a_balancer_starts_its_vms),
        cmocka_unit_test(whatever_it_says_else_undoes_the_start),
        cmocka_unit_test(a_kill_does_not_wait_for_it),
        cmocka_unit_test(a_start_that_fails_later_gives_it_back),
        cmocka_unit_test(one_that_waits_for_its_use_shrinks_before_it_is_paused),
        cmocka_unit_test(any_other_vm_is_paused_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
