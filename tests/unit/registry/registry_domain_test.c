/* SPDX-License-Identifier: MIT
 * What registry resolves for a domain's XML, as it travels with the claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/registry/registry_view.h"
#include "base/own.h"
#include "proto/record_values.h"
#include "tests/unit/registry/registry_bench.h"

static void set(struct bench *b, uint32_t qid, const char *property, const char *value)
{
    uint64_t op = bench_operate(b, OPERATION_property_set, qid, property, value);
    assert_int_equal(bench_answer(b, op), 0);
}

static void feature(struct bench *b, uint32_t qid, const char *name, const char *value)
{
    uint64_t op = bench_operate(b, OPERATION_feature_set, qid, name, value);
    assert_int_equal(bench_answer(b, op), 0);
}

/* Valid until the next message. */
static struct vm_view claim(struct bench *b, uint32_t qid, uint32_t purpose)
{
    struct claim_reply m;
    bench_forget(b);
    bench_vm_says(b, qid, MESSAGE_claim, purpose);
    int at = bench_find(b, MESSAGE_claim, 0);
    assert_true(at >= 0);
    assert_int_equal(claim_reply_decode(&m, b->said[at].e.body), 0);
    return m.view;
}

static bool hvm_of(const struct vm_view *view, struct view_hvm *hvm)
{
    struct reader in = list_reader(&view->hvm);
    return view_hvm_next(&in, hvm) == 1;
}

static void only_an_hvm_has_a_device_model(void **state)
{
    struct bench b;
    struct view_hvm hvm;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    struct vm_view view = claim(&b, 1, 1);
    assert_false(hvm_of(&view, &hvm));
    set(&b, 1, "virt_mode", "hvm");
    view = claim(&b, 1, 1);
    assert_true(hvm_of(&view, &hvm));
    assert_true(hvm.linux_stubdom && !hvm.uefi && !hvm.full_stubdom);
    assert_string_equal(hvm.video_model, "vga");
    assert_string_equal(hvm.sound_model, "");
    bench_down(&b);
}

static void features_say_what_it_is_made_of(void **state)
{
    struct bench b;
    struct view_hvm hvm;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    set(&b, 1, "virt_mode", "hvm");
    set(&b, 1, "stubdom_mem", "200");
    feature(&b, 1, "uefi", "1");
    feature(&b, 1, "linux-stubdom", "");
    feature(&b, 1, "audio-model", "ich6");
    feature(&b, 1, "video-model", "none");
    feature(&b, 1, "qemu-extra-args", "-foo");
    feature(&b, 1, "timezone", "localtime");
    feature(&b, 1, "pci-e820-host", "");
    struct vm_view view = claim(&b, 1, 1);
    assert_true(hvm_of(&view, &hvm));
    assert_true(hvm.uefi && !hvm.linux_stubdom && hvm.full_stubdom && !view.e820_host);
    assert_int_equal(hvm.stubdom_mem, 200);
    assert_string_equal(hvm.sound_model, "ich6");
    assert_string_equal(hvm.video_model, "");
    assert_string_equal(hvm.arguments, "-foo");
    assert_string_equal(hvm.timezone, "localtime");
    bench_down(&b);
}

static void a_feature_that_does_not_fit_refuses_the_start(void **state)
{
    struct bench b;
    char longer[600];
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    set(&b, 1, "virt_mode", "hvm");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    feature(&b, 1, "qemu-extra-args", longer);
    struct vm_view view = claim(&b, 1, 1);
    assert_non_null(strstr(view.refusal, "qemu-extra-args"));
    bench_down(&b);
}

static void set_all(struct bench *b, const char *property, const char *value)
{
    uint64_t op = bench_operate(b, OPERATION_property_set, QID_GLOBAL, property, value);
    assert_int_equal(bench_answer(b, op), 0);
}

