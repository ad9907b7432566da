/* SPDX-License-Identifier: MIT
 * Preloaded disposables as plans: what is told in which order, and who may be handed out. */
#include "model/plan_storage.h"
#include "model/preload.h"
#include "tests/unit/model/fixture.h"

static void offer(struct scene *s, const char *vm)
{
    assert_int_equal(feature(s, vm, "qrexec", "1"), 0);
    assert_int_equal(feature(s, vm, "supported-rpc.qubes.WaitForRunningSystem", "1"), 0);
    assert_int_equal(feature(s, vm, "supported-rpc.qubes.WaitForSession", "1"), 0);
}

static int make(struct scene *s)
{
    return done(s, plan_preload_create(&s->k, qid_of(s, "dvm"), &s->plan, &s->why));
}

static int take(struct scene *s)
{
    return done(s, plan_disposable_create(&s->k, 0, qid_of(s, "dvm"), &s->plan, &s->why));
}

static const char *name_at(struct scene *s, uint32_t qid)
{
    return vm_name(model_vm(s->m, qid));
}

/* One that was started and paused. */
static uint32_t one(struct scene *s)
{
    assert_int_equal(make(s), 0);
    uint32_t qid = s->plan.qid;
    s->power[qid] = "Paused";
    assert_int_equal(done(s, plan_preload_complete(&s->k, qid, &s->plan, &s->why)), 0);
    return qid;
}

static bool tells(const struct scene *s, const char *text)
{
    return strstr(s->text, text) != NULL;
}

static void a_maximum_asks_for_more_behind_its_own_events(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "dvm", "preload-dispvm-max", "1"), -ERR_VALUE);
    offer(s, "tmpl");
    assert_int_equal(feature(s, "dvm", "preload-dispvm-max", "1"), 0);
    assert_string_equal(
        s->text, "dvm domain-feature-pre-set:preload-dispvm-max feature=preload-dispvm-max,value=1\n|\n"
                 "dvm domain-feature-set:preload-dispvm-max feature=preload-dispvm-max,value=1\n"
                 "dvm domain-preload-dispvm-start reason=preload-dispvm-max has changed\n");
    assert_int_equal(feature(s, "dvm", "preload-dispvm-max", "1"), 0);
    assert_false(tells(s, "preload-dispvm-start"));
}

static void a_new_one_is_marked_before_its_disk(void **state)
{
    struct scene *s = *state;
    char want[1024];
    offer(s, "tmpl");
    assert_int_equal(make(s), -ERR_STATE);
    feature(s, "dvm", "preload-dispvm-max", "1");
    assert_int_equal(make(s), 0);
    const char *name = name_at(s, s->plan.qid);
    snprintf(
        want, sizeof want,
        "|\n domain-add vm=%s\n"
        "new domain-feature-pre-set:preload-dispvm-in-progress feature=preload-dispvm-in-progress,value=1\n"
        "new domain-feature-set:preload-dispvm-in-progress feature=preload-dispvm-in-progress,value=1\n"
        "dvm domain-feature-pre-set:preload-dispvm feature=preload-dispvm,value=%s\n"
        "dvm domain-feature-set:preload-dispvm feature=preload-dispvm,value=%s\n"
        "new property-reset:is_preload name=is_preload\n"
        "new domain-feature-pre-set:internal feature=internal,value=1\n"
        "new domain-feature-set:internal feature=internal,value=1\n"
        "new domain-create-on-disk\n",
        name, name, name);
    assert_string_equal(s->text, want);
    assert_string_equal(get(s, name, "is_preload"), "default=True type=bool True");
    assert_int_equal(make(s), -ERR_STATE);
}

