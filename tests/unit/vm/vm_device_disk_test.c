/* SPDX-License-Identifier: MIT
 * Disks of other VMs: their names, what comes and goes by itself, and what a VM boots with. */
#include "tests/unit/vm/vm_device_bench.h"

#define DISK_OPTIONS "{'read-only': 'no', 'frontend-dev': 'xvdi'}"
#define PRE_DISK     "device-pre-attach:block device=usb:sda:id options={}"
#define DISK         "device-attach:block device=usb:sda:id options=" DISK_OPTIONS
#define PRE_NO_DISK  "device-pre-detach:block port=usb:sda"
#define NO_DISK      "device-detach:block port=usb:sda"

static uint64_t ask_disk(struct bench *b)
{
    return BENCH_HEAR(b, vm_attach, .device_class = "block", .backend = "usb", .port = "sda",
                      .device_id = "id", .device = SPAN_LITERAL("usb:sda:id"), .options = SPAN_LITERAL("{}"));
}

static uint64_t ask_no_disk(struct bench *b)
{
    return BENCH_HEAR(b, vm_detach, .device_class = "block", .backend = "usb", .port = "sda",
                      .device = SPAN_LITERAL("usb:sda"));
}

static void a_disk_gets_a_free_name_and_is_told_as_it_came(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    unsigned from = b.events;
    uint64_t asked = ask_disk(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    BENCH_HEARD(&b, from, PRE_DISK, DISK);
    assert_int_equal(plugged(&b), 1);
    assert_non_null(strstr(b.world.plugged[0], "<source dev=\"/dev/sda\"/><target dev=\"xvdi\"/>"));
    assert_non_null(strstr(b.world.plugged[0], "<backenddomain name=\"usb\"/>"));
    from = b.events;
    asked = ask_no_disk(&b);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    BENCH_HEARD(&b, from, PRE_NO_DISK, NO_DISK);
    assert_int_equal(plugged(&b), 0);
    assert_int_equal(b.services, 0);
    bench_end(&b);
}

static void options_are_told_in_the_order_in_which_they_were_given(void **state)
{
    struct bench b;
    (void)state;
    open_living(&b);
    unsigned from = b.events;
    uint64_t asked =
        BENCH_HEAR(&b, vm_attach, .device_class = "block", .backend = "usb", .port = "sda", .device_id = "id",
                   .device = SPAN_LITERAL("usb:sda:id"), .options = SPAN_LITERAL("{'frontend-dev': 'xvdj'}"),
                   .lines = SPAN_LITERAL("option:frontend-dev=xvdj"));
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    BENCH_HEARD(&b, from, "device-pre-attach:block device=usb:sda:id options={'frontend-dev': 'xvdj'}",
                "device-attach:block device=usb:sda:id options={'frontend-dev': 'xvdj', 'read-only': 'no'}");
    bench_end(&b);
}

static void killed_anywhere_a_disk_comes_once_and_goes_once(void **state)
{
    (void)state;
    die_everywhere(ask_disk, NULL, PRE_DISK, DISK);
    die_everywhere(ask_no_disk, THE_DISK, PRE_NO_DISK, NO_DISK);
}

static void hear_as(struct bench *b, struct address from, uint16_t type, const struct text *body)
{
    (void)bench_hear_from(b, from, type, body);
    bench_run(b);
}

static void what_comes_and_goes_by_itself_is_told_once_it_is_so(void **state)
{
    struct bench b;
    AUTO_TEXT offer = TEXT_WITH_LIMIT(BODY_MAX), lose = TEXT_WITH_LIMIT(BODY_MAX);
    struct vm_offer o = {
        .device = {.backend = "usb", .port = "sda", .device_id = "id", .device_class = "block"}};
    struct vm_lose l = {.device_class = "block", .backend = "usb", .port = "sda", .device_id = "id"};
    (void)state;
    vm_offer_encode(&offer, &o);
    vm_lose_encode(&lose, &l);
    open_living(&b);
    unsigned from = b.events;
    hear_as(&b, (struct address){KIND_REGISTRY, 0}, MESSAGE_vm_offer, &offer);
    BENCH_HEARD(&b, from, DISK);
    assert_int_equal(plugged(&b), 1);
    from = b.events;
    hear_as(&b, (struct address){KIND_DEVBUS_BLOCK, 0}, MESSAGE_vm_lose, &lose);
    BENCH_HEARD(&b, from, NO_DISK);
    assert_int_equal(plugged(&b), 0);
    bench_end(&b);
}

static void a_required_disk_is_booted_with_and_another_comes_after_the_start(void **state)
{
    static const struct view_device required = {.backend = "usb",
                                                .port = "00_19.0",
                                                .device_id = "*",
                                                .device_class = "block",
                                                .backend_qid = 4,
                                                .required = 1},
                                    automatic = {.backend = "usb",
                                                 .port = "*",
                                                 .device_id = "net",
                                                 .device_class = "block",
                                                 .backend_qid = 4,
                                                 .automatic = 1};
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct bench b;
        bench_setup(&b);
        b.assigned = later ? &automatic : &required;
        bench_run(&b);
        uint64_t asked = BENCH_HEAR(&b, vm_start, .nothing = 0);
        bench_run(&b);
        assert_int_equal(bench_answer(&b, asked), 0);
        assert_int_equal(strstr(b.world.defined_xml, "/dev/00/19.0") == NULL, later);
        assert_int_equal(plugged(&b), later);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_gets_a_free_name_and_is_told_as_it_came),
        cmocka_unit_test(options_are_told_in_the_order_in_which_they_were_given),
        cmocka_unit_test(killed_anywhere_a_disk_comes_once_and_goes_once),
        cmocka_unit_test(what_comes_and_goes_by_itself_is_told_once_it_is_so),
        cmocka_unit_test(a_required_disk_is_booted_with_and_another_comes_after_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
