/* SPDX-License-Identifier: MIT
 * What require and best promise, what a missing row looks like while diagnosing, and that a row's
 * capability, and only that, survives the change of uid. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/own.h"
#include "tests/jail/grants.h"
#include "tests/jail/prison.h"
#include "tests/jail/tries.h"

static struct prison prison;

static struct outcome live(const struct jail_order *order, int (*act)(const struct inmate *))
{
    const struct inmate inmate = {
        .prison = &prison, .order = order, .depth = SEALED, .extra = -1, .act = act};
    return prison_run(&inmate);
}

static int nothing(const struct inmate *me)
{
    (void)me;
    return 0;
}

/* In a child that is no pid 1 and, if `uid` is not 0, not root: the outcome of both calls. */
static struct outcome enter_as(uid_t uid, enum jail_mode mode)
{
    int report[2], status;
    struct outcome out = {.r = -ERR_CLOSED};
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        const int keep[] = {report[1], STDERR_FILENO};
        struct jail_order order = prison_order(&prison, "vm");
        order.mode = mode;
        order.keep = keep;
        order.keep_count = COUNT(keep);
        if (uid != 0 && (setgid(uid) < 0 || setuid(uid) < 0))
            _exit(1);
        out.r = jail_enter(&order, &out.report, &out.why);
        if (out.r >= 0)
            out.r = jail_seal(&order, &out.report, &out.why);
        _exit(write(report[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
    }
    close(report[1]);
    assert_int_equal(read(report[0], &out, sizeof out), sizeof out);
    close(report[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return out;
}

static void require_names_the_layer_that_is_missing(void **state)
{
    (void)state;
    struct outcome out = enter_as(0, JAIL_REQUIRE);
    assert_int_equal(out.r, -ERR_UNSUPPORTED);
    assert_non_null(strstr(out.why.text, "pidns"));
    assert_int_equal(out.report.in_force, 0);
}

static void best_works_without_root_and_says_what_is_missing(void **state)
{
    static const enum layer had[] = {LAYER_FDS, LAYER_LIMITS, LAYER_NNP, LAYER_NONDUMPABLE, LAYER_SECCOMP};
    static const enum layer lost[] = {LAYER_PIDNS, LAYER_MOUNTNS, LAYER_NETNS, LAYER_ROOT, LAYER_UID};
    (void)state;
    struct outcome out = enter_as(65534, JAIL_BEST);
    if (out.r < 0)
        fail_msg("%s", out.why.text);
    for (size_t i = 0; i < COUNT(had); i++)
        assert_true((out.report.in_force & LAYER_BIT(had[i])) != 0);
    for (size_t i = 0; i < COUNT(lost); i++)
        assert_true((out.report.missing & LAYER_BIT(lost[i])) != 0);
    assert_int_equal(out.report.in_force & out.report.missing, 0);
    assert_int_equal(out.report.uid, 65534);
}

static int ask_for_a_process(const struct inmate *me)
{
    (void)me;
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM ? 0 : -1;
}

static void a_telling_jail_answers_instead_of_killing(void **state)
{
    static const char *const kinds[] = {"router", "api", "registry", "host", "vm", "guest", "devbus-pci"};
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct jail_order order = prison_order(&prison, kinds[i]);
        order.refusal = JAIL_TELL;
        struct outcome out = live(&order, ask_for_a_process);
        if (!out.ran || out.value != 0)
            fail_msg("%s: signal %d, %s", kinds[i], out.signal, out.why.text);
    }
}

static void a_place_that_does_not_exist_is_named(void **state)
{
    (void)state;
    struct jail_order order = prison_order(&prison, "vm");
    order.places[PLACE_LIBVIRT] = "/nowhere/libvirt";
    struct outcome out = live(&order, nothing);
    assert_int_equal(out.r, -ERR_UNKNOWN);
    assert_non_null(strstr(out.why.text, "/nowhere/libvirt"));
    order.places[PLACE_LIBVIRT] = "/tmp/../etc";
    assert_int_equal(live(&order, nothing).r, -ERR_UNKNOWN);
}

static void an_instance_beyond_its_row_is_refused(void **state)
{
    (void)state;
    struct jail_order order = prison_order(&prison, "vm");
    order.instance = 15000; /* would be the uid of guest/0 */
    assert_int_equal(live(&order, nothing).r, -ERR_RANGE);
    order.kind = "nobody";
    assert_int_equal(live(&order, nothing).r, -ERR_UNKNOWN);
}

static int has_only_dac_override(const struct inmate *me)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    (void)me;
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    return data[0].effective == 1U << CAP_DAC_OVERRIDE && data[0].permitted == data[0].effective &&
                   data[0].inheritable == 0 && data[1].permitted == 0
               ? 0
               : -1;
}

static void a_row_grants_one_capability(void **state)
{
    (void)state;
    const struct effects table = effects_table();
    struct jail_order order = prison_order(&prison, "devbus-pci");
    AUTO_MEMORY struct effect *rows = malloc((table.count + 1) * sizeof *rows);
    assert_non_null(rows);
    memcpy(rows, table.row, table.count * sizeof *rows);
    rows[table.count] = (struct effect){"devbus-pci", EFFECT_MAY_CAP, CAP_DAC_OVERRIDE, 0, "", "this test"};
    order.effects = (struct effects){rows, table.count + 1};
    const struct inmate inmate = {
        .prison = &prison, .order = &order, .depth = ENTERED, .extra = -1, .act = has_only_dac_override};
    struct outcome out = prison_run(&inmate);
    assert_true(out.ran);
    assert_int_equal(out.value, 0);
}

/* As the supervisor would be: parent of a jailed process, and then gone. */
static void bear_and_wait(int alive)
{
    const int keep[] = {alive};
    struct jail_order order = prison_order(&prison, "guest");
    struct jail_report report = {0};
    order.keep = keep;
    order.keep_count = COUNT(keep);
    if (unshare(CLONE_NEWPID) < 0)
        _exit(1);
    if (fork() == 0) {
        if (jail_enter(&order, &report, NULL) >= 0 && jail_seal(&order, &report, NULL) >= 0 &&
            write(alive, "a", 1) == 1)
            sleep(60);
        _exit(1);
    }
    close(alive);
    pause();
}

static void a_jailed_process_ends_with_its_parent(void **state)
{
    int alive[2], status;
    char byte;
    (void)state;
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        close(alive[0]);
        bear_and_wait(alive[1]);
    }
    close(alive[1]);
    assert_int_equal(read(alive[0], &byte, 1), 1);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    struct pollfd end = {alive[0], POLLIN, 0};
    assert_int_equal(poll(&end, 1, 5000), 1); /* its end of the pipe closed */
    assert_int_equal(read(alive[0], &byte, 1), 0);
    close(alive[0]);
}

static int open_prison(void **state)
{
    (void)state;
    prison_open(&prison);
    return 0;
}

static int close_prison(void **state)
{
    (void)state;
    prison_close(&prison);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(require_names_the_layer_that_is_missing),
        cmocka_unit_test(best_works_without_root_and_says_what_is_missing),
        cmocka_unit_test(a_telling_jail_answers_instead_of_killing),
        cmocka_unit_test(a_place_that_does_not_exist_is_named),
        cmocka_unit_test(an_instance_beyond_its_row_is_refused),
        cmocka_unit_test(a_row_grants_one_capability),
        cmocka_unit_test(a_jailed_process_ends_with_its_parent),
    };
    if (!prison_is_possible())
        return 77;
    return cmocka_run_group_tests_name("modes of the jail", tests, open_prison, close_prison);
}
