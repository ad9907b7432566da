/* SPDX-License-Identifier: MIT
 * Devices that come: which living VMs have them assigned, in which order that is settled, and that whoever
 * was chosen is offered the device only if it wants it still. */
#include "tests/unit/registry/registry_bench.h"

#include "model/model_inside.h"
#include "proto/registry_values.h"

enum { BACK = 1, FRONT, OTHER, THIRD };

static struct envelope about_back(uint16_t type, enum class class)
{
    return (struct envelope){.type = type,
                             .class = class,
                             .source_kind = KIND_DEVBUS_BLOCK,
                             .subject_kind = KIND_VM,
                             .subject_instance = BACK,
                             .subject_generation = 1};
}

/* What registry says to these ports (each with the id ":None") as "sdb front other?;", '?' for asks. */
static const char *wanters(struct bench *b, uint32_t only, const char *const *port, size_t count,
                           size_t *icons)
{
    static char text[512];
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096), packed = TEXT_WITH_LIMIT(4096);
    struct devices_came m = {.device_class = "block", .only = only};
    struct devices_came_reply reply = {0};
    struct device_wanter w;
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        struct came_device d = {.device_id = ":None"};
        assert_int_equal(text_copy(d.port, sizeof d.port, span_of(port[i])), 0);
        came_device_add(&m.devices, &packed, &d);
    }
    devices_came_encode(&body, &m);
    bench_forget(b);
    bench_hear(b, about_back(MESSAGE_devices_came, CLASS_REQUEST), &body);
    int at = bench_find(b, MESSAGE_devices_came, 0);
    assert_true(at >= 0);
    assert_int_equal(devices_came_reply_decode(&reply, b->said[at].e.body), 0);
    struct reader in = list_reader(&reply.wanters);
    text[0] = '\0';
    while (device_wanter_next(&in, &w) == 1) {
        size_t len = strlen(text);
        if (w.device != last)
            len +=
                (size_t)snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? "; " : "", port[w.device]);
        last = w.device;
        snprintf(text + len, sizeof text - len, " %s%s", w.name, w.asks ? "?" : "");
    }
    *icons = reply.icons.count;
    return text;
}

static void assigned(struct bench *b, uint32_t qid, const char *key, const char *value)
{
    struct change c = {CHANGE_DEVICE, qid, span_of(key), span_of(value), 0};
    struct fault why;
    assert_int_equal(model_apply(b->core->model, &c, &why), 0);
    b->core->claims[qid].living = true;
}

static void chosen(struct bench *b, const char *port, uint32_t qid, uint32_t generation)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(2048);
    struct device_chosen m = {
        .device_class = "block", .device_id = ":None", .qid = qid, .generation = generation};
    assert_int_equal(text_copy(m.port, sizeof m.port, span_of(port)), 0);
    device_chosen_encode(&body, &m);
    bench_forget(b);
    bench_hear(b, about_back(MESSAGE_device_chosen, CLASS_REQUEST), &body);
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
    bench_create(b, "a-third");
    bench_host_says(b, "");
    bench_forget(b);
}

static void only_living_vms_want_what_they_have_assigned(void **state)
{
    static const char *const port[] = {"sdb"};
    struct bench b;
    size_t icons;
    (void)state;
    open_house(&b);
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 1, &icons), "");
    assigned(&b, FRONT, "block back * :None", "mode=auto-attach");
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 1, &icons), "sdb front");
    assert_int_equal(icons, 0);
    b.core->claims[FRONT].living = false;
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 1, &icons), "");
    bench_down(&b);
}

static void where_a_person_decides_there_are_icons_of_all(void **state)
{
    static const char *const port[] = {"sda"};
    struct bench b;
    size_t icons;
    (void)state;
    open_house(&b);
    assigned(&b, OTHER, "block back sda *", "mode=ask-to-attach");
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 1, &icons), "sda other?");
    assert_int_equal(icons, 5); /* dom0's, too */
    assigned(&b, FRONT, "block back sda *", "mode=required");
    assigned(&b, THIRD, "block back sda *", "mode=auto-attach");
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 1, &icons), "sda a-third front other?");
    assert_int_equal(icons, 5);
    assert_string_equal(wanters(&b, FRONT, port, 1, &icons), "sda front");
    assert_int_equal(icons, 0);
    bench_down(&b);
}

