/* SPDX-License-Identifier: MIT
 * Lines of key='value' words: what clients may write, what they read, and that the two agree. */
#include "model/device_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"

static char room[1 << 17];

/* The pairs as "key=value|", options with a '_' before. */
static int read_line(const char *line, struct text *shown)
{
    struct wire_pair pair[WIRE_PAIRS_MAX];
    size_t count = 99;
    struct fault why;
    int r = wire_parse(span_of(line), room, pair, &count, &why);
    if (r < 0) {
        assert_int_equal(count, 99);
        return r;
    }
    text_clear(shown);
    text_add(shown, "");
    for (size_t i = 0; i < count; i++) {
        text_add(shown, pair[i].is_option ? "_" : "");
        text_append(shown, pair[i].key);
        text_byte(shown, '=');
        text_append(shown, pair[i].value);
        text_byte(shown, '|');
    }
    return r;
}

static void a_clients_line_is_read_as_the_reference_reads_it(void **state)
{
    static const struct {
        const char *line, *pairs;
    } row[] = {
        {"", ""},
        {" \n", ""},
        {"a='b'  c='d'", "a=b|c=d|"},
        {"a='x=\\'y\\' z' b='q'", "a=x='y' z|b=q|"},
        {"a='b", "a=|"},
        {"a='bc", "a=b|"},
        {"a='b'x", "a=b'|"},
        {"a", "a=|"},
        {"a='1' a='2'", "a=2|"},
        {"a='1' _a='2' b='' a='3'", "a=3|_a=2|b=|"},
        {"='x'", "=x|"},
        {"  a='b'\n", "a=b|"},
        {"Some='untrusted\\' garbage=\"5%\\n\" ?'", "Some=untrusted' garbage=\"5%\\n\" ?|"},
    };
    AUTO_TEXT shown = TEXT_WITH_LIMIT(4096);
    (void)state;
    for (size_t i = 0; i < COUNT(row); i++) {
        assert_int_equal(read_line(row[i].line, &shown), 0);
        assert_string_equal(shown.at, row[i].pairs);
    }
}

static void a_line_that_cannot_be_read_is_a_protocol_error(void **state)
{
    static const char *const bad[] = {"a=b",      "a='b'c='d'",   "a b='c'", "a='b\t' c='d'",
                                      "a='b\nc'", "a='\xc3\xa9'", "a\"='b'", "add'tional='x'",
                                      "a`='b'",   "a='b='"};
    AUTO_TEXT shown = TEXT_WITH_LIMIT(4096);
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(read_line(bad[i], &shown), -ERR_PROTOCOL);
}

static void more_properties_than_are_taken_are_refused(void **state)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(1 << 16);
    AUTO_TEXT shown = TEXT_WITH_LIMIT(1 << 16);
    (void)state;
    for (int i = 0; i < WIRE_PAIRS_MAX; i++)
        text_format(&line, "k%d='v' ", i);
    assert_int_equal(read_line(line.at, &shown), 0);
    text_add(&line, "one-more='v'");
    assert_int_equal(read_line(line.at, &shown), -ERR_PROTOCOL);
}

/* Values from all printable characters, by a small generator; those that end in '=' cannot be told. */
static void what_is_written_is_read_as_it_was(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        char value[3][24], key[3][4];
        AUTO_TEXT line = TEXT_WITH_LIMIT(4096);
        struct wire_pair pair[WIRE_PAIRS_MAX];
        size_t count = 0;
        struct fault why;
        for (int i = 0; i < 3; i++) {
            size_t len = 0;
            snprintf(key[i], sizeof key[i], "k%d", i);
            for (; len < (seed >> 8) % 20; len++) {
                seed = seed * 1103515245u + 12345u;
                static const char odd[] = "'\\= x_\"";
                if ((seed >> 16) % 3 != 0)
                    value[i][len] = odd[(seed >> 20) % 7];
                else
                    value[i][len] = (char)(' ' + (seed >> 18) % 95);
            }
            value[i][len] = '\0';
            if (len > 0 && value[i][len - 1] == '=')
                value[i][len - 1] = '-';
            seed = seed * 1103515245u + 12345u;
            assert_int_equal(wire_put(&line, i == 1 ? "_" : "", span_of(key[i]), span_of(value[i]), &why), 0);
        }
        assert_int_equal(wire_parse(text_span(&line), room, pair, &count, &why), 0);
        assert_int_equal(count, 3);
        for (int i = 0; i < 3; i++)
            assert_true(span_is(pair[i].key, key[i]) && span_is(pair[i].value, value[i]) &&
                        pair[i].is_option == (i == 1));
    }
}

static void what_cannot_be_told_is_not_written(void **state)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(4096);
    struct fault why;
    (void)state;
    assert_int_equal(wire_put(&line, "", SPAN_LITERAL("k"), SPAN_LITERAL("a\nb"), &why), -ERR_PROTOCOL);
    assert_int_equal(wire_put(&line, "_", SPAN_LITERAL("k'"), SPAN_LITERAL("a"), &why), -ERR_PROTOCOL);
    assert_int_equal(line.len, 0);
}

static const struct device expected = {DEVICE_pci, {"dom0", 4}, {"00_19.0", 7}, {"*", 1}};

static int payload(const struct device *d, const char *text, struct device_payload *out)
{
    struct fault why;
    return device_payload_parse(d, span_of(text), room, out, &why);
}

