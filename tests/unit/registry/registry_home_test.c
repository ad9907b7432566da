/* SPDX-License-Identifier: MIT
 * Each VM's own directory: there as soon as the VM is, gone with it, and nothing of anybody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/registry/registry_home.h"
#include "actors/registry/registry_store.h"
#include "base/own.h"
#include "model/model.h"

static char place[64];

static int a_place(void)
{
    strcpy(place, "/tmp/bulkhead-home-XXXXXX");
    assert_non_null(mkdtemp(place));
    int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    return dir;
}

static void clear(int dir)
{
    static const char *const paths[] = {"appvms/work", "vm-templates/base", "appvms", "vm-templates"};
    for (size_t i = 0; i < COUNT(paths); i++)
        (void)unlinkat(dir, paths[i], AT_REMOVEDIR);
    assert_int_equal(rmdir(place), 0);
    close(dir);
}

static void add_vm(struct change_list *list, uint32_t qid, const char *name, const char *class)
{
    char value[64];
    snprintf(value, sizeof value, "1 %s", class);
    assert_int_equal(change_list_add(list, &(struct change){CHANGE_VM, qid, {"", 0}, span_of(value), 0}), 0);
    struct change named = {CHANGE_PROPERTY, qid, SPAN_LITERAL("name"), span_of(name), 0};
    assert_int_equal(change_list_add(list, &named), 0);
}

static void create(int dir)
{
    struct change_list list = {0};
    add_vm(&list, 1, "work", "AppVM");
    add_vm(&list, 2, "base", "TemplateVM");
    add_vm(&list, 3, "far", "RemoteVM");
    change_list_done(&list);
    home_follow(dir, &list, (struct span){NULL, 0});
    change_list_free(&list);
}

static void a_new_vm_has_a_directory_where_its_class_has_one(void **state)
{
    int dir = a_place();
    (void)state;
    assert_false(home_is_there(dir, "appvms", "work"));
    create(dir);
    assert_true(home_is_there(dir, "appvms", "work"));
    assert_true(home_is_there(dir, "vm-templates", "base"));
    assert_false(home_is_there(dir, "appvms", "far"));
    create(dir); /* it is there already */
    assert_true(home_is_there(dir, "appvms", "work"));
    clear(dir);
}

static void another_change_makes_none(void **state)
{
    struct change_list list = {0};
    int dir = a_place();
    (void)state;
    struct change other = {CHANGE_PROPERTY, 1, SPAN_LITERAL("name"), SPAN_LITERAL("work"), 0};
    assert_int_equal(change_list_add(&list, &other), 0);
    change_list_done(&list);
    home_follow(dir, &list, (struct span){NULL, 0});
    assert_false(home_is_there(dir, "appvms", "work"));
    change_list_free(&list);
    clear(dir);
}

static void it_goes_with_the_vm_unless_something_lies_in_it(void **state)
{
    struct change_list none = {0};
    char path[96];
    (void)state;
    for (int full = 0; full < 2; full++) {
        int dir = a_place();
        create(dir);
        snprintf(path, sizeof path, "%s/appvms/work/mine", place);
        if (full)
            close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        home_follow(dir, &none, SPAN_LITERAL("appvms/work\n"));
        assert_int_equal(home_is_there(dir, "appvms", "work"), full);
        assert_true(home_is_there(dir, "vm-templates", "base"));
        (void)unlink(path);
        clear(dir);
    }
}

static void a_vm_that_ends_is_named_as_the_model_knows_it(void **state)
{
    AUTO(model) *model = model_new();
    AUTO_TEXT gone = TEXT_WITH_LIMIT(256);
    struct change_list list = {0};
    (void)state;
    add_vm(&list, 1, "work", "AppVM");
    change_list_done(&list);
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(model_apply(model, &list.at[i], NULL), 0);
    struct change ends = {.kind = CHANGE_VM, .qid = 1, .gone = 1};
    home_name_those_that_end(model, &ends, 1, &gone);
    assert_string_equal(gone.at, "appvms/work\n");
    home_name_those_that_end(model, list.at, list.count, &gone);
    assert_string_equal(gone.at, "appvms/work\n");
    change_list_free(&list);
}

static void where_there_is_no_such_place_every_vm_has_one(void **state)
{
    (void)state;
    create(-1);
    assert_true(home_is_there(-1, "appvms", "work"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_vm_has_a_directory_where_its_class_has_one),
        cmocka_unit_test(another_change_makes_none),
        cmocka_unit_test(it_goes_with_the_vm_unless_something_lies_in_it),
        cmocka_unit_test(a_vm_that_ends_is_named_as_the_model_knows_it),
        cmocka_unit_test(where_there_is_no_such_place_every_vm_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
