/* SPDX-License-Identifier: MIT
 * Every step of a start fails, is refused, is never answered, is killed by hand, and sees its actor killed
 * before and after it: the VM runs or is halted, its events were told once and in their order, nothing of
 * it is left, and it starts again. Spec: lifecycle 3, events 4. */
#include "actors/vm/vm_start.h"
#include "tests/unit/vm/vm_bench.h"
#include "tests/unit/vm/vm_bench_balancer.h"

/* All that a start tells; then what a failure adds, and the end of what was created. */
static const char *const told[] = {
    "domain-pre-start",           "domain-verify-files",       "domain-pre-spawn", "property-reset:xid",
    "property-reset:stubdom_xid", "property-reset:start_time", "domain-spawn",     "domain-qdb-create",
    "domain-pre-unpaused",        "domain-unpaused",           "domain-start"};
static const char *const ended[] = {"domain-stopped", "property-reset:xid", "property-reset:stubdom_xid",
                                    "property-reset:start_time", "domain-shutdown"};
enum { TOLD = COUNT(told), ENDED = COUNT(ended) };

/* A step: how much was told when it begins; what it is refused with; whether the hypervisor is asked, or the
 * balancer of memory; whether the domain is there before it; whether the start is finished by the next
 * process, where the step was not done (before) and where it was (after). */
struct row {
    enum vm_start_step step;
    unsigned heard;
    int refusal;
    bool call, word, created, before, after;
    bool bears; /* the start goes on without it, unless the VM is killed */
};

static const struct row rows[] = {
    {START_CLAIM, 0, -ERR_QUBES, .call = false},
    {START_DEVICES, 1, -ERR_DEVICE_ATTACHED, .call = false},
    {START_VERIFY, 1, -ERR_STORAGE, .call = false},
    {START_NETVM, 2, -ERR_VM, .call = false},
    {START_MEMORY, 2, -ERR_MEMORY, .word = true},
    {START_STORAGE, 2, -ERR_STORAGE, .call = false},
    {START_SERVE, 3, -ERR_REFUSED, .call = false},
    {START_DEFINE, 3, -ERR_UNSUPPORTED, .call = true},
    {START_CREATE, 3, -ERR_HYPERVISOR, .call = true},
    {START_ENTRIES, 3, -ERR_HYPERVISOR, .created = true},
    {START_QUBESDB, 7, -ERR_QUBES, .created = true},
    {START_GUEST, 7, -ERR_REFUSED, .created = true},
    {START_FILL, 7, -ERR_VALUE, .created = true},
    {START_RESUME, 9, -ERR_STATE, .call = true, .created = true, .after = true},
    {START_SHOW, 10, -ERR_NO_CONNECTION, .call = true, .created = true, .before = true, .after = true,
     .bears = true},
    {START_TELL, 10, -ERR_BUSY, .created = true, .before = true, .after = true, .bears = true},
    {START_STUBDOM, 10, -ERR_VM, .created = true, .before = true, .after = true},
    {START_QREXEC, 10, -ERR_VM, .created = true, .before = true, .after = true},
};

static const struct view_device assigned = {
    .backend = "dom0", .port = "00_19.0", .device_id = "*", .required = 1};

static const struct view_hvm hvm = {.linux_stubdom = 1,
                                    .stubdom_qrexec = 1,
                                    .dns_0 = "10.139.1.1",
                                    .dns_1 = "10.139.1.2",
                                    .gateway = "10.137.0.5"};

/* A balancer that grants whatever is asked for. */
static void run_once(struct bench *b)
{
    if (!bench_run_once(b) && b->core->memory_asked && b->core->asked != 0)
        vm_memory_said(b->core, &b->out, VM_MEMORY_GRANTED);
}

static void run(struct bench *b)
{
    for (int i = 0; i < 4; i++) {
        bench_run(b);
        run_once(b);
    }
}

/* The start waits for its guest aside. */
static bool is_starting(const struct bench *b)
{
    return b->core->errand == ERRAND_START || b->core->boot.waits;
}

static unsigned step_of(const struct bench *b)
{
    return b->core->boot.waits ? b->core->boot.step : b->core->step;
}

/* What waits is of this step, which may wait more than once: for each volume, say. */
static bool is_at(const struct bench *b, const struct row *row)
{
    uint64_t tag = b->core->boot.waits ? b->core->boot.asked : b->core->asked;
    bool asks = b->asked > 0 && b->asks[0].tag != 0 && b->asks[0].tag == tag;
    return is_starting(b) && step_of(b) == (unsigned)row->step &&
           (row->call   ? b->task != NULL
            : row->word ? b->core->memory_asked && b->core->asked != 0
                        : asks);
}

