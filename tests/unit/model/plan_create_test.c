/* SPDX-License-Identifier: MIT
 * VMs come and go. */
#include "tests/unit/model/fixture.h"

static void a_new_appvm_is_announced_tagged_and_then_has_its_disk(void **state)
{
    struct scene *s = *state;
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=ev1 label=red"), 0);
    assert_string_equal(s->text, "|\n domain-add vm=ev1\n"
                                 "new domain-tag-add:created-by-dom0 tag=created-by-dom0\n"
                                 "new domain-create-on-disk\n");
    assert_int_equal(s->plan.disk_at, 2);
    assert_int_equal(s->plan.prepare, PREPARE_DISK);
    assert_int_equal(qid_of(s, "ev1"), 6);
    assert_int_equal(s->plan.qid, 6);
    assert_non_null(model_by_uuid(s->m, span_of(vm_uuid(model_vm(s->m, 6)))));
    assert_true(ask_tag(&s->k, 6, span_of("guivm-dom0")));
    assert_true(ask_tag(&s->k, 6, span_of("audiovm-dom0")));
}

static void volumes_follow_the_layout_of_the_class(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *vm, *volume, *value;
    } want[] = {
        {"tmpl", "root",
         "pool=varlibqubes\nvid=vm-templates/tmpl/"
         "root\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsnap_on_start=False\nsize=10737418240"},
        {"work", "root",
         "pool=varlibqubes\nvid=appvms/work/"
         "root\nrevisions_to_keep=0\nrw=True\nsave_on_stop=False\nsnap_on_start=True\nsize="
         "10737418240\nsource=vm-templates/"
         "tmpl/root"},
        {"work", "private",
         "pool=varlibqubes\nvid=appvms/work/"
         "private\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsnap_on_start=False\nsize=2147483648"},
        {"work", "volatile",
         "pool=varlibqubes\nvid=appvms/work/"
         "volatile\nrevisions_to_keep=0\nrw=True\nsave_on_stop=False\nsnap_on_start=False\nsize=10737418240"},
        {"work", "kernel",
         "pool=linux-kernel\nvid=6.12.1\nrevisions_to_keep=0\nrw=False\nsave_on_stop=False\nsnap_on_start="
         "False"},
        {"d", "root",
         "pool=varlibqubes\nvid=appvms/d/"
         "root\nrevisions_to_keep=0\nrw=True\nsave_on_stop=False\nsnap_on_start=True\nsize="
         "10737418240\nsource=vm-templates/"
         "tmpl/root"},
        {"d", "private",
         "pool=varlibqubes\nvid=appvms/d/"
         "private\nrevisions_to_keep=0\nrw=True\nsave_on_stop=False\nsnap_on_start=True\nsize="
         "2147483648\nsource=appvms/dvm/"
         "private"},
        {"d", "volatile",
         "pool=varlibqubes\nvid=appvms/d/"
         "volatile\nrevisions_to_keep=0\nrw=True\nsave_on_stop=False\nsnap_on_start=False\nsize=12884901888"},
    };
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=d label=red"), 0);
    for (size_t i = 0; i < COUNT(want); i++) {
        const struct item *volume =
            model_item(s->m, qid_of(s, want[i].vm), CHANGE_VOLUME, span_of(want[i].volume));
        assert_non_null(volume);
        assert_string_equal(volume->value, want[i].value);
    }
    assert_string_equal(model_items(s->m, qid_of(s, "d"), CHANGE_VOLUME)->key, "root");
}

