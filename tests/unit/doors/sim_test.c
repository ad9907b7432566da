/* SPDX-License-Identifier: MIT
 * The simulated hypervisor: it lives as the real one does, and fails where it is told to. */
#include "doors/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define UUID  "11111111-2222-4333-8444-555555555503"
#define OTHER "11111111-2222-4333-8444-555555555504"
#define XML(name, uuid)                                                                                      \
    "<domain type=\"test\"><name>" name "</name><uuid>" uuid                                                 \
    "</uuid><memory unit=\"MiB\">400</memory><devices><console/></devices></domain>"

struct world {
    struct sim_hypervisor *sim;
    struct domain_door *door;
    struct hostwatch *watch;
    struct fault why;
    enum virt_event heard[32];
    size_t heard_count;
    unsigned closed;
};

static void hear(void *user, const struct hostwatch_event *event)
{
    struct world *w = user;
    assert_string_equal(event->uuid, UUID);
    assert_string_equal(event->name, "work");
    w->heard[w->heard_count++] = event->what;
}

static void hear_close(void *user)
{
    ((struct world *)user)->closed++;
}

static struct domain_door *open_door(struct world *w)
{
    struct domain_door *door = NULL;
    assert_int_equal(domain_open_sim(w->sim, &door, &w->why), 0);
    return door;
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    struct hostwatch_ears ears = {w, hear, hear_close};
    w->sim = sim_hypervisor_new(4);
    w->door = open_door(w);
    assert_int_equal(hostwatch_open_sim(w->sim, &ears, &w->watch, &w->why), 0);
    assert_int_equal(w->door->ops->define(w->door, XML("work", UUID), &w->why), 0);
    *state = w;
    return 0;
}

static int end_world(void **state)
{
    struct world *w = *state;
    hostwatch_free(w->watch);
    domain_door_free(w->door);
    sim_hypervisor_free(w->sim);
    free(w);
    return 0;
}

static struct domain_seen see(struct world *w)
{
    struct domain_seen seen;
    assert_int_equal(w->door->ops->lookup(w->door, UUID, &seen, &w->why), 0);
    return seen;
}

static void a_life_is_heard_step_by_step(void **state)
{
    static const enum virt_event expected[] = {VIRT_EVENT_DEFINED,   VIRT_EVENT_STARTED, VIRT_EVENT_RESUMED,
                                               VIRT_EVENT_SUSPENDED, VIRT_EVENT_RESUMED, VIRT_EVENT_STOPPED,
                                               VIRT_EVENT_UNDEFINED};
    struct world *w = *state;
    const struct domain_ops *ops = w->door->ops;
    assert_int_equal(ops->start_paused(w->door, UUID, &w->why), 0);
    assert_int_equal(see(w).state, VIRT_PAUSED);
    assert_int_equal(see(w).domid, 1);
    assert_int_equal(see(w).memory_kib, 400 * 1024);
    assert_int_equal(ops->resume(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->suspend(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->suspend(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->resume(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->shutdown(w->door, UUID, &w->why), 0);
    assert_false(see(w).active);
    assert_int_equal(ops->undefine(w->door, UUID, &w->why), 0);
    assert_false(see(w).exists);
    assert_int_equal(w->heard_count, COUNT(expected));
    assert_memory_equal(w->heard, expected, sizeof expected);
}

static void what_the_state_forbids_changes_nothing(void **state)
{
    struct world *w = *state;
    const struct domain_ops *ops = w->door->ops;
    assert_int_equal(ops->resume(w->door, UUID, &w->why), -ERR_STATE);
    assert_int_equal(ops->suspend(w->door, UUID, &w->why), -ERR_STATE);
    assert_int_equal(ops->destroy(w->door, UUID, &w->why), -ERR_STATE);
    assert_int_equal(ops->attach(w->door, UUID, "<hostdev/>", &w->why), -ERR_STATE);
    assert_int_equal(ops->destroy(w->door, OTHER, &w->why), -ERR_NO_DOMAIN);
    assert_int_equal(ops->define(w->door, XML("work", OTHER), &w->why), -ERR_HYPERVISOR);
    assert_int_equal(ops->define(w->door, "<domain/>", &w->why), -ERR_HYPERVISOR);
    assert_int_equal(w->heard_count, 1);
}

static void an_undefined_running_domain_lives_until_it_stops(void **state)
{
    struct world *w = *state;
    const struct domain_ops *ops = w->door->ops;
    assert_int_equal(ops->start_paused(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->resume(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->undefine(w->door, UUID, &w->why), 0);
    assert_true(see(w).active);
    assert_int_equal(sim_guest_power_off(w->sim, UUID), 0);
    assert_false(see(w).exists);
    assert_int_equal(sim_guest_crash(w->sim, UUID), -ERR_NO_DOMAIN);
}

static void a_guest_may_ignore_the_request(void **state)
{
    struct world *w = *state;
    sim_guests_obey(w->sim, false);
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), 0);
    assert_int_equal(w->door->ops->resume(w->door, UUID, &w->why), 0);
    assert_int_equal(w->door->ops->shutdown(w->door, UUID, &w->why), 0);
    assert_true(see(w).active);
}

static void one_ordered_failure_hits_one_call(void **state)
{
    struct world *w = *state;
    sim_hypervisor_trouble(w->sim, SIM_FAIL, 2);
    assert_false(see(w).active);
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), -ERR_HYPERVISOR);
    assert_false(see(w).active);
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), 0);
}

