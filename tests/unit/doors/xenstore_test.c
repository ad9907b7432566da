/* SPDX-License-Identifier: MIT
 * xenstore through libxenstore, against a stand-in for its daemon: what is there, what goes wrong, and what
 * backend/pci means in whatever state it is. */
#include "doors/xenstore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>

#include "tests/unit/doors/xenstored.h"

struct bench {
    struct xenstored *daemon;
    struct xenstore_door *x;
    struct fault why;
};

static int begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    *state = b;
    b->daemon = xsd_start();
    return xenstore_open(&b->x, &b->why);
}

static int end(void **state)
{
    struct bench *b = *state;
    xenstore_door_free(b->x);
    xsd_stop(b->daemon);
    free(b);
    return 0;
}

static void what_is_written_is_read_and_listed_until_it_is_removed(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
    assert_int_equal(b->x->ops->write(b->x, 0, "a/b/c", SPAN_LITERAL("value"), &b->why), 0);
    assert_int_equal(b->x->ops->write(b->x, 0, "a/d", SPAN_LITERAL(""), &b->why), 0);
    assert_int_equal(b->x->ops->read(b->x, 0, "a/b/c", &t, &b->why), 0);
    assert_string_equal(t.at, "value");
    text_clear(&t);
    assert_int_equal(b->x->ops->list(b->x, 0, "a", &t, &b->why), 0);
    assert_string_equal(t.at, "b\nd\n");
    assert_int_equal(b->x->ops->remove(b->x, 0, "a/b", &b->why), 0);
    assert_int_equal(b->x->ops->read(b->x, 0, "a/b/c", &t, &b->why), -ERR_UNKNOWN);
    assert_int_equal(b->x->ops->list(b->x, 0, "nothing", &t, &b->why), -ERR_UNKNOWN);
}

static void a_value_beyond_the_limit_is_an_error(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(3);
    xsd_put(b->daemon, "a", "four");
    assert_int_equal(b->x->ops->read(b->x, 0, "a", &t, &b->why), -ERR_TOO_BIG);
}

static void a_watch_tells_of_each_change(void **state)
{
    struct bench *b = *state;
    AUTO_TEXT path = TEXT_WITH_LIMIT(4096);
    assert_int_equal(b->x->ops->watch(b->x, "backend/pci", "token", &b->why), 0);
    for (int i = 0; i < 2; i++) {
        struct pollfd p = {.fd = b->x->ops->descriptor(b->x), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 5000), 1);
        text_clear(&path);
        assert_int_equal(b->x->ops->changed(b->x, &path, &b->why), 1);
        assert_string_equal(path.at, "backend/pci");
        if (i == 0)
            assert_int_equal(b->x->ops->write(b->x, 0, "backend/pci/1", SPAN_LITERAL("x"), &b->why), 0);
    }
    assert_int_equal(b->x->ops->changed(b->x, &path, &b->why), 0);
}

static void a_daemon_that_answers_wrongly_is_an_error_and_not_a_crash(void **state)
{
    static const struct {
        enum xsd_fault fault;
        int r;
    } row[] = {{XSD_CUT_HEADER, -ERR_CLOSED},
               {XSD_CUT_BODY, -ERR_CLOSED},
               {XSD_HANG_UP, -ERR_CLOSED},
               {XSD_OTHER_TYPE, -ERR_CLOSED},
               {XSD_STRANGE_ERROR, -ERR_IO}};
    struct bench *b = *state;
    for (size_t i = 0; i < COUNT(row); i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
        struct xenstore_door *x;
        xsd_put(b->daemon, "a", "value");
        b->daemon->fault = XSD_WELL;
        xenstore_door_free(TAKE(b->x));
        assert_int_equal(xenstore_open(&x, &b->why), 0);
        b->x = x;
        b->daemon->fault = (int)row[i].fault;
        int r = x->ops->read(x, 0, row[i].fault == XSD_STRANGE_ERROR ? "none" : "a", &t, &b->why);
        if (r != row[i].r)
            fail_msg("fault %d: %d %s", (int)row[i].fault, r, b->why.text);
    }
}

