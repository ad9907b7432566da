/* SPDX-License-Identifier: MIT
 * Registry's core: what becomes of an operation, in which order it is told, and what a failure leaves. */
#include "tests/unit/registry/registry_bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static unsigned early_events(const struct bench *b)
{
    unsigned count = 0;
    for (unsigned i = 0; i < b->count; i++) {
        struct happened m;
        if (b->said[i].e.type != MESSAGE_happened)
            continue;
        assert_int_equal(happened_decode(&m, b->said[i].e.body), 0);
        count += m.events.count;
    }
    return count;
}

static void a_change_is_told_before_it_is_answered(void **state)
{
    struct bench b;
    struct delta m;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t version = b.core->version;
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    int delta = bench_find(&b, MESSAGE_delta, 0), reply = bench_find(&b, MESSAGE_operate, 0);
    assert_true(delta >= 0 && delta < reply);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(delta_decode(&m, b.said[delta].e.body), 0);
    assert_int_equal(m.version, version + 1);
    assert_int_equal(b.said[delta].e.correlation, version + 1);
    assert_int_equal(m.changes.count, 1);
    assert_true(m.events.count > 0);
    assert_true(span_is(bench_label(&b, 1), "blue"));
    bench_down(&b);
}

static void a_repeated_operation_gets_its_first_version_and_changes_nothing(void **state)
{
    struct bench b;
    struct operate_reply first, again;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(operate_reply_decode(&first, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    bench_operate(&b, OPERATION_property_set, 1, "label", "green");
    bench_forget(&b);
    bench_operate_as(&b, op, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(operate_reply_decode(&again, b.said[bench_find(&b, MESSAGE_operate, 0)].e.body), 0);
    assert_int_equal(again.version, first.version);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_true(span_is(bench_label(&b, 1), "green"));
    bench_down(&b);
}

/* The VM is there: planning it again would be refused, but this very operation made it. */
static void a_repeated_creation_is_no_error(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    uint64_t op = bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    bench_forget(&b);
    bench_operate_as(&b, op, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_int_equal(bench_count(&b, MESSAGE_happened), 0);
    bench_operate(&b, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", "name=work label=red");
    assert_int_equal(bench_answer(&b, b.last_operation), -ERR_VM_EXISTS);
    bench_down(&b);
}

static void a_refused_change_publishes_what_was_announced_and_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    AUTO_TEXT before = bench_model(&b);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "netvm", "work");
    AUTO_TEXT after = bench_model(&b);
    assert_true(bench_answer(&b, op) < 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_string_equal(before.at, after.at);
    int happened = bench_find(&b, MESSAGE_happened, 0), error = bench_find(&b, MESSAGE_error, 0);
    assert_true(happened < error);
    bench_down(&b);
}

static void a_commit_that_fails_is_an_error_and_the_next_works(void **state)
{
    static const enum db_sim_fault faults[] = {DB_SIM_FULL, DB_SIM_FAIL_BEFORE, DB_SIM_READ_ONLY};
    (void)state;
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct bench b;
        bench_up(&b);
        bench_create(&b, "work");
        uint64_t version = b.core->version;
        db_sim_fail(b.disk, 1, faults[i]);
        uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
        assert_true(bench_answer(&b, op) < 0);
        assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
        assert_true(span_is(bench_label(&b, 1), "red"));
        assert_int_equal(b.core->version, version);
        op = bench_operate(&b, OPERATION_property_set, 1, "label", "green");
        assert_int_equal(bench_answer(&b, op), 0);
        assert_int_equal(b.core->version, version + 1);
        bench_down(&b);
    }
}

/* vm/1 lives and a change of its netvm waits for its word. */
static uint64_t begin_preparing(struct bench *b)
{
    bench_up(b);
    bench_create(b, "work");
    bench_create(b, "net");
    bench_create(b, "other");
    bench_operate(b, OPERATION_property_set, 2, "provides_network", "True");
    assert_int_equal(bench_answer(b, b->last_operation), 0);
    bench_vm_says(b, 1, MESSAGE_claim, 0);
    bench_vm_says(b, 2, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(b, 1001), 0);
    bench_forget(b);
    uint64_t op = bench_operate(b, OPERATION_property_set, 1, "netvm", "net");
    assert_int_equal(bench_count(b, MESSAGE_prepare), 1);
    assert_int_equal(bench_answer(b, op), 1);
    return op;
}

static void prepared(struct bench *b, int r)
{
    const struct said *s = &b->said[bench_find(b, MESSAGE_prepare, 0)];
    struct answer a = {.tag = s->tag, .r = r};
    if (r < 0)
        (void)fault_set(&a.why, (enum err) - r, "the VM says no");
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
}

/* What is committed is done by the living VM before its asker hears of it. */
static void finished(struct bench *b, int r)
{
    assert_int_equal(bench_count(b, MESSAGE_finish), 1);
    const struct said *s = &b->said[bench_find(b, MESSAGE_finish, 0)];
    struct answer a = {.tag = s->tag, .r = r};
    if (r < 0)
        (void)fault_set(&a.why, (enum err) - r, "no interface");
    registry_actor.answered(b->core, &b->out, &a);
    bench_work(b);
}

static void what_a_living_vm_cannot_finish_is_said_and_stays_committed(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    prepared(&b, 0);
    assert_int_equal(bench_answer(&b, op), 1);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    assert_int_equal(bench_count(&b, MESSAGE_view), 2);
    uint64_t same = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_answer(&b, same), 1);
    finished(&b, -ERR_HYPERVISOR);
    assert_int_equal(bench_answer(&b, op), -ERR_HYPERVISOR);
    assert_int_equal(bench_answer(&b, same), 0);
    assert_true(span_is(property_stored(&b.core->known, 1, PROPERTY_netvm), "net"));
    bench_down(&b);
}

static void preparing_delays_that_vm_alone(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    uint64_t same = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    uint64_t other = bench_operate(&b, OPERATION_property_set, 3, "label", "blue");
    assert_int_equal(bench_answer(&b, same), 1);
    assert_int_equal(bench_answer(&b, other), 0);
    prepared(&b, 0);
    finished(&b, 0);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_answer(&b, same), 0);
    assert_true(span_is(property_stored(&b.core->known, 1, PROPERTY_netvm), "net"));
    bench_down(&b);
}

static void a_preparer_that_refuses_leaves_the_old_value(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    prepared(&b, -ERR_VM);
    assert_int_equal(bench_answer(&b, op), -ERR_VM);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    assert_null(property_stored(&b.core->known, 1, PROPERTY_netvm).at);
    bench_down(&b);
}

static void what_was_announced_before_preparing_is_not_announced_again(void **state)
{
    struct bench b;
    (void)state;
    uint64_t op = begin_preparing(&b);
    unsigned announced = early_events(&b);
    assert_true(announced > 0);
    /* What it is to become ends while the VM is being asked. */
    bench_vm_says(&b, 2, MESSAGE_release, 0);
    prepared(&b, 0);
    assert_true(bench_answer(&b, op) < 0);
    assert_int_equal(early_events(&b), announced);
    bench_down(&b);
}

static void a_removal_that_fails_gives_the_vm_back(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    db_sim_fail(b.disk, 1, DB_SIM_FULL);
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_true(bench_answer(&b, op) < 0);
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1001), 0);
    bench_down(&b);
}

