/* SPDX-License-Identifier: MIT
 * A command is what its row says, whatever the values hold. */
#include "runtime/effects/programs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

static void words_are(const struct program_command *c, const char *const *expected)
{
    size_t i = 0;
    for (; expected[i] != NULL; i++)
        assert_string_equal(c->argv[i], expected[i]);
    assert_null(c->argv[i]);
}

static void qrexec_daemon_is_called_as_the_reference_calls_it(void **state)
{
    (void)state;
    struct program_command c;
    struct program_values v = {.xid = "7",
                               .name = "work",
                               .uuid = "611da028-c63e-4137-ad7c-9408e5ca7f90",
                               .user = "user",
                               .timeout = "60",
                               .quiet = "1"};
    const char *const quiet[] = {
        "/usr/sbin/qrexec-daemon", "-q", "-u", v.uuid, "--", "7", "work", "user", NULL};
    assert_int_equal(program_command(PROGRAM_QREXEC_DAEMON, &v, NULL, &c), 0);
    words_are(&c, quiet);
    assert_string_equal(c.envp[1], "QREXEC_STARTUP_TIMEOUT=60");
    assert_null(c.envp[2]);
}

static void what_has_no_value_is_left_out(void **state)
{
    (void)state;
    struct program_command c;
    struct program_values v = {
        .name = "work", .user = "root", .service = "qubes.SuspendPre", .source = "dom0"};
    const char *const plain[] = {"/usr/bin/qrexec-client", "-d", "work",
                                 "root:QUBESRPC qubes.SuspendPre dom0", NULL};
    assert_int_equal(program_command(PROGRAM_QREXEC_CLIENT, &v, NULL, &c), 0);
    words_are(&c, plain);
    strcpy(v.timeout, "60");
    strcpy(v.filter, "1");
    const char *const full[] = {"/usr/bin/qrexec-client",
                                "-d",
                                "work",
                                "-w",
                                "60",
                                "-t",
                                "-T",
                                "root:QUBESRPC qubes.SuspendPre dom0",
                                NULL};
    assert_int_equal(program_command(PROGRAM_QREXEC_CLIENT, &v, NULL, &c), 0);
    words_are(&c, full);
}

/* Whatever the values say: who could name another service would be root in dom0. */
static void dom0_is_asked_for_one_service_only_which_runs_as_root(void **state)
{
    (void)state;
    struct program_command c;
    struct program_values v = {
        .name = "work", .user = "user", .service = "qubes.VMShell", .source = "dom0", .timeout = "60"};
    const char *const words[] = {
        "/usr/lib/qubes/qubes-rpc-multiplexer", "qubes.USBDetach", "dom0", "name", "dom0", NULL};
    assert_int_equal(program_command(PROGRAM_DOM0_USB_DETACH, &v, NULL, &c), 0);
    words_are(&c, words);
    assert_null(c.envp[1]);
    for (unsigned i = 0; i <= OUTSIDE_PROGRAMS; i++)
        assert_int_equal(program_is_roots((enum outside_program)i), i == PROGRAM_DOM0_USB_DETACH);
}

static void tests_have_their_own_directory_of_programs(void **state)
{
    (void)state;
    struct program_command c;
    struct program_values v = {.name = "work", .xid = "3"};
    assert_int_equal(program_command(PROGRAM_QUBESDB_DAEMON, &v, "/tmp/stand-ins", &c), 0);
    assert_string_equal(c.file, "/tmp/stand-ins/qubesdb-daemon");
    assert_string_equal(c.argv[2], "work");
}

static void what_is_packed_is_what_is_unpacked(void **state)
{
    (void)state;
    char packed[240];
    size_t len;
    struct program_values back, v = {.xid = "12", .name = "sys-usb-dm", .service = "qubes.Detach+a_b.c"};
    assert_int_equal(program_pack(&v, packed, sizeof packed, &len), 0);
    assert_int_equal(program_unpack((struct span){packed, len}, &back), 0);
    assert_memory_equal(&v, &back, sizeof v);
    assert_int_equal(program_pack(&v, packed, len - 1, &len), -ERR_TOO_BIG);
}

/* The values come over a line whose other end may be in foreign hands. */
static void no_value_can_become_an_option_or_a_second_word(void **state)
{
    (void)state;
    static const char *const bad[] = {"-u root", "a b", "a\nb", "a;b", "-x", "$(id)", "a/b", "\xc3\xa4"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char packed[240];
        size_t len;
        struct program_values back = {.xid = "untouched"}, v = {0};
        strcpy(v.name, bad[i]);
        assert_int_equal(program_pack(&v, packed, sizeof packed, &len), 0);
        assert_int_equal(program_unpack((struct span){packed, len}, &back), -ERR_BAD);
        assert_string_equal(back.xid, "untouched");
    }
}

static void packed_bytes_cut_or_longer_are_refused(void **state)
{
    (void)state;
    char packed[240] = {0};
    size_t len;
    struct program_values v = {.name = "work"};
    assert_int_equal(program_pack(&v, packed, sizeof packed, &len), 0);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(program_unpack((struct span){packed, cut}, &v), -ERR_BAD);
    assert_int_equal(program_unpack((struct span){packed, len + 1}, &v), -ERR_BAD);
}

static void a_number_without_a_row_is_no_program(void **state)
{
    (void)state;
    struct program_command c;
    struct program_values v = {0};
    assert_int_equal(program_command(OUTSIDE_PROGRAMS, &v, NULL, &c), -ERR_UNKNOWN);
    assert_string_equal(program_name(OUTSIDE_PROGRAMS), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qrexec_daemon_is_called_as_the_reference_calls_it),
        cmocka_unit_test(what_has_no_value_is_left_out),
        cmocka_unit_test(dom0_is_asked_for_one_service_only_which_runs_as_root),
        cmocka_unit_test(tests_have_their_own_directory_of_programs),
        cmocka_unit_test(what_is_packed_is_what_is_unpacked),
        cmocka_unit_test(no_value_can_become_an_option_or_a_second_word),
        cmocka_unit_test(packed_bytes_cut_or_longer_are_refused),
        cmocka_unit_test(a_number_without_a_row_is_no_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