static void nobody_at_the_socket_is_no_connection(void **state)
{
    struct xenstore_door *x = NULL;
    struct fault why;
    (void)state;
    setenv("XENSTORED_PATH", "/nonexistent/socket", 1);
    assert_int_equal(xenstore_open(&x, &why), -ERR_NO_CONNECTION);
    assert_null(x);
}

/* "domid name sbdf" of each row. */
static const char *holders(struct bench *b)
{
    static char text[4096];
    AUTO_MEMORY struct xenstore_pci *rows = NULL;
    size_t count = 0, at = 0;
    int r = xenstore_pci_read(b->x, &rows, &count, &b->why);
    text[0] = '\0';
    if (r < 0)
        return err_name((enum err) - r);
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%u %s %s\n", (unsigned)rows[i].domid,
                               rows[i].domain, rows[i].sbdf);
    assert_int_equal(b->daemon->open, 0);
    return text;
}

/* Domains of which the store knows. */
static void live(struct bench *b, unsigned first, unsigned last)
{
    char path[32];
    for (unsigned domid = first; domid <= last; domid++) {
        snprintf(path, sizeof path, "/local/domain/%u", domid);
        xsd_put(b->daemon, path, "");
    }
}

static void a_domain_that_is_no_more_has_nothing(void **state)
{
    struct bench *b = *state;
    live(b, 24, 24);
    xsd_put(b->daemon, "backend/pci/24/0/domain", "sys-net");
    xsd_put(b->daemon, "backend/pci/24/0/state", "6"); /* a guest that closed its side has the device still */
    xsd_put(b->daemon, "backend/pci/24/0/num_devs", "1");
    xsd_put(b->daemon, "backend/pci/24/0/dev-0", "0000:00:19.0");
    assert_string_equal(holders(b), "24 sys-net 0000:00:19.0\n");
    assert_int_equal(b->x->ops->remove(b->x, 0, "/local/domain/24", &b->why), 0);
    assert_string_equal(holders(b), "");
}

static void any_domain_may_have_any_number_of_devices(void **state)
{
    struct bench *b = *state;
    assert_string_equal(holders(b), "");
    live(b, 3, 12);
    xsd_put(b->daemon, "backend/pci/3/0/domain", "sys-net");
    xsd_put(b->daemon, "backend/pci/3/0/num_devs", "2");
    xsd_put(b->daemon, "backend/pci/3/0/dev-0", "0000:00:19.0");
    xsd_put(b->daemon, "backend/pci/3/0/dev-1", "0001:c6:00.1");
    xsd_put(b->daemon, "backend/pci/12/0/domain", "sys-usb");
    xsd_put(b->daemon, "backend/pci/12/0/num_devs", "1");
    xsd_put(b->daemon, "backend/pci/12/0/dev-0", "0000:00:14.0");
    assert_string_equal(holders(b),
                        "3 sys-net 0000:00:19.0\n3 sys-net 0001:c6:00.1\n12 sys-usb 0000:00:14.0\n");
}

/* Seen on Xen 4.17: an HVM guest's rows carry both, and vdev-N is 0000:00:00.00 whatever the guest sees. */
static void a_guest_sees_a_device_where_its_device_model_or_else_pcifront_shows_it(void **state)
{
    static const struct {
        const char *vdevfn, *vdev, *guest;
    } row[] = {{"18", "0000:00:00.00", "00:03.0"},  {"0x2d", "", "00:05.5"}, {"", "0000:00:05.00", "00:05.0"},
               {"100", "0000:00:06.07", "00:06.7"}, {"1g", "", ""},          {"", "0000:00:05.10", ""}};
    struct bench *b = *state;
    live(b, 3, 3);
    xsd_put(b->daemon, "backend/pci/3/0/domain", "sys-net");
    xsd_put(b->daemon, "backend/pci/3/0/num_devs", "1");
    xsd_put(b->daemon, "backend/pci/3/0/dev-0", "0000:00:19.0");
    for (size_t i = 0; i < COUNT(row); i++) {
        AUTO_MEMORY struct xenstore_pci *rows = NULL;
        size_t count = 0;
        xsd_put(b->daemon, "backend/pci/3/0/vdevfn-0", row[i].vdevfn);
        xsd_put(b->daemon, "backend/pci/3/0/vdev-0", row[i].vdev);
        assert_int_equal(xenstore_pci_read(b->x, &rows, &count, &b->why), 0);
        assert_int_equal(count, 1);
        assert_string_equal(rows[0].guest, row[i].guest);
    }
}

