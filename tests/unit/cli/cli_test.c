/* SPDX-License-Identifier: MIT
 * The command line understands what it documents, and prints what it is told. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/own.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "proto/messages.h"
#include "runtime/control/status.h"
#include "runtime/effects/effects.h"

static int parse(struct cli *cli, struct fault *why, char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    return cli_parse(cli, argc, argv, why);
}
#define PARSE(...) parse(&cli, &why, (char *[]){(char *)"bulkhead", __VA_ARGS__, NULL})

static void options_stand_before_or_behind_the_verb(void **state)
{
    (void)state;
    struct cli cli;
    struct fault why;
    assert_int_equal(PARSE("ps"), 0);
    assert_int_equal(cli.verb, VERB_ps);
    assert_string_equal(cli.run, "/run/bulkhead");
    assert_int_equal(PARSE("--dir", "/tmp/x", "call", "admin.vm.List", "dom0", "--json"), 0);
    assert_string_equal(cli.run, "/tmp/x/run");
    assert_true(cli.json && cli.arguments == 2);
    assert_int_equal(PARSE("call", "m", "d", "--", "--json"), 0);
    assert_string_equal(cli.argument[2], "--json");
    assert_false(cli.json);
    assert_int_equal(PARSE("nonsense", "--help"), 0);
    assert_int_equal(cli.verb, VERB_NONE);
}

static void what_is_not_documented_is_refused_with_a_hint(void **state)
{
    (void)state;
    struct cli cli;
    struct fault why;
    static char *bad[][6] = {{(char *)"bulkhead", NULL},
                             {(char *)"bulkhead", (char *)"dance", NULL},
                             {(char *)"bulkhead", (char *)"ps", (char *)"more", NULL},
                             {(char *)"bulkhead", (char *)"call", (char *)"m", NULL},
                             {(char *)"bulkhead", (char *)"--dir", NULL},
                             {(char *)"bulkhead", (char *)"--quick", (char *)"ps", NULL},
                             {(char *)"bulkhead", (char *)"explain", NULL}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        why.text[0] = '\0';
        assert_int_equal(parse(&cli, &why, bad[i]), -ERR_BAD);
        assert_true(why.text[0] != '\0');
    }
}

static void an_answer_is_taken_apart(void **state)
{
    (void)state;
    struct client_answer a = client_answer(SPAN_LITERAL("0\0a\0b"));
    assert_int_equal(a.kind, ANSWER_OK);
    assert_int_equal(a.body.len, 3);
    a = client_answer(SPAN_LITERAL("2\0QubesVMNotFoundError\0\0no %s here: 100%%\0work\0"));
    assert_int_equal(a.kind, ANSWER_EXCEPTION);
    assert_true(span_is(a.class, "QubesVMNotFoundError"));
    assert_string_equal(a.message.at, "no work here: 100%");
    text_free(&a.message);
    assert_int_equal(client_answer((struct span){NULL, 0}).kind, ANSWER_NONE);
    assert_int_equal(client_answer(SPAN_LITERAL("rubbish")).kind, ANSWER_NONE);
    a = client_answer(SPAN_LITERAL("2\0Class")); /* cut short */
    assert_int_equal(a.kind, ANSWER_EXCEPTION);
    text_free(&a.message);
}

static void a_record_is_whole_or_waits_for_more(void **state)
{
    (void)state;
    struct span fields[4], whole = SPAN_LITERAL("1\0work\0domain-start\0start_guid\0True\0\0"
                                                "1\0");
    size_t count = 0, len = whole.len - 2;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(client_record((struct span){whole.at, cut}, fields, 4, &count), 0);
    assert_int_equal(client_record(whole, fields, 4, &count), len);
    assert_int_equal(count, 4);
    assert_true(span_is(fields[1], "domain-start") && span_is(fields[3], "True"));
    assert_int_equal(client_record(SPAN_LITERAL("1\0\0connection-established\0\0"), fields, 4, &count), 27);
    assert_int_equal(count, 2);
    assert_int_equal(client_record(SPAN_LITERAL("2\0Class\0"), fields, 4, &count), -ERR_BAD);
    assert_int_equal(client_record(SPAN_LITERAL("1\0s\0e\0a\0b\0c\0d\0\0"), fields, 4, &count), -ERR_TOO_BIG);
}

/* What `print` writes, for the caller to free. */
static char *printed(struct cli *cli, void (*print)(struct cli *cli))
{
    char *at = NULL;
    size_t len = 0;
    cli->out = cli->err = open_memstream(&at, &len);
    print(cli);
    fclose(cli->out);
    return at;
}

