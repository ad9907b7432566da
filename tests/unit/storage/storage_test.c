/* SPDX-License-Identifier: MIT
 * The core of storage/<pool>: whom it believes, what it does side by side, and what it owes its askers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/storage/storage.h"
#include "base/own.h"
#include "proto/rules.h"

enum { MOST = 64 };

struct said {
    struct envelope e;
    uint64_t tag;
};

struct bench {
    struct storage *core;
    struct out out;
    struct said said[MOST];
    unsigned count;
    struct storage_task *task[MOST];
    unsigned tasks;
    bool retires, leaves;
    uint64_t timer[4];
    char title[128];
};

static void keep(struct bench *b, const struct envelope *e, uint64_t tag)
{
    assert_true(b->count < MOST);
    assert_int_equal(envelope_permitted(e, (struct address){KIND_STORAGE, 5}), 0);
    char *body = malloc(e->body.len + 1);
    assert_non_null(body);
    memcpy(body, e->body.at != NULL ? e->body.at : "", e->body.len);
    b->said[b->count] = (struct said){*e, tag};
    b->said[b->count++].e.body.at = body;
}

static int send_it(void *shell, struct envelope *e)
{
    keep(shell, e, 0);
    return 0;
}

static int ask_it(void *shell, struct envelope *e, uint64_t tag)
{
    keep(shell, e, tag);
    return 0;
}

static void task_it(void *shell, struct task *task)
{
    struct bench *b = shell;
    assert_true(b->tasks < MOST);
    b->task[b->tasks++] = (struct storage_task *)task;
}

static void timer_it(void *shell, uint64_t timer, uint64_t at)
{
    ((struct bench *)shell)->timer[timer] = at;
}

static void ready_it(void *shell)
{
    (void)shell;
}

static void retire_it(void *shell)
{
    ((struct bench *)shell)->retires = true;
}

static void leave_it(void *shell)
{
    ((struct bench *)shell)->leaves = true;
}

static void title_it(void *shell, const char *title)
{
    (void)text_copy(((struct bench *)shell)->title, 128, span_of(title));
}

static void forget(struct bench *b)
{
    for (unsigned i = 0; i < b->count; i++)
        free((char *)(uintptr_t)b->said[i].e.body.at);
    b->count = 0;
}

static int find(const struct bench *b, uint16_t type, enum class class)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->said[i].e.type == type && b->said[i].e.class == class)
            return (int)i;
    return -1;
}

/* The n-th task of those in hand ends with r. */
static void ends(struct bench *b, unsigned n, int r)
{
    assert_true(n < b->tasks);
    struct storage_task *t = b->task[n];
    memmove(b->task + n, b->task + n + 1, (--b->tasks - n) * sizeof b->task[0]);
    t->task.r = r;
    if (r < 0)
        fault_set(&t->task.why, (enum err) - r, "the disk refuses");
    if (t->verb == STORAGE_OPEN)
        t->success = true;
    if (t->verb == POOL_start)
        strcpy(t->outcome.path, "/p/a-dirty.img");
    struct done d = {.task = &t->task, .what = t->task.what};
    storage_actor.done(b->core, &b->out, &d);
    free(t);
}

static void answer(struct bench *b, uint16_t question, int r, const struct text *body)
{
    int i = find(b, question, CLASS_REQUEST);
    assert_true(i >= 0);
    struct envelope e = {.type = question,
                         .class = CLASS_REPLY,
                         .body = body != NULL ? text_span(body) : (struct span){NULL, 0}};
    struct answer a = {.tag = b->said[i].tag, .e = &e, .r = r};
    if (r < 0)
        fault_set(&a.why, (enum err) - r, "registry refuses");
    b->said[i].e.type = 0; /* answered */
    storage_actor.answered(b->core, &b->out, &a);
}

static void registry_says_which(struct bench *b)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    struct pool_tell_reply m = {.pool = "fast", .lines = SPAN_LITERAL("driver=file-reflink\ndir_path=/p")};
    pool_tell_reply_encode(&body, &m);
    answer(b, MESSAGE_pool_tell, 0, &body);
}

static void registry_says_what(struct bench *b, const char *lines)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    volume_tell_reply_encode(&body, &(struct volume_tell_reply){.lines = span_of(lines)});
    answer(b, MESSAGE_volume_tell, 0, &body);
}

