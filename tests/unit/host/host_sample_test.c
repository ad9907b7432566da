/* SPDX-License-Identifier: MIT
 * Samples of what domains use: asked once for all who wait, with what guests say of their memory. */
#include "tests/unit/host/host_bench.h"

static void ask_sample(struct bench *b, uint32_t instance)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(100);
    sample_encode(&body, NO_MESSAGE(sample));
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_sample,
                         .class = CLASS_REQUEST,
                         .source_kind = KIND_API,
                         .source_instance = instance,
                         .to_kind = KIND_HOST,
                         .correlation = 5,
                         .body = text_span(&body)};
    host_actor.hear(b->core, &b->out, &e);
}

static void one_sample_of_all_domains_answers_all_who_ask_meanwhile(void **state)
{
    struct bench b;
    (void)state;
    bench_settle(&b);
    bench_runs(&b, UUID_B, 5, VIRT_RUNNING);
    unsigned from = b.told;
    ask_sample(&b, 0);
    ask_sample(&b, 1);
    bench_perform(&b);
    assert_null(b.task);
    assert_true(bench_has_said(&b, from, "sample 2 to api/0") &&
                bench_has_said(&b, from, "sample 2 to api/1"));
    ask_sample(&b, 0);
    b.trouble = -ERR_HYPERVISOR;
    from = b.told;
    bench_perform(&b);
    assert_int_equal(b.told, from + 1);
    assert_true(bench_has_said(&b, from, "error to api/0"));
    bench_down(&b);
}

struct word {
    const char *path, *value; /* NULL: the daemon is gone */
};

static const struct word *words;

static unsigned words_read;

static int read_word(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *value,
                     struct fault *why)
{
    (void)x, (void)tx;
    words_read++;
    for (const struct word *w = words; w->path != NULL; w++) {
        if (strcmp(w->path, path) != 0)
            continue;
        if (w->value == NULL)
            return fault_set(why, ERR_CLOSED, "gone");
        text_add(value, w->value);
        return value->failed;
    }
    return fault_set(why, ERR_UNKNOWN, "no such key");
}

static void guests_are_believed_numbers_and_nothing_else(void **state)
{
    static const struct {
        struct word words[5];
        const char *says;
    } rows[] = {
        {{{"/local/domain/4/memory/meminfo", "7000"}}, "domain 4 has 1: 7000 0 most 0"},
        {{{"/local/domain/4/memory/meminfo", "7000"}, {"/local/domain/4/memory/swapinfo", "99"}},
         "domain 4 has 3: 7000 99 most 0"},
        {{{"/local/domain/4/memory/meminfo", "7000"}, {"/local/domain/4/memory/swapinfo", "lots"}},
         "domain 4 has 1: 7000 0 most 0"},
        {{{"/local/domain/4/memory/meminfo", "-1"}, {"/local/domain/4/memory/swapinfo", "99"}}, NULL},
        {{{"/local/domain/4/memory/meminfo", "123456789012345678901234567890"}}, NULL},
        {{{"/local/domain/4/memory/meminfo", ""}}, NULL},
        {{{"/local/domain/4/image/device-model-domid", "5"}, {"/local/domain/5/memory/static-max", "147456"}},
         "domain 4 has 0: 0 0 most 147456"},
        {{{"/local/domain/4/image/device-model-domid", "99999999999"}}, NULL},
    };
    static const struct xenstore_ops ops = {.read = read_word};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench b;
        struct xenstore_door door = {&ops};
        bench_settle(&b);
        b.doors.xenstore = &door;
        words = rows[i].words;
        unsigned from = b.told;
        ask_sample(&b, 0);
        bench_perform(&b);
        assert_true(bench_has_said(&b, from, "sample 1 to api/0"));
        assert_int_equal(b.told - from, rows[i].says != NULL ? 2 : 1);
        assert_true(rows[i].says == NULL || bench_has_said(&b, from, rows[i].says));
        bench_down(&b);
    }
}

static void a_xenstore_that_is_gone_is_not_asked_again_and_samples_go_on(void **state)
{
    static const struct word gone[] = {{"/local/domain/4/memory/meminfo", NULL}, {NULL, NULL}};
    static const struct xenstore_ops ops = {.read = read_word};
    struct xenstore_door door = {&ops};
    struct bench b;
    (void)state;
    bench_settle(&b);
    b.doors.xenstore = &door;
    words = gone;
    words_read = 0;
    for (unsigned i = 1; i <= 2; i++) {
        unsigned from = b.told;
        ask_sample(&b, 0);
        bench_perform(&b);
        assert_true(bench_has_said(&b, from, "sample 1 to api/0"));
        assert_int_equal(words_read, 1);
    }
    bench_down(&b);
}

static void without_a_hypervisor_no_sample_is_promised(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    b.trouble = -ERR_NO_CONNECTION;
    bench_perform(&b);
    unsigned from = b.told;
    ask_sample(&b, 0);
    assert_null(b.task);
    assert_true(bench_has_said(&b, from, "error to api/0"));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_of_all_domains_answers_all_who_ask_meanwhile),
        cmocka_unit_test(guests_are_believed_numbers_and_nothing_else),
        cmocka_unit_test(a_xenstore_that_is_gone_is_not_asked_again_and_samples_go_on),
        cmocka_unit_test(without_a_hypervisor_no_sample_is_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
