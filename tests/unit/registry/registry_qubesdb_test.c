/* SPDX-License-Identifier: MIT
 * What registry tells guests' processes of their databases: all when asked, and what has changed. */
#include "tests/unit/registry/registry_bench.h"

enum { WORK = 1, NET = 2 };
/* Of "firefox.desktop", as other programs print it. */
#define HASH "/hash-app-dispvm/b5wsIru6FO4z3gNLrIE37S9jloYFrHKTZv1XLTRE_zA"

/* vm/1 is a client of vm/2; both live. */
static void up(struct bench *b, bool netvm_lives)
{
    bench_up(b);
    bench_create(b, "work");
    bench_create(b, "net");
    bench_operate(b, OPERATION_property_set, NET, "provides_network", "True");
    bench_operate(b, OPERATION_property_set, WORK, "netvm", "net");
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_vm_says(b, WORK, MESSAGE_claim, 0);
    if (netvm_lives)
        bench_vm_says(b, NET, MESSAGE_claim, 0);
    bench_forget(b);
}

/* guest/QID asks; the correlation of its question is 77. */
static void asks(struct bench *b, uint32_t qid, uint32_t what, uint32_t client)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    qdb_entries_encode(&body, &(struct qdb_entries){.what = what, .client = client});
    bench_hear(b,
               (struct envelope){.type = MESSAGE_qdb_entries,
                                 .class = CLASS_REQUEST,
                                 .source_kind = KIND_GUEST,
                                 .source_instance = qid,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = qid,
                                 .subject_generation = vm_generation(model_vm(b->core->model, qid)),
                                 .correlation = 77},
               &body);
}

/* Whether this list has this entry; value NULL: its removal. */
static bool has(const struct wire_list *list, const char *path, const char *value)
{
    struct reader in = list_reader(list);
    struct qdb_entry e;
    while (qdb_entry_next(&in, &e) == 1)
        if (strcmp(e.path, path) == 0 && (e.gone != 0) == (value == NULL) &&
            (value == NULL || span_is(e.value, value)))
            return true;
    return false;
}

static struct wire_list answered(struct bench *b)
{
    struct qdb_entries_reply m;
    int i = bench_find(b, MESSAGE_qdb_entries, 0);
    assert_true(i >= 0);
    assert_int_equal(qdb_entries_reply_decode(&m, b->said[i].e.body), 0);
    return m.entries;
}

static void a_guest_is_told_all_that_its_database_is_to_hold(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    asks(&b, NET, 0, 0);
    struct wire_list all = answered(&b);
    assert_true(has(&all, "/name", "net"));
    assert_true(has(&all, "/qubes-vm-type", "NetVM"));
    assert_true(has(&all, "/connected-ips", "10.137.0.1"));
    assert_true(has(&all, "/qubes-firewall/10.137.0.1/policy", "drop"));
    bench_down(&b);
}

static void of_a_vm_that_is_no_client_nothing_is_said(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    asks(&b, WORK, 2, NET);
    assert_int_equal(bench_count(&b, MESSAGE_qdb_entries), 0);
    assert_int_equal(bench_count(&b, MESSAGE_error), 1);
    bench_forget(&b);
    asks(&b, NET, 2, WORK);
    struct wire_list all = answered(&b);
    assert_true(has(&all, "/mapped-ip/10.137.0.1/visible-ip", "10.137.0.1"));
    assert_false(has(&all, "/name", "net"));
    bench_down(&b);
}

static void what_a_database_cannot_hold_is_named_and_nothing_is_said(void **state)
{
    struct bench b;
    char value[3100];
    (void)state;
    up(&b, true);
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    bench_operate(&b, OPERATION_feature_set, WORK, "vm-config.big", value);
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    assert_int_equal(bench_count(&b, MESSAGE_guest_write), 0);
    asks(&b, WORK, 0, 0);
    assert_int_equal(bench_count(&b, MESSAGE_qdb_entries), 0);
    bench_down(&b);
}

static struct wire_list pushed(struct bench *b, uint32_t to)
{
    static struct guest_write m;
    int i = bench_find(b, MESSAGE_guest_write, 0);
    assert_true(i >= 0);
    assert_int_equal(b->said[i].e.to_instance, to);
    assert_int_equal(guest_write_decode(&m, b->said[i].e.body), 0);
    return m.entries;
}

static void a_changed_feature_goes_to_the_guest_that_lives(void **state)
{
    struct bench b;
    (void)state;
    up(&b, false);
    bench_operate(&b, OPERATION_feature_set, WORK, "service.x", "1");
    struct wire_list list = pushed(&b, WORK);
    assert_true(has(&list, "/qubes-service/x", "1"));
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_remove, WORK, "service.x", "");
    list = pushed(&b, WORK);
    assert_true(has(&list, "/qubes-service/x", NULL));
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_set, NET, "service.x", "1"); /* it rests */
    bench_operate(&b, OPERATION_feature_set, WORK, "other", "1");
    assert_int_equal(bench_count(&b, MESSAGE_guest_write), 0);
    bench_down(&b);
}

static void changed_rules_go_to_a_netvm_that_lives(void **state)
{
    struct bench b;
    (void)state;
    for (int lives = 0; lives < 2; lives++) {
        up(&b, lives != 0);
        bench_operate(&b, OPERATION_firewall_set, WORK, "", "action=drop\n");
        assert_int_equal(bench_answer(&b, b.last_operation), 0);
        assert_int_equal(bench_count(&b, MESSAGE_guest_write), 2 * lives);
        if (lives != 0) {
            struct wire_list list = pushed(&b, NET);
            assert_true(has(&list, "/qubes-firewall/10.137.0.1/", NULL));
            assert_true(has(&list, "/qubes-firewall/10.137.0.1/0000", "action=drop"));
        }
        bench_down(&b);
    }
}

