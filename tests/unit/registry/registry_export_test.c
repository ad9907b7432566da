/* SPDX-License-Identifier: MIT
 * What is written is what qubesd would write, and reads back as the same model. */
#include "actors/registry/registry_export.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/registry/registry_example.h"

static const struct export_rules rules = {.property_order = example_order};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The printed changes, sorted: the order of properties is not part of the meaning. */
static void sort_lines(struct gathered *g, char **lines)
{
    char *at = g->print.at;
    for (size_t i = 0; i < g->count; i++)
        lines[i] = strsep(&at, "\n");
    qsort(lines, g->count, sizeof *lines, by_text);
}

static void assert_same_meaning(struct gathered *a, struct gathered *b)
{
    assert_int_equal(a->count, b->count);
    char **x = calloc(a->count + 1, sizeof *x), **y = calloc(b->count + 1, sizeof *y);
    sort_lines(a, x);
    sort_lines(b, y);
    for (size_t i = 0; i < a->count; i++)
        assert_string_equal(x[i], y[i]);
    free(x);
    free(y);
}

static void the_example_comes_out_byte_for_byte(void **state)
{
    (void)state;
    struct gathered g = gathered_new();
    AUTO_TEXT out = TEXT_WITH_LIMIT(1 << 20);
    assert_int_equal(gather(span_of(example_xml), NULL, &g, NULL), 0);
    assert_int_equal(registry_export(g.changes, g.count, &rules, &out, NULL), 0);
    assert_string_equal(out.at, example_xml);
    gathered_free(&g);
}

static void the_order_of_the_changes_does_not_matter_for_vms_and_properties(void **state)
{
    (void)state;
    const struct change changes[] = {
        {CHANGE_PROPERTY, 3, SPAN_LITERAL("name"), SPAN_LITERAL("b"), 0},
        {CHANGE_FEATURE, 3, SPAN_LITERAL("z"), SPAN_LITERAL("1"), 0},
        {CHANGE_FEATURE, 3, SPAN_LITERAL("a"), SPAN_LITERAL(""), 0},
        {CHANGE_VM, 3, SPAN_LITERAL(""), SPAN_LITERAL("4 RemoteVM"), 0},
        {CHANGE_VM, 5, SPAN_LITERAL(""), SPAN_LITERAL("1 AppVM"), 0},
        {CHANGE_GENERATION, 9, SPAN_LITERAL(""), SPAN_LITERAL("2"), 0},
        {CHANGE_DEVICE, 5, SPAN_LITERAL("usb * 1-1 0:1 x"), SPAN_LITERAL("mode=auto-attach\noption:o=a=b"),
         0},
        {CHANGE_DEVICE, 5, SPAN_LITERAL("block b sda *"), SPAN_LITERAL("mode=required"), 0},
        {CHANGE_PROPERTY, 5, SPAN_LITERAL("template"), SPAN_LITERAL("t"), 0},
        {CHANGE_PROPERTY, 5, SPAN_LITERAL("name"), SPAN_LITERAL("a"), 0},
        {CHANGE_PROPERTY, 5, SPAN_LITERAL("netvm"), SPAN_LITERAL(""), 0},
        {CHANGE_VOLUME, 5, SPAN_LITERAL("root"), SPAN_LITERAL("pool=p\nsize=0"), 0},
        {CHANGE_VM, 0, SPAN_LITERAL(""), SPAN_LITERAL("1 AdminVM"), 0},
        {CHANGE_LABEL, QID_GLOBAL, SPAN_LITERAL("b"), SPAN_LITERAL("10 0x000001"), 0},
        {CHANGE_LABEL, QID_GLOBAL, SPAN_LITERAL("a"), SPAN_LITERAL("9 0x000002"), 0},
    };
    AUTO_TEXT out = TEXT_WITH_LIMIT(1 << 20);
    assert_int_equal(registry_export(changes, COUNT(changes), &rules, &out, NULL), 0);
    assert_string_equal(
        out.at,
        "<qubes>\n  <labels>\n    <label id=\"label-9\" color=\"0x000002\">a</label>\n"
        "    <label id=\"label-10\" color=\"0x000001\">b</label>\n  </labels>\n  <pools/>\n"
        "  <properties/>\n  <domains>\n    <domain id=\"domain-0\" class=\"AdminVM\">\n"
        "      <properties/>\n      <features/>\n      <tags/>\n    </domain>\n"
        "    <domain id=\"domain-5\" class=\"AppVM\">\n      <properties>\n"
        "        <property name=\"name\">a</property>\n        <property name=\"qid\">5</property>\n"
        "        <property name=\"netvm\"></property>\n        <property name=\"template\">t</property>\n"
        "      </properties>\n      <features/>\n      <tags/>\n      <devices class=\"block\">\n"
        "        <device backend-domain=\"b\" id=\"sda\" mode=\"required\" identity=\"*\"/>\n"
        "      </devices>\n      <devices class=\"usb\">\n"
        "        <device id=\"1-1\" mode=\"auto-attach\" identity=\"0:1 x\">\n"
        "          <option name=\"o\">a=b</option>\n        </device>\n      </devices>\n"
        "      <volume-config>\n        <volume name=\"root\" pool=\"p\"/>\n      </volume-config>\n"
        "    </domain>\n    <domain id=\"domain-3\" class=\"RemoteVM\">\n      <properties>\n"
        "        <property name=\"name\">b</property>\n        <property name=\"qid\">3</property>\n"
        "      </properties>\n      <features>\n        <feature name=\"z\">1</feature>\n"
        "        <feature name=\"a\"></feature>\n      </features>\n      <tags/>\n    </domain>\n"
        "  </domains>\n</qubes>\n");
}

