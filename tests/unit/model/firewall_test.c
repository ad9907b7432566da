/* SPDX-License-Identifier: MIT
 * Firewall rules: what is read, what is refused, and their three texts. Notes and rules as operations. */
#include "tests/unit/model/fixture.h"

#include "model/display.h"
#include "model/firewall.h"
#include "model/long_text.h"

static const struct good {
    const char *line, *api, *qubesdb; /* NULL: the same */
} good[] = {
    {"action=accept", NULL, NULL},
    {"  action=drop\t", "action=drop", "action=drop"},
    {"proto=tcp dstports=80 action=accept dst4=1.2.3.4",
     "action=accept dst4=1.2.3.4/32 proto=tcp dstports=80-80",
     "action=accept dst4=1.2.3.4/32 proto=tcp dstports=80-80"},
    {"action=accept dstname=2001:db8::1", "action=accept dst6=2001:db8::1/128",
     "action=accept dst6=2001:db8::1/128"},
    {"action=accept dst6=1.2.3.0/08", "action=accept dst4=1.2.3.0/08", "action=accept dst4=1.2.3.0/08"},
    {"action=accept dst4=::/0", "action=accept dst6=::/0", "action=accept dst6=::/0"},
    {"action=accept dsthost=01.2.3.4", NULL, NULL},
    {"action=accept dsthost=127", NULL, NULL},
    {"action=accept dsthost=", NULL, NULL},
    {"action=accept dsthost=-b_a.d", NULL, NULL},
    {"action=accept proto=udp dstports=00000-65535", "action=accept proto=udp dstports=0-65535",
     "action=accept proto=udp dstports=0-65535"},
    {"action=drop proto=icmp icmptype=008", "action=drop proto=icmp icmptype=8",
     "action=drop proto=icmp icmptype=8"},
    {"action=accept specialtarget=dns dst4=1.1.1.1 proto=udp",
     "action=accept dst4=1.1.1.1/32 proto=udp specialtarget=dns",
     "action=accept dst4=1.1.1.1/32 proto=udp specialtarget=dns"},
    {"action=accept expire=2000000000 comment=a b  c", NULL, "action=accept"},
    {"action=accept comment=", "action=accept", "action=accept"},
    {"action=acceptcomment=x", "action=accept comment=x", "action=accept"},
};

static void a_rule_is_told_in_its_normal_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        AUTO_TEXT api = TEXT_WITH_LIMIT(1024);
        AUTO_TEXT again = TEXT_WITH_LIMIT(1024);
        AUTO_TEXT qubesdb = TEXT_WITH_LIMIT(1024);
        struct firewall_rule rule, second;
        struct fault why;
        assert_int_equal(firewall_rule_parse(span_of(good[i].line), &rule, &why), 0);
        firewall_rule_print(&rule, &api);
        assert_string_equal(api.at, good[i].api != NULL ? good[i].api : good[i].line);
        assert_int_equal(firewall_rule_parse(text_span(&api), &second, &why), 0);
        firewall_rule_print(&second, &again);
        assert_string_equal(api.at, again.at);
        assert_true(firewall_rule_qubesdb(&rule, rule.host == '6' ? '6' : '4', &qubesdb));
        assert_string_equal(qubesdb.at, good[i].qubesdb != NULL ? good[i].qubesdb : good[i].line);
    }
}

static void what_is_no_rule_is_refused_and_leaves_the_rule_as_it_was(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "action",
                                      "action=",
                                      "action=Accept",
                                      "accept",
                                      "proto=tcp",
                                      "action=accept action=accept",
                                      "action=accept  proto=tcp",
                                      "action=accept dst4=1.2.3.4 dst6=::1",
                                      "action=accept dsthost=a dstname=b",
                                      "action=accept dstports=80",
                                      "action=accept proto=icmp dstports=80",
                                      "action=accept proto=tcp icmptype=8",
                                      "action=accept icmptype=8",
                                      "action=accept proto=tcp dstports=80-",
                                      "action=accept proto=tcp dstports=-80",
                                      "action=accept proto=tcp dstports=90-80",
                                      "action=accept proto=tcp dstports=65536",
                                      "action=accept proto=tcp dstports=1-2-3",
                                      "action=accept proto=tcp dstports=",
                                      "action=accept proto=icmp icmptype=256",
                                      "action=accept proto=icmp icmptype=0008",
                                      "action=accept proto=icmp icmptype=",
                                      "action=accept expire=x",
                                      "action=accept expire=-1",
                                      "action=accept expire=",
                                      "action=accept expire=253402300800",
                                      "action=accept dsthost=Example.org",
                                      "action=accept dsthost=a/8",
                                      "action=accept dst4=1.2.3.4/33",
                                      "action=accept dst6=::/129",
                                      "action=accept dst4=1.2.3.4/",
                                      "action=accept dst4=1.2.3.4/8/8",
                                      "action=accept dst4=/8",
                                      "action=accept dst4=1.2.3.4/-1",
                                      "action=accept dsthost=a@b",
                                      "action=accept specialtarget=dns dstports=53",
                                      "action=accept specialtarget=x",
                                      "action=accept proto=any",
                                      "action=accept comment=a=b",
                                      "action=accept comment=a\tb",
                                      "action=accept name=x",
                                      "action=accept proto=tcp\tdstports=80"};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct firewall_rule rule = {.host = 'x'};
        struct fault why = {0};
        if (firewall_rule_parse(span_of(bad[i]), &rule, &why) != -ERR_VALUE)
            fail_msg("taken: %s", bad[i]);
        assert_true(why.text[0] != '\0' && rule.host == 'x');
    }
}

