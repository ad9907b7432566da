/* SPDX-License-Identifier: MIT
 * A tool's command fits a row word for word or is none, and its values are the pool's own. */
#include "runtime/effects/tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/own.h"

static const struct tool_pool thin = {.group = "vg-1", .thin = "pool"};
static const struct tool_pool datasets = {.container = "tank/qubes"};
static const struct tool_pool files = {.directory = "/var/lib/qubes"};

static int match(const char *const *argv, struct tool_values *v)
{
    memset(v, 0x55, sizeof *v);
    return tool_match(argv, v);
}

#define HOSTS_MONITOR "--config=dmeventd/executable=\"/nonexistent/dmeventd\""

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

#define CRYPT_WORDS                                                                                          \
    "cryptsetup", "--key-file=/dev/urandom", "--cipher=aes-xts-plain64", "--type=plain", "--", "open"

static void commands_fit_their_rows(void **state)
{
    static const struct {
        int program;
        const char *const argv[TOOL_WORDS_MAX];
        bool of_thin, of_files, of_datasets;
    } rows[] = {
        {PROGRAM_LVCREATE,
         {"lvm", "lvcreate", HOSTS_MONITOR, "--thin", "--setactivationskip=n", "--activate=y",
          "--name=vm-a-root", "--virtualsize=4096B", "--", "vg-1/pool"},
         .of_thin = true},
        {PROGRAM_LVCLONE,
         {"lvm", "lvcreate", HOSTS_MONITOR, "--setactivationskip=n", "--activate=y", "--type=thin",
          "--name=vg-1/vm-a-root-snap", "--", "vg-1/vm-a-root"},
         .of_thin = true},
        {PROGRAM_LVRENAME,
         {"/usr/sbin/lvm", "lvrename", HOSTS_MONITOR, "--", "vg-1/a", "vg-1/b"},
         .of_thin = true},
        {PROGRAM_BLKDISCARD, {"blkdiscard", "-p", "1G", "/dev/vg-1/vm-a-root"}, .of_thin = true},
        {PROGRAM_DM_DELETE, {"dmsetup", "message", "vg--1-pool-tpool", "0", "delete 6"}, .of_thin = true},
        {PROGRAM_CRYPT_OPEN,
         {"/usr/sbin/cryptsetup", "--key-file=/dev/urandom", "--cipher=aes-xts-plain64", "--type=plain", "--",
          "open", "/dev/mapper/vg--1-vm--a--volatile", "vg--1-vm--a--volatile@crypt"},
         .of_thin = true},
        {PROGRAM_CRYPT_OPEN,
         {"/usr/sbin/cryptsetup", "--key-file=/dev/urandom", "--cipher=aes-xts-plain64", "--type=plain", "--",
          "open", "/var/lib/qubes/appvms/a/volatile-dirty.img", "vm-volatile-a-crypt@volatile"},
         .of_files = true},
        {PROGRAM_CRYPT_OPEN,
         {CRYPT_WORDS, "/var/lib/qubes/appvms/my_own-vm/volatile.img",
          "vm-volatile-my_uown_dvm-crypt@volatile"},
         .of_files = true},
        {PROGRAM_CRYPT_CLOSE,
         {"/usr/sbin/cryptsetup", "--", "close", "vm-volatile-a-crypt@volatile"},
         .of_files = true,
         .of_datasets = true},
        {PROGRAM_SNAPSHOT_MAKE,
         {"create-snapshot", "origin-fd00:12", "/var/lib/qubes/appvms/a b/private.img",
          "/var/lib/qubes/appvms/a b/private-cow.img"},
         .of_files = true},
        {PROGRAM_DM_LOAD,
         {"dmsetup", "load", "origin-fd00:12", "--table", "0 64 snapshot-origin 7:0"},
         .of_files = true},
        {PROGRAM_ZFS_CREATE,
         {"zfs", "create", "-p", "-s", "-V", "4096", "tank/qubes/a/root"},
         .of_datasets = true},
        {PROGRAM_ZFS_CREATE_PASSING,
         {"zfs", "create", "-p", "-s", "-V", "4096", "-o", "com.sun:auto-snapshot=false",
          "tank/qubes/a/volatile"},
         .of_datasets = true},
        {PROGRAM_ZFS_CLONE,
         {"zfs", "clone", "-p", "tank/qubes/a/root@qubes-clean-abcdefgh",
          "tank/qubes/.tmp/tank_qubes_b_root/abcdefgi"},
         .of_datasets = true},
        {PROGRAM_ZFS_DROP, {"/usr/sbin/zfs", "destroy", "-r", "tank/qubes/a/root"}, .of_datasets = true},
        {PROGRAM_ZFS_FORGET,
         {"zfs", "destroy", "-d", "tank/qubes/a/root@qubes:before-start:1521065904.123456"},
         .of_datasets = true},
        {PROGRAM_ZFS_MARK,
         {"zfs", "set", "org.qubes-os:part-of-qvm-pool=true", "tank/qubes"},
         .of_datasets = true},
        {PROGRAM_ZPOOL_SIZE, {"zpool", "list", "-Hp", "-o", "size", "tank"}, .of_datasets = true},
        {PROGRAM_CRYPT_OPEN,
         {"/usr/sbin/cryptsetup", "--key-file=/dev/urandom", "--cipher=aes-xts-plain64", "--type=plain", "--",
          "open", "/dev/zvol/tank/qubes/a/volatile", "vm-volatile-a-crypt@volatile"},
         .of_datasets = true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tool_values v;
        assert_int_equal(match(rows[i].argv, &v), rows[i].program);
        assert_int_equal(tool_is_of(&v, &thin), rows[i].of_thin);
        assert_int_equal(tool_is_of(&v, &files), rows[i].of_files);
        assert_int_equal(tool_is_of(&v, &datasets), rows[i].of_datasets);
        assert_true(tool_seconds(rows[i].program) > 0 && tool_file(rows[i].program)[0] == '/');
    }
}

static void what_fits_no_row_is_none_and_writes_nothing(void **state)
{
    static const char *const bad[][TOOL_WORDS_MAX] = {
        {"lvm"},
        {"sh", "-c", "id"},
        {"lvm", "vgremove", "--force", "--", "vg-1"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/a", "vg-1/b"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/a/b"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/-a"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "--config/a"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "/a"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/a b"},
        {"lvm", "lvremove", HOSTS_MONITOR, "--force", "vg-1/a"},
        {"lvm", "lvremove", "--force", "--", "vg-1/a"}, /* would begin a dmeventd */
        {"lvm", "lvremove", "--config=dmeventd/executable=\"/bin/sh\"", "--force", "--", "vg-1/a"},
        {"lvm", "lvrename", HOSTS_MONITOR, "--", "vg-1/a", "vg-2/a"}, /* one value, two words */
        {"lvm", "lvresize", HOSTS_MONITOR, "--size=12", "--", "vg-1/a"},
        {"lvm", "lvresize", HOSTS_MONITOR, "--size=-12B", "--", "vg-1/a"},
        {"lvm", "lvresize", HOSTS_MONITOR, "--size=123456789012345678901B", "--", "vg-1/a"},
        {"/tmp/lvm", "lvresize", HOSTS_MONITOR, "--size=12B", "--", "vg-1/a"},
        {"create-snapshot", "origin-1:2", "/var/lib/qubes/a\n.img", "/var/lib/qubes/b.img"},
        {"zfs", "destroy", "-R", "tank/qubes/a/root"},
        {"zfs", "destroy", "-r", "-d", "tank/qubes/a/root"},
        {"zfs", "destroy", "-d", "tank/qubes/a/root@a,b"},
        {"zfs", "destroy", "-d", "tank/qubes/a/root@a%b"},
        {"zfs", "destroy", "-r", "tank/qubes/a/root#b"},
        {"zfs", "set", "mountpoint=/", "tank/qubes/a"},
        {"zfs", "set", "readonly=perhaps", "tank/qubes/a"},
        {"zfs", "rename", "-p", "tank/qubes/a"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct tool_values v, untouched;
        memset(&untouched, 0x55, sizeof untouched);
        assert_int_equal(match(bad[i], &v), -ERR_REFUSED);
        assert_memory_equal(&v, &untouched, sizeof v);
    }
}

static void what_is_another_pools_is_refused(void **state)
{
    static const struct {
        const struct tool_pool *pool;
        const char *const argv[TOOL_WORDS_MAX];
    } rows[] = {
        {&thin, {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg/vm-a-root"}},
        {&thin, {"blkdiscard", "-p", "1G", "/dev/vg-10/vm-a-root"}},
        {&thin,
         {"lvm", "lvcreate", HOSTS_MONITOR, "--thin", "--setactivationskip=n", "--activate=y", "--name=x",
          "--virtualsize=1B", "--", "vg-1/other"}},
        {&thin, {"cryptsetup", "--", "close", "vm-volatile-a-crypt@volatile"}},
        {&thin, {"cryptsetup", "--", "close", "vg--10-a@crypt"}},
        {&thin, {"cryptsetup", "--", "close", "vg--1--a-b@crypt"}}, /* of the group vg-1-a */
        {&thin, {"cryptsetup", "--", "close", "vg--1-root"}},
        {&thin, {"dmsetup", "resume", "origin-fd00:12"}},
        {&thin, {"dmsetup", "message", "vg--1-other-tpool", "0", "delete 6"}},
        {&thin, {"dmsetup", "message", "vg--1-pool", "0", "delete 6"}},
        {&thin, {"dmsetup", "message", "vg-pool-tpool", "0", "delete 6"}},
        {&files, {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/vm-a-root"}},
        {&files, {"cryptsetup", "--", "close", "luks-root"}},
        {&files, {CRYPT_WORDS, "/var/lib/qubes/appvms/a/volatile-dirty.img", "vm-volatile-b-crypt@volatile"}},
        {&files,
         {CRYPT_WORDS, "/var/lib/qubes/appvms/a/volatile-dirty.img", "vm-volatile-aa-crypt@volatile"}},
        {&files,
         {CRYPT_WORDS, "/var/lib/qubes/appvms/aa/volatile-dirty.img", "vm-volatile-a-crypt@volatile"}},
        {&files,
         {CRYPT_WORDS, "/var/lib/qubes/appvms/a-b/volatile-dirty.img", "vm-volatile-a_ub-crypt@volatile"}},
        {&datasets, {CRYPT_WORDS, "/dev/zvol/tank/qubes/a/volatile", "vm-volatile-b-crypt@volatile"}},
        {&thin, {CRYPT_WORDS, "/dev/mapper/vg--1-vm--a--volatile", "vg--1-vm--b--volatile@crypt"}},
        {&thin, {CRYPT_WORDS, "/dev/mapper/vg--1-vm--a--volatile", "vg--1-vm--a--volatile-x@crypt"}},
        {&files, {"dmsetup", "resume", "qubes_dom0-root"}},
        {&files, {"dmsetup", "resume", "origin-root"}},
        {&files, {"create-snapshot", "origin-1:2", "/var/lib/qubesX/a.img", "/var/lib/qubes/b.img"}},
        {&files, {"create-snapshot", "origin-1:2", "/var/lib/qubes/a.img", "/var/lib/qubes/../b.img"}},
        {&files, {"create-snapshot", "origin-1:2", "/var/lib/qubes/a.img", "/var/lib/qubes/.."}},
        {&datasets, {"zfs", "destroy", "-r", "tank/qubes2/a"}},
        {&datasets, {"zfs", "destroy", "-r", "tank/qubes"}},
        {&datasets, {"zfs", "destroy", "-r", "tank/qubes/../home"}},
        {&datasets, {"zfs", "destroy", "-r", "tank/home"}},
        {&datasets, {"zfs", "rename", "-p", "tank/home", "tank/qubes/a"}},
        {&datasets, {"zfs", "rename", "-p", "tank/qubes/a", "tank/home"}},
        {&datasets, {"zfs", "clone", "-p", "tank/home@a", "tank/qubes/a"}},
        {&datasets, {"zfs", "rollback", "-r", "tank/home@a"}},
        {&datasets, {"zfs", "list", "-H", "-o", "org.qubes-os:part-of-qvm-pool", "tank/qubes/a"}},
        {&datasets, {"zpool", "list", "-Hp", "-o", "size", "tan"}},
        {&datasets, {"lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg-1/vm-a-root"}},
        {&files, {"zfs", "destroy", "-r", "tank/qubes/a/root"}},
        {&thin, {"zfs", "promote", "tank/qubes/a/root"}},
        {&files, {"losetup", "--noheadings", "--output=NAME", "--associated=/etc/shadow"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tool_values v;
        assert_true(match(rows[i].argv, &v) >= 0);
        if (tool_is_of(&v, rows[i].pool))
            fail_msg("%zu: %s %s", i, rows[i].argv[0], rows[i].argv[1]);
    }
}

static void only_its_own_nodes_are_opened(void **state)
{
    static const struct {
        const char *path;
        bool thin_opens, files_open, files_look, datasets_open;
    } rows[] = {
        {"/dev/vg-1/vm-a-root", true, false, false, false},
        {"/dev/vg-1/..", false, false, false, false},
        {"/dev/vg/vm-a-root", false, false, false, false},
        {"/dev/vg-1/a/b", false, false, false, false},
        {"/dev/sda", false, false, false, false},
        {"/dev/mapper/vg--1-vm--a@crypt", true, false, false, false},
        {"/dev/mapper/vg--1-vm--a", false, false, false, false},
        {"/dev/mapper/vm-volatile-a-crypt@volatile", false, true, true, true},
        {"/dev/zvol/tank/qubes/a/root", false, false, false, true},
        {"/dev/zvol/tank/qubes/../a", false, false, false, false},
        {"/dev/zvol/tank/qubes/..", false, false, false, false},
        {"/dev/zvol/tank/qubes", false, false, false, false},
        {"/dev/zvol/tank/home/a", false, false, false, false},
        {"/dev/zd0", false, false, false, false},
        {"/dev/mapper/origin-fd00:12", false, false, true, false},
        {"/dev/mapper/control", false, false, false, false},
        {"/etc/passwd", false, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(tool_owns_node(&thin, rows[i].path, true), rows[i].thin_opens);
        assert_int_equal(tool_owns_node(&files, rows[i].path, true), rows[i].files_open);
        assert_int_equal(tool_owns_node(&files, rows[i].path, false), rows[i].files_look);
        assert_int_equal(tool_owns_node(&datasets, rows[i].path, true), rows[i].datasets_open);
    }
}

static void a_pool_that_nobody_has_named_owns_nothing(void **state)
{
    static const struct tool_pool none;
    struct tool_values v;
    (void)state;
    assert_int_equal(match(ARGV("lvm", "lvremove", HOSTS_MONITOR, "--force", "--", "vg/a"), &v),
                     PROGRAM_LVREMOVE);
    assert_false(tool_is_of(&v, &none));
    assert_true(match(ARGV("cryptsetup", "--", "close", "vm-volatile-a-crypt@volatile"), &v) >= 0);
    assert_false(tool_is_of(&v, &none));
    assert_int_equal(match(ARGV("zfs", "destroy", "-r", "tank/a"), &v), PROGRAM_ZFS_DROP);
    assert_false(tool_is_of(&v, &none));
    assert_int_equal(match(ARGV("zpool", "list", "-Hp", "-o", "free", "tank"), &v), PROGRAM_ZPOOL_FREE);
    assert_false(tool_is_of(&v, &none));
    assert_false(tool_owns_node(&none, "/dev/zvol/tank/a", false));
    assert_false(tool_owns_node(&none, "/dev/mapper/origin-1:2", false));
    assert_null(tool_file(PROGRAM_QREXEC_DAEMON));
    assert_null(tool_name(OUTSIDE_TOOLS_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_fit_their_rows),
        cmocka_unit_test(what_fits_no_row_is_none_and_writes_nothing),
        cmocka_unit_test(what_is_another_pools_is_refused),
        cmocka_unit_test(only_its_own_nodes_are_opened),
        cmocka_unit_test(a_pool_that_nobody_has_named_owns_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