static void what_cannot_be_written_names_itself_and_leaves_the_text_alone(void **state)
{
    (void)state;
    struct change vm = {CHANGE_VM, 1, SPAN_LITERAL(""), SPAN_LITERAL("1 AppVM"), 0};
    struct change name = {CHANGE_PROPERTY, 1, SPAN_LITERAL("name"), SPAN_LITERAL("a"), 0};
    const struct change bad[] = {
        {CHANGE_FEATURE, 1, SPAN_LITERAL("bell"), SPAN_LITERAL("\a"), 0},
        {CHANGE_FEATURE, 2, SPAN_LITERAL("of-nobody"), SPAN_LITERAL(""), 0},
        {CHANGE_VOLUME, 1, SPAN_LITERAL("root"), SPAN_LITERAL("a b=c"), 0},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct change changes[] = {vm, name, bad[i]};
        struct fault why = {0};
        AUTO_TEXT out = TEXT_WITH_LIMIT(1 << 20);
        text_add(&out, "before");
        assert_int_equal(registry_export(changes, COUNT(changes), &rules, &out, &why), -ERR_BAD);
        char key[32];
        text_copy(key, sizeof key, bad[i].key);
        assert_non_null(strstr(why.text, key));
        assert_string_equal(out.at, "before");
    }
    AUTO_TEXT small = TEXT_WITH_LIMIT(64);
    assert_int_equal(registry_export((struct change[]){vm, name}, 2, &rules, &small, NULL), -ERR_TOO_BIG);
    assert_int_equal(small.len, 0);
    assert_int_equal(registry_export(&vm, 1, &rules, &small, NULL), -ERR_BAD);
}

static void a_thousand_vms_go_around(void **state)
{
    (void)state;
    AUTO_TEXT xml = TEXT_WITH_LIMIT(64 << 20), out = TEXT_WITH_LIMIT(64 << 20);
    text_add(&xml, "<qubes><labels><label id='label-1' color='0xcc0000'>red</label></labels><pools><pool "
                   "name='p' driver='file' "
                   "dir_path='/p'/></pools><domains>");
    for (unsigned i = 1000; i > 0; i--)
        text_format(
            &xml,
            "<domain class='TemplateVM'><properties><property name='qid'>%u</property><property "
            "name='name'>vm%u</property>"
            "<property name='uuid'>u%u</property><property name='label'>red</property></properties><features>"
            "<feature name='z'>%u</feature><feature name='a'>&lt;&amp;\"</feature></features><tags><tag "
            "name='t'/></tags>"
            "<devices class='pci'><device backend-domain='dom0' id='00_%02x.0'/></devices>"
            "<volume-config><volume name='root' pool='p' vid='v%u' size='1'/></volume-config></domain>",
            i, i, i, i, i & 0xff, i);
    text_add(&xml, "</domains></qubes>");
    struct gathered first = gathered_new(), second = gathered_new();
    assert_int_equal(gather(text_span(&xml), NULL, &first, NULL), 0);
    assert_int_equal(registry_export(first.changes, first.count, &rules, &out, NULL), 0);
    assert_int_equal(gather(text_span(&out), NULL, &second, NULL), 0);
    assert_true(first.count > 8000);
    assert_string_equal(second.problems.at, "");
    assert_same_meaning(&first, &second);
    gathered_free(&first);
    gathered_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_comes_out_byte_for_byte),
        cmocka_unit_test(the_order_of_the_changes_does_not_matter_for_vms_and_properties),
        cmocka_unit_test(what_cannot_be_written_names_itself_and_leaves_the_text_alone),
        cmocka_unit_test(a_thousand_vms_go_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
