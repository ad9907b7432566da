/* SPDX-License-Identifier: MIT
 * The order of events around a property. '|' is the commit. */
#include "tests/unit/model/fixture.h"

static void a_set_is_told_before_and_after_it_is_kept(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "memory", "500"), 0);
    assert_string_equal(s->text, "work property-pre-set:memory name=memory,newvalue=500,oldvalue=400\n"
                                 "|\n"
                                 "work property-set:memory name=memory,newvalue=500,oldvalue=400\n");
    assert_int_equal(set(s, "work", "memory", "500"), 0);
    assert_string_equal(s->text, "work property-pre-set:memory name=memory,newvalue=500,oldvalue=500\n"
                                 "|\n"
                                 "work property-set:memory name=memory,newvalue=500,oldvalue=500\n");
}

static void a_reset_is_told_four_times_even_when_nothing_was_set(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "memory", "500"), 0);
    assert_int_equal(reset(s, "work", "memory"), 0);
    assert_string_equal(s->text, "work property-pre-reset:memory name=memory,oldvalue=500\n"
                                 "work property-pre-del:memory name=memory,oldvalue=500\n"
                                 "|\n"
                                 "work property-reset:memory name=memory,oldvalue=500\n"
                                 "work property-del:memory name=memory,oldvalue=500\n");
    assert_int_equal(reset(s, "work", "memory"), 0);
    assert_string_equal(s->text, "work property-pre-reset:memory name=memory,oldvalue=400\n"
                                 "work property-pre-del:memory name=memory,oldvalue=400\n"
                                 "work property-reset:memory name=memory,oldvalue=400\n"
                                 "work property-del:memory name=memory,oldvalue=400\n");
    assert_int_equal(reset(s, "work", "xid"), 0);
    assert_int_equal(reset(s, "work", "name"), -ERR_PROPERTY_VALUE);
    assert_string_equal(s->text, "");
    assert_int_equal(reset(s, "dom0", "name"), 0);
}

static void a_new_label_changes_the_icon_but_not_dom0s(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "label", "blue"), 0);
    assert_string_equal(s->text, "work property-pre-set:label name=label,newvalue=blue,oldvalue=red\n"
                                 "|\n"
                                 "work property-reset:icon name=icon\n"
                                 "work property-set:label name=label,newvalue=blue,oldvalue=red\n");
    assert_int_equal(set(s, "dom0", "label", "red"), 0);
    assert_string_equal(s->text, "dom0 property-pre-set:label name=label,newvalue=red,oldvalue=black\n"
                                 "|\n"
                                 "dom0 property-set:label name=label,newvalue=red,oldvalue=black\n");
}

static void providing_network_keeps_the_feature_servicevm(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "provides_network", "True"), 0);
    assert_string_equal(
        s->text, "work property-pre-set:provides_network name=provides_network,newvalue=True,oldvalue=False\n"
                 "|\n"
                 "work property-reset:gateway name=gateway\n"
                 "work property-reset:gateway6 name=gateway6\n"
                 "work domain-feature-pre-set:servicevm feature=servicevm,value=1\n"
                 "work domain-feature-set:servicevm feature=servicevm,value=1\n"
                 "work property-reset:icon name=icon\n"
                 "work property-set:provides_network name=provides_network,newvalue=True,oldvalue=False\n");
    assert_int_equal(reset(s, "work", "provides_network"), 0);
    assert_null(model_item(s->m, qid_of(s, "work"), CHANGE_FEATURE, span_of("servicevm")));
}

static void the_gui_vm_is_followed_by_one_tag(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "guivm", ""), 0);
    assert_string_equal(s->text, "work property-pre-set:guivm name=guivm,newvalue=None,oldvalue=dom0\n"
                                 "|\n"
                                 "work domain-tag-delete:guivm-dom0 tag=guivm-dom0\n"
                                 "work property-set:guivm name=guivm,newvalue=None,oldvalue=dom0\n");
    assert_int_equal(reset(s, "work", "guivm"), 0);
    assert_string_equal(s->text, "work property-pre-reset:guivm name=guivm,oldvalue=None\n"
                                 "work property-pre-del:guivm name=guivm,oldvalue=None\n"
                                 "|\n"
                                 "work domain-tag-add:guivm-dom0 tag=guivm-dom0\n"
                                 "work property-reset:guivm name=guivm,oldvalue=None\n"
                                 "work property-del:guivm name=guivm,oldvalue=None\n");
    assert_int_equal(set(s, "work", "audiovm", "dom0"), 0);
    assert_string_equal(s->text, "work property-pre-set:audiovm name=audiovm,newvalue=dom0,oldvalue=dom0\n"
                                 "|\n"
                                 "work domain-tag-delete:audiovm-dom0 tag=audiovm-dom0\n"
                                 "work domain-tag-add:audiovm-dom0 tag=audiovm-dom0\n"
                                 "work property-set:audiovm name=audiovm,newvalue=dom0,oldvalue=dom0\n");
}

