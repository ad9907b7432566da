/* SPDX-License-Identifier: MIT
 * What guests' processes say to registry: checked again, committed as their own VM's doing, told, answered.
 */
#include "tests/unit/registry/registry_bench.h"

/* guest/1 says it, about the VM of this generation, as if it were dom0's call. */
static void guest_says(struct bench *b, uint16_t type, uint32_t generation, const struct text *body)
{
    bench_hear(b,
               (struct envelope){.type = type,
                                 .class = type == MESSAGE_guest_changed ? CLASS_EVENT : CLASS_REQUEST,
                                 .source_kind = KIND_GUEST,
                                 .source_instance = 1,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = 1,
                                 .subject_generation = generation,
                                 .caller = 0,
                                 .correlation = 77,
                                 .op_high = 9,
                                 .op_low = 77},
               body);
}

static void say_word(struct bench *b, uint32_t generation, const char *key, const char *value)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct guest_words m = {.what = 0};
    struct guest_word word;
    assert_int_equal(text_copy(word.key, sizeof word.key, span_of(key)), 0);
    assert_int_equal(text_copy(word.value, sizeof word.value, span_of(value)), 0);
    guest_word_add(&m.words, &elements, &word);
    guest_words_encode(&body, &m);
    guest_says(b, MESSAGE_guest_words, generation, &body);
}

static const char *value(struct bench *b, const char *name)
{
    const struct item *item = model_item(b->core->model, 1, CHANGE_FEATURE, span_of(name));
    return item != NULL ? item->value : "(absent)";
}

static uint32_t generation(struct bench *b)
{
    return vm_generation(model_vm(b->core->model, 1));
}

static void words_are_committed_told_and_then_answered(void **state)
{
    struct bench b;
    struct delta m;
    struct guest_words_reply said;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    say_word(&b, generation(&b), "qrexec", "1");
    assert_string_equal(value(&b, "qrexec"), "1");
    int delta = bench_find(&b, MESSAGE_delta, 0), reply = bench_find(&b, MESSAGE_guest_words, 0);
    assert_true(delta >= 0 && delta < reply);
    assert_int_equal(guest_words_reply_decode(&said, b.said[reply].e.body), 0);
    assert_int_equal(delta_decode(&m, b.said[delta].e.body), 0);
    assert_int_equal(m.events.count, 4); /* the request, pre-set, set, postinstall */
    assert_int_equal(bench_answer(&b, 77), 0);
    bench_kill(&b);
    bench_begin(&b);
    bench_greet(&b, 0);
    assert_string_equal(value(&b, "qrexec"), "1"); /* answered is durable */
    bench_down(&b);
}

static void a_word_that_its_process_should_have_refused_changes_nothing(void **state)
{
    static const char *const bad[][2] = {{"a=b", "1"},         {"a\nqrexec", "1"}, {"a'", "1"},
                                         {"a", "1\nvmexec=1"}, {"a", "'"},         {"a", "\xc3\xa9"}};
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t version = b.core->version;
    for (size_t i = 0; i < COUNT(bad); i++) {
        bench_forget(&b);
        say_word(&b, generation(&b), bad[i][0], bad[i][1]);
        assert_int_equal(bench_answer(&b, 77), -ERR_PROTOCOL);
    }
    assert_int_equal(b.core->version, version);
    assert_string_equal(value(&b, "vmexec"), "(absent)");
    bench_down(&b);
}

static void a_count_becomes_features_with_the_time(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    guest_count_encode(&body, &(struct guest_count){.count = 3});
    guest_says(&b, MESSAGE_guest_count, generation(&b), &body);
    assert_int_equal(bench_answer(&b, 77), 0);
    assert_string_equal(value(&b, "updates-available"), "1");
    assert_string_equal(value(&b, "last-updates-check"), "2026-01-31 23:59:58");
    bench_down(&b);
}

static void a_change_is_told_and_moves_nothing(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(256);
    struct guest_changed m = {"/qubes-block-devices", "/qubes-block-devices"};
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t version = b.core->version;
    guest_changed_encode(&body, &m);
    guest_says(&b, MESSAGE_guest_changed, generation(&b), &body);
    assert_true(bench_count(&b, MESSAGE_happened) > 0);
    assert_int_equal(b.core->version, version);
    bench_forget(&b);
    guest_says(&b, MESSAGE_guest_changed, generation(&b) + 1, &body);
    assert_int_equal(bench_count(&b, MESSAGE_happened), 0);
    bench_down(&b);
}

static void what_an_earlier_vm_of_that_number_said_is_refused(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    say_word(&b, generation(&b) + 1, "qrexec", "1");
    assert_int_equal(bench_answer(&b, 77), -ERR_VM_NOT_FOUND);
    assert_string_equal(value(&b, "qrexec"), "(absent)");
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_committed_told_and_then_answered),
        cmocka_unit_test(a_word_that_its_process_should_have_refused_changes_nothing),
        cmocka_unit_test(a_count_becomes_features_with_the_time),
        cmocka_unit_test(a_change_is_told_and_moves_nothing),
        cmocka_unit_test(what_an_earlier_vm_of_that_number_said_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