static void a_living_vm_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    bench_vm_says(&b, 1, MESSAGE_release, 0);
    op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), 0);
    bench_down(&b);
}

/* A registry that has just begun may not have heard the claim of a VM that lives. */
static void a_vm_whose_process_says_that_it_lives_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_forget(&b);
    b.hold_vms = true;
    uint64_t version = b.core->version, op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_count(&b, MESSAGE_vm_remove), 1);
    assert_int_equal(b.tasks, 0);
    bench_vm_says(&b, 1, MESSAGE_claim, 0); /* meanwhile it goes on as before */
    assert_int_equal(bench_answer(&b, 1001), 0);
    bench_vm_answers(&b, -ERR_VM_NOT_HALTED);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    assert_int_equal(b.core->version, version);
    bench_down(&b);
}

/* The next VM of this qid is asked, and knows nothing of what happened before it. */
static void a_repeated_removal_is_answered_though_the_next_vm_of_the_qid_lives(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    assert_int_equal(bench_answer(&b, op), 0);
    bench_create(&b, "other");
    assert_string_equal(vm_name(model_vm(b.core->model, 1)), "other");
    bench_forget(&b);
    b.hold_vms = true;
    bench_operate_as(&b, op, OPERATION_vm_remove, 1, "", "");
    bench_vm_answers(&b, -ERR_VM_NOT_HALTED);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_non_null(model_vm(b.core->model, 1));
    bench_down(&b);
}