static void no_time_is_a_time_to_wait_for_a_shutdown(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    set_all(&b, "default_shutdown_timeout", "0");
    assert_int_equal(claim(&b, 1, 1).shutdown_timeout, 0);
    set_all(&b, "default_shutdown_timeout", "-1");
    assert_int_equal(claim(&b, 1, 1).shutdown_timeout, 0);
    set_all(&b, "default_shutdown_timeout", "10000000000000000000000");
    assert_int_equal(claim(&b, 1, 1).shutdown_timeout, INT32_MAX);
    bench_down(&b);
}

static void an_agent_is_waited_for_as_its_daemon_waits(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    set_all(&b, "default_qrexec_timeout", "0");
    assert_int_equal(claim(&b, 1, 1).qrexec_timeout, 60);
    set_all(&b, "default_qrexec_timeout", "-1");
    assert_int_equal(claim(&b, 1, 1).qrexec_timeout, 60);
    set_all(&b, "default_qrexec_timeout", "3000000000");
    assert_int_equal(claim(&b, 1, 1).qrexec_timeout, INT32_MAX);
    bench_down(&b);
}

static void the_longest_account_is_told_whole_and_a_longer_one_refuses_the_start(void **state)
{
    struct bench b;
    struct daemons_reply d = {0};
    char user[66];
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    memset(user, 'u', sizeof user);
    user[63] = '\0';
    set(&b, 1, "default_user", user);
    assert_string_equal(claim(&b, 1, 1).refusal, "");
    view_daemons(b.core, 1, &d);
    assert_string_equal(d.user, user);
    user[63] = 'u';
    user[64] = '\0';
    set(&b, 1, "default_user", user);
    struct vm_view view = claim(&b, 1, 1);
    assert_non_null(strstr(view.refusal, "user"));
    bench_down(&b);
}

/* A number that cannot be kept is not another one: that VM would start as nobody has asked. */
static void what_no_host_has_refuses_the_start(void **state)
{
    static const struct {
        const char *property, *value, *class;
    } much[] = {
        {"memory", "10000000000000000000000", "QubesMemoryError"},
        {"memory", "2147483648", "QubesMemoryError"},
        {"maxmem", "4294967296", "QubesMemoryError"},
        {"stubdom_mem", "9999999999999", "QubesMemoryError"},
        {"vcpus", "8193", "QubesException"},
        {"vcpus", "99999999999999999999", "QubesException"},
    };
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    set(&b, 1, "virt_mode", "hvm");
    for (size_t i = 0; i < COUNT(much); i++) {
        set(&b, 1, much[i].property, much[i].value);
        struct vm_view view = claim(&b, 1, 1);
        assert_non_null(strstr(view.refusal, much[i].property));
        assert_string_equal(view.refusal_class, much[i].class);
        assert_int_equal(view.vetoed, VETO_BEGUN);
        uint64_t op = bench_operate(&b, OPERATION_property_reset, 1, much[i].property, "");
        assert_int_equal(bench_answer(&b, op), 0);
    }
    set(&b, 1, "vcpus", "8192");
    assert_string_equal(claim(&b, 1, 1).refusal, "");
    bench_down(&b);
}

static void who_lives_by_its_windows_or_sound_is_named_while_it_lives(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "gui");
    bench_create(&b, "game");
    set(&b, 2, "guivm", "gui");
    set(&b, 2, "audiovm", "gui");
    struct vm_view view = claim(&b, 1, 1);
    assert_string_equal(view.gui_user, "");
    bench_vm_says(&b, 2, MESSAGE_claim, 0);
    view = claim(&b, 1, 1);
    assert_string_equal(view.gui_user, "game");
    assert_string_equal(view.audio_user, "game");
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_an_hvm_has_a_device_model),
        cmocka_unit_test(features_say_what_it_is_made_of),
        cmocka_unit_test(a_feature_that_does_not_fit_refuses_the_start),
        cmocka_unit_test(no_time_is_a_time_to_wait_for_a_shutdown),
        cmocka_unit_test(an_agent_is_waited_for_as_its_daemon_waits),
        cmocka_unit_test(the_longest_account_is_told_whole_and_a_longer_one_refuses_the_start),
        cmocka_unit_test(what_no_host_has_refuses_the_start),
        cmocka_unit_test(who_lives_by_its_windows_or_sound_is_named_while_it_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