static void a_default_netvm_is_told_to_all_who_follow_it(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_int_equal(set(s, "", "default_netvm", ""), 0);
    assert_string_equal(s->text,
                        " property-pre-set:default_netvm name=default_netvm,newvalue=None,oldvalue=None\n"
                        "dvm property-pre-set:netvm name=netvm,newvalue=None,oldvalue=None\n"
                        "hvm property-pre-set:netvm name=netvm,newvalue=None,oldvalue=None\n"
                        "net property-pre-set:netvm name=netvm,newvalue=None,oldvalue=None\n"
                        "tmpl property-pre-set:netvm name=netvm,newvalue=None,oldvalue=None\n"
                        "|\n"
                        "dvm property-reset:netvm name=netvm,oldvalue=None\n"
                        "hvm property-reset:netvm name=netvm,oldvalue=None\n"
                        "net property-reset:netvm name=netvm,oldvalue=None\n"
                        "tmpl property-reset:netvm name=netvm,oldvalue=None\n"
                        " property-set:default_netvm name=default_netvm,newvalue=None,oldvalue=None\n");
    assert_int_equal(set(s, "net", "netvm", ""), 0);
    assert_int_equal(set(s, "", "default_netvm", "net"), 0);
    assert_non_null(strstr(s->text,
                           "hvm property-set:netvm name=netvm,newvalue=net,oldvalue=None\n"
                           "hvm property-reset:netvm name=netvm,oldvalue=None\n"
                           "tmpl property-reset:netvm name=netvm,oldvalue=None\n"
                           " property-set:default_netvm name=default_netvm,newvalue=net,oldvalue=None\n"));
}

static void resetting_netvm_is_told_as_a_set_where_the_default_differs(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_int_equal(reset(s, "work", "netvm"), 0);
    assert_string_equal(s->text, "work property-pre-reset:netvm name=netvm,oldvalue=net\n"
                                 "work property-pre-set:netvm name=netvm,newvalue=None,oldvalue=net\n"
                                 "work property-pre-del:netvm name=netvm,oldvalue=net\n"
                                 "|\n"
                                 "work property-set:netvm name=netvm,newvalue=None,oldvalue=net\n"
                                 "work property-reset:netvm name=netvm,oldvalue=net\n"
                                 "work property-del:netvm name=netvm,oldvalue=net\n");
}

static void a_living_vm_is_connected_only_to_a_living_provider(void **state)
{
    struct scene *s = *state;
    s->power[qid_of(s, "work")] = "Running";
    assert_int_equal(set(s, "work", "netvm", "net"), -ERR_VM_NOT_STARTED);
    assert_string_equal(s->text, "work property-pre-set:netvm name=netvm,newvalue=net,oldvalue=None\n");
    s->power[qid_of(s, "net")] = "Running";
    assert_int_equal(set(s, "work", "netvm", "net"), 0);
    assert_true(s->plan.prepare & PREPARE_NETVM);
    assert_string_equal(s->text, "work property-pre-set:netvm name=netvm,newvalue=net,oldvalue=None\n"
                                 "|\n"
                                 "work domain-qdb-create\n"
                                 "net net-domain-connect vm=work\n"
                                 "work property-set:netvm name=netvm,newvalue=net,oldvalue=None\n");
    s->power[qid_of(s, "work")] = "Paused";
    assert_int_equal(set(s, "work", "netvm", ""), 0);
    assert_string_equal(
        s->text,
        "work property-pre-set:netvm name=netvm,newvalue=None,oldvalue=net\n"
        "work domain-feature-pre-set:deferred-netvm-original feature=deferred-netvm-original,value=net\n"
        "|\n"
        "work domain-feature-set:deferred-netvm-original feature=deferred-netvm-original,value=net\n"
        "work property-set:netvm name=netvm,newvalue=None,oldvalue=net\n");
}

static void a_template_tells_its_children_what_changed(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "net", "vcpus", "1"), 0);
    assert_int_equal(set(s, "tmpl", "vcpus", "4"), 0);
    assert_string_equal(s->text, "tmpl property-pre-set:vcpus name=vcpus,newvalue=4,oldvalue=2\n"
                                 "|\n"
                                 "dvm property-reset:vcpus name=vcpus\n"
                                 "work property-reset:vcpus name=vcpus\n"
                                 "tmpl property-set:vcpus name=vcpus,newvalue=4,oldvalue=2\n");
}

static void a_clock_passes_from_one_vm_to_another(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "", "clockvm", "net"), 0);
    assert_int_equal(set(s, "", "clockvm", "work"), 0);
    assert_string_equal(s->text,
                        " property-pre-set:clockvm name=clockvm,newvalue=work,oldvalue=net\n"
                        "work domain-feature-pre-set:service.clocksync feature=service.clocksync,value=1\n"
                        "|\n"
                        "work domain-feature-set:service.clocksync feature=service.clocksync,value=1\n"
                        "net domain-feature-pre-delete:service.clocksync feature=service.clocksync\n"
                        "net domain-feature-delete:service.clocksync feature=service.clocksync\n"
                        " property-set:clockvm name=clockvm,newvalue=work,oldvalue=net\n");
}

