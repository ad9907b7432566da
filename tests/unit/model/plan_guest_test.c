/* SPDX-License-Identifier: MIT
 * What follows from a guest's words, and what does not; and the lists of denied devices. */
#include "tests/unit/model/fixture.h"

#include "model/plan_guest.h"

static int request(struct scene *s, const char *vm, const char *lines)
{
    return done(s, plan_features_request(&s->k, qid_of(s, vm), span_of(lines), &s->plan, &s->why));
}

static int updates(struct scene *s, const char *vm, const char *count)
{
    return done(s, plan_updates_notice(&s->k, qid_of(s, vm), span_of(count), &s->plan, &s->why));
}

static const char *value(struct scene *s, const char *vm, const char *feature_name)
{
    const struct item *item = model_item(s->m, qid_of(s, vm), CHANGE_FEATURE, span_of(feature_name));
    return item != NULL ? item->value : "(absent)";
}

#define SET(vm, f, v)                                                                                        \
    vm " domain-feature-pre-set:" f " feature=" f ",value=" v "\n" vm " domain-feature-set:" f " feature=" f \
       ",value=" v "\n"

static void the_first_qrexec_is_told_and_ends_the_set_up(void **state)
{
    struct scene *s = *state;
    assert_int_equal(request(s, "tmpl", "qrexec=1\ngui=0\n"), 0);
    assert_string_equal(s->text, "tmpl features-request untrusted_features={'qrexec': '1', 'gui': '0'}\n"
                                 "tmpl domain-feature-pre-set:qrexec feature=qrexec,value=1\n|\n"
                                 "tmpl domain-feature-set:qrexec feature=qrexec,value=1\n" SET(
                                     "tmpl", "gui", "") "tmpl template-postinstall\n");
    assert_int_equal(request(s, "tmpl", "qrexec=0\ngui=1\n"), 0); /* what is there stays */
    assert_string_equal(s->text, "tmpl features-request untrusted_features={'qrexec': '0', 'gui': '1'}\n");
    assert_string_equal(value(s, "tmpl", "qrexec"), "1");
    assert_string_equal(value(s, "tmpl", "gui"), "");
}

static void of_a_vm_with_a_template_only_its_services_count(void **state)
{
    struct scene *s = *state;
    assert_int_equal(
        request(s, "work", "qrexec=1\nos=Linux\nsupported-service.x=1\nvmexec=1\nsupported-rpc.a.B=1\n"), 0);
    assert_string_equal(value(s, "work", "supported-rpc.a.B"), "1");
    for (const char *const *f = (const char *const[]){"qrexec", "os", "supported-service.x", "vmexec", NULL};
         *f != NULL; f++)
        assert_string_equal(value(s, "work", *f), "(absent)");
    assert_non_null(strstr(s->text, "work features-request "));
}

static void what_is_supported_replaces_what_was(void **state)
{
    struct scene *s = *state;
    assert_int_equal(request(s, "tmpl", "supported-service.apparmor=1\nsupported-service.b=1\n"), 0);
    assert_string_equal(value(s, "tmpl", "apparmor"), "1");
    assert_int_equal(request(s, "tmpl", ""), 0); /* to say nothing changes nothing */
    assert_string_equal(value(s, "tmpl", "supported-service.b"), "1");
    assert_int_equal(request(s, "tmpl", "supported-service.b=1\nsupported-service.c=0\n"), 0);
    assert_string_equal(value(s, "tmpl", "supported-service.apparmor"), "(absent)");
    assert_string_equal(value(s, "tmpl", "supported-service.c"), "(absent)");
    assert_string_equal(value(s, "tmpl", "apparmor"), "(absent)");
    assert_int_equal(feature(s, "tmpl", "apparmor", ""), 0);
    assert_int_equal(request(s, "tmpl", "supported-service.apparmor=1\n"), 0);
    assert_string_equal(value(s, "tmpl", "apparmor"), ""); /* its owner has decided */
}