static void print_page(struct cli *cli)
{
    struct status_page *page = calloc(1, sizeof *page);
    *page = (struct status_page){
        .supervisor_pid = 42, .count = 3, .started_at = UINT64_C(1000000000), .supervisor_state = "serving"};
    page->entry[0] =
        (struct status_entry){.turn = 2,
                              .used = 1,
                              .kind = KIND_VM,
                              .instance = 7,
                              .uid = 70007,
                              .pid = 99,
                              .state = "live",
                              .title = "work",
                              .restarts = 3,
                              .depth = 5,
                              .started_at = UINT64_C(5000000000),
                              .layers = (LAYER_BIT(LAYER_COUNT) - 1) & ~LAYER_BIT(LAYER_LANDLOCK)};
    page->entry[1] = (struct status_entry){.turn = 3, .used = 1}; /* being written for ever */
    show_ps(cli, page, UINT64_C(9000000000));
    free(page);
}

static void ps_shows_the_supervisor_first_and_what_is_missing_in_a_jail(void **state)
{
    (void)state;
    struct cli cli = {0};
    AUTO_MEMORY char *text = printed(&cli, print_page);
    assert_non_null(strstr(text, "supervisor"));
    assert_non_null(strstr(text, "vm/7"));
    assert_non_null(strstr(text, "-landlock"));
    assert_true(strstr(text, "supervisor") < strstr(text, "vm/7"));
    cli.json = true;
    AUTO_MEMORY char *json = printed(&cli, print_page);
    json_t *all = json_loads(json, 0, NULL);
    assert_int_equal(json_array_size(all), 2);
    json_t *row = json_array_get(all, 1);
    assert_string_equal(json_string_value(json_object_get(row, "vm")), "work");
    assert_int_equal(json_integer_value(json_object_get(row, "age")), 4);
    assert_int_equal(json_array_size(json_object_get(row, "jail")), LAYER_COUNT - 1);
    json_decref(all);
}

static void print_traced(struct cli *cli)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    AUTO_TEXT message = TEXT_WITH_LIMIT(1 << 17);
    static char big[60000];
    vm_shutdown_encode(&body, &(struct vm_shutdown){.force = 1});
    struct envelope e = {.version = 1,
                         .type = MESSAGE_vm_shutdown,
                         .class = CLASS_REQUEST,
                         .source_kind = KIND_API,
                         .to_kind = KIND_VM,
                         .to_instance = 7,
                         .op_low = 1,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(&body)};
    envelope_write(&message, &e);
    show_trace(cli, text_span(&message));
    text_clear(&message);
    e.body = (struct span){big, sizeof big};
    envelope_write(&message, &e);
    show_trace(cli, (struct span){message.at, 4096});
    show_trace(cli, SPAN_LITERAL("rubbish"));
}

static void a_traced_message_is_a_line_even_when_it_was_cut(void **state)
{
    (void)state;
    struct cli cli = {0};
    AUTO_MEMORY char *text = printed(&cli, print_traced);
    assert_string_equal(
        text,
        "00000000000000000000000000000001 api/0 -> vm/7 request vm_shutdown {\"force\":1,\"wait\":0}\n"
        "00000000000000000000000000000001 api/0 -> vm/7 request vm_shutdown (longer than a trace keeps)\n"
        "(not a message of this version)\n");
    cli.json = true;
    AUTO_MEMORY char *json = printed(&cli, print_traced);
    json_t *first = json_loads(json, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "body"), "force")), 1);
    json_decref(first);
}

static void run_it(struct cli *cli)
{
    static int status;
    status = cli_run(cli);
    fprintf(cli->out, "[%d]", status);
}

static void explain_knows_every_kind_and_names_them_for_another(void **state)
{
    (void)state;
    struct cli cli = {.verb = VERB_explain, .argument = {"vm/7"}, .arguments = 1};
    AUTO_MEMORY char *rows = printed(&cli, run_it);
    assert_non_null(strstr(rows, "MAY_BIND(RO, LIBVIRT)"));
    cli.json = true;
    AUTO_MEMORY char *json = printed(&cli, run_it);
    json_t *all = json_loads(json, JSON_DISABLE_EOF_CHECK, NULL);
    assert_true(json_array_size(all) > 10);
    json_decref(all);
    cli.argument[0] = "nobody";
    AUTO_MEMORY char *none = printed(&cli, run_it);
    assert_non_null(strstr(none, "devbus-pci"));
    assert_non_null(strstr(none, "[2]"));
}

static void where_nobody_serves_the_exit_status_says_so(void **state)
{
    (void)state;
    static const enum verb verbs[] = {VERB_ps, VERB_ls, VERB_events, VERB_trace, VERB_call};
    for (size_t i = 0; i < COUNT(verbs); i++) {
        struct cli cli = {.verb = verbs[i],
                          .run = "/nowhere/run",
                          .argument = {"admin.vm.List", "dom0"},
                          .arguments = verbs[i] == VERB_call ? 2 : 0};
        AUTO_MEMORY char *text = printed(&cli, run_it);
        assert_non_null(strstr(text, "does bulkhead run there?"));
        assert_non_null(strstr(text, "[3]"));
    }
}