static void default_gui_and_dispvm_reach_those_who_use_them(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "", "default_guivm", "net"), 0);
    assert_non_null(strstr(s->text, "|\n"
                                    "dvm domain-tag-delete:guivm-dom0 tag=guivm-dom0\n"
                                    "dvm domain-tag-add:guivm-net tag=guivm-net\n"
                                    "dvm property-set:guivm name=guivm,newvalue=net,oldvalue=dom0\n"
                                    "hvm domain-tag-delete:guivm-dom0 tag=guivm-dom0\n"));
    assert_int_equal(set(s, "", "default_dispvm", "dvm"), 0);
    assert_non_null(strstr(s->text,
                           "|\ndom0 property-reset:default_dispvm name=default_dispvm,oldvalue=None\n"
                           "dvm property-reset:default_dispvm name=default_dispvm,oldvalue=None\n"));
    assert_int_equal(set(s, "dvm", "template_for_dispvms", "False"), -ERR_VM_IN_USE);
    assert_string_equal(s->text, "dvm property-pre-set:template_for_dispvms "
                                 "name=template_for_dispvms,newvalue=False,oldvalue=True\n");
}

static void a_veto_leaves_only_the_early_event(void **state)
{
    struct scene *s = *state;
    assert_int_equal(set(s, "work", "kernel", "nosuch"), -ERR_PROPERTY_VALUE);
    assert_string_equal(s->text,
                        "work property-pre-set:kernel name=kernel,newvalue=nosuch,oldvalue=6.12.1\n");
    assert_int_equal(reset(s, "work", "template"), -ERR_VALUE);
    assert_string_equal(s->text, "work property-pre-reset:template name=template,oldvalue=tmpl\n");
    s->power[qid_of(s, "work")] = "Running";
    assert_int_equal(set(s, "work", "template", "tmpl"), -ERR_VM_NOT_HALTED);
    assert_int_equal(set(s, "work", "maxmem", "10"), -ERR_VM_NOT_HALTED);
    assert_int_equal(set(s, "work", "maxmem", "0"), 0);
    assert_int_equal(reset(s, "", "default_kernel"), -ERR_PROPERTY_VALUE);
}

static void a_new_template_gives_new_sources(void **state)
{
    struct scene *s = *state;
    struct span source;
    assert_int_equal(create(s, CLASS_TemplateVM, "", "name=base2 label=black"), 0);
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=d label=red"), 0);
    assert_int_equal(set(s, "dvm", "template", "base2"), 0);
    const struct item *root = model_item(s->m, qid_of(s, "dvm"), CHANGE_VOLUME, span_of("root"));
    assert_int_equal(ask_attribute(span_of(root->value), "source", &source), 1);
    assert_true(span_is(source, "vm-templates/base2/root"));
    root = model_item(s->m, qid_of(s, "d"), CHANGE_VOLUME, span_of("root"));
    assert_int_equal(ask_attribute(span_of(root->value), "source", &source), 1);
    assert_true(span_is(source, "vm-templates/base2/root"));
}

static void the_default_kernel_goes_when_every_vm_has_one_by_itself_or_its_template(void **state)
{
    struct scene *s = *state;
    assert_int_equal(reset(s, "", "default_kernel"), -ERR_PROPERTY_VALUE);
    assert_string_equal(s->text, " property-pre-reset:default_kernel name=default_kernel,oldvalue=6.12.1\n");
    assert_int_equal(set(s, "tmpl", "kernel", "6.6.9"), 0);
    assert_int_equal(reset(s, "", "default_kernel"), 0);
    assert_string_equal(get(s, "work", "kernel"), "default=True type=str 6.6.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_set_is_told_before_and_after_it_is_kept),
        SCENE_TEST(a_reset_is_told_four_times_even_when_nothing_was_set),
        SCENE_TEST(a_new_label_changes_the_icon_but_not_dom0s),
        SCENE_TEST(providing_network_keeps_the_feature_servicevm),
        SCENE_TEST(the_gui_vm_is_followed_by_one_tag),
        SCENE_TEST(a_default_netvm_is_told_to_all_who_follow_it),
        SCENE_TEST(resetting_netvm_is_told_as_a_set_where_the_default_differs),
        SCENE_TEST(a_living_vm_is_connected_only_to_a_living_provider),
        SCENE_TEST(a_template_tells_its_children_what_changed),
        SCENE_TEST(a_clock_passes_from_one_vm_to_another),
        SCENE_TEST(default_gui_and_dispvm_reach_those_who_use_them),
        SCENE_TEST(a_veto_leaves_only_the_early_event),
        SCENE_TEST(a_new_template_gives_new_sources),
        SCENE_TEST(the_default_kernel_goes_when_every_vm_has_one_by_itself_or_its_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
