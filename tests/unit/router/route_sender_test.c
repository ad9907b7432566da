/* SPDX-License-Identifier: MIT
 * Rules 1 and 2 of the bus: the source is who owns the socket, and the row decides what it may say. */
#include "tests/unit/router/route_scene.h"

static void the_source_is_who_owns_the_socket(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.source_kind = KIND_REGISTRY;
    q.source_instance = 99;
    say(f, api, q);
    assert_true(address_equal(last(f)->who, vm7));
    assert_true(address_equal(envelope_source(&last(f)->e), api));
}

static void an_incarnation_that_is_not_the_living_one_is_not_heard(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    size_t before = f->delivered.count;
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    fake_say_as(f, api, 999, &q);
    fake_say_as(f, (struct address){KIND_DEVBUS_PCI, 0}, 1, &q);
    assert_int_equal(f->delivered.count, before);
    assert_int_equal(route_counts(f->route)->routed, 0);
}

static void what_no_row_permits_is_refused_and_answered(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, host, question(MESSAGE_vm_start, vm7, 5)); /* host may not */
    say(f, api, question(0x0fff, vm7, 6));            /* no row */
    say(f, api, question(MESSAGE_vm_start, registry, 7));
    assert_int_equal(answers(f, host, ERR_REFUSED), 1);
    assert_int_equal(answers(f, api, ERR_REFUSED), 2);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    assert_int_equal(route_counts(f->route)->refused, 3);
    assert_int_equal(f->accused.count, 0);
}

static void speaking_of_another_vm_ends_the_sender(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, vm7, about(message(MESSAGE_facts, CLASS_EVENT, api), 8, 1));
    say(f, vm7, about(message(MESSAGE_facts, CLASS_EVENT, api), 7, 1)); /* nothing more is heard */
    assert_int_equal(f->accused.count, 1);
    assert_true(address_equal(f->accused.list[0].who, vm7));
    assert_int_equal(f->accused.list[0].incarnation, KIND_VM);
    assert_int_equal(heard(f, api, MESSAGE_facts), 0);
}

static void bytes_that_are_no_envelope_end_the_sender_once(void **state)
{
    struct fake *f = *state;
    static char big[BODY_PART_MAX + 1];
    char garbage[] = "garbage";
    live(f, vm7);
    route_hear(f->route, vm7, KIND_VM, garbage, sizeof garbage, f->now);
    route_hear(f->route, vm7, KIND_VM, garbage, sizeof garbage, f->now);
    assert_int_equal(f->accused.count, 1);
    live(f, vm8);
    struct envelope e = question(MESSAGE_claim, registry, 1);
    e.body = (struct span){big, sizeof big};
    say(f, vm8, e);
    assert_int_equal(f->accused.count, 2);
    assert_int_equal(heard(f, registry, MESSAGE_claim), 0);
}

static void a_call_from_a_qube_is_never_from_dom0_and_traces_nothing(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    fake_live(f, api_of_qubes, 0, KIND_API);
    struct envelope q = question(MESSAGE_vm_kill, vm7, 5),
                    t = message(MESSAGE_trace, CLASS_EVENT, (struct address){0});
    q.caller = 0;
    t.correlation = 1;
    say(f, api_of_qubes, q);
    say(f, api_of_qubes, t);
    assert_int_equal(answers(f, api_of_qubes, ERR_REFUSED), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_kill), 0);
    struct envelope s = question(MESSAGE_snapshot, registry, 6);
    s.caller = 0;
    say(f, api_of_qubes, s);
    assert_int_equal(heard(f, registry, MESSAGE_snapshot), 1);
    assert_int_equal(heard(f, api_of_qubes, MESSAGE_traced), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(the_source_is_who_owns_the_socket),
        WITH_ROUTER(an_incarnation_that_is_not_the_living_one_is_not_heard),
        WITH_ROUTER(what_no_row_permits_is_refused_and_answered),
        WITH_ROUTER(speaking_of_another_vm_ends_the_sender),
        WITH_ROUTER(bytes_that_are_no_envelope_end_the_sender_once),
        WITH_ROUTER(a_call_from_a_qube_is_never_from_dom0_and_traces_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