static void what_is_half_written_or_nonsense_is_left_out(void **state)
{
    static const char *const items[][2] = {{"backend/pci/3/0/domain", "sys-net"},
                                           {"backend/pci/3/0/num_devs", "4"},
                                           {"backend/pci/3/0/dev-1", "0000:00:19.0"},
                                           {"backend/pci/3/0/dev-2", "0000:00:19.0 "},
                                           {"backend/pci/3/0/dev-3", "00:19.0"},
                                           {"backend/pci/3/0/dev-4", "0000:00:1a.0"},
                                           {"backend/pci/4/0/num_devs", "1"},
                                           {"backend/pci/4/0/dev-0", "0000:00:1b.0"},
                                           {"backend/pci/5/0/domain", "x"},
                                           {"backend/pci/5/0/dev-0", "0000:00:1b.0"},
                                           {"backend/pci/6/0/domain", "x"},
                                           {"backend/pci/6/0/num_devs", "99999999999999999999"},
                                           {"backend/pci/7/0/domain", "a b"},
                                           {"backend/pci/7/0/num_devs", "1"},
                                           {"backend/pci/7/0/dev-0", "0000:00:1b.0"},
                                           {"backend/pci/8/x/domain", "x"},
                                           {"backend/pci/zz/0/domain", "x"},
                                           {"backend/pci/9/0/domain", "x"},
                                           {"backend/pci/9/0/num_devs", "-1"},
                                           {"backend/pci/9/0/dev-0", "0000:00:1b.0"},
                                           {"backend/pci/10/0/domain", ""},
                                           {"backend/pci/10/0/num_devs", "1"},
                                           {"backend/pci/10/0/dev-0", "0000:00:1b.0"},
                                           {"backend/pci/11/0/domain", "cut"},
                                           {"backend/pci/11/0/num_devs", "1"},
                                           {"backend/pci/11/0/dev-0", "0000:00:1B.0"}};
    struct bench *b = *state;
    live(b, 3, 12);
    for (size_t i = 0; i < COUNT(items); i++)
        xsd_put(b->daemon, items[i][0], items[i][1]);
    assert_string_equal(holders(b), "3 sys-net 0000:00:19.0\n");
}

static void a_transaction_that_meets_another_is_done_again_a_few_times(void **state)
{
    struct bench *b = *state;
    live(b, 3, 3);
    xsd_put(b->daemon, "backend/pci/3/0/domain", "sys-net");
    xsd_put(b->daemon, "backend/pci/3/0/num_devs", "1");
    xsd_put(b->daemon, "backend/pci/3/0/dev-0", "0000:00:19.0");
    b->daemon->conflicts = 2;
    assert_string_equal(holders(b), "3 sys-net 0000:00:19.0\n");
    assert_int_equal(b->daemon->transactions, 3);
    b->daemon->conflicts = 1000;
    assert_string_equal(holders(b), "BUSY");
    assert_int_equal(b->daemon->transactions, 8);
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_is_written_is_read_and_listed_until_it_is_removed),
        BENCH_TEST(a_value_beyond_the_limit_is_an_error),
        BENCH_TEST(a_watch_tells_of_each_change),
        BENCH_TEST(a_daemon_that_answers_wrongly_is_an_error_and_not_a_crash),
        cmocka_unit_test(nobody_at_the_socket_is_no_connection),
        BENCH_TEST(any_domain_may_have_any_number_of_devices),
        BENCH_TEST(a_guest_sees_a_device_where_its_device_model_or_else_pcifront_shows_it),
        BENCH_TEST(a_domain_that_is_no_more_has_nothing),
        BENCH_TEST(what_is_half_written_or_nonsense_is_left_out),
        BENCH_TEST(a_transaction_that_meets_another_is_done_again_a_few_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