static void a_vm_that_is_claimed_while_it_is_asked_is_not_removed(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    b.hold_vms = true;
    uint64_t op = bench_operate(&b, OPERATION_vm_remove, 1, "", "");
    bench_vm_says(&b, 1, MESSAGE_claim, 0);
    assert_int_equal(bench_answer(&b, 1001), 0);
    bench_vm_answers(&b, 0);
    bench_work(&b);
    assert_int_equal(bench_answer(&b, op), -ERR_VM_NOT_HALTED);
    assert_non_null(model_vm(b.core->model, 1));
    bench_down(&b);
}

static void ask_snapshot(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    snapshot_encode(&body, NO_MESSAGE(snapshot));
    bench_hear(
        b,
        (struct envelope){
            .type = MESSAGE_snapshot, .class = CLASS_REQUEST, .source_kind = KIND_API, .correlation = 5},
        &body);
}

static void who_asks_before_the_store_is_read_is_answered_when_it_is(void **state)
{
    struct bench b;
    struct snapshot_reply m;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t version = b.core->version;
    bench_forget(&b);
    bench_kill(&b);
    bench_begin(&b);
    ask_snapshot(&b);
    assert_int_equal(b.count, 0);
    bench_greet(&b, version);
    assert_int_equal(b.said[0].e.correlation, 5);
    assert_int_equal(snapshot_reply_decode(&m, b.said[0].e.body), 0);
    assert_int_equal(m.version, version);
    bench_down(&b);
}

static void a_snapshot_is_the_model(void **state)
{
    struct bench b;
    struct snapshot_reply m;
    struct change_item item;
    AUTO_TEXT shown = TEXT_WITH_LIMIT(1 << 20);
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    ask_snapshot(&b);
    assert_int_equal(snapshot_reply_decode(&m, b.said[0].e.body), 0);
    assert_int_equal(m.version, b.core->version);
    struct reader in = list_reader(&m.changes);
    while (change_item_next(&in, &item) == 1)
        (void)bench_add_line(&shown, &(struct change){(enum change_kind)item.kind, item.qid, item.key,
                                                      item.value, (int)item.gone});
    AUTO_TEXT model = bench_model(&b);
    assert_string_equal(shown.at, model.at);
    bench_down(&b);
}

static struct logbook_reply ask_logbook(struct bench *b, const struct logbook *m)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    struct logbook_reply reply;
    logbook_encode(&body, m);
    bench_forget(b);
    bench_hear(
        b,
        (struct envelope){
            .type = MESSAGE_logbook, .class = CLASS_REQUEST, .source_kind = KIND_API, .correlation = 6},
        &body);
    assert_int_equal(bench_answer(b, 6), 0);
    assert_int_equal(logbook_reply_decode(&reply, b->said[0].e.body), 0);
    return reply;
}

static void the_history_says_who_changed_what(void **state)
{
    struct bench b;
    struct logbook_row row;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    bench_create(&b, "other");
    bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    struct logbook_reply m = ask_logbook(&b, &(struct logbook){.most = 1000});
    assert_int_equal(m.rows.count, 6); /* what a VM leaves behind if it is not made, and the VM */
    struct reader in = list_reader(&m.rows);
    assert_int_equal(logbook_row_next(&in, &row), 1);
    assert_int_equal(row.version, b.core->version);
    assert_int_equal(row.op_high, 7);
    assert_int_equal(row.op_low, b.last_operation);
    assert_int_equal(row.target, 1);
    assert_string_equal(row.method, "admin.test");
    assert_true(span_is(row.before, "1 PROPERTY label=red") && span_is(row.after, "1 PROPERTY label=blue"));
    m = ask_logbook(&b, &(struct logbook){.most = 1000, .only = 1, .qid = 1});
    assert_int_equal(m.rows.count, 2);
    m = ask_logbook(&b, &(struct logbook){.most = 1});
    assert_int_equal(m.rows.count, 1);
    m = ask_logbook(&b, &(struct logbook){.most = 9, .since = INT64_MAX});
    assert_int_equal(m.rows.count, 0);
    bench_down(&b);
}

