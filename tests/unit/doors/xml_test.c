/* SPDX-License-Identifier: MIT
 * XML is read within bounds, hostile bytes end in an error, and what is written reads back. */
#include "doors/xml.h"
#include "doors/xmlwrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct xml_doc *parsed(const char *text)
{
    struct xml_doc *doc = NULL;
    struct fault why = {0};
    if (xml_parse(span_of(text), &doc, &why) < 0)
        fail_msg("%s", why.text);
    return doc;
}

static void elements_attributes_and_text_are_found_with_their_lines(void **state)
{
    (void)state;
    AUTO(xml_doc)
    *doc = parsed("<?xml version='1.0'?>\n<a x='1' y='&lt;&amp;'>\n <b/>\n <c>t&amp;u<![CDATA[<v>]]>"
                  "<!-- no -->w</c><b z=''>2</b>\n</a>");
    const struct xml_element *a = xml_root(doc), *b = xml_child(a, "b");
    struct span name, value;
    assert_true(span_is(xml_name(a), "a"));
    assert_true(xml_attribute(a, "y", &value) && span_is(value, "<&"));
    assert_false(xml_attribute(a, "z", &value));
    assert_true(xml_attribute_at(a, 0, &name, &value) && span_is(name, "x") && span_is(value, "1"));
    assert_false(xml_attribute_at(a, 2, &name, &value));
    assert_int_equal(xml_line(b), 3);
    assert_int_equal(xml_content(b).len, 0);
    assert_true(span_is(xml_content(xml_child(a, "c")), "t&u<v>"));
    b = xml_next(b, "b");
    assert_true(span_is(xml_content(b), "2"));
    assert_true(xml_attribute(b, "z", &value) && value.len == 0);
    assert_null(xml_next(b, NULL));
    assert_ptr_equal(xml_path(a, "b"), xml_child(a, "b"));
    assert_null(xml_path(a, "b/c"));
}

static int parse_result(const char *at, size_t len, struct fault *why)
{
    AUTO(xml_doc)
    *doc = NULL;
    return xml_parse((struct span){at, len}, &doc, why);
}

static void what_is_hostile_or_broken_is_an_error_with_its_line(void **state)
{
    (void)state;
    static const char bomb[] =
        "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'><!ENTITY c '&b;&b;&b;&b;'>"
        "<!ENTITY d '&c;&c;&c;&c;'>]>\n<a>&d;</a>";
    static const char *const bad[] = {
        "",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "text",
        "<a x='1' x='2'/>",
        "<a>&none;</a>",
        "<a>\x01</a>",
        bomb,
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a><a/>",
        "<a>\xff</a>",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fault why = {0};
        assert_int_equal(parse_result(bad[i], strlen(bad[i]), &why), -ERR_BAD);
        assert_non_null(strstr(why.text, "line"));
    }
    struct fault why;
    assert_int_equal(parse_result("<a>b\0c</a>", 10, &why), -ERR_BAD);
    assert_int_equal(parse_result(bomb, sizeof bomb - 1, &why), -ERR_BAD);
    assert_non_null(strstr(why.text, "DOCTYPE"));
    assert_non_null(strstr(why.text, "line 2"));
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    AUTO_TEXT t = TEXT_WITH_LIMIT(1 << 20);
    for (int depth = XML_DEPTH_MAX; depth <= XML_DEPTH_MAX + 1; depth++) {
        text_clear(&t);
        for (int i = 0; i < depth; i++)
            text_add(&t, "<a>");
        for (int i = 0; i < depth; i++)
            text_add(&t, "</a>");
        assert_int_equal(parse_result(t.at, t.len, NULL), depth > XML_DEPTH_MAX ? -ERR_BAD : 0);
    }
    struct fault why;
    assert_int_equal(parse_result(t.at, (size_t)XML_BYTES_MAX + 1, &why), -ERR_TOO_BIG);
}

static void a_file_is_read_from_its_descriptor(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    fputs("<a><b>1</b></a>", f);
    fflush(f);
    lseek(fileno(f), 0, SEEK_SET);
    AUTO(xml_doc)
    *doc = NULL;
    assert_int_equal(xml_parse_fd(fileno(f), &doc, NULL), 0);
    assert_true(span_is(xml_content(xml_path(xml_root(doc), "b")), "1"));
    fclose(f);
    AUTO(xml_doc)
    *none = NULL;
    assert_int_equal(xml_parse_fd(-1, &none, NULL), -ERR_IO);
}