static void a_payload_agrees_with_its_argument(void **state)
{
    struct device_payload p;
    struct device exact = expected;
    (void)state;
    assert_int_equal(
        payload(&expected,
                "device_id='*' port_id='00_19.0' devclass='pci' backend_domain='dom0' mode='required' "
                "frontend_domain='work' _no-strict-reset='True'",
                &p),
        0);
    assert_int_equal(p.mode, DEVICE_MODE_REQUIRED);
    assert_true(span_is(p.frontend, "work") && span_is(p.id, "*"));
    assert_int_equal(payload(&expected, "", &p), 0);
    assert_true(p.mode == DEVICE_MODE_MANUAL && p.frontend.at == NULL && p.pairs == 0);
    assert_int_equal(payload(&expected, "device_id='dead'", &p), 0);
    assert_true(span_is(p.id, "dead"));
    exact.id = SPAN_LITERAL("dead");
    assert_int_equal(payload(&exact, "device_id='dead' device='x' port='y' options='z'", &p), 0);
    static const char *const bad[] = {
        "device_id='beef'", "device_id='*'",  "port_id='00_1a.0'", "backend_domain='no'", "devclass='block'",
        "mode='bogus'",     "mode='required", "read-only='yes'",   "_identity='x'",       "_='x'",
        "garbage"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(payload(&exact, bad[i], &p), -ERR_PROTOCOL);
}

static void an_assignment_goes_through_the_store_and_comes_out_as_a_line(void **state)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT line = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT options = TEXT_WITH_LIMIT(4096);
    struct assignment a;
    struct fault why;
    (void)state;
    assignment_option_write(&options, SPAN_LITERAL("opt1"), SPAN_LITERAL("a=b"));
    assignment_option_write(&options, SPAN_LITERAL("o2"), SPAN_LITERAL("it's"));
    assignment_value_write(&value, DEVICE_MODE_AUTO, SPAN_LITERAL(""), text_span(&options));
    assert_string_equal(value.at, "mode=auto-attach\nfrontend=\noption:opt1=a=b\noption:o2=it's");
    assert_int_equal(assignment_read(SPAN_LITERAL("usb * 1-1 a b"), text_span(&value), &a), 0);
    assert_int_equal(assignment_line(&line, &a, SPAN_LITERAL("work"), &why), 0);
    assert_string_equal(line.at,
                        "None+1-1:a b device_id='a b' port_id='1-1' devclass='usb' backend_domain='*' "
                        "mode='auto-attach' _opt1='a=b' _o2='it\\'s'");
}

static void an_imported_assignment_shows_whose_it_is(void **state)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(4096);
    struct assignment a;
    struct fault why;
    (void)state;
    assert_int_equal(assignment_read(SPAN_LITERAL("pci dom0 00_19.0 *"), SPAN_LITERAL("mode=required"), &a),
                     0);
    assert_int_equal(assignment_line(&line, &a, SPAN_LITERAL("work"), &why), 0);
    assert_string_equal(line.at, "dom0+00_19.0:* device_id='*' port_id='00_19.0' devclass='pci' "
                                 "backend_domain='dom0' mode='required' frontend_domain='work'");
    assert_int_equal(assignment_read(SPAN_LITERAL("pci dom0"), SPAN_LITERAL("mode=required"), &a), -ERR_BAD);
    assert_int_equal(assignment_read(SPAN_LITERAL("pci dom0 a *"), SPAN_LITERAL("mode=maybe"), &a), -ERR_BAD);
}

static void options_are_shown_as_a_map(void **state)
{
    AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
    (void)state;
    options_text(&t, SPAN_LITERAL(""));
    assert_string_equal(t.at, "{}");
    text_clear(&t);
    options_text(&t, SPAN_LITERAL("option:read-only=yes\noption:a=it's\noption:b=\"'\\"));
    assert_string_equal(t.at, "{'read-only': 'yes', 'a': \"it's\", 'b': '\"\\'\\\\'}");
}

static void a_device_is_shown_with_what_is_known_of_it(void **state)
{
    AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
    struct device_facts f = {.device = {DEVICE_usb, SPAN_LITERAL("sys-usb"), SPAN_LITERAL("1-1"),
                                        SPAN_LITERAL("0000:0000::?******")},
                             .vendor = SPAN_LITERAL("unknown"),
                             .interfaces = SPAN_LITERAL("?******")};
    (void)state;
    device_line(&t, &f);
    assert_string_equal(t.at,
                        "1-1:0000:0000::?****** device_id='0000:0000::?******' port_id='1-1' devclass='usb' "
                        "backend_domain='sys-usb'  interfaces='?******'");
    text_clear(&t);
    f.vendor = SPAN_LITERAL("M\xc3\xbcller's");
    f.attachment = SPAN_LITERAL("work");
    f.parent_port = SPAN_LITERAL("1");
    f.parent_class = SPAN_LITERAL("usb");
    f.data = SPAN_LITERAL("sbdf=0000:00:19.0\nx=1=2");
    device_line(&t, &f);
    assert_string_equal(
        t.at, "1-1:0000:0000::?****** device_id='0000:0000::?******' port_id='1-1' devclass='usb' "
              "backend_domain='sys-usb' vendor='M??ller\\'s' attachment='work' interfaces='?******' "
              "parent_port_id='1' parent_devclass='usb' _sbdf='0000:00:19.0' _x='1=2'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clients_line_is_read_as_the_reference_reads_it),
        cmocka_unit_test(a_line_that_cannot_be_read_is_a_protocol_error),
        cmocka_unit_test(more_properties_than_are_taken_are_refused),
        cmocka_unit_test(what_is_written_is_read_as_it_was),
        cmocka_unit_test(what_cannot_be_told_is_not_written),
        cmocka_unit_test(a_payload_agrees_with_its_argument),
        cmocka_unit_test(an_assignment_goes_through_the_store_and_comes_out_as_a_line),
        cmocka_unit_test(an_imported_assignment_shows_whose_it_is),
        cmocka_unit_test(options_are_shown_as_a_map),
        cmocka_unit_test(a_device_is_shown_with_what_is_known_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
