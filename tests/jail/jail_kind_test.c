/* SPDX-License-Identifier: MIT
 * One process kind (KIND, from the build: one program per kind that effects.def names) in its jail:
 * what its rows grant works, what they omit is refused, and each row is needed by what it grants. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"
#include "tests/jail/grants.h"
#include "tests/jail/prison.h"
#include "tests/jail/tries.h"

enum held_by { SHUT, SEALED_ONLY };

static const struct {
    const char *name, *what;
    enum held_by held_by;
    int (*act)(const struct inmate *me);
} tries[] = {
#define TRY(name, held_by, what) {#name, what, held_by, try_##name},
#include "tests/jail/tries.def"
};

static bool got_through(const struct outcome *out)
{
    return out->ran && out->value == 0;
}

static struct outcome attempt(const struct jail_order *order, enum depth depth,
                              int (*act)(const struct inmate *), const struct effect *row)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const struct inmate inmate = {
        .prison = &the_prison, .order = order, .depth = depth, .extra = pair[0], .act = act, .argument = row};
    struct outcome out = prison_run(&inmate);
    close(pair[0]);
    close(pair[1]);
    return out;
}

static int nothing(const struct inmate *me)
{
    (void)me;
    return 0;
}

static void every_mandatory_layer_is_in_force(void **state)
{
    (void)state;
    const struct jail_order order = prison_order(&the_prison, KIND);
    struct outcome out = attempt(&order, SEALED, nothing, NULL);
    if (out.r < 0)
        fail_msg("%s", out.why.text);
    assert_true(got_through(&out));
    for (int layer = 0; layer < LAYER_COUNT; layer++)
        if (layer_is_wanted(KIND, (enum layer)layer) && (out.report.in_force & LAYER_BIT(layer)) == 0)
            fail_msg("%s is not in force", layer_name((enum layer)layer));
    print_message("# landlock ABI %d, uid %u\n", out.report.landlock_abi, out.report.uid);
}

static void nothing_gets_out_even_before_the_filter(void **state)
{
    (void)state;
    const struct jail_order order = prison_order(&the_prison, KIND);
    for (size_t i = 0; i < COUNT(tries); i++) {
        if (tries[i].held_by != SHUT)
            continue;
        struct outcome out = attempt(&order, ENTERED, tries[i].act, NULL);
        if (!out.ran || out.value >= 0)
            fail_msg("%s (%s): ran %d, value %d, signal %d %s", tries[i].name, tries[i].what, out.ran,
                     out.value, out.signal, out.why.text);
    }
}

static void nothing_gets_out_of_the_sealed_jail(void **state)
{
    (void)state;
    const struct jail_order order = prison_order(&the_prison, KIND);
    for (size_t i = 0; i < COUNT(tries); i++) {
        struct outcome out = attempt(&order, SEALED, tries[i].act, NULL);
        if (got_through(&out) || (!out.ran && out.signal != SIGSYS))
            fail_msg("%s (%s): ran %d, value %d, signal %d %s", tries[i].name, tries[i].what, out.ran,
                     out.value, out.signal, out.why.text);
    }
}

static void places_without_a_row_are_not_there(void **state)
{
    (void)state;
    const struct jail_order order = prison_order(&the_prison, KIND);
    for (int place = 0; place < PLACE_COUNT; place++) {
        const struct effect row = {KIND, EFFECT_MAY_BIND, (uint64_t)place, ACCESS_RO, "", ""};
        if (effects_have(effects_table(), KIND, EFFECT_MAY_BIND, (uint64_t)place))
            continue;
        struct outcome out = attempt(&order, ENTERED, place_is_there, &row);
        if (!out.ran || out.value >= 0)
            fail_msg("%s is there", place_name((enum place)place));
    }
}

static void what_its_rows_grant_works(void **state)
{
    (void)state;
    const struct jail_order order = prison_order(&the_prison, KIND);
    const struct effects table = effects_table();
    for (size_t i = 0; i < table.count; i++) {
        int (*act)(const struct inmate *);
        enum depth depth = grant_check(&table.row[i], &act);
        if (!effect_is_for(&table.row[i], KIND) || act == NULL)
            continue;
        if (JAIL_SANITIZED && table.row[i].what == EFFECT_LIMIT && table.row[i].subject == RLIMIT_AS)
            continue;
        struct outcome out = attempt(&order, depth, act, &table.row[i]);
        if (!got_through(&out))
            fail_msg("%s: ran %d, value %d, error %s, signal %d %s", table.row[i].shown, out.ran, out.value,
                     strerror(out.error), out.signal, out.why.text);
    }
}

/* Whether taking the row away must be felt: limits that this test already lives under are not. */
static bool is_felt(const struct effect *row)
{
    struct rlimit now;
    if (row->what == EFFECT_RUN_AS)
        return false;
    if (row->what == EFFECT_LIMIT)
        return getrlimit((int)row->subject, &now) == 0 && now.rlim_max > row->amount;
    return true;
}

/* The table without one row, by value; the caller frees. */
static struct effect *rows_without(struct effects table, size_t left_out)
{
    struct effect *rows = malloc((table.count - 1) * sizeof *rows);
    assert_non_null(rows);
    memcpy(rows, table.row, left_out * sizeof *rows);
    memcpy(rows + left_out, table.row + left_out + 1, (table.count - 1 - left_out) * sizeof *rows);
    return rows;
}

static void each_row_is_needed_by_what_it_grants(void **state)
{
    (void)state;
    struct jail_order order = prison_order(&the_prison, KIND);
    const struct effects table = effects_table();
    for (size_t i = 0; i < table.count; i++) {
        int (*act)(const struct inmate *);
        enum depth depth = grant_check(&table.row[i], &act);
        if (!effect_is_for(&table.row[i], KIND) || act == NULL || !is_felt(&table.row[i]))
            continue;
        AUTO_MEMORY struct effect *rows = rows_without(table, i);
        order.effects = (struct effects){rows, table.count - 1};
        struct outcome out = attempt(&order, depth, act, &table.row[i]);
        if (got_through(&out))
            fail_msg("%s is taken away, and its check still passes", table.row[i].shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mandatory_layer_is_in_force),
        cmocka_unit_test(nothing_gets_out_even_before_the_filter),
        cmocka_unit_test(nothing_gets_out_of_the_sealed_jail),
        cmocka_unit_test(places_without_a_row_are_not_there),
        cmocka_unit_test(what_its_rows_grant_works),
        cmocka_unit_test(each_row_is_needed_by_what_it_grants),
    };
    if (!prison_is_possible())
        return 77; /* ctest reads it as skipped: not root, or a container without namespaces */
    return cmocka_run_group_tests_name("jail of " KIND, tests, prison_open_for_group, prison_close_for_group);
}