static void a_value_that_does_not_fit_its_word_is_passed_over(void **state)
{
    static const struct {
        const char *word, *bad, *good, *stored;
    } rows[] = {
        {"os-version", "x1", "12.1-2", "12.1-2"},
        {"os-version", ".1", "9", "9"},
        {"os-eol", "2026-02-29", "2024-02-29", "2024-02-29"},
        {"os-eol", "2026-13-01", "2026-12-31", "2026-12-31"},
        {"os-eol", "26-12-31", "2030-06-30", "2030-06-30"},
        {"qubes-agent-version", "4", "4.3", "4.3"},
        {"qubes-agent-version", "4.1234", "4.123", "4.123"},
        {"qubes-agent-version", "4.3.1", "10.20", "10.20"},
        {"anon-timezone", "0", "1", "1"},
        {"vmexec", "2", "1", "1"},
        {"qubes-firewall", "yes", "0", ""},
        {"os-distribution", "", "debian", "debian"},
        {"os", "Plan9", "Linux", "Linux"},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char line[100];
        char before[100];
        snprintf(before, sizeof before, "%s", value(s, "hvm", rows[i].word));
        snprintf(line, sizeof line, "%s=%s\n", rows[i].word, rows[i].bad);
        assert_int_equal(request(s, "hvm", line), 0);
        assert_string_equal(value(s, "hvm", rows[i].word), before);
        snprintf(line, sizeof line, "%s=%s\n", rows[i].word, rows[i].good);
        assert_int_equal(request(s, "hvm", line), 0);
        assert_string_equal(value(s, "hvm", rows[i].word), rows[i].stored);
    }
}

static void windows_tools_bring_their_settings(void **state)
{
    struct scene *s = *state;
    assert_int_equal(feature(s, "hvm", "audio-model", "ac97"), 0);
    assert_int_equal(request(s, "hvm", "qrexec=1\nos=Windows\n"), 0);
    assert_string_equal(value(s, "hvm", "os"), "Windows");
    assert_string_equal(value(s, "hvm", "rpc-clipboard"), "1");
    assert_string_equal(value(s, "hvm", "stubdom-qrexec"), "1");
    assert_string_equal(value(s, "hvm", "audio-model"), "ac97");
    assert_string_equal(get(s, "hvm", "maxmem"), "default=False type=int 0");
    assert_string_equal(get(s, "hvm", "qrexec_timeout"), "default=False type=int 6000");
}

static void boot_modes_are_taken_as_a_whole_or_not_at_all(void **state)
{
    struct scene *s = *state;
    assert_int_equal(request(s, "tmpl",
                             "boot-mode.kernelopts.a=x\nboot-mode.name.a=A\nboot-mode.name.default=D\n"
                             "boot-mode.name.b=B\nboot-mode.active=a\nboot-mode.appvm-default=b\n"),
                     0);
    assert_string_equal(value(s, "tmpl", "boot-mode.kernelopts.a"), "x");
    assert_string_equal(value(s, "tmpl", "boot-mode.name.default"), "D");
    assert_string_equal(value(s, "tmpl", "boot-mode.name.b"), "(absent)"); /* there is no mode b */
    assert_string_equal(value(s, "tmpl", "boot-mode.active"), "a");
    assert_string_equal(value(s, "tmpl", "boot-mode.appvm-default"), "(absent)");
    assert_int_equal(request(s, "tmpl",
                             "boot-mode.kernelopts.c=1\nboot-mode.kernelopts.d=1\n"
                             "boot-mode.name.c=Same\nboot-mode.name.d=Same\n"),
                     0);
    assert_string_equal(value(s, "tmpl", "boot-mode.kernelopts.c"), "(absent)");
    assert_string_equal(value(s, "tmpl", "boot-mode.kernelopts.a"), "x");
    assert_int_equal(request(s, "tmpl",
                             "boot-mode.kernelopts.e=y\nboot-mode.kernelopts.default=z\n"
                             "boot-mode.kernelopts.f.g=z\nboot-mode.appvm-default=e\n"),
                     0);
    assert_string_equal(value(s, "tmpl", "boot-mode.kernelopts.a"), "(absent)");
    assert_string_equal(value(s, "tmpl", "boot-mode.name.a"), "(absent)");
    assert_string_equal(value(s, "tmpl", "boot-mode.kernelopts.e"), "y");
    assert_string_equal(value(s, "tmpl", "boot-mode.kernelopts.default"), "(absent)");
    assert_string_equal(value(s, "tmpl", "boot-mode.appvm-default"), "e");
}