static void what_is_written_is_pretty_and_reads_back(void **state)
{
    (void)state;
    static const char odd[] = "a<b>&\"'\r\n\t\xc3\xa9";
    AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
    AUTO(xmlwrite)
    *w = xmlwrite_new_indented();
    xmlwrite_open(w, "a");
    xmlwrite_open(w, "b");
    xmlwrite_put(w, "x", span_of(odd));
    xmlwrite_close(w);
    xmlwrite_open(w, "c");
    xmlwrite_open(w, "d");
    xmlwrite_content(w, span_of(odd));
    xmlwrite_close(w);
    xmlwrite_open(w, "e");
    xmlwrite_content(w, (struct span){"more", 0});
    xmlwrite_close(w);
    xmlwrite_close(w);
    xmlwrite_close(w);
    assert_int_equal(xmlwrite_finish(w, &t, NULL), 0);
    assert_string_equal(t.at,
                        "<a>\n  <b x=\"a&lt;b&gt;&amp;&quot;'&#13;&#10;&#9;&#xE9;\"/>\n  <c>\n"
                        "    <d>a&lt;b&gt;&amp;&quot;'&#13;\n\t\xc3\xa9</d>\n    <e></e>\n  </c>\n</a>\n");
    AUTO(xml_doc)
    *doc = parsed(t.at);
    struct span value;
    assert_true(xml_attribute(xml_path(xml_root(doc), "b"), "x", &value) && span_is(value, odd));
    assert_true(span_is(xml_content(xml_path(xml_root(doc), "c/d")), odd));
}

static void what_xml_cannot_hold_fails_the_writer(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x0b",         "\x01",     "\xff",         "\xc0\x80",
                                      "\xed\xa0\x80", "\xe2\x82", "\xef\xbf\xbf", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        AUTO_TEXT t = TEXT_WITH_LIMIT(4096);
        AUTO(xmlwrite)
        *w = xmlwrite_new_indented();
        xmlwrite_open(w, "a");
        xmlwrite_content(w, span_of(bad[i]));
        assert_int_equal(xmlwrite_failed(w), -ERR_RANGE);
        xmlwrite_close(w);
        assert_int_equal(xmlwrite_finish(w, &t, NULL), -ERR_RANGE);
        assert_int_equal(t.len, 0);
    }
    AUTO_TEXT small = TEXT_WITH_LIMIT(3);
    AUTO(xmlwrite)
    *w = xmlwrite_new_indented();
    xmlwrite_open(w, "long");
    xmlwrite_put(w, "zero", (struct span){"a\0b", 3});
    assert_int_equal(xmlwrite_failed(w), -ERR_RANGE);
    AUTO(xmlwrite)
    *other = xmlwrite_new_indented();
    xmlwrite_open(other, "long");
    xmlwrite_close(other);
    assert_int_equal(xmlwrite_finish(other, &small, NULL), -ERR_TOO_BIG);
    assert_int_equal(xmlwrite_failed(NULL), -ERR_NOMEM);
}

static void a_tag_is_found_by_its_line_and_column(void **state)
{
    (void)state;
    AUTO(xml_doc)
    *doc = parsed("<a>\n <b\n   x='1'/><c/>\n\t<d/></a>");
    static const struct {
        const char *name;
        unsigned line, column;
    } places[] = {{"b", 2, 2}, {"c", 3, 11}, {"d", 4, 2}};
    for (size_t i = 0; i < COUNT(places); i++) {
        const struct xml_element *e = xml_child(xml_root(doc), places[i].name);
        assert_int_equal(xml_line(e), places[i].line);
        assert_int_equal(xml_column(e), places[i].column);
    }
    assert_int_equal(xml_column(xml_root(doc)), 1);
    AUTO_TEXT far = TEXT_WITH_LIMIT(1 << 20);
    text_add(&far, "<a>");
    for (int i = 0; i < 30000; i++)
        text_add(&far, "<b/>");
    text_add(&far, "\n<c/></a>");
    AUTO(xml_doc)
    *long_line = parsed(far.at);
    assert_int_equal(xml_column(xml_child(xml_root(long_line), "c")), 1);
    assert_int_equal(xml_column(xml_child(xml_root(long_line), "b")), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_attributes_and_text_are_found_with_their_lines),
        cmocka_unit_test(what_is_hostile_or_broken_is_an_error_with_its_line),
        cmocka_unit_test(depth_and_size_have_limits),
        cmocka_unit_test(a_file_is_read_from_its_descriptor),
        cmocka_unit_test(what_is_written_is_pretty_and_reads_back),
        cmocka_unit_test(what_xml_cannot_hold_fails_the_writer),
        cmocka_unit_test(a_tag_is_found_by_its_line_and_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
