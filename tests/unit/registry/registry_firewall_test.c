/* SPDX-License-Identifier: MIT
 * firewall.xml: both versions in, the second out, and what is no such file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "actors/registry/registry_firewall.h"
#include "base/own.h"

static const char second[] = "<firewall version=\"2\">\n"
                             "  <rules>\n"
                             "    <rule>\n"
                             "      <properties>\n"
                             "        <property name=\"action\">accept</property>\n"
                             "        <property name=\"comment\">a b</property>\n"
                             "        <property name=\"expire\">2000000000</property>\n"
                             "        <property name=\"dsthost\">192.0.2.0/24</property>\n"
                             "        <property name=\"proto\">tcp</property>\n"
                             "        <property name=\"dstports\">443</property>\n"
                             "      </properties>\n"
                             "    </rule>\n"
                             "    <rule>\n"
                             "      <properties>\n"
                             "        <property name=\"action\">drop</property>\n"
                             "        <property name=\"proto\">icmp</property>\n"
                             "        <property name=\"specialtarget\">dns</property>\n"
                             "        <property name=\"icmptype\">8</property>\n"
                             "      </properties>\n"
                             "    </rule>\n"
                             "  </rules>\n"
                             "</firewall>\n";

static void the_second_version_goes_around_byte_for_byte(void **state)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT out = TEXT_WITH_LIMIT(4096);
    (void)state;
    assert_int_equal(registry_firewall_read(span_of(second), 1000, &list, NULL), 0);
    assert_string_equal(
        list.at, "action=accept expire=2000000000 dst4=192.0.2.0/24 proto=tcp dstports=443-443 comment=a b\n"
                 "action=drop proto=icmp specialtarget=dns icmptype=8\n");
    assert_int_equal(registry_firewall_write(text_span(&list), &out, NULL), 0);
    assert_string_equal(out.at, second);
}

static void an_empty_comment_is_none(void **state)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(4096);
    (void)state;
    assert_int_equal(registry_firewall_read(SPAN_LITERAL("<firewall version=\"2\"><rules><rule><properties>"
                                                         "<property name=\"action\">accept</property>"
                                                         "<property name=\"comment\"></property>"
                                                         "</properties></rule></rules></firewall>"),
                                            100, &list, NULL),
                     0);
    assert_string_equal(list.at, "action=accept\n");
}

static void an_expired_rule_keeps_its_place_and_is_not_written(void **state)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT out = TEXT_WITH_LIMIT(4096);
    (void)state;
    assert_int_equal(registry_firewall_read(span_of(second), 2000000001, &list, NULL), 0);
    assert_string_equal(list.at, "expired\naction=drop proto=icmp specialtarget=dns icmptype=8\n");
    assert_int_equal(registry_firewall_write(text_span(&list), &out, NULL), 0);
    assert_null(strstr(out.at, "accept"));
    assert_non_null(strstr(out.at, "icmp"));
}

static void the_first_version_becomes_rules(void **state)
{
    static const struct {
        const char *xml, *list;
    } files[] = {
        {"<QubesFirewallRules policy='allow'/>",
         "action=accept specialtarget=dns\naction=accept proto=icmp\naction=accept\n"},
        {"<any policy='deny' dns='allow' version='1'><rule address='10.0.0.1' proto='tcp' port='80'/>"
         "<rule address='10.0.0.0' netmask='8' port='1' toport='9'/><rule address='example.org' proto='any'/>"
         "<rule proto='udp' port='53' expire='99'/><x address='::1' netmask='64'/></any>",
         "action=accept specialtarget=dns\naction=drop proto=icmp\naction=accept dst4=10.0.0.1/32 proto=tcp "
         "dstports=80-80\n"
         "action=accept dst4=10.0.0.0/8 proto=tcp dstports=1-9\naction=accept dsthost=example.org\nexpired\n"
         "action=accept dst6=::1/64\n"},
        {"<f policy='allow' icmp='deny'><rule address='1.2.3.4'/></f>",
         "action=accept specialtarget=dns\naction=drop proto=icmp\naction=drop "
         "dst4=1.2.3.4/32\naction=accept\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        AUTO_TEXT list = TEXT_WITH_LIMIT(4096);
        assert_int_equal(registry_firewall_read(span_of(files[i].xml), 100, &list, NULL), 0);
        assert_string_equal(list.at, files[i].list);
    }
}

static void what_is_no_firewall_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *xml, *place;
    } bad[] = {
        {"", "line 1"},
        {"<firewall version='3'/>", "line 1, column 1"},
        {"<firewall/>", "line 1, column 1"},
        {"<f policy='perhaps'/>", "line 1, column 1"},
        {"<f policy='allow'>\n <rule address='1.2.3.4/33'/></f>", "line 2, column 2"},
        {"<f policy='allow'>\n <rule proto='any' port='1'/></f>", "line 2, column 2"},
        {"<firewall version='2'><rules>\n<rule><properties/></rule></rules></firewall>", "line 2, column 1"},
        {"<firewall version='2'><rules><rule><properties>\n  <property "
         "name='action'>pass</property></properties></rule></rules></firewall>",
         "line 2, column 3"},
        {"<firewall version='2'><rules><rule><properties>\n\n<property "
         "name='colour'>red</property></properties></rule></rules></firewall>",
         "line 3, column 1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTO_TEXT list = TEXT_WITH_LIMIT(4096);
        struct fault why = {0};
        text_add(&list, "kept\n");
        assert_int_equal(registry_firewall_read(span_of(bad[i].xml), 100, &list, &why), -ERR_BAD);
        if (strstr(why.text, bad[i].place) == NULL)
            fail_msg("%s: %s", bad[i].xml, why.text);
        assert_string_equal(list.at, "kept\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_version_goes_around_byte_for_byte),
        cmocka_unit_test(an_empty_comment_is_none),
        cmocka_unit_test(an_expired_rule_keeps_its_place_and_is_not_written),
        cmocka_unit_test(the_first_version_becomes_rules),
        cmocka_unit_test(what_is_no_firewall_is_refused_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