/* Whether any of the writings to this guest holds the entry. */
static bool was_pushed(struct bench *b, uint32_t to, const char *path, const char *value)
{
    struct guest_write m;
    for (int i = bench_find(b, MESSAGE_guest_write, 0); i >= 0; i = bench_find(b, MESSAGE_guest_write, i + 1))
        if (b->said[i].e.to_instance == to && guest_write_decode(&m, b->said[i].e.body) == 0 &&
            has(&m.entries, path, value))
            return true;
    return false;
}

static void lives_as(struct bench *b, uint32_t qid, uint32_t domid, uint32_t started)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    lives_as_encode(&body, &(struct lives_as){.there = domid != 0, .domid = domid, .started = started});
    bench_hear(b,
               (struct envelope){.type = MESSAGE_lives_as,
                                 .class = CLASS_EVENT,
                                 .source_kind = KIND_VM,
                                 .source_instance = qid,
                                 .subject_kind = KIND_VM,
                                 .subject_instance = qid,
                                 .subject_generation = vm_generation(model_vm(b->core->model, qid))},
               &body);
}

static void a_new_domain_is_in_its_netvms_tables_unless_that_reads_no_tables(void **state)
{
    struct bench b;
    (void)state;
    for (int modern = 0; modern < 2; modern++) {
        up(&b, true);
        if (modern)
            bench_operate(&b, OPERATION_feature_set, NET, "qubes-firewall", "1");
        bench_forget(&b);
        lives_as(&b, WORK, 12, 0);
        assert_int_equal(was_pushed(&b, NET, "/qubes-iptables", "reload"), !modern);
        assert_int_equal(was_pushed(&b, NET, "/qubes-iptables-domainrules/12",
                                    "*filter\n-A FORWARD -s 10.137.0.1 -j ACCEPT\n"
                                    "-A FORWARD -s 10.137.0.1 -j DROP\nCOMMIT\n"),
                         !modern);
        bench_forget(&b);
        lives_as(&b, WORK, 12, 1); /* no other domain */
        assert_int_equal(bench_count(&b, MESSAGE_guest_write), 0);
        bench_down(&b);
    }
}

static void who_shows_windows_and_plays_sound_is_told_to_those_that_live_when_it_has_started(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    bench_operate(&b, OPERATION_property_set, WORK, "guivm", "net");
    bench_operate(&b, OPERATION_property_set, WORK, "audiovm", "net");
    assert_int_equal(bench_answer(&b, b.last_operation), 0);
    bench_forget(&b);
    lives_as(&b, NET, 33, 0);
    assert_false(was_pushed(&b, WORK, "/qubes-gui-domain-xid", "33"));
    for (int i = 0; i < 2; i++) {
        bench_forget(&b);
        lives_as(&b, NET, 33, 1);
        assert_int_equal(was_pushed(&b, WORK, "/qubes-gui-domain-xid", "33"), i == 0);
        assert_int_equal(was_pushed(&b, WORK, "/qubes-gui-enabled", "True"), i == 0);
        assert_int_equal(was_pushed(&b, WORK, "/qubes-audio-domain-xid", "33"), i == 0);
    }
    asks(&b, WORK, 0, 0);
    struct wire_list all = answered(&b);
    assert_true(has(&all, "/qubes-gui-domain-xid", "33"));
    bench_forget(&b);
    bench_operate(&b, OPERATION_property_set, WORK, "audiovm", "");
    assert_true(was_pushed(&b, WORK, "/qubes-audio-domain-xid", NULL));
    bench_vm_says(&b, NET, MESSAGE_release, 0);
    bench_forget(&b);
    asks(&b, WORK, 0, 0);
    all = answered(&b);
    assert_false(has(&all, "/qubes-gui-domain-xid", "33"));
    bench_down(&b);
}

static void an_application_is_told_by_its_digest(void **state)
{
    struct bench b;
    (void)state;
    up(&b, true);
    bench_operate(&b, OPERATION_feature_set, WORK, "service.app-dispvm.firefox.desktop", "1");
    assert_true(was_pushed(&b, WORK, HASH, "firefox.desktop"));
    bench_forget(&b);
    bench_operate(&b, OPERATION_feature_set, WORK, "service.app-dispvm.firefox.desktop", "");
    assert_true(was_pushed(&b, WORK, HASH, NULL));
    asks(&b, WORK, 0, 0);
    struct wire_list all = answered(&b);
    assert_true(has(&all, HASH, NULL));
    bench_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_is_told_all_that_its_database_is_to_hold),
        cmocka_unit_test(of_a_vm_that_is_no_client_nothing_is_said),
        cmocka_unit_test(what_a_database_cannot_hold_is_named_and_nothing_is_said),
        cmocka_unit_test(a_changed_feature_goes_to_the_guest_that_lives),
        cmocka_unit_test(changed_rules_go_to_a_netvm_that_lives),
        cmocka_unit_test(a_new_domain_is_in_its_netvms_tables_unless_that_reads_no_tables),
        cmocka_unit_test(who_shows_windows_and_plays_sound_is_told_to_those_that_live_when_it_has_started),
        cmocka_unit_test(an_application_is_told_by_its_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
