/* SPDX-License-Identifier: MIT
 * A device that comes is offered to the one living VM that has it assigned, and to nobody where a person
 * would have to be asked. */
#include "tests/unit/registry/registry_bench.h"

#include "model/model_inside.h"

enum { BACK = 1, FRONT, OTHER };

static void came(struct bench *b, const char *port)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(2048);
    struct device_came m = {.device_class = "block", .device_id = ":None"};
    assert_int_equal(text_copy(m.port, sizeof m.port, span_of(port)), 0);
    device_came_encode(&body, &m);
    bench_hear(b,
               (struct envelope){.type = MESSAGE_device_came,
                                 .class = CLASS_EVENT,
                                 .source_kind = KIND_DEVBUS_BLOCK,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = BACK,
                                 .subject_generation = 1},
               &body);
}

static void assigned(struct bench *b, uint32_t qid, const char *key, const char *value)
{
    struct change c = {CHANGE_DEVICE, qid, span_of(key), span_of(value), 0};
    struct fault why;
    assert_int_equal(model_apply(b->core->model, &c, &why), 0);
    b->core->claims[qid].living = true;
}

/* The one VM that is offered something, with it; 0: nobody is. */
static uint32_t offered(struct bench *b, struct view_device *device)
{
    struct vm_offer m = {0};
    int at = bench_find(b, MESSAGE_vm_offer, 0);
    if (at < 0)
        return 0;
    assert_int_equal(vm_offer_decode(&m, b->said[at].e.body), 0);
    assert_int_equal(bench_count(b, MESSAGE_vm_offer), 1);
    *device = m.device;
    return b->said[at].e.to_instance;
}

static void open_house(struct bench *b)
{
    bench_up(b);
    bench_create(b, "back");
    bench_create(b, "front");
    bench_create(b, "other");
    bench_forget(b);
}

static void a_device_goes_to_the_living_vm_that_has_it_assigned_with_its_options(void **state)
{
    struct bench b;
    struct view_device d = {0};
    (void)state;
    open_house(&b);
    assigned(&b, FRONT, "block back * :None", "mode=auto-attach\noption:read-only=yes");
    came(&b, "sdb");
    assert_int_equal(offered(&b, &d), FRONT);
    assert_true(strcmp(d.port, "sdb") == 0 && strcmp(d.device_id, ":None") == 0 &&
                strcmp(d.backend, "back") == 0);
    assert_true(span_is(d.options, "option:read-only=yes") && d.script == 0);
    bench_forget(&b);
    b.core->claims[FRONT].living = false;
    came(&b, "sdc");
    assert_int_equal(offered(&b, &d), 0);
    bench_down(&b);
}

static void where_a_person_would_be_asked_nobody_gets_it(void **state)
{
    struct bench b;
    struct view_device d = {0};
    (void)state;
    open_house(&b);
    assigned(&b, FRONT, "block back sda *", "mode=ask-to-attach");
    came(&b, "sda");
    assert_int_equal(offered(&b, &d), 0);
    assigned(&b, OTHER, "block back sdb *", "mode=auto-attach");
    assigned(&b, FRONT, "block back sdb *", "mode=required");
    came(&b, "sdb");
    assert_int_equal(offered(&b, &d), 0);
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_goes_to_the_living_vm_that_has_it_assigned_with_its_options),
        cmocka_unit_test(where_a_person_would_be_asked_nobody_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