static void a_line_of_the_history_is_one_item_whatever_its_value_holds(void **state)
{
    struct bench b;
    struct logbook_row row;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work"); /* commits what it would leave behind first, which is nobody's business */
    bench_forget(&b);
    bench_operate(&b, OPERATION_notes_set, 1, "", "a\nb\\c");
    struct logbook_reply m = ask_logbook(&b, &(struct logbook){.most = 1});
    struct reader in = list_reader(&m.rows);
    assert_int_equal(logbook_row_next(&in, &row), 1);
    assert_true(span_is(row.after, "1 NOTES 0=a\\nb\\\\c"));
    m = ask_logbook(&b, &(struct logbook){.most = 3});
    in = list_reader(&m.rows);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(logbook_row_next(&in, &row), 1);
        assert_null(row.before.len > 0 ? memmem(row.before.at, row.before.len, "LEFTOVER", 8) : NULL);
        assert_null(row.after.len > 0 ? memmem(row.after.at, row.after.len, "LEFTOVER", 8) : NULL);
    }
    bench_down(&b);
}

static void a_long_history_is_read_in_steps_between_which_changes_have_their_turn(void **state)
{
    struct bench b;
    AUTO_TEXT body = TEXT_WITH_LIMIT(64);
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    for (unsigned i = 0; i < 4200; i++) {
        bench_operate(&b, OPERATION_tag_set, 0, "a", "");
        bench_forget(&b);
    }
    b.hold_tasks = true;
    logbook_encode(&body, &(struct logbook){.most = 1000, .only = 1, .qid = 1});
    bench_hear(
        &b,
        (struct envelope){
            .type = MESSAGE_logbook, .class = CLASS_REQUEST, .source_kind = KIND_API, .correlation = 6},
        &body);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    bench_do_one(&b);
    assert_int_equal(bench_answer(&b, 6), 1);
    bench_do_one(&b);
    assert_int_equal(bench_answer(&b, op), 0);
    bench_do_one(&b);
    assert_int_equal(bench_answer(&b, 6), 0);
    struct logbook_reply m;
    assert_int_equal(logbook_reply_decode(&m, b.said[bench_find(&b, MESSAGE_logbook, 0)].e.body), 0);
    assert_int_equal(m.rows.count, 1);
    b.hold_tasks = false;
    bench_down(&b);
}

static void a_successor_tells_what_was_committed_and_not_told(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    uint64_t told = b.core->version;
    db_sim_fail(b.disk, 1, DB_SIM_FAIL_AFTER);
    uint64_t op = bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_count(&b, MESSAGE_delta), 0);
    bench_forget(&b);
    bench_kill(&b);
    bench_begin(&b);
    bench_greet(&b, told);
    assert_true(b.ready);
    int delta = bench_find(&b, MESSAGE_delta, 0);
    assert_true(delta >= 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    assert_int_equal(b.said[delta].e.correlation, told + 1);
    assert_true(span_is(bench_label(&b, 1), "blue"));
    bench_operate_as(&b, op, OPERATION_property_set, 1, "label", "blue");
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(bench_count(&b, MESSAGE_delta), 1);
    bench_down(&b);
}

static void killed_while_committing_it_begins_from_the_store(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    bench_create(&b, "work");
    AUTO_TEXT before = bench_model(&b);
    b.hold_tasks = true;
    (void)bench_operate(&b, OPERATION_property_set, 1, "label", "blue");
    bench_kill(&b);
    bench_forget(&b);
    b.hold_tasks = false;
    bench_begin(&b);
    bench_greet(&b, 2);
    AUTO_TEXT after = bench_model(&b);
    assert_string_equal(before.at, after.at);
    bench_down(&b);
}

/* ---- with a directory for qubes.xml ---- */

static void with_directory(struct bench *b, char path[32])
{
    strcpy(path, "/tmp/registry.XXXXXX");
    assert_non_null(mkdtemp(path));
    bench_up(b);
    b->store.qubes_lib = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(b->store.qubes_lib >= 0);
}

static void remove_directory(struct bench *b, const char *path)
{
    (void)unlinkat(b->store.qubes_lib, "qubes.xml", 0);
    close(b->store.qubes_lib);
    assert_int_equal(rmdir(path), 0);
}

static void told_to_stop_it_exports_first(void **state)
{
    struct bench b;
    char path[32];
    (void)state;
    with_directory(&b, path);
    bench_create(&b, "work");
    registry_actor.stop(b.core, &b.out);
    assert_false(b.left);
    bench_work(&b);
    assert_true(b.left);
    assert_int_equal(faccessat(b.store.qubes_lib, "qubes.xml", R_OK, 0), 0);
    bench_down(&b);
    remove_directory(&b, path);
}

static void with_nothing_to_export_it_stops_at_once(void **state)
{
    struct bench b;
    (void)state;
    bench_up(&b);
    registry_actor.stop(b.core, &b.out);
    assert_true(b.left);
    bench_down(&b);
}

