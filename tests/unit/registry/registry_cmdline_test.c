/* SPDX-License-Identifier: MIT
 * The kernel command line that registry puts together of a VM's options, its kernel's and its boot mode's.
 * Spec: libvirt-xml 3, vm-model 4.11 and 4.12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/record_values.h"
#include "tests/unit/registry/registry_bench.h"

#define BUILT_IN                                                                                             \
    "root=/dev/mapper/dmroot ro nomodeset console=hvc0 rd_NO_PLYMOUTH rd.plymouth.enable=0 "                 \
    "plymouth.enable=0 xen_privcmd.unrestricted "

static void set(struct bench *b, const char *property, const char *value)
{
    assert_int_equal(bench_answer(b, bench_operate(b, OPERATION_property_set, 1, property, value)), 0);
}

static void feature(struct bench *b, const char *name, const char *value)
{
    assert_int_equal(bench_answer(b, bench_operate(b, OPERATION_feature_set, 1, name, value)), 0);
}

/* A VM with a kernel of dom0's; what the kernel's directory holds, `file` says. */
static void up(struct bench *b, const char *(*file)(void *, const char *, const char *))
{
    bench_up(b);
    if (file != NULL)
        b->core->world.kernel_file = file;
    bench_create(b, "work");
    set(b, "kernel", "6.12");
    set(b, "kernelopts", "quiet");
}

/* Valid until the next call. */
static struct vm_view view(struct bench *b)
{
    struct claim_reply m;
    bench_forget(b);
    bench_vm_says(b, 1, MESSAGE_claim, 1);
    int at = bench_find(b, MESSAGE_claim, 0);
    assert_true(at >= 0);
    assert_int_equal(claim_reply_decode(&m, b->said[at].e.body), 0);
    return m.view;
}

static void is_line(struct bench *b, const char *wanted)
{
    struct vm_view v = view(b);
    assert_string_equal(v.kernelopts, wanted);
}

static void a_vms_options_follow_the_common_ones(void **state)
{
    struct bench b;
    (void)state;
    up(&b, NULL);
    is_line(&b, BUILT_IN "quiet");
    feature(&b, "apparmor", "1");
    is_line(&b, BUILT_IN "quiet apparmor=1 security=apparmor");
    feature(&b, "selinux", "1");
    is_line(&b, BUILT_IN "quiet apparmor=1 security=apparmor");
    feature(&b, "apparmor", "0");
    is_line(&b, BUILT_IN "quiet selinux=1 security=selinux");
    feature(&b, "no-default-kernelopts", "1");
    is_line(&b, "quiet");
    set(&b, "kernel", "");
    is_line(&b, "");
    bench_down(&b);
}

static void what_the_vm_says_of_nomodeset_goes_with_the_line(void **state)
{
    struct bench b;
    struct vm_view v;
    (void)state;
    up(&b, NULL);
    v = view(&b);
    assert_int_equal(v.modeset, NOMODESET_GOES_FOR_A_SCREEN);
    assert_int_equal(v.common_len, strlen(BUILT_IN));
    feature(&b, "no-nomodeset", "1");
    v = view(&b);
    assert_int_equal(v.modeset, NOMODESET_GOES);
    feature(&b, "no-nomodeset", "");
    v = view(&b);
    assert_int_equal(v.modeset, NOMODESET_STAYS);
    feature(&b, "no-default-kernelopts", "1");
    v = view(&b);
    assert_int_equal(v.common_len, 0);
    bench_down(&b);
}

static const char *common_file(void *arg, const char *kernel, const char *file)
{
    (void)arg;
    assert_string_equal(kernel, "6.12");
    return strcmp(file, "default-kernelopts-common.txt") == 0 ? " root=/dev/xvda  ro " : NULL;
}

static void the_common_options_of_a_kernel_end_as_its_file_ends_them(void **state)
{
    struct bench b;
    (void)state;
    up(&b, common_file);
    is_line(&b, " root=/dev/xvda  ro quiet");
    bench_down(&b);
}

static const char *padded_file(void *arg, const char *kernel, const char *file)
{
    (void)arg, (void)kernel;
    return strcmp(file, "default-kernelopts-nopci.txt") == 0 ? " swiotlb=4096 " : NULL;
}

static void default_options_of_a_kernel_are_trimmed(void **state)
{
    struct bench b;
    (void)state;
    up(&b, padded_file);
    assert_int_equal(bench_answer(&b, bench_operate(&b, OPERATION_property_reset, 1, "kernelopts", "")), 0);
    is_line(&b, BUILT_IN "swiotlb=4096");
    bench_down(&b);
}

static void a_boot_mode_adds_its_options_and_one_that_has_gone_leaves_the_default_ones(void **state)
{
    struct bench b;
    (void)state;
    up(&b, NULL);
    feature(&b, "boot-mode.kernelopts.safe", "single");
    feature(&b, "boot-mode.kernelopts.fast", "turbo=1");
    set(&b, "bootmode", "safe");
    is_line(&b, BUILT_IN "quiet single");
    set(&b, "bootmode", "gone");
    is_line(&b, BUILT_IN "quiet");
    feature(&b, "boot-mode.active", "fast");
    is_line(&b, BUILT_IN "quiet turbo=1");
    set(&b, "bootmode", "default");
    is_line(&b, BUILT_IN "quiet");
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vms_options_follow_the_common_ones),
        cmocka_unit_test(what_the_vm_says_of_nomodeset_goes_with_the_line),
        cmocka_unit_test(the_common_options_of_a_kernel_end_as_its_file_ends_them),
        cmocka_unit_test(default_options_of_a_kernel_are_trimmed),
        cmocka_unit_test(a_boot_mode_adds_its_options_and_one_that_has_gone_leaves_the_default_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
