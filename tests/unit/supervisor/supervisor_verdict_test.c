/* SPDX-License-Identifier: MIT
 * A process that hangs is told from one that is not given the processor, and from a supervisor that was late.
 */
#include "supervisor/supervisor_verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/own.h"

#define S  UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static const struct bounds bounds = {.most = 3 * S, .used = 1 * S, .hard = 30 * S};

struct row {
    const char *what;
    struct sight sight; /* silent, late, used, wanting, state */
    enum verdict verdict;
};

static const struct row rows[] = {
    {"its time is not over", {3 * S, 0, 3 * S, NEVER_WANTED, 'S'}, VERDICT_WELL},
    {"stopped, its time is not over", {3 * S, 0, 0, NEVER_WANTED, 'T'}, VERDICT_WELL},
    {"asleep with a full mailbox", {3 * S + 1, 0, 0, NEVER_WANTED, 'S'}, VERDICT_HUNG},
    {"stopped", {3 * S + 1, 0, 0, NEVER_WANTED, 'T'}, VERDICT_HUNG},
    {"stopped while it waited for the processor", {3 * S + 1, 0, 0, 0, 'T'}, VERDICT_HUNG},
    {"traced", {4 * S, 0, 0, 0, 't'}, VERDICT_HUNG},
    {"a zombie", {4 * S, 0, 0, 0, 'Z'}, VERDICT_HUNG},
    {"/proc says nothing of it", {4 * S, 0, 0, 0, '\0'}, VERDICT_HUNG},
    {"runnable and never run", {3 * S + 1, 0, 0, 0, 'R'}, VERDICT_STARVED},
    {"runnable, had a little", {20 * S, 0, S - 1, 0, 'R'}, VERDICT_STARVED},
    {"runnable, had its second", {4 * S, 0, S, 0, 'R'}, VERDICT_HUNG},
    {"a loop without end that gets little", {20 * S, 0, S, 0, 'R'}, VERDICT_HUNG},
    {"waits for the disk", {10 * S, 0, 0, 0, 'D'}, VERDICT_STARVED},
    {"its bus wanted the processor just now", {10 * S, 0, 0, 500 * MS, 'S'}, VERDICT_STARVED},
    {"asleep for a second since it ran", {10 * S, 0, 0, S + 1, 'S'}, VERDICT_HUNG},
    {"starved up to the hard bound", {30 * S, 0, 0, 0, 'R'}, VERDICT_STARVED},
    {"starved beyond it", {30 * S + 1, 0, 0, 0, 'R'}, VERDICT_STARVED_OUT},
    {"stopped beyond it", {31 * S, 0, 0, 0, 'T'}, VERDICT_HUNG},
    {"the supervisor was late", {9 * S, 6 * S, 0, NEVER_WANTED, 'S'}, VERDICT_WELL},
    {"late, and it is silent all the same", {9 * S + 1, 6 * S, 0, NEVER_WANTED, 'S'}, VERDICT_HUNG},
    {"late beyond the hard bound", {33 * S, 4 * S, 0, 0, 'R'}, VERDICT_STARVED},
    {"late for longer than it is silent", {2 * S, 60 * S, 5 * S, NEVER_WANTED, 'T'}, VERDICT_WELL},
};

static void every_sight_has_its_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum verdict got = verdict_of(&rows[i].sight, &bounds);
        if (got != rows[i].verdict)
            print_error("%s: %d, not %d\n", rows[i].what, (int)got, (int)rows[i].verdict);
        assert_int_equal(got, rows[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_sight_has_its_verdict)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