static void the_options_of_log_have_values_and_belong_to_it(void **state)
{
    (void)state;
    struct cli cli;
    struct fault why;
    uint64_t ms = 7;
    assert_int_equal(PARSE("log", "--vm", "work", "-n", "3", "--since", "2h"), 0);
    assert_string_equal(cli.vm, "work");
    assert_string_equal(cli.number, "3");
    assert_string_equal(cli.since, "2h");
    assert_int_equal(PARSE("log", "--vm"), -ERR_BAD);
    assert_int_equal(PARSE("ps", "-n", "3"), -ERR_BAD);
    assert_int_equal(PARSE("call", "m", "d", "--", "-n"), 0);
    assert_int_equal(log_since("90s", 1000, &ms), 0);
    assert_int_equal(ms, 910000);
    assert_int_equal(log_since("3d", 1000, &ms), 0);
    assert_int_equal(ms, 0);
    assert_int_equal(log_since("2026-11-20 12:00", 0, &ms), 0);
    assert_int_equal(ms % 60000, 0);
    ms = 7;
    const char *const bad[] = {"", "s", "2", "2w", "-2h", "2026-13-01", "2026-11-20 12:00 x"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(log_since(bad[i], 1000, &ms), -ERR_BAD);
    assert_int_equal(ms, 7);
}

static void print_two_changes(struct cli *cli)
{
    static const char body[] =
        "8\0002000\0bb\0dom0\0admin.vm.Create\0\0\0001 VM =1 AppVM\n1 VOLUME root=pool=p\nsize=1\0"
        "7\0001000\0aa\0dom0\0admin.vm.feature.Set\0work\0001 FEATURE a=x\0001 FEATURE a=y\0"
        "6\0cut";
    show_log(cli, (struct span){body, sizeof body - 1});
}

static void log_shows_changes_in_their_order_with_what_was_and_what_is(void **state)
{
    (void)state;
    struct cli cli = {0};
    AUTO_MEMORY char *text = printed(&cli, print_two_changes);
    assert_non_null(strstr(text, "1 FEATURE a: x -> y"));
    assert_true(strstr(text, "1 FEATURE a: x -> y") < strstr(text, "admin.vm.Create -"));
    assert_non_null(strstr(text, "    + size=1\n"));
    assert_null(strstr(text, "cut"));
    cli.json = true;
    AUTO_MEMORY char *json = printed(&cli, print_two_changes);
    json_t *row = json_loads(json, JSON_DISABLE_EOF_CHECK, NULL);
    assert_int_equal(json_integer_value(json_object_get(row, "version")), 7);
    assert_string_equal(json_string_value(json_object_get(row, "before")), "1 FEATURE a=x");
    assert_string_equal(json_string_value(json_object_get(row, "vm")), "work");
    json_decref(row);
}

static void how_far_a_call_has_got_is_said_of_its_own_volume_only(void **state)
{
    (void)state;
    AUTO_TEXT line = TEXT_WITH_LIMIT(256);
    struct span f[] = {SPAN_LITERAL("work"),   SPAN_LITERAL("bulkhead-volume-progress"),
                       SPAN_LITERAL("volume"), SPAN_LITERAL("root"),
                       SPAN_LITERAL("pool"),   SPAN_LITERAL("fast"),
                       SPAN_LITERAL("work"),   SPAN_LITERAL("clone"),
                       SPAN_LITERAL("done"),   SPAN_LITERAL("536870912"),
                       SPAN_LITERAL("total"),  SPAN_LITERAL("2147483648")};
    assert_true(progress_line(f, COUNT(f), "work", SPAN_LITERAL("root"), &line));
    assert_string_equal(line.at, "clone: 512 of 2048 MiB, 25 %");
    assert_true(progress_line(f, COUNT(f) - 2, "work", SPAN_LITERAL("root"), &line));
    assert_string_equal(line.at, "clone: 512 MiB");
    assert_false(progress_line(f, COUNT(f), "other", SPAN_LITERAL("root"), &line));
    assert_false(progress_line(f, COUNT(f), "work", SPAN_LITERAL("private"), &line));
    f[9] = SPAN_LITERAL("much");
    assert_false(progress_line(f, COUNT(f), "work", SPAN_LITERAL("root"), &line));
    f[1] = SPAN_LITERAL("domain-start");
    assert_false(progress_line(f, COUNT(f), "work", SPAN_LITERAL("root"), &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_before_or_behind_the_verb),
        cmocka_unit_test(what_is_not_documented_is_refused_with_a_hint),
        cmocka_unit_test(an_answer_is_taken_apart),
        cmocka_unit_test(a_record_is_whole_or_waits_for_more),
        cmocka_unit_test(ps_shows_the_supervisor_first_and_what_is_missing_in_a_jail),
        cmocka_unit_test(a_traced_message_is_a_line_even_when_it_was_cut),
        cmocka_unit_test(explain_knows_every_kind_and_names_them_for_another),
        cmocka_unit_test(the_options_of_log_have_values_and_belong_to_it),
        cmocka_unit_test(log_shows_changes_in_their_order_with_what_was_and_what_is),
        cmocka_unit_test(how_far_a_call_has_got_is_said_of_its_own_volume_only),
        cmocka_unit_test(where_nobody_serves_the_exit_status_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
