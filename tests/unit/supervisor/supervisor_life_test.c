/* SPDX-License-Identifier: MIT
 * How a child's ends are counted: a crash leads to quarantine, a host that is too busy never does. */
#include "supervisor/supervisor.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "runtime/control/exits.h"

/* A supervisor without a place to start anything in: a child that shall come back stays pausing. */
struct house {
    struct supervisor s;
    struct child router, vm;
};

static struct house *open_house(void)
{
    struct house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->s.status = calloc(1, sizeof *h->s.status);
    assert_non_null(h->s.status);
    snprintf(h->s.settings.run, sizeof h->s.settings.run, "/proc/nowhere");
    h->s.now = 100 * SEC;
    h->router.key.kind = KIND_ROUTER;
    h->vm.key = (struct child_key){KIND_VM, 2};
    h->router.control = h->vm.control = -1;
    h->s.router = &h->router;
    return h;
}

static void close_house(struct house *h)
{
    free(h->s.status);
    free(h);
}

/* It served for a second and ended so. */
static void ends(struct house *h, int status, bool by_us, bool starved)
{
    h->vm.state = LIFE_SERVING;
    h->vm.ready_at = h->s.now;
    h->s.now += SEC;
    h->vm.status = status;
    h->vm.ended_by_us = by_us;
    h->vm.starved = starved;
    life_event(&h->s, &h->vm, LIFE_DIED);
}

static void five_hangs_in_a_row_are_quarantined(void **state)
{
    struct house *h = open_house();
    (void)state;
    for (int i = 0; i < 4; i++) {
        ends(h, -SIGKILL, true, false);
        assert_int_equal(h->vm.state, LIFE_PAUSING);
    }
    ends(h, -SIGKILL, true, false);
    assert_int_equal(h->vm.state, LIFE_QUARANTINED);
    close_house(h);
}

static void starvation_never_leads_to_quarantine(void **state)
{
    struct house *h = open_house();
    (void)state;
    for (int i = 0; i < 20; i++) {
        ends(h, -SIGKILL, true, true);
        assert_int_equal(h->vm.state, LIFE_PAUSING);
    }
    assert_int_equal(h->vm.crashes, 0);
    assert_true(h->vm.due_at > h->s.now); /* it waits like others that end again and again */
    close_house(h);
}

static void lost_doors_never_lead_to_quarantine(void **state)
{
    struct house *h = open_house();
    (void)state;
    for (int i = 0; i < 20; i++) {
        ends(h, EXIT_FRESH_JAIL, false, false);
        assert_int_equal(h->vm.state, LIFE_PAUSING);
    }
    assert_true(h->vm.due_at > h->s.now);
    close_house(h);
}

static void starvation_between_crashes_does_not_hide_them(void **state)
{
    struct house *h = open_house();
    (void)state;
    for (int i = 0; i < 4; i++) {
        ends(h, -SIGSEGV, false, false);
        ends(h, -SIGKILL, true, true);
        assert_int_equal(h->vm.state, LIFE_PAUSING);
    }
    assert_int_equal(h->vm.crashes, 4);
    ends(h, -SIGSEGV, false, false);
    assert_int_equal(h->vm.state, LIFE_QUARANTINED);
    close_house(h);
}

static void what_is_killed_from_outside_begins_a_new_row(void **state)
{
    struct house *h = open_house();
    (void)state;
    for (int i = 0; i < 4; i++)
        ends(h, -SIGSEGV, false, false);
    ends(h, -SIGKILL, false, false);
    assert_int_equal(h->vm.crashes, 0);
    assert_int_equal(h->vm.state, LIFE_PAUSING);
    close_house(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_hangs_in_a_row_are_quarantined),
        cmocka_unit_test(starvation_never_leads_to_quarantine),
        cmocka_unit_test(lost_doors_never_lead_to_quarantine),
        cmocka_unit_test(starvation_between_crashes_does_not_hide_them),
        cmocka_unit_test(what_is_killed_from_outside_begins_a_new_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
