/* SPDX-License-Identifier: MIT
 * The domain door against a real libvirtd with the test driver. */
#include "doors/domain.h"

#include "tests/unit/doors/private_libvirtd.h"

#include <signal.h>
#include <time.h>

#include "doors/virt.h"
#include "doors/virt_thread.h"

#define UUID "11111111-2222-4333-8444-555555555501"
static const char work[] =
    "<domain type='test'><name>work</name><uuid>" UUID
    "</uuid><memory unit='MiB'>400</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>";

static struct domain_door *open_door(void)
{
    struct domain_door *door = NULL;
    struct fault why = {0};
    if (domain_open_libvirt(libvirtd.uri, &door, &why) < 0)
        fail_msg("%s", why.text);
    return door;
}

static struct domain_seen seen_by(struct domain_door *door)
{
    struct domain_seen seen;
    struct fault why = {0};
    if (door->ops->lookup(door, UUID, &seen, &why) < 0)
        fail_msg("%s", why.text);
    return seen;
}

static void a_domain_lives_from_define_to_undefine(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    const struct domain_ops *do_ = door->ops;
    struct fault why = {0};

    assert_false(seen_by(door).exists);
    assert_int_equal(do_->define(door, work, &why), 0);
    struct domain_seen seen = seen_by(door);
    assert_true(seen.exists && !seen.active);
    assert_int_equal(seen.domid, VIRT_NO_DOMID);
    assert_int_equal(seen.memory_kib, 0);

    assert_int_equal(do_->start_paused(door, UUID, &why), 0);
    seen = seen_by(door);
    assert_true(seen.active && seen.domid > 0);
    assert_int_equal(seen.state, VIRT_PAUSED);
    assert_int_equal(seen.memory_max_kib, 400 * 1024);

    assert_int_equal(do_->resume(door, UUID, &why), 0);
    assert_int_equal(seen_by(door).state, VIRT_RUNNING);
    assert_int_equal(do_->suspend(door, UUID, &why), 0);
    assert_int_equal(seen_by(door).state, VIRT_PAUSED);
    assert_int_equal(do_->resume(door, UUID, &why), 0);
    assert_int_equal(do_->shutdown(door, UUID, &why), 0);
    assert_false(seen_by(door).active);
    assert_int_equal(do_->start_paused(door, UUID, &why), 0);
    assert_int_equal(do_->destroy(door, UUID, &why), 0);
    assert_int_equal(do_->undefine(door, UUID, &why), 0);
    assert_false(seen_by(door).exists);
}

static void an_absent_domain_is_no_domain_for_every_call(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    int (*const calls[])(struct domain_door *, const char *, struct fault *) = {
        door->ops->start_paused, door->ops->resume,  door->ops->suspend,
        door->ops->shutdown,     door->ops->destroy, door->ops->undefine,
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct fault why = {0};
        assert_int_equal(calls[i](door, UUID, &why), -ERR_NO_DOMAIN);
        assert_int_equal(why.code, ERR_NO_DOMAIN);
        assert_true(strlen(why.text) > 0);
    }
}

static void what_the_state_forbids_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    struct fault why = {0};
    assert_int_equal(door->ops->define(door, work, &why), 0);
    int r = door->ops->suspend(door, UUID, &why);
    assert_int_equal(r, -(int)why.code);
    assert_true(r == -ERR_STATE || r == -ERR_HYPERVISOR);
    assert_false(seen_by(door).active);
    assert_int_equal(door->ops->undefine(door, UUID, &why), 0);
}

static void what_the_driver_lacks_is_unsupported(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    struct fault why = {0};
    assert_string_equal(door->can->domain_type, "test");
    assert_false(door->can->start_paused || door->can->hotplug);
    assert_int_equal(door->ops->pm_suspend(door, UUID, &why), -ERR_UNSUPPORTED);
    assert_int_equal(door->ops->attach(door, UUID, "<hostdev/>", &why), -ERR_UNSUPPORTED);
}

static void a_broken_definition_defines_nothing(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    struct fault why = {0};
    assert_int_equal(door->ops->define(door, "<domain type='test'><name>100%</domain>", &why),
                     -ERR_HYPERVISOR);
    assert_null(strchr(why.text, '%'));
    assert_false(seen_by(door).exists);
}

