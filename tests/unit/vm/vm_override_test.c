/* SPDX-License-Identifier: MIT
 * Overrides of a domain's XML: which one is taken, and that a broken one starts nothing. */
#include "actors/vm/vm_override.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/vm/vm_xml.h"
#include "base/own.h"

#define UUID   "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11"
#define BEFORE "<domain type='xen'><name>work</name><uuid>" UUID "</uuid><title>plain</title></domain>"
#define SHEET(body)                                                                                          \
    "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"                        \
    "<xsl:template match='@*|node()'><xsl:copy><xsl:apply-templates select='@*|node()'/></xsl:copy>"         \
    "</xsl:template>" body "</xsl:stylesheet>"
#define TITLE(text) SHEET("<xsl:template match='title/text()'>" text "</xsl:template>")

static char folder[64];
static const struct vm_view view = {.name = "work", .uuid = UUID, .class = "AppVM"};

static int set_up(void **state)
{
    static const char *const folders[] = {"", "/libvirt", "/libvirt/xen", "/libvirt/xen/by-name",
                                          "/libvirt/xen/by-class"};
    (void)state;
    strcpy(folder, "/tmp/bulkhead-override-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 1; i < COUNT(folders); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        if (mkdir(path, 0700) < 0)
            return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

static void put(const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/libvirt/%s", folder, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static int override(const char *from, struct text *xml, struct fault *why)
{
    text_add(xml, BEFORE);
    return vm_override(from, "xen", &view, xml, why);
}

static void title_is(const char *title)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    struct fault why = {0};
    char expected[64];
    snprintf(expected, sizeof expected, "<title>%s</title>", title);
    if (override(folder, &xml, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(strlen(xml.at), xml.len);
    assert_non_null(strstr(xml.at, expected));
}

static void is_refused(const char *reason)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    struct fault why = {0};
    assert_int_equal(override(folder, &xml, &why), -ERR_QUBES);
    if (strstr(why.text, reason) == NULL || strstr(why.text, folder) == NULL)
        fail_msg("%s", why.text);
    assert_true(span_is(text_span(&xml), BEFORE));
}

static void without_an_override_nothing_changes(void **state)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    struct fault why = {0};
    (void)state;
    title_is("plain");
    assert_int_equal(override(NULL, &xml, &why), 0);
    assert_true(span_is(text_span(&xml), BEFORE));
}

static void the_most_particular_one_is_taken(void **state)
{
    (void)state;
    put("xen.xsl", TITLE("all"));
    put("qemu.xsl", TITLE("of another hypervisor"));
    title_is("all");
    put("xen/by-class/AppVM.xsl", TITLE("class"));
    title_is("class");
    put("xen/by-name/work.xsl", TITLE("name"));
    title_is("name");
}

static void a_broken_one_is_refused_with_its_name_and_the_reason(void **state)
{
    (void)state;
    put("xen/by-name/work.xsl", "<xsl:stylesheet");
    is_refused("work.xsl cannot be used");
    put("xen/by-name/work.xsl", SHEET("<xsl:template match='title'><xsl:message terminate='yes'>not today"
                                      "</xsl:message></xsl:template>"));
    is_refused("not today");
    put("xen/by-name/work.xsl", "<a xsl:version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>");
    is_refused("it makes no <domain type='xen'>");
}

static void none_makes_another_vm_of_this_one(void **state)
{
    (void)state;
    put("xen.xsl", SHEET("<xsl:template match='name/text()'>vault</xsl:template>"));
    is_refused("name or the uuid");
    put("xen.xsl", SHEET("<xsl:template match='uuid'/>"));
    is_refused("name or the uuid");
    put("xen.xsl",
        SHEET("<xsl:template match='@type'><xsl:attribute name='type'>qemu</xsl:attribute></xsl:template>"));
    is_refused("it makes no <domain type='xen'>");
}

static void one_of_qubesd_starts_nothing_until_it_is_converted(void **state)
{
    (void)state;
    put("xen/by-name/work.xml", "{% extends 'libvirt/xen.xml' %}");
    is_refused("override for qubesd");
    put("xen/by-name/work.xsl", SHEET(""));
    title_is("plain");
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(without_an_override_nothing_changes),
        EACH(the_most_particular_one_is_taken),
        EACH(a_broken_one_is_refused_with_its_name_and_the_reason),
        EACH(none_makes_another_vm_of_this_one),
        EACH(one_of_qubesd_starts_nothing_until_it_is_converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
