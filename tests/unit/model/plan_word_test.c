/* SPDX-License-Identifier: MIT
 * Features, tags and labels: what is taken, what is refused, what is told. */
#include "tests/unit/model/fixture.h"

static void setting_a_feature_is_told_with_its_old_value(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "work", "f", "1"), 0);
    assert_string_equal(s->text, "work domain-feature-pre-set:f feature=f,value=1\n|\n"
                                 "work domain-feature-set:f feature=f,value=1\n");
    assert_int_equal(feature(s, "work", "f", "2"), 0);
    assert_string_equal(s->text, "work domain-feature-pre-set:f feature=f,value=2,oldvalue=1\n|\n"
                                 "work domain-feature-set:f feature=f,value=2,oldvalue=1\n");
    assert_int_equal(unfeature(s, "work", "f"), 0);
    assert_string_equal(s->text, "work domain-feature-pre-delete:f feature=f\n|\n"
                                 "work domain-feature-delete:f feature=f\n");
    assert_int_equal(unfeature(s, "work", "f"), -ERR_FEATURE_NOT_FOUND);
    assert_string_equal(s->text, "work domain-feature-pre-delete:f feature=f\n");
}

static void a_feature_that_is_refused_is_not_kept(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *vm, *name, *value;
        enum err code;
    } bad[] = {
        {"work", "f 1", "x", ERR_PROTOCOL},
        {"work", "f+1", "x", ERR_PROTOCOL},
        {"work", "", "x", ERR_PROTOCOL},
        {"work", "f", "a\tb", ERR_PROTOCOL},
        {"work", "f", "\x7f", ERR_PROTOCOL},
        {"work", "f", "\xc3\xa9", ERR_PROTOCOL},
        {"work", "preload-dispvm", "1", ERR_PERMISSION},
        {"work", "deferred-netvm-original", "1", ERR_PERMISSION},
        {"work", "preload-dispvm-max", "1", ERR_VALUE},
        {"work", "preload-dispvm-delay", "x", ERR_VALUE},
        {"work", "preload-dispvm-delay", "0x10", ERR_VALUE},
        {"work", "preload-dispvm-delay", "nan(1)", ERR_VALUE},
        {"dom0", "preload-dispvm-threshold", "x", ERR_VALUE},
        {"work", "service.", "1", ERR_VALUE},
        {"work", "service...", "1", ERR_VALUE},
        {"work", "service.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1", ERR_VALUE},
        {"work", "vm-config.1", "1", ERR_VALUE},
        {"work", "vm-config.", "1", ERR_VALUE},
        {"work", "custom-persist.a", "relative", ERR_VALUE},
        {"work", "custom-persist.a", "file:u:g:9999:/x", ERR_VALUE},
        {"work", "custom-persist.", "/x", ERR_VALUE},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(feature(s, bad[i].vm, bad[i].name, bad[i].value), -(int)bad[i].code);
        assert_null(model_item(s->m, qid_of(s, bad[i].vm), CHANGE_FEATURE, span_of(bad[i].name)));
    }
    assert_int_equal(feature(s, "work", "custom-persist.a", "dir:u:g:0755:/x"), 0);
    assert_int_equal(feature(s, "work", "custom-persist.b", "/x"), 0);
    assert_int_equal(feature(s, "work", "preload-dispvm-delay", "1.5"), 0);
    assert_int_equal(feature(s, "work", "vm-config.a", ""), 0);
}

static void chains_end_at_the_first_value_even_an_empty_one(void **state)
{
    struct scene *s = *state;
    struct span v;
    uint32_t work = qid_of(s, "work");
    feature(s, "tmpl", "tf", "fromtmpl");
    feature(s, "net", "nf", "fromnet");
    feature(s, "dom0", "df", "fromdom0");
    set(s, "work", "netvm", "net");
    assert_int_equal(ask_feature(&s->k, work, CHAIN_TEMPLATE, span_of("tf"), &v), 1);
    assert_true(span_is(v, "fromtmpl"));
    assert_int_equal(ask_feature(&s->k, work, CHAIN_TEMPLATE, span_of("df"), &v), 0);
    assert_int_equal(ask_feature(&s->k, work, CHAIN_NETVM, span_of("nf"), &v), 1);
    assert_int_equal(ask_feature(&s->k, work, CHAIN_NETVM, span_of("tf"), &v), 0);
    assert_int_equal(ask_feature(&s->k, work, CHAIN_ADMINVM, span_of("df"), &v), 1);
    assert_int_equal(ask_feature(&s->k, work, CHAIN_ADMINVM, span_of("tf"), &v), 0);
    assert_int_equal(ask_feature(&s->k, work, CHAIN_TEMPLATE_ADMINVM, span_of("df"), &v), 1);
    assert_int_equal(ask_feature(&s->k, work, CHAIN_TEMPLATE_ADMINVM, span_of("nf"), &v), 0);
    assert_int_equal(ask_feature_or_fault(&s->k, work, CHAIN_OWN, span_of("tf"), &v, &s->why),
                     -ERR_FEATURE_NOT_FOUND);
    feature(s, "work", "tf", "");
    assert_int_equal(ask_feature(&s->k, work, CHAIN_TEMPLATE, span_of("tf"), &v), 1);
    assert_int_equal(v.len, 0);
}