static void begin(struct bench *b)
{
    static const struct out_ops ops = {.send = send_it,
                                       .ask = ask_it,
                                       .task = task_it,
                                       .timer = timer_it,
                                       .ready = ready_it,
                                       .retire = retire_it,
                                       .leave = leave_it,
                                       .title = title_it};
    struct life life = {.self = {KIND_STORAGE, 5}};
    *b = (struct bench){.core = calloc(1, sizeof *b->core)};
    assert_non_null(b->core);
    b->out = (struct out){&ops, b, 100 * SECONDS};
    assert_int_equal(storage_actor.begin(b->core, &b->out, &life), 0);
    storage_actor.hello(b->core, &b->out, 1, 0);
}

static void up(struct bench *b)
{
    begin(b);
    registry_says_which(b);
    ends(b, 0, 0);
    forget(b);
}

static void down(struct bench *b)
{
    while (b->tasks > 0)
        free(b->task[--b->tasks]);
    storage_actor.end(b->core);
    free(b->core);
    forget(b);
}

static void hear(struct bench *b, uint16_t type, struct address from, uint64_t correlation,
                 const struct text *body)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = type,
                         .class = CLASS_REQUEST,
                         .source_kind = from.kind,
                         .source_instance = from.instance,
                         .to_kind = KIND_STORAGE,
                         .to_instance = 5,
                         .subject_kind = KIND_VM,
                         .subject_instance = 7,
                         .subject_generation = 1,
                         .correlation = correlation,
                         .deadline = b->out.now + 60 * SECONDS,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(body)};
    storage_actor.hear(b->core, &b->out, &e);
}

#define LINES "vid=appvms/work/private\nrw=True\nsave_on_stop=True\nsnap_on_start=False\nrevisions_to_keep=1"

static void change(struct bench *b, uint64_t correlation, const char *verb, const char *lines)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16384);
    struct volume_change m = {.pool = "fast", .volume = "private", .lines = span_of(lines)};
    strcpy(m.verb, verb);
    volume_change_encode(&body, &m);
    hear(b, MESSAGE_volume_change, (struct address){KIND_REGISTRY, 0}, correlation, &body);
}

static void use(struct bench *b, uint64_t correlation, const char *pool, const char *verb)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16384);
    struct volume_use m = {.volume = "private"};
    strcpy(m.pool, pool);
    strcpy(m.verb, verb);
    volume_use_encode(&body, &m);
    hear(b, MESSAGE_volume_use, (struct address){KIND_VM, 7}, correlation, &body);
}

/* The error that this question was answered with; 0: a reply; 1: nothing yet. */
static int outcome(const struct bench *b, uint64_t correlation)
{
    struct error m;
    for (unsigned i = 0; i < b->count; i++) {
        if (b->said[i].e.correlation != correlation || b->said[i].e.class != CLASS_REPLY)
            continue;
        if (b->said[i].e.type != MESSAGE_error)
            return 0;
        assert_int_equal(error_decode(&m, b->said[i].e.body), 0);
        return -(int)m.code;
    }
    return 1;
}

/* ---- */

static void nothing_begins_before_the_pool_is_known_and_open(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    change(&b, 1, "create", LINES);
    assert_int_equal(b.tasks, 0);
    registry_says_which(&b);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, STORAGE_OPEN);
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, POOL_create);
    assert_string_equal(b.task[0]->volume.vid, "appvms/work/private");
    ends(&b, 0, 0);
    assert_int_equal(outcome(&b, 1), 0);
    down(&b);
}

static void a_pool_that_does_not_open_says_so_to_everybody(void **state)
{
    struct bench b;
    (void)state;
    begin(&b);
    change(&b, 1, "create", LINES);
    registry_says_which(&b);
    ends(&b, 0, -ERR_STORAGE);
    assert_int_equal(outcome(&b, 1), -ERR_STORAGE);
    change(&b, 2, "create", LINES);
    assert_int_equal(outcome(&b, 2), -ERR_STORAGE);
    b.out.now += 5 * SECONDS; /* and it is tried again, for pools come back */
    change(&b, 3, "create", LINES);
    assert_int_equal(outcome(&b, 3), 1);
    registry_says_which(&b);
    ends(&b, 0, 0);
    assert_int_equal(b.task[0]->verb, POOL_create);
    down(&b);
}

