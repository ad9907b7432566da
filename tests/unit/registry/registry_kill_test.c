/* SPDX-License-Identifier: MIT
 * SIGKILL of registry's core on a store on disk, at 1,000 random moments while writers wait for it: what was
 * acknowledged is there, once; of what was not, all or nothing is there; the history tells exactly what is.
 * REGISTRY_KILLS sets another number; without it a busy machine ends after half a minute. */
#include "tests/unit/registry/registry_bench.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WRITERS = 12,
    KEYS = 40,
    KILLS = 1000,
    OPERATIONS_MOST = 200000,
    LONGEST_US = 4000,
    LONGEST_RUN_US = 30000000
};

/* What became of an operation, as far as its writer knows. */
enum outcome { NEVER_ASKED, ASKED, ACKNOWLEDGED };

static struct {
    char dir[64];
    unsigned char outcome[OPERATIONS_MOST];
    bool seen[OPERATIONS_MOST]; /* in the history */
    uint64_t last, open[WRITERS];
    uint64_t start_us; /* from birth to the first answer */
} house;

/* ---- the process that is killed ---- */

static int open_file_store(struct store *s, struct fault *why)
{
    return db_sqlite_open(house.dir, &s->db, why);
}

/* Most set a feature; a few create a VM, which is many items at once. */
static void operate(struct bench *b, uint64_t op)
{
    char key[32], value[64];
    if (op == 1 || op % 1000 == 0) {
        snprintf(value, sizeof value, "name=v%llu label=red", (unsigned long long)op);
        bench_operate_as(b, op, OPERATION_vm_create, QID_GLOBAL, "StandaloneVM", value);
        return;
    }
    snprintf(key, sizeof key, "f%llu", (unsigned long long)(op % KEYS));
    snprintf(value, sizeof value, "%llu", (unsigned long long)op);
    bench_operate_as(b, op, OPERATION_feature_set, 0, key, value);
}

static void answer_all(struct bench *b, int answers)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct envelope *e = &b->said[i].e;
        if (e->class == CLASS_REPLY && e->type == MESSAGE_operate &&
            write(answers, &e->correlation, sizeof e->correlation) != sizeof e->correlation)
            _exit(1);
        if (e->type == MESSAGE_error) {
            struct error m = {0};
            (void)error_decode(&m, e->body);
            fprintf(stderr, "operation %llu: %s\n", (unsigned long long)e->correlation, m.text);
            _exit(2);
        }
    }
    bench_forget(b);
}

/* Each incarnation its own: the bench's would give each VM the uuid of the one before. */
static uint32_t draw_bits(void *arg)
{
    uint32_t bits = 0;
    (void)arg;
    if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
        _exit(3);
    return bits;
}

/* What lies in the pipe is planned while the first of it is at the disk. */
static void be_registry(int questions, int answers)
{
    static struct bench b;
    uint64_t op[WRITERS];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_up_with(&b, NULL, NULL, open_file_store);
    b.core->world.random = draw_bits;
    for (;;) {
        ssize_t len = read(questions, op, sizeof op);
        if (len <= 0)
            _exit(0);
        b.hold_tasks = true;
        for (size_t i = 0; i < (size_t)len / sizeof op[0]; i++)
            operate(&b, op[i]);
        b.hold_tasks = false;
        bench_work(&b);
        answer_all(&b, answers);
    }
}

/* ---- the writers ---- */

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint32_t draw(uint32_t below)
{
    uint32_t bits = 0;
    assert_int_equal(getrandom(&bits, sizeof bits, 0), sizeof bits);
    return bits % below;
}

static void ask(unsigned writer, int questions)
{
    uint64_t op = house.open[writer];
    if (op == 0) {
        op = house.open[writer] = ++house.last;
        assert_true(op < OPERATIONS_MOST);
        house.outcome[op] = ASKED;
    }
    assert_int_equal(write(questions, &op, sizeof op), sizeof op);
}

static void hear(uint64_t op, int questions)
{
    assert_true(op <= house.last && house.outcome[op] == ASKED);
    house.outcome[op] = ACKNOWLEDGED;
    for (unsigned i = 0; i < WRITERS; i++) {
        if (house.open[i] != op)
            continue;
        house.open[i] = 0;
        if (questions >= 0)
            ask(i, questions);
    }
}

static void hear_until(int answers, int questions, uint64_t until)
{
    struct pollfd p = {answers, POLLIN, 0};
    uint64_t op, now, began = now_us();
    while ((now = now_us()) < until) {
        struct timespec left = {(time_t)((until - now) / 1000000), (long)((until - now) % 1000000) * 1000};
        if (ppoll(&p, 1, &left, NULL) != 1 || read(answers, &op, sizeof op) != sizeof op)
            continue;
        hear(op, questions);
        if (house.start_us == 0) {
            house.start_us = now_us() - began;
            return;
        }
    }
}