/* A change that comes while an export is being written is in the next one, also at the stop. */
static void a_change_during_an_export_is_exported_before_it_leaves(void **state)
{
    struct bench b;
    char path[32];
    AUTO_TEXT document = TEXT_WITH_LIMIT(1 << 20);
    (void)state;
    with_directory(&b, path);
    bench_create(&b, "work");
    b.hold_tasks = true;
    registry_actor.timer(b.core, &b.out, TIMER_EXPORT);
    assert_int_equal(b.tasks, 1);
    uint64_t op = bench_operate(&b, OPERATION_label_create, QID_GLOBAL, "late", "0x123456");
    registry_actor.stop(b.core, &b.out);
    b.hold_tasks = false;
    bench_work(&b);
    assert_true(b.left);
    assert_int_equal(bench_answer(&b, op), 0);
    assert_int_equal(registry_file_read(b.store.qubes_lib, "qubes.xml", &document, NULL), 0);
    assert_non_null(strstr(document.at, ">late<"));
    bench_down(&b);
    remove_directory(&b, path);
}

static void what_is_exported_is_imported_as_it_was(void **state)
{
    struct bench b, second;
    char path[32];
    (void)state;
    with_directory(&b, path);
    bench_create(&b, "work");
    (void)bench_operate(&b, OPERATION_feature_set, 1, "a-feature", "1");
    (void)bench_operate(&b, OPERATION_tag_set, 1, "a-tag", "");
    registry_actor.timer(b.core, &b.out, TIMER_EXPORT);
    bench_work(&b);
    second = (struct bench){.disk = db_disk_new(), .store = b.store};
    second.store.beside = NULL;
    second.store.db = NULL;
    second.store.directory = (const char *)second.disk;
    bench_begin(&second);
    bench_greet(&second, 0);
    assert_true(second.ready);
    const struct vm *vm = model_named(second.core->model, span_of("work"));
    assert_non_null(vm);
    assert_string_equal(vm_uuid(vm), vm_uuid(model_vm(b.core->model, 1)));
    assert_non_null(model_item(second.core->model, 1, CHANGE_FEATURE, span_of("a-feature")));
    assert_non_null(model_item(second.core->model, 1, CHANGE_TAG, span_of("a-tag")));
    bench_down(&second);
    bench_down(&b);
    remove_directory(&b, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told_before_it_is_answered),
        cmocka_unit_test(a_repeated_operation_gets_its_first_version_and_changes_nothing),
        cmocka_unit_test(a_repeated_creation_is_no_error),
        cmocka_unit_test(a_refused_change_publishes_what_was_announced_and_changes_nothing),
        cmocka_unit_test(a_commit_that_fails_is_an_error_and_the_next_works),
        cmocka_unit_test(preparing_delays_that_vm_alone),
        cmocka_unit_test(what_a_living_vm_cannot_finish_is_said_and_stays_committed),
        cmocka_unit_test(a_preparer_that_refuses_leaves_the_old_value),
        cmocka_unit_test(a_vm_whose_process_says_that_it_lives_is_not_removed),
        cmocka_unit_test(a_repeated_removal_is_answered_though_the_next_vm_of_the_qid_lives),
        cmocka_unit_test(a_vm_that_is_claimed_while_it_is_asked_is_not_removed),
        cmocka_unit_test(what_was_announced_before_preparing_is_not_announced_again),
        cmocka_unit_test(a_removal_that_fails_gives_the_vm_back),
        cmocka_unit_test(a_living_vm_is_not_removed),
        cmocka_unit_test(a_snapshot_is_the_model),
        cmocka_unit_test(who_asks_before_the_store_is_read_is_answered_when_it_is),
        cmocka_unit_test(the_history_says_who_changed_what),
        cmocka_unit_test(a_line_of_the_history_is_one_item_whatever_its_value_holds),
        cmocka_unit_test(a_long_history_is_read_in_steps_between_which_changes_have_their_turn),
        cmocka_unit_test(a_successor_tells_what_was_committed_and_not_told),
        cmocka_unit_test(killed_while_committing_it_begins_from_the_store),
        cmocka_unit_test(told_to_stop_it_exports_first),
        cmocka_unit_test(with_nothing_to_export_it_stops_at_once),
        cmocka_unit_test(a_change_during_an_export_is_exported_before_it_leaves),
        cmocka_unit_test(what_is_exported_is_imported_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
