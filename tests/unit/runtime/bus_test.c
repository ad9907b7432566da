/* SPDX-License-Identifier: MIT
 * The bus as a process meets it: sockets come and go for as long as the process lives. */
#include "runtime/bus.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/envelope.h"

static int descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

/* nng closes its part on a thread of its own. */
static int descriptors_settle(int wanted)
{
    int count = descriptors();
    for (int i = 0; count > wanted && i < (wanted > 0 ? 6000 : 200); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        count = descriptors();
    }
    return count;
}

static char path[64];

static int make_directory(void **state)
{
    static char directory[] = "/tmp/bus-XXXXXX";
    *state = mkdtemp(directory);
    if (*state == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/s", directory);
    return 0;
}

static int remove_directory(void **state)
{
    unlink(path);
    return rmdir(*state);
}

/* A listener closed in the middle of a greeting is another matter: see bus_close. */
static bool have_met(const struct bus *a, const struct bus *b)
{
    bool met = false;
    for (int i = 0; !met && i < 600000; i++) {
        met = bus_peer(a).connected && bus_peer(b).connected;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return met;
}

/* One router after another. */
static void meet_and_part(void)
{
    struct bus *router, *child;
    struct fault why;
    assert_int_equal(bus_listen(path, 0600, &router, &why), 0);
    assert_int_equal(bus_dial(path, 60000, &child, &why), 0);
    assert_true(have_met(router, child));
    bus_close(child);
    bus_close(router);
}

static void a_closed_bus_leaves_no_descriptor(void **state)
{
    (void)state;
    meet_and_part();
    int before = descriptors_settle(0);
    for (int i = 0; i < 20; i++)
        meet_and_part();
    assert_in_range(descriptors_settle(before + 2), 0, before + 2);
}

static void a_dial_that_nobody_hears_leaves_no_descriptor(void **state)
{
    struct bus *child;
    struct fault why;
    (void)state;
    meet_and_part();
    int before = descriptors_settle(0);
    for (int i = 0; i < 20; i++)
        assert_int_not_equal(bus_dial(path, 0, &child, &why), 0);
    assert_in_range(descriptors_settle(before + 2), 0, before + 2);
}

static struct bus_message *receive(struct bus *bus)
{
    struct bus_message *m = NULL;
    for (int i = 0; i < 60000 && bus_receive(bus, &m) != 1; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return m;
}

static void the_largest_envelope_passes(void **state)
{
    static char bytes[ENVELOPE_MAX];
    struct bus *router, *child;
    struct fault why;
    (void)state;
    assert_int_equal(bus_listen(path, 0600, &router, &why), 0);
    assert_int_equal(bus_dial(path, 60000, &child, &why), 0);
    int sent = bus_send(child, (struct span){bytes, sizeof bytes});
    for (int i = 0; sent < 0 && i < 60000; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        sent = bus_send(child, (struct span){bytes, sizeof bytes});
    }
    assert_int_equal(sent, 0);
    struct bus_message *m = receive(router);
    assert_non_null(m);
    assert_int_equal(bus_message_bytes(m).len, sizeof bytes);
    bus_message_free(m);
    bus_close(child);
    bus_close(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_bus_leaves_no_descriptor),
        cmocka_unit_test(a_dial_that_nobody_hears_leaves_no_descriptor),
        cmocka_unit_test(the_largest_envelope_passes),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