/* By name a-third is the first: its ports first, the most specific assignment before the others. */
static void devices_are_settled_in_the_order_of_the_first_vms_assignments(void **state)
{
    static const char *const port[] = {"sda", "sdb", "sdc", "sdd"};
    struct bench b;
    size_t icons;
    (void)state;
    open_house(&b);
    assigned(&b, FRONT, "block back sda *", "mode=auto-attach");
    assigned(&b, THIRD, "block back * :None", "mode=auto-attach");
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 4, &icons),
                        "sda a-third front; sdb a-third; sdc a-third; sdd a-third");
    assigned(&b, THIRD, "block back sdc *", "mode=ask-to-attach");
    assert_string_equal(wanters(&b, DEVICES_FOR_WHOEVER, port, 4, &icons),
                        "sdc a-third?; sda a-third front; sdb a-third; sdd a-third");
    bench_down(&b);
}

static void who_was_chosen_is_offered_it_with_its_options(void **state)
{
    struct bench b;
    struct view_device d = {0};
    (void)state;
    open_house(&b);
    assigned(&b, FRONT, "block back * :None", "mode=ask-to-attach\noption:read-only=yes");
    chosen(&b, "sdb", FRONT, 1);
    assert_int_equal(offered(&b, &d), FRONT);
    assert_true(strcmp(d.port, "sdb") == 0 && strcmp(d.device_id, ":None") == 0 &&
                strcmp(d.backend, "back") == 0);
    assert_true(span_is(d.options, "option:read-only=yes") && d.script == 0);
    bench_down(&b);
}

static void who_does_not_want_it_any_more_is_offered_nothing(void **state)
{
    struct bench b;
    struct view_device d = {0};
    (void)state;
    open_house(&b);
    assigned(&b, FRONT, "block back sdb *", "mode=auto-attach");
    chosen(&b, "sdb", FRONT, 2); /* of a later VM */
    assert_int_equal(offered(&b, &d), 0);
    chosen(&b, "sdc", FRONT, 1); /* not assigned */
    assert_int_equal(offered(&b, &d), 0);
    chosen(&b, "sdb", OTHER, 1);
    assert_int_equal(offered(&b, &d), 0);
    b.core->claims[FRONT].living = false;
    chosen(&b, "sdb", FRONT, 1);
    assert_int_equal(offered(&b, &d), 0);
    bench_down(&b);
}

/* After registry's own death who lives is not known: whoever was allowed the device must not lose it by that.
 */
static void before_it_is_known_who_lives_it_is_to_be_asked_again(void **state)
{
    struct bench b;
    struct error error = {0};
    struct view_device d = {0};
    (void)state;
    open_house(&b);
    assigned(&b, FRONT, "block back sdb *", "mode=auto-attach");
    b.core->host_heard = false;
    chosen(&b, "sdb", FRONT, 1);
    assert_int_equal(offered(&b, &d), FRONT);
    b.core->claims[FRONT].living = false;
    chosen(&b, "sdb", FRONT, 1);
    assert_int_equal(offered(&b, &d), 0);
    int at = bench_find(&b, MESSAGE_error, 0);
    assert_true(at >= 0 && error_decode(&error, b.said[at].e.body) == 0);
    assert_int_equal(error.code, ERR_BUSY);
    bench_down(&b);
}

/* "There is none" is believed until that VM's next life. */
static void before_the_store_is_read_no_name_is_nobodys(void **state)
{
    struct bench b;
    (void)state;
    open_house(&b);
    for (int loaded = 0; loaded < 2; loaded++) {
        AUTO_TEXT body = TEXT_WITH_LIMIT(4096);
        struct envelope e = about_back(MESSAGE_vm_named, CLASS_REQUEST);
        struct vm_named_reply reply;
        vm_named_encode(&body, &(struct vm_named){.name = "back"});
        bench_forget(&b);
        b.core->loaded = loaded;
        bench_hear(&b, e, &body);
        int refused = bench_find(&b, MESSAGE_error, 0), at = bench_find(&b, MESSAGE_vm_named, 0);
        assert_int_equal(refused >= 0, !loaded);
        assert_int_equal(at >= 0, loaded);
        if (at < 0)
            continue;
        assert_int_equal(vm_named_reply_decode(&reply, b.said[at].e.body), 0);
        assert_true(reply.found == 1 && reply.qid == BACK && reply.generation == 1);
    }
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_living_vms_want_what_they_have_assigned),
        cmocka_unit_test(where_a_person_decides_there_are_icons_of_all),
        cmocka_unit_test(devices_are_settled_in_the_order_of_the_first_vms_assignments),
        cmocka_unit_test(who_was_chosen_is_offered_it_with_its_options),
        cmocka_unit_test(who_does_not_want_it_any_more_is_offered_nothing),
        cmocka_unit_test(before_it_is_known_who_lives_it_is_to_be_asked_again),
        cmocka_unit_test(before_the_store_is_read_no_name_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