static void only_a_complete_one_is_handed_out(void **state)
{
    struct scene *s = *state;
    offer(s, "tmpl");
    feature(s, "dvm", "preload-dispvm-max", "1");
    assert_int_equal(make(s), 0);
    uint32_t starting = s->plan.qid;
    assert_int_equal(take(s), 0);
    assert_int_not_equal(s->plan.qid, starting);
    assert_int_equal(s->plan.prepare & FINISH_UNPAUSE, 0);
    s->power[starting] = "Paused";
    assert_int_equal(done(s, plan_preload_complete(&s->k, starting, &s->plan, &s->why)), 0);
    assert_int_equal(take(s), 0);
    assert_int_equal(s->plan.qid, starting);
    assert_int_equal(s->plan.prepare & FINISH_UNPAUSE, FINISH_UNPAUSE);
    assert_true(tells(s, "property-reset:is_preload name=is_preload\n"));
    assert_true(tells(s, "domain-feature-delete:internal feature=internal\n"));
    assert_true(tells(s, "dvm domain-preload-dispvm-used dispvm="));
    assert_true(tells(s, ",delay=3\n"));
    assert_false(tells(s, "domain-add"));
    assert_string_equal(get(s, name_at(s, starting), "is_preload"), "default=True type=bool False");
    assert_int_equal(preload_count(preload_list(&s->k, qid_of(s, "dvm"))), 0);
}

static void one_that_has_stopped_or_is_outdated_stays_where_it_is(void **state)
{
    struct scene *s = *state;
    offer(s, "tmpl");
    feature(s, "dvm", "preload-dispvm-max", "2");
    uint32_t stopped = one(s), old = one(s);
    s->power[stopped] = "Halted";
    set(s, "dvm", "label", "green");
    assert_true(preload_is_outdated(&s->k, old));
    assert_int_equal(take(s), 0);
    assert_int_not_equal(s->plan.qid, stopped);
    assert_int_not_equal(s->plan.qid, old);
    assert_int_equal(preload_count(preload_list(&s->k, qid_of(s, "dvm"))), 2);
}

static void a_negative_delay_waits_until_the_list_is_empty(void **state)
{
    struct scene *s = *state;
    offer(s, "tmpl");
    feature(s, "dvm", "preload-dispvm-max", "2");
    feature(s, "dvm", "preload-dispvm-delay", "-1.5");
    (void)one(s);
    (void)one(s);
    assert_int_equal(take(s), 0);
    assert_false(tells(s, "preload-dispvm-used"));
    assert_int_equal(take(s), 0);
    assert_true(tells(s, ",delay=-1.5\n"));
}

static void dom0s_maximum_counts_for_the_default(void **state)
{
    struct scene *s = *state;
    uint32_t dvm = qid_of(s, "dvm");
    offer(s, "tmpl");
    feature(s, "dvm", "preload-dispvm-max", "1");
    assert_int_equal(feature(s, "dom0", "preload-dispvm-max", "3"), 0);
    assert_int_equal(preload_max(&s->k, dvm), 1);
    assert_int_equal(set(s, "", "default_dispvm", "dvm"), 0);
    assert_true(tells(s, "dvm domain-preload-dispvm-start reason=default_dispvm has changed\n"));
    assert_int_equal(preload_max(&s->k, dvm), 3);
    assert_int_equal(unfeature(s, "dvm", "preload-dispvm-max"), 0);
    assert_int_equal(preload_max(&s->k, dvm), 3);
    assert_int_equal(feature(s, "dom0", "preload-dispvm-max", ""), 0);
    assert_int_equal(preload_max(&s->k, dvm), 0);
}

static void what_empties_a_list_says_so_of_each(void **state)
{
    struct scene *s = *state;
    offer(s, "tmpl");
    feature(s, "dvm", "preload-dispvm-max", "2");
    (void)one(s);
    (void)one(s);
    assert_int_equal(set(s, "dvm", "template_for_dispvms", "False"), 0);
    const char *first = strstr(s->text, "property-reset:is_preload");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "property-reset:is_preload"));
    assert_int_equal(preload_count(preload_list(&s->k, qid_of(s, "dvm"))), 0);
    assert_int_equal(take(s), -ERR_QUBES);
}

static void the_end_of_one_takes_it_from_the_list(void **state)
{
    struct scene *s = *state;
    offer(s, "tmpl");
    feature(s, "dvm", "preload-dispvm-max", "1");
    uint32_t qid = one(s);
    assert_int_equal(done(s, plan_disposable_end(&s->k, qid, false, &s->plan, &s->why)), -ERR_VM_NOT_HALTED);
    s->power[qid] = "Halted";
    assert_int_equal(done(s, plan_disposable_end(&s->k, qid, false, &s->plan, &s->why)), 0);
    assert_null(model_vm(s->m, qid));
    assert_int_equal(preload_count(preload_list(&s->k, qid_of(s, "dvm"))), 0);
}

