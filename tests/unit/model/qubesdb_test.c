/* SPDX-License-Identifier: MIT
 * What guests' databases hold: of the VM itself, of a netvm's clients, and what a change adds. */
#include "tests/unit/model/fixture.h"

#include <stdlib.h>

#include "model/plan_netvm.h"
#include "model/qubesdb.h"

/* Entries as lines: "path=value", or "-path". */
static int put_line(void *arg, const char *path, struct span value)
{
    struct text *t = arg;
    assert_true(strlen(path) <= 63);
    if (value.at == NULL)
        text_format(t, "-%s\n", path);
    else
        text_format(t, "%s=%.*s\n", path, (int)value.len, value.at);
    return t->failed;
}

static struct text lines;

static struct qubesdb_sink sink(void)
{
    text_clear(&lines);
    lines.limit = 1 << 20;
    return (struct qubesdb_sink){put_line, &lines, NULL};
}

static const char *own(struct scene *s, const char *vm)
{
    static const unsigned char seed[QUBESDB_SEED] = {'M', 'a', 'n'};
    struct qubesdb_moment moment = {.seed = seed, .default_user = "user", .timezone = "Europe/Berlin"};
    struct qubesdb_sink to = sink();
    assert_int_equal(qubesdb_own(&s->k, qid_of(s, vm), &moment, &to), 0);
    return lines.at;
}

static bool holds(const char *all, const char *line)
{
    size_t len = strlen(line);
    for (const char *at = all; (at = strstr(at, line)) != NULL; at++)
        if ((at == all || at[-1] == '\n') && at[len] == '\n')
            return true;
    return false;
}

static void a_vm_is_told_who_it_is(void **state)
{
    struct scene *s = *state;
    const char *all = own(s, "work");
    static const char *const right[] = {"/name=work",
                                        "/type=AppVM",
                                        "/default-user=user",
                                        "/qubes-vm-updateable=False",
                                        "/qubes-debug-mode=0",
                                        "/qubes-vm-persistence=rw-only",
                                        "/qubes-base-template=tmpl",
                                        "/qubes-timezone=Europe/Berlin",
                                        "/qubes-block-devices=",
                                        "/qubes-iptables-error=",
                                        "/qubes-vm-type=AppVM"};
    for (size_t i = 0; i < COUNT(right); i++)
        assert_true(holds(all, right[i]));
    assert_non_null(strstr(all, "/qubes-random-seed=TWFu"));
    assert_ptr_equal(strstr(all, "/name="), all); /* first, as in the reference */
}

static void a_feature_is_told_by_its_truth_or_its_text(void **state)
{
    struct scene *s = *state;
    feature(s, "work", "service.cups", "");
    feature(s, "work", "check-updates", "1");
    feature(s, "work", "vm-config.a.b", "x y");
    feature(s, "work", "anon-timezone", "1");
    feature(s, "work", "service.guivm", "1");
    const char *all = own(s, "work");
    assert_true(holds(all, "/qubes-service/cups=0"));
    assert_true(holds(all, "/qubes-service/qubes-update-check=1"));
    assert_true(holds(all, "/vm-config/a.b=x y"));
    assert_true(holds(all, "-/qubes-timezone"));
    assert_true(holds(all, "/guivm-windows-prefix=GuiVM"));
}

static void a_feature_that_changes_is_one_entry_or_none(void **state)
{
    char long_name[64] = "service.";
    struct qubesdb_sink to = sink();
    (void)state;
    assert_int_equal(qubesdb_feature(SPAN_LITERAL("service.x"), SPAN_LITERAL("1"), &to), 0);
    assert_int_equal(qubesdb_feature(SPAN_LITERAL("custom-persist.home"), SPAN_LITERAL("/home"), &to), 0);
    struct span gone = {NULL, 0};
    assert_int_equal(qubesdb_feature(SPAN_LITERAL("service.x"), gone, &to), 0);
    assert_int_equal(qubesdb_feature(SPAN_LITERAL("service.meminfo-writer"), gone, &to), 0);
    assert_int_equal(qubesdb_feature(SPAN_LITERAL("other"), SPAN_LITERAL("1"), &to), 0);
    memset(long_name + 8, 'a', 49);
    assert_int_equal(qubesdb_feature(span_of(long_name), SPAN_LITERAL("1"), &to), 0);
    assert_string_equal(lines.at, "/qubes-service/x=1\n/persist/home=/home\n-/qubes-service/x\n");
}