/* Up to the n-th wait of the step. False: it does not wait that often. */
static bool goes_to(struct bench *b, const struct row *row, unsigned n, uint64_t *asked)
{
    bench_setup(b);
    b->has_netvm = b->has_volumes = b->qrexec = true;
    b->virt_mode = "hvm";
    b->hvm = &hvm;
    b->assigned = &assigned;
    b->entries = (struct entries_reply){
        .present = 1, .stubdom = 400, .stubdom_uuid = "0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02"};
    b->world.door.can = &bench_xen;
    bench_run(b);
    b->core->memory = &balancer;
    *asked = BENCH_HEAR(b, vm_start, .nothing = 0);
    for (unsigned met = 0; is_starting(b); run_once(b))
        if (is_at(b, row) && ++met == n)
            return true;
    bench_end(b);
    return false;
}

/* ---- how a step ends ---- */

static void drop_ask(struct bench *b, struct bench_ask *ask)
{
    *ask = b->asks[0];
    memmove(b->asks, b->asks + 1, --b->asked * sizeof *ask);
}

/* Its answer is this error; `happens`: it was done all the same. */
static void answer_with(struct bench *b, int r, bool happens)
{
    struct bench_ask ask;
    if (step_of(b) == START_MEMORY) {
        vm_memory_said(b->core, &b->out,
                       r == -ERR_MEMORY ? VM_MEMORY_REFUSED
                       : r == -ERR_LATE ? VM_MEMORY_LATE
                                        : VM_MEMORY_DEAD);
        return;
    }
    drop_ask(b, &ask);
    struct answer a = {.tag = ask.tag, .r = r};
    struct envelope e = {.type = ask.type, .class = CLASS_REPLY};
    fault_set(&a.why, (enum err) - r, "the bench wants this to fail");
    a.e = &e;
    if (happens)
        bench_does(b, &ask);
    vm_actor.answered(b->core, &b->out, &a);
}

static void fails(struct bench *b, const struct row *row)
{
    b->world.fail_call = row->call ? b->world.calls + 2 : 0; /* behind the look */
    b->world.fail_with = -ERR_HYPERVISOR;
    if (!row->call)
        answer_with(b, -ERR_IO, false);
}

/* By the rules of whoever is asked: in an answer of its own, where there is one. */
static void is_refused(struct bench *b, const struct row *row)
{
    b->world.fail_call = row->call ? b->world.calls + 2 : 0;
    b->world.fail_with = row->refusal;
    b->refusal = row->step == START_CLAIM ? "no" : NULL;
    b->refusal_class = "QubesException";
    for (unsigned i = 0; i < OUTSIDE_PROGRAMS; i++)
        b->daemon[i] = (struct daemon_reply){.status = 3, .said = "no"};
    bool by_answer = row->step == START_CLAIM || row->step == START_QUBESDB || row->step == START_STUBDOM ||
                     row->step == START_QREXEC;
    if (!row->call && !by_answer)
        answer_with(b, row->refusal, false);
    else
        (void)bench_run_once(b);
    b->refusal = NULL;
    memset(b->daemon, 0, sizeof b->daemon);
}

static void overdue(struct bench *b)
{
    struct done d = {.what = b->task->what, .overdue = true};
    b->parked = TAKE(b->task);
    vm_actor.done(b->core, &b->out, &d);
}

static void is_never_answered(struct bench *b, const struct row *row)
{
    if (row->call)
        overdue(b);
    else
        answer_with(b, -ERR_LATE, false);
}

/* Too late for anybody to hear. */
static void is_answered_too_late(struct bench *b, const struct row *row)
{
    if (row->call) {
        vm_actor.perform(&b->doors, b->task);
        overdue(b);
    } else {
        answer_with(b, -ERR_LATE, true);
    }
}

static void loses_libvirt(struct bench *b, const struct row *row)
{
    fails(b, row);
    b->world.fail_with = -ERR_NO_CONNECTION;
    b->world.late = true;
}

static void is_killed_by_hand(struct bench *b, const struct row *row)
{
    (void)row;
    BENCH_HEAR(b, vm_kill, .nothing = 0);
}

static void dies_before(struct bench *b, const struct row *row)
{
    (void)row;
    bench_crash(b, false);
    reconnect(b);
}

static void dies_after(struct bench *b, const struct row *row)
{
    if (!row->call && !row->word)
        bench_does(b, &b->asks[0]);
    bench_crash(b, true);
    reconnect(b);
}

enum outcome { UNDONE, OF_BEFORE, OF_AFTER };

static const struct mode {
    const char *name;
    void (*happens)(struct bench *b, const struct row *row);
    enum outcome outcome;
    bool answers; /* whoever asked hears the error; else their process has died */
} modes[] = {
    {"fails", fails, UNDONE, true},
    {"is refused", is_refused, UNDONE, true},
    {"is never answered", is_never_answered, UNDONE, true},
    {"is answered too late", is_answered_too_late, UNDONE, true},
    {"loses libvirt", loses_libvirt, UNDONE, true},
    {"is killed by hand", is_killed_by_hand, UNDONE, true},
    {"dies before", dies_before, OF_BEFORE, false},
    {"dies after", dies_after, OF_AFTER, false},
};

/* ---- what must hold then ---- */

