/* SPDX-License-Identifier: MIT
 * The table of effects is complete and consistent, and can be explained. */
#include "runtime/effects/effects.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_row_names_a_known_kind_and_gives_a_reason(void **state)
{
    const struct effects table = effects_table();
    (void)state;
    for (size_t i = 0; i < table.count; i++) {
        uint32_t uid;
        assert_true(strlen(table.row[i].reason) > 0);
        char actor[32]; /* "storage" of "storage:tools" */
        struct span rest;
        assert_int_equal(text_copy(actor, sizeof actor, span_split(span_of(table.row[i].kind), ':', &rest)),
                         0);
        if (strcmp(actor, "*") != 0)
            assert_int_equal(effects_uid(table, actor, 0, &uid, NULL), 0);
    }
}

static void no_two_instances_share_a_uid(void **state)
{
    const struct effects table = effects_table();
    (void)state;
    for (size_t a = 0; a < table.count; a++)
        for (size_t b = a + 1; b < table.count; b++) {
            const struct effect *x = &table.row[a], *y = &table.row[b];
            if (x->what == EFFECT_RUN_AS && y->what == EFFECT_RUN_AS)
                assert_true(x->subject + x->amount <= y->subject || y->subject + y->amount <= x->subject);
        }
}

static void an_unknown_kind_or_instance_changes_nothing(void **state)
{
    uint32_t uid = 7;
    struct fault why;
    (void)state;
    assert_int_equal(effects_uid(effects_table(), "nobody", 0, &uid, &why), -ERR_UNKNOWN);
    assert_int_equal(effects_uid(effects_table(), "vm", 15000, &uid, &why), -ERR_RANGE);
    assert_int_equal(uid, 7);
}

static void only_kinds_that_drive_libvirt_reach_it_read_write(void **state)
{
    const char *kind;
    (void)state;
    for (size_t n = 0; (kind = effects_kind(effects_table(), n)) != NULL; n++) {
        bool may = strcmp(kind, "vm") == 0 || strcmp(kind, "devbus-pci") == 0;
        assert_int_equal(effects_have(effects_table(), kind, EFFECT_MAY_BIND, PLACE_LIBVIRT), may);
    }
}

struct heard {
    size_t lines, longest;
    bool saw_uid, saw_call;
};

static void hear(void *self, const char *line)
{
    struct heard *heard = self;
    heard->lines++;
    if (strlen(line) > heard->longest)
        heard->longest = strlen(line);
    heard->saw_uid |= strstr(line, "RUN_AS(70000, 15000)") != NULL;
    heard->saw_call |= strstr(line, " futex") != NULL;
}

static void a_kind_is_explained_with_its_calls(void **state)
{
    struct heard heard = {0};
    (void)state;
    assert_int_equal(effects_explain("vm", hear, &heard, NULL), 0);
    assert_true(heard.lines > 20 && heard.saw_uid && heard.saw_call);
    assert_true(heard.longest < 160);
    heard.lines = 0;
    assert_int_equal(effects_explain("nobody", hear, &heard, NULL), -ERR_UNKNOWN);
    assert_int_equal(heard.lines, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_names_a_known_kind_and_gives_a_reason),
        cmocka_unit_test(no_two_instances_share_a_uid),
        cmocka_unit_test(an_unknown_kind_or_instance_changes_nothing),
        cmocka_unit_test(only_kinds_that_drive_libvirt_reach_it_read_write),
        cmocka_unit_test(a_kind_is_explained_with_its_calls),
    };
    return cmocka_run_group_tests_name("effects", tests, NULL, NULL);
}