static void updates_are_noted_where_they_can_be_made(void **state)
{
    struct scene *s = *state;
    assert_int_equal(updates(s, "hvm", "3"), 0);
    assert_string_equal(value(s, "hvm", "updates-available"), "1");
    assert_string_equal(value(s, "hvm", "last-updates-check"), "2026-01-31 23:59:58");
    assert_string_equal(value(s, "hvm", "last-update"), "(absent)");
    assert_int_equal(updates(s, "hvm", "00"), 0);
    assert_string_equal(value(s, "hvm", "updates-available"), "");
    assert_string_equal(value(s, "hvm", "last-update"), "2026-01-31 23:59:58");
    assert_int_equal(updates(s, "dom0", "1"), 0);
    assert_string_equal(value(s, "dom0", "updates-available"), "1");
    assert_int_equal(updates(s, "work", "0"), 0); /* not for it to say that there are none */
    assert_string_equal(s->text, "");
    s->power[qid_of(s, "tmpl")] = "Running";
    assert_int_equal(updates(s, "work", "2"), 0); /* the template says so itself */
    assert_string_equal(value(s, "tmpl", "updates-available"), "(absent)");
    s->power[qid_of(s, "tmpl")] = "Halted";
    assert_int_equal(updates(s, "work", "2"), 0);
    assert_string_equal(value(s, "tmpl", "updates-available"), "1");
    assert_string_equal(value(s, "work", "updates-available"), "(absent)");
}

static void a_change_in_the_database_is_one_event(void **state)
{
    struct scene *s = *state;
    assert_int_equal(done(s, plan_qdb_change(&s->k, qid_of(s, "work"), SPAN_LITERAL("/qubes-block-devices"),
                                             SPAN_LITERAL("/qubes-block-devices"), &s->plan, &s->why)),
                     0);
    assert_string_equal(s->text, "work domain-qdb-change:/qubes-block-devices path=/qubes-block-devices\n");
}

static int deny(struct scene *s, const char *vm, const char *codes)
{
    return done(s, plan_denied_add(&s->k, 0, qid_of(s, vm), span_of(codes), &s->plan, &s->why));
}

static int permit(struct scene *s, const char *vm, const char *codes)
{
    return done(s, plan_denied_remove(&s->k, 0, qid_of(s, vm), span_of(codes), &s->plan, &s->why));
}

static void denied_interfaces_are_sorted_and_unique(void **state)
{
    struct scene *s = *state;
    assert_int_equal(deny(s, "work", "u08****b******"), 0);
    assert_int_equal(deny(s, "work", "b******"), 0); /* told again, though nothing changes */
    assert_non_null(strstr(s->text, "work property-set:devices_denied "));
    assert_string_equal(get(s, "work", "devices_denied"), "default=False type=str b******u08****");
    assert_int_equal(permit(s, "work", "p******z******"), 0);
    assert_string_equal(s->text, ""); /* nothing changes, nothing is told */
    assert_int_equal(permit(s, "work", "b******"), 0);
    assert_string_equal(get(s, "work", "devices_denied"), "default=False type=str u08****");
    assert_int_equal(permit(s, "work", "all"), 0);
    assert_string_equal(get(s, "work", "devices_denied"), "default=False type=str ");
}

static void a_list_that_is_none_is_refused(void **state)
{
    struct scene *s = *state;
    assert_int_equal(deny(s, "work", "u08****"), 0);
    assert_int_equal(deny(s, "work", "x"), -ERR_VALUE);
    assert_int_equal(deny(s, "work", "z08****"), -ERR_PROPERTY_VALUE);
    assert_int_equal(deny(s, "work", "b******b******"), -ERR_PROTOCOL);
    assert_int_equal(deny(s, "work", "\xff"), -ERR_PROTOCOL);
    assert_int_equal(permit(s, "work", "allall"), -ERR_VALUE);
    assert_int_equal(permit(s, "work", "u08****u08****"), -ERR_PROTOCOL);
    assert_int_equal(permit(s, "work", "\xff"), -ERR_PROTOCOL);
    assert_string_equal(get(s, "work", "devices_denied"), "default=False type=str u08****");
    assert_int_equal(create(s, CLASS_RemoteVM, "", "name=rem label=red"), 0);
    assert_int_equal(deny(s, "rem", "u08****"), -ERR_NO_PROPERTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_first_qrexec_is_told_and_ends_the_set_up),
        SCENE_TEST(of_a_vm_with_a_template_only_its_services_count),
        SCENE_TEST(what_is_supported_replaces_what_was),
        SCENE_TEST(a_value_that_does_not_fit_its_word_is_passed_over),
        SCENE_TEST(windows_tools_bring_their_settings),
        SCENE_TEST(boot_modes_are_taken_as_a_whole_or_not_at_all),
        SCENE_TEST(updates_are_noted_where_they_can_be_made),
        SCENE_TEST(a_change_in_the_database_is_one_event),
        SCENE_TEST(denied_interfaces_are_sorted_and_unique),
        SCENE_TEST(a_list_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