static void meminfo_writer_becomes_a_maxmem_and_goes(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "work", "service.meminfo-writer", ""), 0);
    assert_string_equal(get(s, "work", "maxmem"), "default=False type=int 0");
    assert_null(model_item(s->m, qid_of(s, "work"), CHANGE_FEATURE, span_of("service.meminfo-writer")));
    assert_non_null(strstr(s->text, "work domain-feature-delete:service.meminfo-writer"));
    assert_int_equal(feature(s, "work", "service.meminfo-writer", "1"), 0);
    assert_string_equal(get(s, "work", "maxmem"), "default=True type=int 0");
}

static void a_boot_mode_counts_when_its_options_are_known(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "work", "boot-mode.active", "fast"), 0);
    assert_non_null(strstr(
        s->text, "work property-reset:bootmode name=bootmode\nwork domain-feature-set:boot-mode.active"));
    assert_string_equal(get(s, "work", "bootmode"), "default=True type=str default");
    assert_int_equal(feature(s, "tmpl", "boot-mode.kernelopts.fast", "quiet"), 0);
    assert_string_equal(get(s, "work", "bootmode"), "default=True type=str fast");
    assert_int_equal(feature(s, "tmpl", "boot-mode.appvm-default", "fast"), 0);
    assert_string_equal(get(s, "net", "bootmode"), "default=True type=str fast");
}

static void a_tag_is_told_only_when_it_is_new(void **state)
{
    struct scene *s = *state;
    static const char *const bad[] = {"", "t.4", "t+6", "@t", "x:y", "t 5"};
    assert_int_equal(tag(s, "work", "t"), 0);
    assert_string_equal(s->text, "|\nwork domain-tag-add:t tag=t\n");
    assert_int_equal(tag(s, "work", "t"), 0);
    assert_string_equal(s->text, "");
    assert_int_equal(untag(s, "work", "t"), 0);
    assert_string_equal(s->text, "|\nwork domain-tag-delete:t tag=t\n");
    assert_int_equal(untag(s, "work", "t"), -ERR_TAG_NOT_FOUND);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(tag(s, "work", bad[i]), -ERR_INVALID_TAG);
    assert_int_equal(tag(s, "work", "created-by-nobody"), -ERR_VALUE);
    assert_false(ask_tag(&s->k, qid_of(s, "work"), span_of("created-by-nobody")));
}

static void what_a_client_wrote_comes_back_harmless(void **state)
{
    struct scene *s = *state;
    assert_int_equal(unfeature(s, "work", "a%s\n\x01"), -ERR_FEATURE_NOT_FOUND);
    assert_null(strpbrk(s->why.text, "%\n\x01"));
    assert_int_equal(set(s, "work", "a%n", "x"), -ERR_NO_PROPERTY);
    assert_null(strchr(s->why.text, '%'));
}

static void only_dom0_says_who_created_a_vm(void **state)
{
    struct scene *s = *state;
    uint32_t work = qid_of(s, "work"), net = qid_of(s, "net");
    assert_int_equal(plan_tag_set(&s->k, net, work, span_of("created-by-net"), &s->plan, &s->why),
                     -ERR_PERMISSION);
    assert_int_equal(plan_tag_remove(&s->k, net, work, span_of("created-by-dom0"), &s->plan, &s->why),
                     -ERR_PERMISSION);
    assert_int_equal(plan_tag_set(&s->k, net, work, span_of("fine"), &s->plan, &s->why), 0);
}

static void tags_are_listed_by_their_bytes(void **state)
{
    struct scene *s = *state;
    const char *list[8];
    tag(s, "work", "t1");
    tag(s, "work", "T1");
    assert_int_equal(ask_tags_sorted(&s->k, qid_of(s, "work"), list, COUNT(list)), 5);
    assert_string_equal(list[0], "T1");
    assert_string_equal(list[1], "audiovm-dom0");
    assert_string_equal(list[4], "t1");
}

static int make_label(struct scene *s, const char *name, const char *colour)
{
    return done(s, plan_label_create(&s->k, span_of(name), span_of(colour), &s->plan, &s->why));
}

static int drop_label(struct scene *s, const char *name)
{
    return done(s, plan_label_remove(&s->k, span_of(name), &s->plan, &s->why));
}