static void tell_cleared(struct bench *b)
{
    struct task *parked = TAKE(b->parked);
    struct done d = {.task = parked, .cleared = true};
    if (parked == NULL)
        return;
    d.what = parked->what;
    vm_actor.done(b->core, &b->out, &d);
    free(parked);
}

static void settle(struct bench *b)
{
    run(b);
    for (int i = 0; i < 8; i++) {
        bench_timer_fires(b, TIMER_AGAIN);
        bench_timer_fires(b, TIMER_DEVICE);
        run(b);
    }
    tell_cleared(b);
    run(b);
}

/* The events are these by name, in this order; *at goes on. */
static void heard(const struct bench *b, unsigned *at, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++, (*at)++) {
        assert_true(*at < b->events);
        assert_int_equal(strcspn(b->event[*at], " "), strlen(names[i]));
        assert_memory_equal(b->event[*at], names[i], strlen(names[i]));
    }
}

static void was_undone(const struct bench *b, const struct row *row, bool created)
{
    static const char *const failed[] = {"domain-start-failed"};
    unsigned at = 0, before = row->heard;
    heard(b, &at, told, before);
    heard(b, &at, failed, b->events > 0);
    heard(b, &at, ended, created ? ENDED : 0);
    assert_int_equal(at, b->events);
    assert_false(b->world.active);
    assert_int_equal(b->left.mapped, 0);
    assert_false(b->left.bound);
    assert_false(b->left.heard || b->left.running || granted);
    assert_string_equal(b->stubdom, b->events > 0 ? " " : b->stubdom);
}

static void runs(const struct bench *b, unsigned from)
{
    unsigned at = from;
    heard(b, &at, told, TOLD);
    assert_int_equal(at, b->events);
    assert_true(b->world.active && !b->world.paused);
    assert_int_equal(b->left.mapped, 3);
    assert_true(b->left.bound && b->left.heard && !b->left.running && !granted);
    for (unsigned i = 0; i < OUTSIDE_PROGRAMS; i++)
        if (i == PROGRAM_QUBESDB_DAEMON || i == PROGRAM_QREXEC_DAEMON)
            assert_int_equal(b->left.daemon[i], b->world.domid);
    assert_int_equal(b->left.stubdom, b->entries.stubdom);
    assert_string_equal(b->stubdom, "400 0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02");
}

/* Whatever it left behind does not stand in its way. */
static void starts_again(struct bench *b)
{
    unsigned from = b->events;
    b->world.fail_call = 0;
    uint64_t asked = BENCH_HEAR(b, vm_start, .nothing = 0);
    run(b);
    assert_int_equal(bench_answer(b, asked), 0);
    runs(b, from);
}

static void ends(struct bench *b)
{
    uint64_t asked = BENCH_HEAR(b, vm_kill, .nothing = 0);
    run(b);
    assert_int_equal(bench_answer(b, asked), 0);
    assert_int_equal(b->left.mapped, 0);
    assert_false(b->left.bound || b->left.heard || b->world.active || b->world.defined);
    bench_agrees(b);
}

static char playing[96]; /* said when it fails */

static bool plays(const struct row *row, unsigned n, const struct mode *mode)
{
    struct bench b;
    uint64_t asked;
    if (!goes_to(&b, row, n, &asked))
        return false;
    assert_int_equal(b.events, row->heard);
    snprintf(playing, sizeof playing, "step %u, wait %u, %s", row->step, n, mode->name);
    mode->happens(&b, row);
    settle(&b);
    bench_agrees(&b);
    bool borne = row->bears && mode->outcome == UNDONE && mode->happens != is_killed_by_hand;
    bool finished =
        borne || (mode->outcome == OF_BEFORE ? row->before : mode->outcome == OF_AFTER && row->after);
    assert_int_equal(bench_answer(&b, asked) < 0, mode->answers && !borne);
    if (finished) {
        runs(&b, 0);
    } else {
        was_undone(&b, row, b.world.creates > 0);
        starts_again(&b);
    }
    ends(&b);
    bench_end(&b);
    return true;
}

/* A row of the table is missing, or does not come where it should. */
static void every_step_has_its_row(void **state)
{
    (void)state;
    assert_int_equal(COUNT(rows), START_STEPS);
    for (unsigned i = 0; i < START_STEPS; i++)
        assert_int_equal(rows[i].step, i);
}

static void whatever_becomes_of_a_step_the_vm_is_halted_or_runs_and_nothing_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(modes); j++) {
            unsigned met = 0;
            for (unsigned n = 1; plays(&rows[i], n, &modes[j]); n++)
                met++;
            assert_true(met > 0);
        }
    }
    playing[0] = '\0';
}

static int say_where(void **state)
{
    (void)state;
    if (playing[0] != '\0')
        print_error("%s\n", playing);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_has_its_row),
        cmocka_unit_test_teardown(whatever_becomes_of_a_step_the_vm_is_halted_or_runs_and_nothing_is_left,
                                  say_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