static void a_netvm_is_told_of_its_client(void **state)
{
    struct scene *s = *state;
    set(s, "work", "netvm", "net");
    char ip[64];
    struct property_value v;
    property_get(&s->k, qid_of(s, "work"), PROPERTY_ip, &v);
    assert_int_equal(text_copy(ip, sizeof ip, v.text), 0);
    feature(s, "work", "net.fake-ip", "192.168.1.5");
    assert_int_equal(
        done(s, plan_firewall_set(&s->k, 0, qid_of(s, "work"),
                                  SPAN_LITERAL("action=drop dst6=::/0\naction=accept dsthost=a.example\n"),
                                  &s->plan, &s->why)),
        0);
    struct qubesdb_sink to = sink();
    assert_int_equal(qubesdb_client(&s->k, qid_of(s, "net"), qid_of(s, "work"), &to), 0);
    char right[1024];
    snprintf(right, sizeof right, "/mapped-ip/%s/visible-ip=192.168.1.5\n/mapped-ip/%s/visible-gateway=", ip,
             ip);
    assert_non_null(strstr(lines.at, right));
    snprintf(right, sizeof right,
             "-/qubes-firewall/%s/\n/qubes-firewall/%s/policy=drop\n"
             "/qubes-firewall/%s/0001=action=accept dsthost=a.example\n/qubes-firewall/%s=\n",
             ip, ip, ip, ip);
    assert_non_null(strstr(lines.at, right));
    assert_ptr_equal(strstr(lines.at, "/connected-ips="), lines.at);
}

static void a_provider_is_told_only_of_clients_that_run(void **state)
{
    struct scene *s = *state;
    set(s, "work", "netvm", "net");
    struct qubesdb_sink to = sink();
    assert_int_equal(qubesdb_provider(&s->k, qid_of(s, "net"), &to), 0);
    assert_null(strstr(lines.at, "/qubes-firewall/"));
    assert_non_null(strstr(lines.at, "/connected-ips="));
    s->power[qid_of(s, "work")] = "Running";
    to = sink();
    assert_int_equal(qubesdb_provider(&s->k, qid_of(s, "net"), &to), 0);
    assert_non_null(strstr(lines.at, "/qubes-firewall/"));
}

/* ---- a change that is put off ---- */

static int apply(struct scene *s)
{
    return done(s, plan_netvm_apply(&s->k, 0, qid_of(s, "work"), &s->plan, &s->why));
}

static void what_was_put_off_is_made_when_the_vm_runs(void **state)
{
    struct scene *s = *state;
    uint32_t work = qid_of(s, "work");
    set(s, "work", "netvm", "net");
    s->power[qid_of(s, "net")] = "Running";
    s->power[work] = "Running";
    assert_int_equal(apply(s), -ERR_STATE); /* nothing is put off */
    s->power[work] = "Paused";
    assert_int_equal(set(s, "work", "netvm", ""), 0);
    assert_true(netvm_put_off(&s->k, work));
    assert_int_equal(apply(s), -ERR_STATE);
    assert_true(netvm_put_off(&s->k, work));
    s->power[work] = "Running";
    assert_int_equal(apply(s), 0);
    assert_true(s->plan.prepare & PREPARE_NETVM);
    assert_string_equal(s->text, "work property-pre-set:netvm name=netvm,newvalue=None,oldvalue=net\n|\n"
                                 "work domain-feature-pre-delete:deferred-netvm-original "
                                 "feature=deferred-netvm-original\n"
                                 "work domain-feature-delete:deferred-netvm-original "
                                 "feature=deferred-netvm-original\n");
    assert_false(netvm_put_off(&s->k, work));
}

static void a_netvm_that_rests_is_waited_for(void **state)
{
    struct scene *s = *state;
    uint32_t work = qid_of(s, "work");
    set(s, "work", "netvm", "net");
    s->power[work] = "Running";
    put(s, CHANGE_FEATURE, work, "deferred-netvm-original", "");
    assert_int_equal(apply(s), -ERR_STATE);
    assert_true(netvm_put_off(&s->k, work));
    s->power[qid_of(s, "net")] = "Running";
    assert_int_equal(apply(s), 0);
    assert_non_null(strstr(s->text, "|\nwork domain-qdb-create\nnet net-domain-connect vm=work\n"
                                    "work property-set:netvm name=netvm,newvalue=net,oldvalue=None\n"));
}

static void the_end_of_a_life_ends_what_was_put_off(void **state)
{
    struct scene *s = *state;
    uint32_t work = qid_of(s, "work");
    put(s, CHANGE_FEATURE, work, "deferred-netvm-original", "net");
    assert_int_equal(done(s, plan_netvm_forget(&s->k, 0, work, &s->plan, &s->why)), 0);
    assert_false(netvm_put_off(&s->k, work));
    assert_int_equal(done(s, plan_netvm_forget(&s->k, 0, work, &s->plan, &s->why)), -ERR_STATE);
}

static int end(void **state)
{
    text_free(&lines);
    (void)state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_vm_is_told_who_it_is),
        SCENE_TEST(a_feature_is_told_by_its_truth_or_its_text),
        SCENE_TEST(a_feature_that_changes_is_one_entry_or_none),
        SCENE_TEST(a_netvm_is_told_of_its_client),
        SCENE_TEST(a_provider_is_told_only_of_clients_that_run),
        SCENE_TEST(what_was_put_off_is_made_when_the_vm_runs),
        SCENE_TEST(a_netvm_that_rests_is_waited_for),
        SCENE_TEST(the_end_of_a_life_ends_what_was_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
