/* SPDX-License-Identifier: MIT
 * A bus of disks that begins anew hears from a VM at once: what it has, or that it does not know yet; and the
 * end of a life, whoever ends it. */
#include "tests/unit/vm/vm_bench.h"

/* What the bus of disks has heard last. */
static struct {
    const struct out_ops *inner;
    const struct bench *of;
    unsigned told, overs, early; /* of the latter, before domain-shutdown was said */
    uint32_t disks, unknown, starts;
    bool over;
} bus;

static int listen(void *shell, struct envelope *e)
{
    bool is_over = e->to_kind == KIND_DEVBUS_BLOCK && e->type == MESSAGE_bus_over;
    bus.overs += is_over;
    bus.early += is_over && bench_count(bus.of, "domain-shutdown") == 0;
    return bus.inner->send(shell, e);
}

static int listen_asked(void *shell, struct envelope *e, uint64_t tag)
{
    struct bus_has m;
    if (e->to_kind == KIND_DEVBUS_BLOCK && e->type == MESSAGE_bus_has) {
        assert_int_equal(bus_has_decode(&m, e->body), 0);
        bus.told++;
        bus.disks = m.disks.count;
        bus.unknown = m.unknown;
        bus.starts = m.starts;
        bus.over = m.over != 0;
    }
    return bus.inner->ask(shell, e, tag);
}

static void hear_as(struct bench *b, enum kind from, uint16_t type, const struct text *body)
{
    static struct out_ops ops;
    if (b->out.ops != &ops) {
        bus.inner = b->out.ops;
        ops = *bus.inner;
        ops.send = listen;
        ops.ask = listen_asked;
        b->out.ops = &ops;
        bus.of = b;
    }
    (void)bench_hear_from(b, (struct address){from, 0}, type, body);
}

static void begins_anew(struct bench *b)
{
    AUTO_TEXT nothing = TEXT_WITH_LIMIT(16);
    vm_tell_encode(&nothing, &(struct vm_tell){.nothing = 0});
    bus.told = bus.overs = 0;
    hear_as(b, KIND_DEVBUS_BLOCK, MESSAGE_vm_tell, &nothing);
}

static void living_with_a_disk(struct bench *b)
{
    AUTO_TEXT offer = TEXT_WITH_LIMIT(BODY_MAX);
    struct vm_offer o = {
        .device = {.backend = "usb", .port = "sda", .device_id = "id", .device_class = "block"}};
    bench_setup(b);
    b->virt_mode = "hvm";
    bench_run(b);
    BENCH_HEAR(b, vm_start, .nothing = 0);
    bench_run(b);
    vm_offer_encode(&offer, &o);
    hear_as(b, KIND_REGISTRY, MESSAGE_vm_offer, &offer);
    bench_run(b);
}

static void what_it_has_is_told_whatever_the_vm_is_doing(void **state)
{
    struct bench b;
    (void)state;
    living_with_a_disk(&b);
    b.hold_tasks = true;
    BENCH_HEAR(&b, vm_pause, .nothing = 0);
    assert_non_null(b.task);
    begins_anew(&b);
    assert_int_equal(bus.told, 1);
    assert_true(bus.disks == 1 && bus.unknown == 0);
    b.hold_tasks = false;
    bench_run(&b);
    bench_end(&b);
}

static void a_process_that_has_not_looked_yet_says_that_it_does_not_know(void **state)
{
    struct bench b;
    (void)state;
    living_with_a_disk(&b);
    b.world.live_xml = "<domain><devices><disk type='block' device='disk'><source dev='/dev/sda'/>"
                       "<target dev='xvdi'/><backenddomain name='usb'/></disk></devices></domain>";
    bench_crash(&b, false);
    b.hold_tasks = true;
    bench_run(&b);
    begins_anew(&b);
    assert_int_equal(bus.told, 1);
    assert_int_equal(bus.unknown, 1);
    b.hold_tasks = false;
    bench_run(&b);
    assert_true(bus.told > 1 && bus.disks == 1 && bus.unknown == 0);
    bench_end(&b);
}

/* Its domain has ended while nobody looked: that, too, is an answer. */
static void a_vm_that_turns_out_to_rest_says_so(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    b.hold_tasks = true;
    bench_run(&b);
    begins_anew(&b);
    assert_true(bus.told == 1 && bus.unknown == 1);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(b.core->life, VM_HALTED);
    assert_true(bus.told == 2 && bus.over);
    bench_end(&b);
}

/* What it exposed in a life before is gone, and no guest process of its says so. */
static void a_vm_that_starts_says_that_it_has_no_domain_yet(void **state)
{
    struct bench b;
    (void)state;
    bench_setup(&b);
    bench_run(&b);
    b.hold_tasks = true;
    BENCH_HEAR(&b, vm_start, .nothing = 0);
    bench_run(&b);
    assert_int_equal(b.core->life, VM_STARTING);
    begins_anew(&b);
    assert_true(bus.told == 1 && bus.unknown == 0 && !bus.over);
    assert_int_equal(bus.starts, 1);
    b.hold_tasks = false;
    bench_run(&b);
    assert_int_equal(b.core->life, VM_LIVING);
    begins_anew(&b);
    assert_int_equal(bus.starts, 0);
    bench_end(&b);
}

/* The bus tells who has lost what, and subscribers hear that behind the end. */
static void the_end_of_a_life_is_told_last_though_the_bus_was_told_of_no_disk(void **state)
{
    struct bench b;
    (void)state;
    living_with_a_disk(&b);
    bus.overs = bus.early = 0;
    uint64_t asked = BENCH_HEAR(&b, vm_kill, .nothing = 0);
    bench_run(&b);
    assert_int_equal(bench_answer(&b, asked), 0);
    assert_int_equal(bus.overs, 1);
    assert_int_equal(bus.early, 0);
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_has_is_told_whatever_the_vm_is_doing),
        cmocka_unit_test(a_process_that_has_not_looked_yet_says_that_it_does_not_know),
        cmocka_unit_test(a_vm_that_turns_out_to_rest_says_so),
        cmocka_unit_test(a_vm_that_starts_says_that_it_has_no_domain_yet),
        cmocka_unit_test(the_end_of_a_life_is_told_last_though_the_bus_was_told_of_no_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