/* One incarnation: born, asked, killed. Half of those who heard nothing ask again, as api does; the others
 * never learn what became of it. */
static void one_life(uint64_t lasts_us)
{
    int questions[2], answers[2], status;
    uint64_t op;
    assert_int_equal(pipe2(questions, O_CLOEXEC) + pipe2(answers, O_CLOEXEC), 0);
    uint64_t until = now_us() + lasts_us;
    pid_t pid = fork();
    if (pid == 0) {
        close(questions[1]);
        be_registry(questions[0], answers[1]);
    }
    close(answers[1]);
    for (unsigned i = 0; i < WRITERS; i++)
        ask(i, questions[1]);
    hear_until(answers[0], questions[1], until);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(answers[0], &op, sizeof op) == sizeof op)
        hear(op, -1);
    for (unsigned i = 0; i < WRITERS; i++)
        if (draw(2) == 0)
            house.open[i] = 0;
    close(questions[0]), close(questions[1]), close(answers[0]);
}

/* ---- what is there ---- */

static int take_item(void *model, const struct db_item *item)
{
    struct change c = {.qid = item->qid, .key = item->key, .value = item->value};
    while (c.kind < CHANGE_KINDS && !span_is(item->kind, change_kind_name(c.kind)))
        c.kind++;
    return model_apply(model, &c, NULL);
}

/* A row of the history: its delta is folded into the model, its operation was asked for once. */
static int take_row(void *model, const struct db_history *row)
{
    struct delta m;
    struct change_item item;
    uint64_t op[2];
    assert_int_equal(row->op.len, sizeof op);
    memcpy(op, row->op.at, sizeof op);
    if (op[0] == 7) {
        assert_true(op[1] <= house.last && !house.seen[op[1]]);
        house.seen[op[1]] = true;
    }
    if (row->version == 1) /* the store's beginning, which nobody is told */
        return 0;
    assert_int_equal(delta_decode(&m, row->events), 0);
    assert_int_equal(m.version, row->version);
    struct reader in = list_reader(&m.changes);
    while (change_item_next(&in, &item) == 1) {
        struct change c = {(enum change_kind)item.kind, item.qid, item.key, item.value, (int)item.gone};
        assert_int_equal(model_apply(model, &c, NULL), 0);
    }
    return 0;
}

static struct text text_of(const struct model *m)
{
    struct text t = TEXT_WITH_LIMIT(64 << 20);
    assert_int_equal(model_each(m, bench_add_line, &t), 0);
    assert_int_equal(t.failed, 0);
    return t;
}

/* What the store begins with, from a store of its own. */
static struct model *beginning(void)
{
    struct bench b;
    bench_up(&b);
    struct model *m = b.core->model;
    b.core->model = model_new();
    bench_down(&b);
    return m;
}

static void look(void)
{
    struct fault why = {0};
    struct db *db = NULL;
    uint64_t version = 0;
    AUTO(model) *items = model_new(), *told = beginning();
    memset(house.seen, 0, sizeof house.seen);
    if (db_sqlite_open(house.dir, &db, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(db_load(db, &version, take_item, items, &why), 0);
    assert_int_equal(db_since(db, 0, take_row, told, &why), 0);
    db_free(db);
    for (uint64_t op = 1; op <= house.last; op++)
        if (house.outcome[op] == ACKNOWLEDGED && !house.seen[op])
            fail_msg("operation %llu was acknowledged and is lost", (unsigned long long)op);
    AUTO_TEXT a = text_of(items), b = text_of(told);
    assert_string_equal(a.at, b.at);
}

static void every_kill_keeps_what_was_acknowledged_once_and_nothing_by_halves(void **state)
{
    const char *number = getenv("REGISTRY_KILLS");
    unsigned kills = number != NULL ? (unsigned)atoi(number) : KILLS, acknowledged = 0, unheard = 0;
    (void)state;
    strcpy(house.dir, "/var/tmp/registry_kill.XXXXXX");
    assert_non_null(mkdtemp(house.dir));
    one_life(5000000); /* until its first answer, which says how long a start takes here */
    uint64_t end = number != NULL ? UINT64_MAX : now_us() + LONGEST_RUN_US;
    for (unsigned i = 1; i <= kills; i++) {
        if (now_us() > end && i > 100)
            kills = i; /* a busy machine: the rest is for another day */
        one_life(draw((uint32_t)house.start_us * 2 + LONGEST_US));
        if (i % 100 == 0 || i == kills)
            look();
    }
    for (uint64_t op = 1; op <= house.last; op++) {
        acknowledged += house.outcome[op] == ACKNOWLEDGED;
        unheard += house.outcome[op] == ASKED && house.seen[op];
    }
    print_message("# a start takes %llu us; %u kills, %u changes acknowledged, %u there and never heard of\n",
                  (unsigned long long)house.start_us, kills, acknowledged, unheard);
    assert_true(acknowledged > kills);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", house.dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kill_keeps_what_was_acknowledged_once_and_nothing_by_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