static void a_creation_that_is_refused_creates_nothing(void **state)
{
    struct scene *s = *state;
    static const struct {
        enum vm_class class;
        const char *template, *payload;
        enum err code;
    } bad[] = {
        {CLASS_AppVM, "tmpl", "name=work label=red", ERR_VM_EXISTS},
        {CLASS_AppVM, "tmpl", "name=dom0 label=red", ERR_VM_EXISTS},
        {CLASS_AppVM, "nosuch", "name=a3 label=red", ERR_VM_NOT_FOUND},
        {CLASS_AppVM, "work", "name=a4 label=red", ERR_PROPERTY_VALUE},
        {CLASS_AppVM, "dom0", "name=a4 label=red", ERR_PROPERTY_VALUE},
        {CLASS_AppVM, "tmpl", "name=a5", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "label=red", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=a6 label=nosuch", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=a7 label=1", ERR_INVALID_LABEL},
        {CLASS_AppVM, "tmpl", "name=7a label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name=-a label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name=Domain-0 label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name=none label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name=a-dm label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name= label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name=mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm label=red", ERR_VALUE},
        {CLASS_AppVM, "tmpl", "name=a8 label=red extra=1", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=a8 name=a9 label=red", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=a8  label=red", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=a8 label=red ", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=\xc3\xa9 label=red", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=a11 label=red\n", ERR_INVALID_LABEL},
        {CLASS_TemplateVM, "tmpl", "name=t2 label=black", ERR_PROTOCOL},
        {CLASS_DispVM, "work", "name=d2 label=red", ERR_VALUE},
        {CLASS_DispVM, "", "name=d3 label=red", ERR_VALUE},
        {CLASS_AdminVM, "", "name=adm label=red", ERR_PROPERTY_VALUE},
        {CLASS_RemoteVM, "tmpl", "name=r2 label=red", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=p label=red pool=nosuch", ERR_QUBES},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:nosuch=varlibqubes", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:root=varlibqubes pool=varlibqubes", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=p label=red pool=varlibqubes pool=varlibqubes", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:root=varlibqubes pool:root=varlibqubes", ERR_PROTOCOL},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:private=nosuch", ERR_QUBES},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:root=varlibqubes", ERR_QUBES},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:private=linux-kernel", ERR_QUBES},
        {CLASS_AppVM, "tmpl", "name=p label=red pool:volatile=linux-kernel", ERR_QUBES},
        {CLASS_StandaloneVM, "", "name=p label=red pool=linux-kernel", ERR_QUBES},
    };
    size_t count = model_vm_count(s->m);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(create(s, bad[i].class, bad[i].template, bad[i].payload), -(int)bad[i].code);
        assert_int_equal(model_vm_count(s->m), count);
        assert_string_equal(s->text, "");
    }
    assert_int_equal(plan_vm_create(&s->k, 0, CLASS_AppVM, span_of("tmpl"),
                                    span_of("name=a label=red pool=varlibqubes"), false, &s->plan, &s->why),
                     -ERR_PROTOCOL);
}

static void a_creator_marks_what_it_creates(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "net", "tag-created-vm-with", "one two"), 0);
    assert_int_equal(feature(s, "net", "set-created-guivm", "hvm"), 0);
    assert_int_equal(done(s, plan_vm_create(&s->k, qid_of(s, "net"), CLASS_AppVM, span_of(""),
                                            span_of("label=red name=kid"), false, &s->plan, &s->why)),
                     0);
    assert_string_equal(s->text, "|\n domain-add vm=kid\n"
                                 "new domain-tag-add:one tag=one\n"
                                 "new domain-tag-add:two tag=two\n"
                                 "new property-pre-set:guivm name=guivm,newvalue=hvm,oldvalue=dom0\n"
                                 "new domain-tag-delete:guivm-dom0 tag=guivm-dom0\n"
                                 "new domain-tag-add:guivm-hvm tag=guivm-hvm\n"
                                 "new property-set:guivm name=guivm,newvalue=hvm,oldvalue=dom0\n"
                                 "new domain-tag-add:created-by-net tag=created-by-net\n"
                                 "new domain-create-on-disk\n");
    assert_string_equal(get(s, "kid", "guivm"), "default=False type=vm hvm");
    assert_false(ask_tag(&s->k, qid_of(s, "kid"), span_of("guivm-dom0")));
}

static void a_disposable_copies_what_its_template_was_given(void **state)
{
    struct scene *s = *state;
    set(s, "dvm", "memory", "777");
    set(s, "dvm", "label", "blue");
    feature(s, "dvm", "f", "v");
    feature(s, "dvm", "preload-dispvm-delay", "1");
    tag(s, "dvm", "t");
    assert_int_equal(done(s, plan_disposable_create(&s->k, 0, qid_of(s, "dvm"), &s->plan, &s->why)), 0);
    const struct vm *vm = model_vm(s->m, s->plan.qid);
    assert_non_null(vm);
    assert_int_equal(strncmp(vm_name(vm), "disp", 4), 0);
    assert_string_equal(s->text + strlen("|\n domain-add vm=") + strlen(vm_name(vm)),
                        "\nnew domain-create-on-disk\n"
                        "new domain-tag-add:disp-created-by-dom0 tag=disp-created-by-dom0\n");
    assert_string_equal(get(s, vm_name(vm), "memory"), "default=False type=int 777");
    assert_string_equal(get(s, vm_name(vm), "label"), "default=False type=label blue");
    assert_string_equal(get(s, vm_name(vm), "auto_cleanup"), "default=False type=bool True");
    assert_string_equal(get(s, vm_name(vm), "include_in_backups"), "default=True type=bool False");
    assert_string_equal(get(s, vm_name(vm), "default_dispvm"), "default=True type=vm dvm");
    assert_string_equal(get(s, vm_name(vm), "template"), "default=False type=vm dvm");
    assert_string_equal(get(s, vm_name(vm), "icon"), "default=True type=str dispvm-blue");
    assert_true(ask_tag(&s->k, s->plan.qid, span_of("t")));
    assert_non_null(model_item(s->m, s->plan.qid, CHANGE_FEATURE, span_of("f")));
    assert_null(model_item(s->m, s->plan.qid, CHANGE_FEATURE, span_of("preload-dispvm-delay")));
    assert_int_equal(plan_disposable_create(&s->k, 0, qid_of(s, "work"), &s->plan, &s->why), -ERR_QUBES);
}

