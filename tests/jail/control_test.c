/* SPDX-License-Identifier: MIT
 * The control: the same tries without a jail, as root. One that fails here too would prove nothing
 * in the other programs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"
#include "tests/jail/prison.h"
#include "tests/jail/tries.h"

static const struct {
    const char *name;
    int (*act)(const struct inmate *me);
} tries[] = {
#define TRY(name, held_by, what) {#name, try_##name},
#include "tests/jail/tries.def"
};

/* Not tried without a jail, or not possible here without one. */
static bool is_left_out(const char *name)
{
    static const char *const left_out[] = {
        "set_clock",         /* it would set this machine's */
        "trace_stranger",    /* it would stop somebody else's process */
        "remount_writable",  /* nothing is read-only, nothing is a mount */
        "unmount_place",     /* likewise */
        "regain_capability", /* asks for more than this root may have */
        "exec_place",        /* the same file, on a file system that allows it: exec_shell shows it */
        "exec_shell",        /* gets through by not coming back */
    };
    for (size_t i = 0; i < COUNT(left_out); i++)
        if (strcmp(name, left_out[i]) == 0)
            return true;
    return false;
}

static void without_a_jail_the_tries_get_through(void **state)
{
    (void)state;
    const struct jail_order order = prison_order(&the_prison, "host");
    for (size_t i = 0; i < COUNT(tries); i++) {
        const struct inmate inmate = {
            .prison = &the_prison, .order = &order, .depth = FREE, .extra = -1, .act = tries[i].act};
        if (is_left_out(tries[i].name))
            continue;
        struct outcome out = prison_run(&inmate);
        if (out.ran && out.value != 0 && out.error == ENOSYS) /* this kernel lacks it */
            continue;
        if (!out.ran || out.value != 0)
            fail_msg("%s does not get through: %s, signal %d", tries[i].name, strerror(out.error),
                     out.signal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_a_jail_the_tries_get_through)};
    if (!prison_is_possible())
        return 77;
    return cmocka_run_group_tests_name("the tries without a jail", tests, prison_open_for_group,
                                       prison_close_for_group);
}