static int add(void *arg, const char *key, const char *value)
{
    text_format(arg, "%s %s\n", key, value);
    return 0;
}

static void each_family_gets_its_rules_under_the_numbers_of_the_whole_list(void **state)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT four = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT six = TEXT_WITH_LIMIT(4096);
    struct fault why;
    (void)state;
    assert_int_equal(firewall_list_parse(SPAN_LITERAL("action=accept dst4=1.1.1.1\r\naction=accept dst6=::1\n"
                                                      "action=drop expire=99\raction=accept dsthost=x\n"
                                                      "action=accept specialtarget=dns\naction=drop\n"),
                                         100, &list, &why),
                     0);
    assert_int_equal(firewall_list_qubesdb(text_span(&list), '4', add, &four), 0);
    assert_int_equal(firewall_list_qubesdb(text_span(&list), '6', add, &six), 0);
    assert_string_equal(four.at, "0000 action=accept dst4=1.1.1.1/32\n0003 action=accept dsthost=x\n"
                                 "0004 action=accept specialtarget=dns\n0005 action=drop\n");
    assert_string_equal(six.at, "0001 action=accept dst6=::1/128\n0003 action=accept dsthost=x\n"
                                "0004 action=accept specialtarget=dns\n0005 action=drop\n");
}

static int rules(struct scene *s, const char *vm, const char *payload)
{
    return done(s, plan_firewall_set(&s->k, 0, qid_of(s, vm), span_of(payload), &s->plan, &s->why));
}

static const char *known_rules(struct scene *s, const char *vm)
{
    static char text[4096];
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    (void)firewall_known(&s->k, qid_of(s, vm), &list);
    snprintf(text, sizeof text, "%s", list.at);
    return text;
}

static void rules_are_replaced_whole_or_not_at_all(void **state)
{
    struct scene *s = *state;
    assert_string_equal(known_rules(s, "work"), "action=accept\n");
    assert_int_equal(rules(s, "work", "action=drop\naction=accept proto=tcp dstports=80"), 0);
    assert_string_equal(s->text, "|\nwork firewall-changed\n");
    assert_string_equal(known_rules(s, "work"), "action=drop\naction=accept proto=tcp dstports=80-80\n");
    static const struct {
        const char *payload;
        int r;
    } bad[] = {{"action=accept\n\naction=drop", -ERR_VALUE},
               {"\n", -ERR_VALUE},
               {"action=accept\nx", -ERR_VALUE},
               {"action=accept comment=\xc3\xa9", -ERR_PROTOCOL}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(rules(s, "work", bad[i].payload), bad[i].r);
        assert_string_equal(s->text, "");
        assert_string_equal(known_rules(s, "work"), "action=drop\naction=accept proto=tcp dstports=80-80\n");
    }
    assert_int_equal(rules(s, "dom0", "action=drop"), -ERR_VM);
    assert_int_equal(done(s, plan_firewall_reload(&s->k, 0, qid_of(s, "work"), &s->plan, &s->why)), 0);
    assert_string_equal(s->text, "work firewall-changed\n");
}