static void a_hung_call_does_nothing_and_ends_its_door_alone(void **state)
{
    struct world *w = *state;
    AUTO(domain_door) *other = open_door(w);
    sim_hypervisor_trouble(w->sim, SIM_HANG, 1);
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), -ERR_TIMEOUT);
    assert_int_equal(w->door->ops->resume(w->door, UUID, &w->why), -ERR_NO_CONNECTION);
    assert_int_equal(other->ops->start_paused(other, UUID, &w->why), 0);
}

static void a_late_call_happened_all_the_same(void **state)
{
    struct world *w = *state;
    sim_hypervisor_trouble(w->sim, SIM_LATE, 1);
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), -ERR_TIMEOUT);
    domain_door_free(w->door);
    w->door = open_door(w);
    assert_true(see(w).active);
}

static void a_vanished_daemon_is_told_once_and_its_domains_run_on(void **state)
{
    struct world *w = *state;
    struct domain_door *none = NULL;
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), 0);
    sim_hypervisor_trouble(w->sim, SIM_VANISH, 1);
    assert_int_equal(w->door->ops->resume(w->door, UUID, &w->why), -ERR_NO_CONNECTION);
    assert_int_equal(w->closed, 1);
    assert_int_equal(domain_open_sim(w->sim, &none, &w->why), -ERR_NO_CONNECTION);
    assert_null(none);
    sim_hypervisor_return(w->sim);
    assert_int_equal(w->door->ops->resume(w->door, UUID, &w->why),
                     -ERR_NO_CONNECTION); /* a new door is needed */
    domain_door_free(w->door);
    w->door = open_door(w);
    size_t heard = w->heard_count;
    assert_int_equal(w->door->ops->resume(w->door, UUID, &w->why), 0);
    assert_int_equal(w->heard_count, heard); /* and a new watch */
    assert_int_equal(w->closed, 1);
}

static void attached_devices_show_in_the_live_xml_and_end_with_the_domain(void **state)
{
    struct world *w = *state;
    const struct domain_ops *ops = w->door->ops;
    AUTO_TEXT xml = TEXT_WITH_LIMIT(4096);
    assert_int_equal(ops->start_paused(w->door, UUID, &w->why), 0);
    assert_int_equal(ops->attach(w->door, UUID, "<hostdev a='1'/>", &w->why), 0);
    assert_int_equal(ops->attach(w->door, UUID, "<hostdev a='1'/>", &w->why), -ERR_HYPERVISOR);
    assert_int_equal(ops->xml(w->door, UUID, &xml, &w->why), 0);
    assert_non_null(strstr(xml.at, "<console/><hostdev a='1'/></devices>"));
    assert_int_equal(ops->detach(w->door, UUID, "<hostdev a='1'/>", &w->why), 0);
    assert_int_equal(ops->detach(w->door, UUID, "<hostdev a='1'/>", &w->why), -ERR_HYPERVISOR);
    assert_int_equal(ops->attach(w->door, UUID, "<hostdev a='1'/>", &w->why), 0);
    assert_int_equal(ops->destroy(w->door, UUID, &w->why), 0);
    text_clear(&xml);
    assert_int_equal(ops->xml(w->door, UUID, &xml, &w->why), 0);
    assert_null(strstr(xml.at, "hostdev"));
}

static void lists_hold_what_is_there(void **state)
{
    static const struct pci_node nodes[] = {{.name = "pci_0000_00_02_0"}, {.name = "pci_0000_00_01_0"}};
    struct world *w = *state;
    struct hostwatch_domain rows[2];
    struct pci_node found[2];
    struct nodedev_door *opened = NULL;
    size_t count = 9;
    assert_int_equal(w->watch->ops->list(w->watch, rows, 2, &count, &w->why), 0);
    assert_int_equal(count, 0);
    assert_int_equal(w->door->ops->start_paused(w->door, UUID, &w->why), 0);
    assert_int_equal(w->watch->ops->list(w->watch, rows, 2, &count, &w->why), 0);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].name, "work");
    assert_int_equal(w->watch->ops->list(w->watch, rows, 0, &count, &w->why), -ERR_TOO_BIG);

    assert_int_equal(nodedev_open_sim(w->sim, &opened, &w->why), 0);
    AUTO(nodedev_door) *door = opened;
    assert_int_equal(sim_devices(w->sim, nodes, 2), 0);
    assert_int_equal(sim_devices(w->sim, nodes, 65), -ERR_RANGE);
    assert_int_equal(door->ops->list(door, found, 2, &count, &w->why), 0);
    assert_string_equal(found[0].name, "pci_0000_00_01_0");
    assert_int_equal(door->ops->detach(door, "pci_0000_00_02_0", &w->why), 0);
    assert_int_equal(door->ops->detach(door, "pci_0000_00_03_0", &w->why), -ERR_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_world, end_world)
    const struct CMUnitTest tests[] = {
        TEST(a_life_is_heard_step_by_step),
        TEST(what_the_state_forbids_changes_nothing),
        TEST(an_undefined_running_domain_lives_until_it_stops),
        TEST(a_guest_may_ignore_the_request),
        TEST(one_ordered_failure_hits_one_call),
        TEST(a_hung_call_does_nothing_and_ends_its_door_alone),
        TEST(a_late_call_happened_all_the_same),
        TEST(a_vanished_daemon_is_told_once_and_its_domains_run_on),
        TEST(attached_devices_show_in_the_live_xml_and_end_with_the_domain),
        TEST(lists_hold_what_is_there),
    };
    return cmocka_run_group_tests_name("doors/sim", tests, NULL, NULL);
}
