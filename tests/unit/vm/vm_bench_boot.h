/* SPDX-License-Identifier: MIT
 * A VM on the bench whose start waits for the agent in its guest. */
#ifndef TESTS_UNIT_VM_VM_BENCH_BOOT_H
#define TESTS_UNIT_VM_VM_BENCH_BOOT_H

#include "tests/unit/vm/vm_bench.h"

#define BEFORE 10 /* the events of a start until its guest runs */

/* The guest runs, its agent does not come. Returns the start's correlation. */
__attribute__((unused)) static uint64_t boots(struct bench *b)
{
    b->qrexec = true;
    b->world.door.can = &bench_xen;
    bench_run(b);
    uint64_t start = BENCH_HEAR(b, vm_start, 0);
    while (bench_count(b, "domain-unpaused") == 0)
        assert_true(bench_run_once(b));
    b->hold_type = MESSAGE_daemon;
    bench_run(b);
    bench_observe(b, VIRT_EVENT_RESUMED);
    bench_run(b);
    assert_string_equal(b->power_state, "Transient");
    return start;
}

__attribute__((unused)) static uint64_t booting(struct bench *b)
{
    bench_setup(b);
    return boots(b);
}

__attribute__((unused)) static void agent_comes(struct bench *b)
{
    b->hold_type = 0;
    bench_run(b);
}

__attribute__((unused)) static void guest_ends(struct bench *b)
{
    b->world.active = false;
    bench_observe(b, VIRT_EVENT_STOPPED);
    bench_run(b);
    agent_comes(b);
}

__attribute__((unused)) static void pauses(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_pause, 0);
    bench_run(b);
    assert_int_equal(bench_answer(b, asked), 0);
    bench_observe(b, VIRT_EVENT_SUSPENDED);
    bench_run(b);
    assert_string_equal(b->power_state, "Paused");
}

__attribute__((unused)) static void unpauses(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_unpause, 0);
    bench_run(b);
    assert_int_equal(bench_answer(b, asked), 0);
}

#endif
