/* SPDX-License-Identifier: MIT
 * A stylesheet changes the document that it is given, and reaches nothing else. */
#include "doors/xslt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/own.h"

#define SHEET(body)                                                                                          \
    "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>" body "</"              \
    "xsl:stylesheet>"
#define IDENTITY                                                                                             \
    "<xsl:template match='@*|node()'><xsl:copy><xsl:apply-templates select='@*|node()'/></xsl:copy>"         \
    "</xsl:template>"
#define DOCUMENT "<domain type='xen'><name>work</name><on_crash>destroy</on_crash></domain>"

static int apply(const char *sheet, struct text *out, struct fault *why)
{
    return xslt_apply(span_of(sheet), span_of(DOCUMENT), out, why);
}

static void refuses(const char *sheet, const char *reason)
{
    AUTO_TEXT out = TEXT_WITH_LIMIT(4096);
    struct fault why = {0};
    int r = apply(sheet, &out, &why);
    if (r >= 0 || out.len > 0 || strstr(why.text, reason) == NULL)
        fail_msg("%s gave %d, '%.*s', '%s'", sheet, r, (int)out.len, out.at != NULL ? out.at : "", why.text);
}

static void a_stylesheet_changes_what_it_matches_and_copies_the_rest(void **state)
{
    AUTO_TEXT out = TEXT_WITH_LIMIT(4096);
    struct fault why = {0};
    (void)state;
    assert_int_equal(apply(SHEET(IDENTITY "<xsl:template match='on_crash'><on_crash>preserve</on_crash>"
                                          "</xsl:template>"),
                           &out, &why),
                     0);
    text_byte(&out, '\0');
    assert_string_equal(out.at,
                        "<domain type=\"xen\"><name>work</name><on_crash>preserve</on_crash></domain>");
}

static void a_broken_stylesheet_says_where(void **state)
{
    (void)state;
    refuses("<xsl:stylesheet", "the stylesheet (line 1)");
    refuses("", "the stylesheet");
    refuses("<domain/>", "does not compile");
    refuses(SHEET("<xsl:template match='['/>"), "does not compile");
    refuses(SHEET("<xsl:template match='/'>\n<xsl:value-of select='nosuch()'/></xsl:template>"), "fails");
    refuses(SHEET("<xsl:template match='/'/>"), "makes no element");
    refuses(SHEET("<xsl:template match='/'><xsl:message terminate='yes'>only on Sundays</xsl:message>"
                  "</xsl:template>"),
            "only on Sundays");
}

static void no_other_document_is_read(void **state)
{
    char path[] = "/tmp/bulkhead-xslt-XXXXXX", sheet[1024];
    AUTO_FD fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0 && write(fd, DOCUMENT, strlen(DOCUMENT)) > 0);
    snprintf(sheet, sizeof sheet,
             SHEET("<xsl:template match='/'><a><xsl:copy-of select=\"document('%s')\"/></a></xsl:template>"),
             path);
    AUTO_TEXT out = TEXT_WITH_LIMIT(4096);
    struct fault why = {0};
    int r = apply(sheet, &out, &why);
    assert_true(r < 0 || (out.len == 4 && memcmp(out.at, "<a/>", 4) == 0));
    snprintf(sheet, sizeof sheet, SHEET("<xsl:import href='%s'/>" IDENTITY), path);
    refuses(sheet, "does not compile");
    snprintf(sheet, sizeof sheet, SHEET("<xsl:include href='%s'/>" IDENTITY), path);
    refuses(sheet, "does not compile");
    snprintf(sheet, sizeof sheet, "<!DOCTYPE a [<!ENTITY e SYSTEM '%s'>]>" SHEET("<xsl:template match='/'/>"),
             path);
    refuses(sheet, "DOCTYPE");
    unlink(path);
}

static void no_file_is_written(void **state)
{
    static const char path[] = "/tmp/bulkhead-xslt-written";
    char sheet[1024];
    struct stat st;
    AUTO_TEXT out = TEXT_WITH_LIMIT(4096);
    struct fault why = {0};
    (void)state;
    unlink(path);
    snprintf(sheet, sizeof sheet,
             "<xsl:stylesheet version='1.1' xmlns:xsl='http://www.w3.org/1999/XSL/Transform' "
             "xmlns:e='http://exslt.org/common' extension-element-prefixes='e'><xsl:template match='/'>"
             "<e:document href='%s'><a/></e:document><xsl:document href='%s'><a/></xsl:document><b/>"
             "</xsl:template></xsl:stylesheet>",
             path, path);
    (void)apply(sheet, &out, &why);
    assert_int_equal(stat(path, &st), -1);
}

static void what_never_ends_is_ended(void **state)
{
    (void)state;
    refuses(SHEET("<xsl:template match='/'><xsl:call-template name='l'/></xsl:template>"
                  "<xsl:template name='l'><xsl:call-template name='l'/></xsl:template>"),
            "fails");
    refuses(
        SHEET("<xsl:template match='/'><a><xsl:call-template name='l'><xsl:with-param name='n' select='60'/>"
              "</xsl:call-template></a></xsl:template><xsl:template name='l'><xsl:param name='n'/>"
              "<xsl:if test='$n &gt; 0'><xsl:call-template name='l'><xsl:with-param name='n' "
              "select='$n - 1'/></xsl:call-template><xsl:call-template name='l'><xsl:with-param name='n' "
              "select='$n - 1'/></xsl:call-template></xsl:if></xsl:template>"),
        "fails");
}

static void more_than_the_limit_is_refused(void **state)
{
    AUTO_TEXT out = TEXT_WITH_LIMIT(20);
    struct fault why = {0};
    (void)state;
    assert_int_equal(apply(SHEET(IDENTITY), &out, &why), -ERR_TOO_BIG);
}

static void a_file_that_is_not_there_is_no_fault(void **state)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(XSLT_BYTES_MAX + 1);
    struct fault why = {0};
    (void)state;
    assert_int_equal(xslt_read("/nonexistent/work.xsl", &bytes, &why), -ERR_UNKNOWN);
    assert_int_equal(xslt_read("/dev/zero", &bytes, &why), -ERR_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stylesheet_changes_what_it_matches_and_copies_the_rest),
        cmocka_unit_test(a_broken_stylesheet_says_where),
        cmocka_unit_test(no_other_document_is_read),
        cmocka_unit_test(no_file_is_written),
        cmocka_unit_test(what_never_ends_is_ended),
        cmocka_unit_test(more_than_the_limit_is_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