static void labels_come_and_go_without_events(void **state)
{
    struct scene *s = *state;
    struct label label;
    assert_int_equal(make_label(s, "cyan", " 0x00ffff\n"), 0);
    assert_string_equal(s->text, "|\n");
    assert_int_equal(ask_label(&s->k, span_of("9"), &label, NULL), 0);
    assert_string_equal(label.name, "cyan");
    assert_string_equal(label.colour, "0x00ffff");
    assert_int_equal(make_label(s, "teal", "0x00FFFF"), 0);
    assert_int_equal(ask_label_at(&s->k, 9, &label), 0);
    assert_int_equal(label.index, 10);
    assert_int_equal(ask_label_at(&s->k, 10, &label), -ERR_UNKNOWN);
    assert_int_equal(set(s, "work", "label", "cyan"), 0);
    assert_int_equal(drop_label(s, "cyan"), -ERR_LABEL_IN_USE);
    assert_int_equal(set(s, "work", "label", "red"), 0);
    assert_int_equal(drop_label(s, "cyan"), 0);
    assert_int_equal(drop_label(s, "cyan"), -ERR_LABEL_NOT_FOUND);
    assert_int_equal(drop_label(s, "red"), -ERR_PROTOCOL);
    assert_int_equal(drop_label(s, "1"), -ERR_PROTOCOL);
}

static void a_label_has_a_name_and_a_colour_of_the_known_form(void **state)
{
    struct scene *s = *state;
    static const char *const names[] = {"", "12", "a/b", "c y"};
    static const char *const colours[] = {"0x00fff",  "0x00fffff", "00ffff00",
                                          "0xgggggg", "#00ffff",   "\xc3\xa9"};
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(make_label(s, names[i], "0x010203"), -ERR_INVALID_LABEL);
    for (size_t i = 0; i < COUNT(colours); i++)
        assert_int_equal(make_label(s, "fine", colours[i]), -ERR_INVALID_LABEL_VALUE);
    assert_int_equal(make_label(s, "red", "0x010203"), -ERR_LABEL_IN_USE);
    assert_int_equal(make_label(s, "4cyan", "0x010203"), 0);
}

static void names_on_a_remote_vm_mean_nothing_here(void **state)
{
    struct scene *s = *state;
    assert_int_equal(create(s, CLASS_RemoteVM, "", "name=far label=red"), 0);
    assert_int_equal(feature(s, "work", "vm-config.1", "x"), -ERR_VALUE);
    assert_int_equal(feature(s, "far", "vm-config.1", "x"), 0);
    assert_int_equal(feature(s, "far", "service.", "1"), 0);
    assert_int_equal(feature(s, "far", "service.meminfo-writer", "1"), 0);
    assert_non_null(model_item(s->m, qid_of(s, "far"), CHANGE_FEATURE, span_of("service.meminfo-writer")));
    assert_int_equal(tag(s, "work", "created-by-nobody"), -ERR_VALUE);
    assert_int_equal(tag(s, "far", "created-by-nobody"), 0);
}

static void meminfo_writer_of_dom0_resets_what_cannot_be_set(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "dom0", "service.meminfo-writer", "1"), 0);
    assert_non_null(strstr(s->text, "dom0 property-reset:maxmem name=maxmem,oldvalue=4096\n"));
    assert_int_equal(feature(s, "dom0", "service.meminfo-writer", ""), -ERR_PROPERTY_VALUE);
    assert_string_equal(s->text, "dom0 domain-feature-pre-set:service.meminfo-writer "
                                 "feature=service.meminfo-writer,value=\n");
}

static void a_wished_tag_may_name_another_maker_with_wishes(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "net", "tag-created-vm-with", "one created-by-hvm"), 0);
    assert_int_equal(feature(s, "hvm", "tag-created-vm-with", "two created-by-net"), 0);
    assert_int_equal(tag(s, "work", "created-by-net"), 0);
    assert_string_equal(s->text, "|\nwork domain-tag-add:one tag=one\nwork domain-tag-add:two tag=two\n"
                                 "work domain-tag-add:created-by-hvm tag=created-by-hvm\n"
                                 "work domain-tag-add:created-by-net tag=created-by-net\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(setting_a_feature_is_told_with_its_old_value),
        SCENE_TEST(a_feature_that_is_refused_is_not_kept),
        SCENE_TEST(chains_end_at_the_first_value_even_an_empty_one),
        SCENE_TEST(meminfo_writer_becomes_a_maxmem_and_goes),
        SCENE_TEST(a_boot_mode_counts_when_its_options_are_known),
        SCENE_TEST(a_tag_is_told_only_when_it_is_new),
        SCENE_TEST(what_a_client_wrote_comes_back_harmless),
        SCENE_TEST(only_dom0_says_who_created_a_vm),
        SCENE_TEST(tags_are_listed_by_their_bytes),
        SCENE_TEST(labels_come_and_go_without_events),
        SCENE_TEST(a_label_has_a_name_and_a_colour_of_the_known_form),
        SCENE_TEST(names_on_a_remote_vm_mean_nothing_here),
        SCENE_TEST(a_wished_tag_may_name_another_maker_with_wishes),
        SCENE_TEST(meminfo_writer_of_dom0_resets_what_cannot_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