static void a_rule_expires_once_and_the_others_keep_their_numbers(void **state)
{
    struct scene *s = *state;
    bool due;
    s->seconds = 1000;
    uint32_t work = qid_of(s, "work");
    assert_int_equal(
        rules(s, "work", "action=accept expire=999\naction=accept expire=1005\naction=accept expire=1009"),
        0);
    assert_int_equal(firewall_next_expiry(&s->k, work, &due), 1005);
    assert_false(due);
    assert_int_equal(done(s, plan_firewall_expire(&s->k, 0, work, &s->plan, &s->why)), -ERR_STATE);
    s->seconds = 1005; /* the rule holds in that second, too */
    assert_int_equal(done(s, plan_firewall_expire(&s->k, 0, work, &s->plan, &s->why)), -ERR_STATE);
    s->seconds = 1006;
    assert_int_equal(firewall_next_expiry(&s->k, work, &due), 1009);
    assert_true(due);
    assert_int_equal(done(s, plan_firewall_expire(&s->k, 0, work, &s->plan, &s->why)), 0);
    assert_string_equal(s->text, "|\nwork firewall-changed\n");
    assert_string_equal(known_rules(s, "work"), "expired\nexpired\naction=accept expire=1009\n");
}

static void a_disposable_begins_with_its_templates_rules(void **state)
{
    struct scene *s = *state;
    assert_int_equal(rules(s, "dvm", "action=drop comment=from dvm"), 0);
    assert_int_equal(create(s, CLASS_DispVM, "dvm", "name=once label=red"), 0);
    assert_string_equal(known_rules(s, "once"), "action=drop comment=from dvm\n");
    assert_null(strstr(s->text, "firewall-changed"));
}

static int note(struct scene *s, const char *vm, struct span text)
{
    return done(s, plan_notes_set(&s->k, 0, qid_of(s, vm), text, &s->plan, &s->why));
}

static void notes_keep_what_may_be_shown(void **state)
{
    struct scene *s = *state;
    AUTO_TEXT is = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    static const char text[] = "a\0b\r\n\tgr\xc3\xbc\xc3\x9f \xe2\x80\xae\xc2\xa0\xf0\x9f\x99\x82\x7f";
    assert_int_equal(note(s, "work", (struct span){text, sizeof text - 1}), 0);
    assert_string_equal(s->text, "|\n");
    assert_true(long_text_known(&s->k, CHANGE_NOTES, qid_of(s, "work"), &is));
    assert_string_equal(is.at, "a_b_\n\tgr\xc3\xbc\xc3\x9f __\xf0\x9f\x99\x82_");
    static const char *const bad[] = {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\x80"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(note(s, "work", span_of(bad[i])), -ERR_PROTOCOL);
    assert_int_equal(note(s, "dom0", span_of("x")), -ERR_VM);
}

static void long_notes_are_kept_in_parts_and_shrink_without_rest(void **state)
{
    struct scene *s = *state;
    static char text[LONG_TEXT_MAX + 1];
    memset(text, 'n', sizeof text);
    uint32_t work = qid_of(s, "work");
    for (size_t len = LONG_TEXT_MAX; len > 0; len /= 7) {
        AUTO_TEXT is = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
        assert_int_equal(note(s, "work", (struct span){text, len}), 0);
        assert_true(long_text_known(&s->k, CHANGE_NOTES, work, &is));
        assert_int_equal(is.len, len);
        for (const struct item *at = model_items(s->m, work, CHANGE_NOTES); at != NULL; at = at->next)
            assert_true(at->value_len <= LONG_TEXT_PART);
    }
    assert_int_equal(note(s, "work", (struct span){text, sizeof text}), -ERR_PROTOCOL);
}

static void all_texts_together_are_bounded(void **state)
{
    struct scene *s = *state;
    static char text[LONG_TEXT_MAX];
    memset(text, 'n', sizeof text);
    int r = 0;
    for (int i = 0; i < 20 && r == 0; i++) {
        char name[32];
        snprintf(name, sizeof name, "name=n%d label=red", i);
        assert_int_equal(create(s, CLASS_StandaloneVM, "", name), 0);
        snprintf(name, sizeof name, "n%d", i);
        r = note(s, name, (struct span){text, sizeof text});
    }
    assert_int_equal(r, -ERR_TOO_BIG);
    assert_int_equal(note(s, "n0", span_of("short")), 0); /* what gets shorter is taken */
    assert_int_equal(note(s, "n1", span_of("short")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_told_in_its_normal_form),
        cmocka_unit_test(what_is_no_rule_is_refused_and_leaves_the_rule_as_it_was),
        cmocka_unit_test(each_family_gets_its_rules_under_the_numbers_of_the_whole_list),
        SCENE_TEST(rules_are_replaced_whole_or_not_at_all),
        SCENE_TEST(a_rule_expires_once_and_the_others_keep_their_numbers),
        SCENE_TEST(a_disposable_begins_with_its_templates_rules),
        SCENE_TEST(notes_keep_what_may_be_shown),
        SCENE_TEST(long_notes_are_kept_in_parts_and_shrink_without_rest),
        SCENE_TEST(all_texts_together_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
