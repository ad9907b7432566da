/* SPDX-License-Identifier: MIT
 * A volume of a VM that runs is resized: committed first, then its guest follows or says why not. */
#include "tests/unit/registry/registry_bench.h"

static void begin(struct bench *b)
{
    bench_up(b);
    bench_create(b, "work");
    bench_host_says(b, "");
}

static uint64_t resize(struct bench *b, const char *size)
{
    return bench_operate(b, OPERATION_volume_resize, 1, "private", size);
}

static bool has_size(const struct bench *b, const char *size)
{
    const struct item *v = model_item(b->core->model, 1, CHANGE_VOLUME, SPAN_LITERAL("private"));
    char line[64];
    snprintf(line, sizeof line, "size=%s", size);
    assert_non_null(v);
    return strstr(v->value, line) != NULL;
}

static void guest_says(struct bench *b, int r, const char *text)
{
    int i = bench_find(b, MESSAGE_volume_resized, 0);
    struct answer a = {.r = r};
    assert_true(i >= 0);
    a.tag = b->said[i].tag;
    if (r < 0)
        fault_set(&a.why, (enum err) - r, "%s", text);
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
}

static void of_a_vm_at_rest_nobody_is_asked(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    uint64_t op = resize(&b, "3221225472");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_count(&b, MESSAGE_volume_resized), 0);
    bench_down(&b);
}

static void the_guest_of_one_that_lives_follows_before_it_is_answered(void **state)
{
    struct bench b;
    struct volume_resized m;
    (void)state;
    begin(&b);
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    uint64_t op = resize(&b, "3221225472");
    assert_int_equal(bench_answer(&b, op), 1);
    assert_true(has_size(&b, "3221225472"));
    int i = bench_find(&b, MESSAGE_volume_resized, 0);
    assert_int_equal(volume_resized_decode(&m, b.said[i].e.body), 0);
    assert_string_equal(m.volume, "private");
    guest_says(&b, 0, "");
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

static void what_the_guest_refuses_is_told_and_the_size_stays(void **state)
{
    static const int errors[] = {-ERR_STORAGE, -ERR_GONE, -ERR_CANCELLED};
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        struct bench b;
        struct error e;
        begin(&b);
        bench_vm_says(&b, 1, MESSAGE_claim, 0);
        uint64_t op = resize(&b, "3221225472");
        guest_says(&b, errors[i], "no such disk");
        assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
        int at = bench_find(&b, MESSAGE_error, 0);
        assert_int_equal(error_decode(&e, b.said[at].e.body), 0);
        assert_string_equal(e.text, "Online resize of volume private failed (you need to resize filesystem "
                                    "manually): no such disk");
        assert_true(has_size(&b, "3221225472"));
        bench_down(&b);
    }
}

static void what_storage_refuses_no_guest_hears_of(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    b.storage_fails = -ERR_STORAGE;
    uint64_t op = resize(&b, "3221225472");
    assert_int_equal(bench_answer(&b, op), -ERR_STORAGE);
    assert_int_equal(bench_count(&b, MESSAGE_volume_resized), 0);
    assert_false(has_size(&b, "3221225472"));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_vm_at_rest_nobody_is_asked),
        cmocka_unit_test(the_guest_of_one_that_lives_follows_before_it_is_answered),
        cmocka_unit_test(what_the_guest_refuses_is_told_and_the_size_stays),
        cmocka_unit_test(what_storage_refuses_no_guest_hears_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
