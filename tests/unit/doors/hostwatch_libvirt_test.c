/* SPDX-License-Identifier: MIT
 * The watch against a real libvirtd: events of another client arrive, in order. */
#include "doors/hostwatch.h"

#include "tests/unit/doors/private_libvirtd.h"

#include <pthread.h>
#include <time.h>

#include "doors/domain.h"

#define UUID "11111111-2222-4333-8444-555555555502"
static const char heard_of[] =
    "<domain type='test'><name>heard-of</name><uuid>" UUID
    "</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>";

enum { MOST = 64 };

/* What the ears noted; filled on libvirt's thread. */
struct notes {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct hostwatch_event events[MOST];
    size_t count;
    unsigned closed;
};

static void note_event(void *user, const struct hostwatch_event *event)
{
    struct notes *notes = user;
    pthread_mutex_lock(&notes->lock);
    if (notes->count < MOST)
        notes->events[notes->count++] = *event;
    pthread_cond_signal(&notes->more);
    pthread_mutex_unlock(&notes->lock);
}

static void note_closed(void *user)
{
    struct notes *notes = user;
    pthread_mutex_lock(&notes->lock);
    notes->closed++;
    pthread_cond_signal(&notes->more);
    pthread_mutex_unlock(&notes->lock);
}

/* Waits until that many events, or ends of connections, were noted: at most a minute. */
static void await(struct notes *notes, size_t events, unsigned closed)
{
    struct timespec until;
    int r = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&notes->lock);
    while (r == 0 && (notes->count < events || notes->closed < closed))
        r = pthread_cond_timedwait(&notes->more, &notes->lock, &until);
    pthread_mutex_unlock(&notes->lock);
}

static struct hostwatch *open_watch(struct notes *notes)
{
    struct hostwatch *watch = NULL;
    struct fault why = {0};
    *notes = (struct notes){.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};
    struct hostwatch_ears ears = {notes, note_event, note_closed};
    if (hostwatch_open_libvirt(libvirtd.uri, &ears, &watch, &why) < 0)
        fail_msg("%s", why.text);
    return watch;
}

/* define, start, suspend (the test driver cannot start paused), resume, destroy, undefine. */
static void live_and_die(void)
{
    struct fault why = {0};
    struct domain_door *opened = NULL;
    assert_int_equal(domain_open_libvirt(libvirtd.uri, &opened, &why), 0);
    AUTO(domain_door) *door = opened;
    assert_int_equal(door->ops->define(door, heard_of, &why), 0);
    assert_int_equal(door->ops->start_paused(door, UUID, &why), 0);
    assert_int_equal(door->ops->resume(door, UUID, &why), 0);
    assert_int_equal(door->ops->destroy(door, UUID, &why), 0);
    assert_int_equal(door->ops->undefine(door, UUID, &why), 0);
}

static void every_step_of_another_clients_domain_is_heard_in_order(void **state)
{
    static const enum virt_event expected[] = {VIRT_EVENT_DEFINED, VIRT_EVENT_STARTED, VIRT_EVENT_SUSPENDED,
                                               VIRT_EVENT_RESUMED, VIRT_EVENT_STOPPED, VIRT_EVENT_UNDEFINED};
    struct notes notes;
    (void)state;
    NEED_LIBVIRTD();
    AUTO(hostwatch) *watch = open_watch(&notes);
    assert_non_null(watch);
    live_and_die();
    await(&notes, COUNT(expected), 0);
    assert_int_equal(notes.count, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(notes.events[i].what, expected[i]);
        assert_string_equal(notes.events[i].uuid, UUID);
        assert_string_equal(notes.events[i].name, "heard-of");
    }
    assert_int_equal(notes.closed, 0);
}

static void nothing_is_heard_after_the_watch_is_freed(void **state)
{
    struct notes notes;
    (void)state;
    NEED_LIBVIRTD();
    hostwatch_free(open_watch(&notes));
    live_and_die();
    assert_int_equal(notes.count, 0);
    assert_int_equal(notes.closed, 0);
}

static void the_list_holds_active_domains_only(void **state)
{
    struct notes notes;
    struct hostwatch_domain rows[4];
    size_t count = 99;
    struct fault why = {0};
    (void)state;
    NEED_LIBVIRTD();
    AUTO(hostwatch) *watch = open_watch(&notes);
    struct domain_door *opened = NULL;
    assert_int_equal(domain_open_libvirt(libvirtd.uri, &opened, &why), 0);
    AUTO(domain_door) *door = opened;

    assert_int_equal(door->ops->define(door, heard_of, &why), 0);
    assert_int_equal(watch->ops->list(watch, rows, COUNT(rows), &count, &why), 0);
    assert_int_equal(count, 0);
    assert_int_equal(door->ops->start_paused(door, UUID, &why), 0);
    assert_int_equal(watch->ops->list(watch, rows, COUNT(rows), &count, &why), 0);
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].uuid, UUID);
    assert_string_equal(rows[0].name, "heard-of");
    assert_int_equal(rows[0].state, VIRT_PAUSED);
    assert_true(rows[0].domid > 0);
    assert_int_equal(watch->ops->list(watch, rows, 0, &count, &why), -ERR_TOO_BIG);
    assert_int_equal(count, 1);
    assert_int_equal(door->ops->destroy(door, UUID, &why), 0);
    assert_int_equal(door->ops->undefine(door, UUID, &why), 0);
}

static void the_figures_are_the_hosts(void **state)
{
    struct notes notes;
    struct hostwatch_figures figures;
    struct fault why = {0};
    (void)state;
    NEED_LIBVIRTD();
    AUTO(hostwatch) *watch = open_watch(&notes);
    assert_int_equal(watch->ops->figures(watch, &figures, &why), 0);
    assert_string_equal(figures.driver, "TEST");
    assert_true(figures.memory_kib > 0 && figures.cpus > 0);
    assert_int_equal(figures.dom0_memory_kib, 0);
}

static void a_lost_daemon_is_told_once_and_calls_fail_at_once(void **state)
{
    struct notes notes;
    struct hostwatch_figures figures;
    struct fault why = {0};
    (void)state;
    NEED_LIBVIRTD();
    AUTO(hostwatch) *watch = open_watch(&notes);
    assert_int_equal(libvirtd_tool("down"), 0);
    await(&notes, 0, 1);
    assert_int_equal(notes.closed, 1);
    assert_int_equal(watch->ops->figures(watch, &figures, &why), -ERR_NO_CONNECTION);
    assert_int_equal(libvirtd_tool("up"), 0);
    AUTO(hostwatch) *again = open_watch(&notes);
    assert_int_equal(again->ops->figures(again, &figures, &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_of_another_clients_domain_is_heard_in_order),
        cmocka_unit_test(nothing_is_heard_after_the_watch_is_freed),
        cmocka_unit_test(the_list_holds_active_domains_only),
        cmocka_unit_test(the_figures_are_the_hosts),
        cmocka_unit_test(a_lost_daemon_is_told_once_and_calls_fail_at_once),
    };
    return cmocka_run_group_tests_name("doors/hostwatch_libvirt", tests, libvirtd_up, libvirtd_down);
}