static void preloading_that_is_asked_for_needs_the_services(void **state)
{
    struct scene *s = *state;
    uint32_t dvm = qid_of(s, "dvm");
    assert_int_equal(done(s, plan_preload_start(&s->k, 0, dvm, &s->plan, &s->why)), -ERR_VALUE);
    offer(s, "tmpl");
    assert_int_equal(done(s, plan_preload_start(&s->k, 0, dvm, &s->plan, &s->why)), 0);
    assert_string_equal(s->text, "dvm domain-preload-dispvm-start reason=it was asked for\n");
    assert_int_equal(done(s, plan_preload_start(&s->k, 0, qid_of(s, "work"), &s->plan, &s->why)), -ERR_QUBES);
}

static void dom0_stands_for_the_askers_own_default(void **state)
{
    struct scene *s = *state;
    assert_int_equal(done(s, plan_disposable_create(&s->k, 0, 0, &s->plan, &s->why)), -ERR_QUBES);
    set(s, "work", "default_dispvm", "dvm");
    assert_int_equal(done(s, plan_disposable_create(&s->k, qid_of(s, "work"), 0, &s->plan, &s->why)), 0);
    assert_true(ask_tag(&s->k, s->plan.qid, span_of("disp-created-by-work")));
}

static int rests(void *arg, uint32_t dispid)
{
    (void)arg, (void)dispid;
    return 1;
}

static void a_number_that_rests_is_not_drawn(void **state)
{
    struct scene *s = *state;
    s->w.dispid_rests = rests;
    assert_int_equal(take(s), -ERR_QUBES);
    s->w.dispid_rests = NULL;
    assert_int_equal(take(s), 0);
}

static unsigned takes(const struct scene *s)
{
    unsigned count = 0;
    for (const struct plan_job *job = s->plan.job; job != NULL; job = job->next)
        count += job->stage == STAGE_TAKE && span_is(job->volume, "private");
    return count;
}

static void a_child_of_windows_begins_with_its_private_volume(void **state)
{
    struct scene *s = *state;
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=a label=red"), 0);
    assert_int_equal(takes(s), 0);
    feature(s, "tmpl", "os", "Windows");
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=b label=red"), 0);
    assert_int_equal(takes(s), 1);
}

static void a_standalone_takes_the_boot_mode_of_what_it_imports(void **state)
{
    struct scene *s = *state;
    uint32_t hvm = qid_of(s, "hvm");
    assert_int_equal(done(s, plan_root_imported(&s->k, hvm, &s->plan, &s->why)), 0);
    assert_string_equal(s->text, "");
    feature(s, "hvm", "boot-mode.standalone-default", "quiet");
    assert_int_equal(done(s, plan_root_imported(&s->k, hvm, &s->plan, &s->why)), 0);
    assert_string_equal(s->text, "");
    feature(s, "hvm", "boot-mode.kernelopts.quiet", "quiet=1");
    assert_int_equal(done(s, plan_root_imported(&s->k, hvm, &s->plan, &s->why)), 0);
    assert_true(tells(s, "hvm domain-feature-set:boot-mode.active feature=boot-mode.active,value=quiet\n"));
    assert_string_equal(get(s, "hvm", "bootmode"), "default=True type=str quiet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_maximum_asks_for_more_behind_its_own_events),
        SCENE_TEST(a_new_one_is_marked_before_its_disk),
        SCENE_TEST(only_a_complete_one_is_handed_out),
        SCENE_TEST(one_that_has_stopped_or_is_outdated_stays_where_it_is),
        SCENE_TEST(a_negative_delay_waits_until_the_list_is_empty),
        SCENE_TEST(dom0s_maximum_counts_for_the_default),
        SCENE_TEST(what_empties_a_list_says_so_of_each),
        SCENE_TEST(the_end_of_one_takes_it_from_the_list),
        SCENE_TEST(preloading_that_is_asked_for_needs_the_services),
        SCENE_TEST(dom0_stands_for_the_askers_own_default),
        SCENE_TEST(a_number_that_rests_is_not_drawn),
        SCENE_TEST(a_child_of_windows_begins_with_its_private_volume),
        SCENE_TEST(a_standalone_takes_the_boot_mode_of_what_it_imports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
