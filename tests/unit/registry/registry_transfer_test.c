/* SPDX-License-Identifier: MIT
 * What is exported into the directory of qubes.xml, when, and that it comes back as it was. */
#include "tests/unit/registry/registry_bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void with_directory(struct bench *b, char path[32])
{
    strcpy(path, "/tmp/registry.XXXXXX");
    assert_non_null(mkdtemp(path));
    bench_up(b);
    b->store.qubes_lib = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(b->store.qubes_lib >= 0);
}

static void remove_directory(struct bench *b, const char *path)
{
    static const char *const homes[] = {"appvms/work", "appvms"};
    (void)unlinkat(b->store.qubes_lib, "qubes.xml", 0);
    for (size_t i = 0; i < COUNT(homes); i++)
        (void)unlinkat(b->store.qubes_lib, homes[i], AT_REMOVEDIR);
    close(b->store.qubes_lib);
    assert_int_equal(rmdir(path), 0);
}

static void told_to_stop_it_exports_first(void **state)
{
    struct bench b;
    char path[32];
    (void)state;
    with_directory(&b, path);
    bench_create(&b, "work");
    registry_actor.stop(b.core, &b.out);
    assert_false(b.left);
    bench_work(&b);
    assert_true(b.left);
    assert_int_equal(faccessat(b.store.qubes_lib, "qubes.xml", R_OK, 0), 0);
    bench_down(&b);
    remove_directory(&b, path);
}

static void with_nothing_to_export_it_stops_at_once(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    registry_actor.stop(b.core, &b.out);
    assert_true(b.left);
    bench_down(&b);
}

/* A change that comes while an export is being written is in the next one, also at the stop. */
static void a_change_during_an_export_is_exported_before_it_leaves(void **state)
{
    struct bench b;
    char path[32];
    AUTO_TEXT document = TEXT_WITH_LIMIT(1 << 20);
    (void)state;
    with_directory(&b, path);
    bench_create(&b, "work");
    b.hold_tasks = true;
    registry_actor.timer(b.core, &b.out, TIMER_EXPORT);
    assert_int_equal(b.tasks, 1);
    uint64_t op = bench_operate(&b, OPERATION_label_create, QID_GLOBAL, "late", "0x123456");
    registry_actor.stop(b.core, &b.out);
    b.hold_tasks = false;
    bench_work(&b);
    assert_true(b.left);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(registry_file_read(b.store.qubes_lib, "qubes.xml", &document, NULL), 0);
    assert_non_null(strstr(document.at, ">late<"));
    bench_down(&b);
    remove_directory(&b, path);
}

static void what_is_exported_is_imported_as_it_was(void **state)
{
    struct bench b, second;
    char path[32];
    (void)state;
    with_directory(&b, path);
    bench_create(&b, "work");
    (void)bench_operate(&b, OPERATION_feature_set, 1, "a-feature", "1");
    (void)bench_operate(&b, OPERATION_tag_set, 1, "a-tag", "");
    registry_actor.timer(b.core, &b.out, TIMER_EXPORT);
    bench_work(&b);
    second = (struct bench){.disk = db_disk_new(), .store = b.store};
    second.store.beside = NULL;
    second.store.db = NULL;
    second.store.directory = (const char *)second.disk;
    bench_begin(&second);
    bench_greet(&second, 0);
    assert_true(second.ready);
    const struct vm *vm = model_named(second.core->model, span_of("work"));
    assert_non_null(vm);
    assert_string_equal(vm_uuid(vm), vm_uuid(model_vm(b.core->model, 1)));
    assert_non_null(model_item(second.core->model, 1, CHANGE_FEATURE, span_of("a-feature")));
    assert_non_null(model_item(second.core->model, 1, CHANGE_TAG, span_of("a-tag")));
    bench_down(&second);
    bench_down(&b);
    remove_directory(&b, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_to_stop_it_exports_first),
        cmocka_unit_test(with_nothing_to_export_it_stops_at_once),
        cmocka_unit_test(a_change_during_an_export_is_exported_before_it_leaves),
        cmocka_unit_test(what_is_exported_is_imported_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