static void a_vm_goes_only_when_nobody_needs_it(void **state)
{
    struct scene *s = *state;
    assert_int_equal(take_out(s, "dom0"), -ERR_VM_IN_USE);
    assert_string_equal(s->text, "");
    assert_int_equal(take_out(s, "tmpl"), -ERR_VM_IN_USE);
    assert_string_equal(s->text, " domain-pre-delete vm=tmpl\n");
    s->power[qid_of(s, "work")] = "Running";
    assert_int_equal(take_out(s, "work"), -ERR_VM_NOT_HALTED);
    assert_string_equal(s->text, "");
    s->power[qid_of(s, "work")] = "Halted";
    set(s, "work", "installed_by_rpm", "True");
    assert_int_equal(take_out(s, "work"), -ERR_VM_IN_USE);
    reset(s, "work", "installed_by_rpm");
    put(s, CHANGE_DEVICE, qid_of(s, "hvm"), "block work sda *", "mode=required");
    assert_int_equal(take_out(s, "work"), -ERR_VM_IN_USE);
    struct change gone = {
        .kind = CHANGE_DEVICE, .qid = qid_of(s, "hvm"), .key = span_of("block work sda *"), .gone = 1};
    assert_int_equal(model_apply(s->m, &gone, &s->why), 0);
    uint32_t qid = qid_of(s, "work");
    assert_int_equal(take_out(s, "work"), 0);
    assert_string_equal(s->text, " domain-pre-delete vm=work\n|\n domain-delete vm=work\n"
                                 "work domain-remove-from-disk\n");
    assert_true(s->plan.prepare & PREPARE_UNDEFINE && s->plan.prepare & FINISH_REMOVE);
    assert_null(model_named(s->m, span_of("work")));
    assert_int_equal(create(s, CLASS_AppVM, "", "name=again label=red"), 0);
    assert_int_equal(qid_of(s, "again"), qid);
    assert_int_equal(vm_generation(model_vm(s->m, qid)), 2);
    set(s, "", "clockvm", "net");
    assert_int_equal(take_out(s, "net"), -ERR_VM_IN_USE);
    reset(s, "", "clockvm");
    set(s, "hvm", "default_dispvm", "dvm");
    assert_int_equal(take_out(s, "dvm"), -ERR_VM_IN_USE);
    reset(s, "hvm", "default_dispvm");
    assert_int_equal(take_out(s, "dvm"), 0);
}

static void a_disposables_own_words_come_first_and_its_templates_count_more(void **state)
{
    struct scene *s = *state;
    struct span value;
    assert_int_equal(feature(s, "dvm", "x", "1"), 0);
    assert_int_equal(feature(s, "dvm", "check-updates", "1"), 0);
    assert_int_equal(set(s, "", "check_updates_vm", "False"), 0);
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=once label=red"), 0);
    assert_string_equal(model_items(s->m, qid_of(s, "once"), CHANGE_FEATURE)->key, "check-updates");
    assert_int_equal(ask_feature(&s->k, qid_of(s, "once"), CHAIN_OWN, span_of("check-updates"), &value), 1);
    assert_true(span_is(value, "1"));
}

static void a_disposable_gets_what_the_maker_of_its_template_wishes(void **state)
{
    struct scene *s = *state;
    assert_int_equal(tag(s, "dvm", "created-by-net"), 0);
    assert_int_equal(feature(s, "net", "tag-created-vm-with", "wished"), 0);
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=once label=red"), 0);
    assert_true(ask_tag(&s->k, qid_of(s, "once"), span_of("wished")));
    assert_int_equal(take_out(s, "net"), 0);
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=twice label=red"), 0);
    assert_true(ask_tag(&s->k, qid_of(s, "twice"), span_of("created-by-net")));
    assert_false(ask_tag(&s->k, qid_of(s, "twice"), span_of("wished")));
}

static void a_maker_may_wish_that_a_vm_shows_its_own_windows(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "dom0", "set-created-guivm", "screen"), 0);
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=other label=red"), -ERR_PROPERTY_VALUE);
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=screen label=red"), 0);
    assert_string_equal(get(s, "screen", "guivm"), "default=False type=vm screen");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_new_appvm_is_announced_tagged_and_then_has_its_disk),
        SCENE_TEST(volumes_follow_the_layout_of_the_class),
        SCENE_TEST(a_creation_that_is_refused_creates_nothing),
        SCENE_TEST(a_creator_marks_what_it_creates),
        SCENE_TEST(a_disposable_copies_what_its_template_was_given),
        SCENE_TEST(a_vm_goes_only_when_nobody_needs_it),
        SCENE_TEST(a_disposables_own_words_come_first_and_its_templates_count_more),
        SCENE_TEST(a_disposable_gets_what_the_maker_of_its_template_wishes),
        SCENE_TEST(a_maker_may_wish_that_a_vm_shows_its_own_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