static void the_xml_comes_back_within_its_limit(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    struct fault why = {0};
    AUTO_TEXT xml = TEXT_WITH_LIMIT(1 << 16);
    AUTO_TEXT tiny = TEXT_WITH_LIMIT(100);
    assert_int_equal(door->ops->define(door, work, &why), 0);
    assert_int_equal(door->ops->xml(door, UUID, &xml, &why), 0);
    assert_non_null(strstr(xml.at, "<name>work</name>"));
    assert_int_equal(door->ops->xml(door, UUID, &tiny, &why), -ERR_TOO_BIG);
    assert_int_equal(door->ops->undefine(door, UUID, &why), 0);
}

static void two_doors_see_one_world(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *one = open_door();
    AUTO(domain_door) *other = open_door();
    struct fault why = {0};
    assert_int_equal(one->ops->define(one, work, &why), 0);
    assert_true(seen_by(other).exists);
    assert_int_equal(other->ops->undefine(other, UUID, &why), 0);
    assert_false(seen_by(one).exists);
}

static void no_daemon_is_no_connection(void **state)
{
    (void)state;
    struct domain_door *door = NULL;
    struct fault why = {0};
    assert_int_equal(domain_open_libvirt("test+unix:///default?socket=/nonexistent/sock", &door, &why),
                     -ERR_NO_CONNECTION);
    assert_int_equal(why.code, ERR_NO_CONNECTION);
    assert_null(door);
}

static void an_unknown_driver_is_refused(void **state)
{
    (void)state;
    const struct domain_can *can = NULL;
    struct fault why = {0};
    assert_int_equal(domain_can_of("VBOX", &can, &why), -ERR_UNSUPPORTED);
    assert_null(can);
}

static pid_t daemon_pid(void)
{
    char path[128];
    int pid = 0;
    snprintf(path, sizeof path, "%s/run/libvirtd.pid", libvirtd.dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    return pid;
}

static void a_hung_daemon_ends_the_call_within_seconds_and_the_door_for_ever(void **state)
{
    (void)state;
    NEED_LIBVIRTD();
    AUTO(domain_door) *door = open_door();
    struct domain_seen seen;
    struct fault why = {0};
    struct timespec before, after;
    pid_t daemon = daemon_pid();
    kill(daemon, SIGSTOP);
    clock_gettime(CLOCK_MONOTONIC, &before);
    int r = door->ops->lookup(door, UUID, &seen, &why);
    clock_gettime(CLOCK_MONOTONIC, &after);
    kill(daemon, SIGCONT);
    assert_int_equal(r, -ERR_NO_CONNECTION);
    assert_in_range(after.tv_sec - before.tv_sec, 2, 30); /* not for ever */
    assert_int_equal(door->ops->destroy(door, UUID, &why), -ERR_NO_CONNECTION);
    AUTO(domain_door) *again = open_door();
    assert_false(seen_by(again).exists);
}

/* The last error, as libxl's driver makes it: nothing here runs Xen. */
static void unknown_os_type(const char *type)
{
    virResetLastError();
    virDomainFree(NULL);
    virErrorPtr error = virGetLastError();
    assert_non_null(error);
    error->code = VIR_ERR_OS_TYPE;
    free(error->str2);
    error->str2 = strdup(type);
}

static void a_machine_without_hvm_is_an_error_of_the_vm(void **state)
{
    struct fault why = {0};
    (void)state;
    unknown_os_type("hvm");
    assert_int_equal(virt_fault(&why, "define the domain"), -ERR_VM);
    assert_non_null(strstr(why.text, "VT-x"));
    unknown_os_type("linux");
    assert_int_equal(virt_fault(&why, "define the domain"), -ERR_HYPERVISOR);
    virResetLastError();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_lives_from_define_to_undefine),
        cmocka_unit_test(an_absent_domain_is_no_domain_for_every_call),
        cmocka_unit_test(what_the_state_forbids_is_refused_and_changes_nothing),
        cmocka_unit_test(what_the_driver_lacks_is_unsupported),
        cmocka_unit_test(a_broken_definition_defines_nothing),
        cmocka_unit_test(the_xml_comes_back_within_its_limit),
        cmocka_unit_test(two_doors_see_one_world),
        cmocka_unit_test(no_daemon_is_no_connection),
        cmocka_unit_test(an_unknown_driver_is_refused),
        cmocka_unit_test(a_machine_without_hvm_is_an_error_of_the_vm),
        cmocka_unit_test(a_hung_daemon_ends_the_call_within_seconds_and_the_door_for_ever),
    };
    return cmocka_run_group_tests_name("doors/domain_libvirt", tests, libvirtd_up, libvirtd_down);
}
