/* SPDX-License-Identifier: MIT
 * The foreign libraries work in a sealed jail: a libvirt client opened by a second thread after the
 * filter, and SQLite in WAL mode in the store's place. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sqlite3.h>

#include "base/own.h"
#include "tests/jail/prison.h"

static struct outcome live_as(const char *kind, enum jail_refusal refusal, int (*act)(const struct inmate *),
                              const void *argument)
{
    struct jail_order order = prison_order(&the_prison, kind);
    order.refusal = refusal;
    if (argument != NULL)
        order.places[PLACE_LIBVIRT] = order.places[PLACE_LIBVIRT_RO] = getenv("JAIL_LIBVIRT_DIR");
    const struct inmate inmate = {.prison = &the_prison,
                                  .order = &order,
                                  .depth = SEALED,
                                  .extra = -1,
                                  .act = act,
                                  .argument = argument};
    return prison_run(&inmate);
}

static int use_connection(virConnectPtr c)
{
    virDomainPtr *domains = NULL;
    int count = virConnectListAllDomains(c, &domains, 0);
    for (int i = 0; i < count; i++) {
        int state;
        char *xml = virDomainGetXMLDesc(domains[i], 0);
        if (xml == NULL || virDomainGetState(domains[i], &state, NULL, 0) < 0)
            count = -5;
        free(xml);
        virDomainFree(domains[i]);
    }
    free(domains);
    return count >= 0 ? 0 : -4; /* a private world may be empty */
}

struct errand {
    const char *uri;
    int r;
};

static void *work(void *argument)
{
    struct errand *errand = argument;
    errand->r = -2;
    virConnectPtr c = virConnectOpen(errand->uri);
    if (c == NULL) {
        const char *text = virGetLastErrorMessage();
        fprintf(stderr, "# %s: %s\n", errand->uri, text);
        return NULL;
    }
    virConnectSetKeepAlive(c, 1, 3);
    errand->r = use_connection(c);
    virConnectClose(c);
    return NULL;
}

static void quiet(void *self, virErrorPtr error)
{
    (void)self;
    (void)error;
}

static int a_worker_calls_libvirt(const struct inmate *me)
{
    struct errand errand = {me->argument != NULL ? me->argument : "test:///default", -1};
    pthread_t worker;
    virSetErrorFunc(NULL, quiet);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        return -3;
    if (pthread_create(&worker, NULL, work, &errand) != 0)
        return -6;
    pthread_join(worker, NULL);
    return errand.r;
}

static void libvirt_works_on_a_worker_after_the_seal(void **state)
{
    static const char *const kinds[] = {"vm", "host", "devbus-pci"};
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct outcome out = live_as(kinds[i], JAIL_KILL, a_worker_calls_libvirt, NULL);
        if (!out.ran || out.value != 0)
            fail_msg("%s: ran %d, value %d, signal %d %s", kinds[i], out.ran, out.value, out.signal,
                     out.why.text);
    }
}

/* JAIL_LIBVIRT_DIR and JAIL_LIBVIRT_URI name a running private libvirtd; else there is nothing to ask. */
static void a_real_libvirtd_is_reached_after_the_seal(void **state)
{
    static const char *const kinds[] = {"vm", "host", "devbus-pci"};
    (void)state;
    if (getenv("JAIL_LIBVIRT_DIR") == NULL || getenv("JAIL_LIBVIRT_URI") == NULL)
        skip();
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct outcome out = live_as(kinds[i], JAIL_KILL, a_worker_calls_libvirt, getenv("JAIL_LIBVIRT_URI"));
        if (!out.ran || out.value != 0)
            fail_msg("%s: ran %d, value %d, signal %d %s", kinds[i], out.ran, out.value, out.signal,
                     out.why.text);
    }
}

static int a_store_is_kept(const struct inmate *me)
{
    static const char *const steps[] = {
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "CREATE TABLE t (k PRIMARY KEY, v) WITHOUT ROWID",
        "BEGIN IMMEDIATE",
        "INSERT INTO t VALUES (1, 'a')",
        "COMMIT",
        "SELECT * FROM t ORDER BY v",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "VACUUM",
    };
    char path[160];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/store.db", me->prison->places[PLACE_STORE]);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        return -1;
    for (size_t i = 0; i < COUNT(steps); i++)
        if (sqlite3_exec(db, steps[i], NULL, NULL, NULL) != SQLITE_OK) {
            fprintf(stderr, "# %s: %s\n", steps[i], sqlite3_errmsg(db));
            return -10 - (int)i;
        }
    return sqlite3_close(db) == SQLITE_OK ? 0 : -2;
}

static void the_registry_keeps_its_store(void **state)
{
    char path[160];
    struct stat found;
    (void)state;
    struct outcome out = live_as("registry", JAIL_KILL, a_store_is_kept, NULL);
    if (!out.ran || out.value != 0)
        fail_msg("ran %d, value %d, signal %d %s", out.ran, out.value, out.signal, out.why.text);
    snprintf(path, sizeof path, "%s/store.db", the_prison.places[PLACE_STORE]);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_uid, out.report.uid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libvirt_works_on_a_worker_after_the_seal),
        cmocka_unit_test(a_real_libvirtd_is_reached_after_the_seal),
        cmocka_unit_test(the_registry_keeps_its_store),
    };
    if (!prison_is_possible())
        return 77;
    return cmocka_run_group_tests_name("doors in a jail", tests, prison_open_for_group,
                                       prison_close_for_group);
}