static void volumes_are_worked_on_side_by_side_and_each_in_order(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    change(&b, 2, "revert", LINES);
    change(&b, 3, "resize", "vid=appvms/other/private\nrw=True");
    assert_int_equal(b.tasks, 2);
    assert_int_equal(b.task[0]->verb, POOL_resize);
    assert_string_equal(b.task[1]->volume.vid, "appvms/other/private");
    ends(&b, 0, 0);
    assert_int_equal(outcome(&b, 1), 0);
    assert_int_equal(outcome(&b, 2), 1);
    assert_int_equal(b.tasks, 2);
    assert_int_equal(b.task[1]->verb, POOL_revert);
    down(&b);
}

static void a_snapshot_waits_for_its_source(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "stop", "vid=vm-templates/t/root\nsave_on_stop=True\nrw=True");
    change(
        &b, 2, "start",
        "vid=appvms/work/root\nsnap_on_start=True\nsave_on_stop=False\nrw=True\nsource=vm-templates/t/root");
    assert_int_equal(b.tasks, 1);
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, POOL_start);
    down(&b);
}

static void volumes_of_one_vm_come_and_go_one_after_the_other(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "remove", LINES);
    change(&b, 2, "remove", "vid=appvms/work/volatile\nrw=True");
    change(&b, 3, "remove", "vid=appvms/worker/private\nrw=True");
    assert_int_equal(b.tasks, 2);
    assert_string_equal(b.task[1]->volume.vid, "appvms/worker/private");
    down(&b);
}

static void what_a_volume_is_registry_says_and_nobody_else(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    use(&b, 1, "fast", "start");
    assert_int_equal(b.tasks, 0);
    assert_true(find(&b, MESSAGE_volume_tell, CLASS_REQUEST) >= 0);
    registry_says_what(&b, LINES);
    assert_int_equal(b.tasks, 1);
    assert_string_equal(b.task[0]->volume.vid, "appvms/work/private");
    ends(&b, 0, 0);
    int i = find(&b, MESSAGE_volume_use, CLASS_REPLY);
    struct volume_use_reply m;
    assert_true(i >= 0);
    assert_int_equal(volume_use_reply_decode(&m, b.said[i].e.body), 0);
    assert_string_equal(m.path, "/p/a-dirty.img");
    forget(&b);
    use(&b, 2, "fast", "start");
    answer(&b, MESSAGE_volume_tell, -ERR_STORAGE, NULL);
    assert_int_equal(outcome(&b, 2), -ERR_STORAGE);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void a_vm_uses_volumes_and_changes_none(void **state)
{
    static const char *const others[] = {"remove", "create", "resize", "open", "clear", "list", "nonsense"};
    struct bench b;
    (void)state;
    up(&b);
    for (size_t i = 0; i < COUNT(others); i++) {
        use(&b, 1 + i, "fast", others[i]);
        assert_int_equal(outcome(&b, 1 + i), -ERR_REFUSED);
    }
    assert_int_equal(b.tasks, 0);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void a_process_of_another_pool_refuses(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    use(&b, 1, "slow", "start");
    assert_int_equal(outcome(&b, 1), -ERR_STORAGE);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void a_volume_that_makes_no_sense_is_refused(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "create", "vid=x\nsize=many");
    assert_int_equal(outcome(&b, 1), -ERR_VALUE);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void cancel(struct bench *b, uint64_t correlation)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_volume_change,
                         .class = CLASS_CANCEL,
                         .source_kind = KIND_REGISTRY,
                         .to_kind = KIND_STORAGE,
                         .to_instance = 5,
                         .correlation = correlation};
    storage_actor.hear(b->core, &b->out, &e);
}

static void cancelled_it_does_not_begin_or_hears_of_it(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    change(&b, 2, "resize", LINES);
    cancel(&b, 2);
    assert_int_equal(outcome(&b, 2), -ERR_CANCELLED);
    cancel(&b, 1);
    assert_true(atomic_load(&b.task[0]->watch->cancelled));
    ends(&b, 0, -ERR_CANCELLED);
    assert_int_equal(outcome(&b, 1), -ERR_CANCELLED);
    assert_int_equal(b.tasks, 0);
    down(&b);
}

static void what_is_late_never_begins(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    change(&b, 2, "resize", LINES);
    b.out.now += 61 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_int_equal(outcome(&b, 2), 1); /* the router has answered it */
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 0);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void as_long_as_bytes_move_its_asker_is_told(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    b.out.now += 6 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_int_equal(find(&b, MESSAGE_volume_change, CLASS_PROGRESS), -1);
    atomic_store(&b.task[0]->watch->done, 64 << 20);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_true(find(&b, MESSAGE_volume_change, CLASS_PROGRESS) >= 0);
    assert_non_null(strstr(b.title, "64 MiB"));
    down(&b);
}

static void how_many_wait_and_how_long_is_shown(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "clone", LINES);
    change(&b, 2, "resize", LINES);
    b.out.now += 12 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_TICK);
    assert_string_equal(b.title, "fast, 1 at work, 1 wait 12 s");
    down(&b);
}

static void tell_config(struct bench *b, const char *lines)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(8192);
    struct pool_config m = {.pool = "fast", .lines = span_of(lines)};
    pool_config_encode(&body, &m);
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_pool_config,
                         .class = CLASS_EVENT,
                         .source_kind = KIND_REGISTRY,
                         .to_kind = KIND_STORAGE,
                         .to_instance = 5,
                         .part = 1,
                         .parts = 1,
                         .body = text_span(&body)};
    storage_actor.hear(b->core, &b->out, &e);
}

static void it_is_opened_anew_when_nothing_works_with_it(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    tell_config(&b, "driver=file-reflink\ndir_path=/p\nrevisions_to_keep=3");
    change(&b, 2, "resize", "vid=appvms/other/private\nrw=True");
    assert_int_equal(b.tasks, 1); /* nothing begins before it is open again */
    ends(&b, 0, 0);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->verb, STORAGE_OPEN);
    assert_non_null(strstr(b.task[0]->lines, "revisions_to_keep=3"));
    tell_config(&b, "driver=file-reflink\ndir_path=/p\nrevisions_to_keep=4");
    assert_int_equal(b.tasks, 1); /* never two at a time */
    ends(&b, 0, 0);
    assert_non_null(strstr(b.task[0]->lines, "revisions_to_keep=4"));
    ends(&b, 0, 0);
    assert_int_equal(b.task[0]->verb, POOL_resize);
    down(&b);
}

static void a_pool_that_is_gone_ends_its_process(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    tell_config(&b, "");
    assert_true(b.leaves);
    down(&b);
}

static void idle_it_rests_and_never_while_something_is_asked(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    change(&b, 1, "resize", LINES);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_false(b.retires);
    ends(&b, 0, 0);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_true(b.retires);
    down(&b);
}

static void more_than_it_can_hold_is_answered_busy(void **state)
{
    struct bench b;
    (void)state;
    up(&b);
    for (uint64_t i = 1; i <= STORAGE_QUEUE_MAX; i++)
        change(&b, i, "resize", LINES);
    assert_int_equal(b.count, 0);
    change(&b, 5000, "resize", LINES);
    assert_int_equal(outcome(&b, 5000), -ERR_BUSY);
    assert_int_equal(b.tasks, 1);
    down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_begins_before_the_pool_is_known_and_open),
        cmocka_unit_test(a_pool_that_does_not_open_says_so_to_everybody),
        cmocka_unit_test(volumes_are_worked_on_side_by_side_and_each_in_order),
        cmocka_unit_test(a_snapshot_waits_for_its_source),
        cmocka_unit_test(volumes_of_one_vm_come_and_go_one_after_the_other),
        cmocka_unit_test(what_a_volume_is_registry_says_and_nobody_else),
        cmocka_unit_test(a_vm_uses_volumes_and_changes_none),
        cmocka_unit_test(a_process_of_another_pool_refuses),
        cmocka_unit_test(a_volume_that_makes_no_sense_is_refused),
        cmocka_unit_test(cancelled_it_does_not_begin_or_hears_of_it),
        cmocka_unit_test(what_is_late_never_begins),
        cmocka_unit_test(as_long_as_bytes_move_its_asker_is_told),
        cmocka_unit_test(how_many_wait_and_how_long_is_shown),
        cmocka_unit_test(it_is_opened_anew_when_nothing_works_with_it),
        cmocka_unit_test(a_pool_that_is_gone_ends_its_process),
        cmocka_unit_test(idle_it_rests_and_never_while_something_is_asked),
        cmocka_unit_test(more_than_it_can_hold_is_answered_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
