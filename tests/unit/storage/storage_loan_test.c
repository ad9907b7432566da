/* SPDX-License-Identifier: MIT
 * A volume that another pool is to read: lent to that one alone, and what is lent to us is looked at first.
 */
#include "tests/unit/storage/storage_bench.h"

#include <fcntl.h>
#include <unistd.h>

struct lent {
    unsigned count;
    uint32_t loan, borrower;
    bool file; /* a descriptor, and it was open */
};

static void lend(void *arg, uint32_t loan, uint32_t borrower, int fd)
{
    struct lent *l = arg;
    *l = (struct lent){l->count + 1, loan, borrower, fd >= 0 && fcntl(fd, F_GETFD) >= 0};
}

static void up_with(struct bench *b, struct lent *l)
{
    *l = (struct lent){0};
    up(b);
    b->core->lend = lend;
    b->core->lend_arg = l;
}

static void ask(struct bench *b, uint64_t correlation, const char *verb, uint32_t loan)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16384);
    struct volume_change m = {
        .pool = "fast", .volume = "private", .lines = SPAN_LITERAL(LINES), .loan = loan, .borrower = 9};
    strcpy(m.verb, verb);
    volume_change_encode(&body, &m);
    hear(b, MESSAGE_volume_change, (struct address){KIND_REGISTRY, 0}, correlation, &body);
}

static void exported(struct bench *b)
{
    b->task[0]->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    b->task[0]->outcome.size = 4096;
    strcpy(b->task[0]->outcome.path, "/p/a.img");
    ends(b, 0, 0);
}

/* Asked, exported, and given to the supervisor. */
static void lends(struct bench *b, uint64_t correlation, uint32_t loan)
{
    ask(b, correlation, "export", loan);
    exported(b);
    storage_handed(b->core, &b->out, loan, -1);
}

static void it_is_answered_when_the_supervisor_has_the_file(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    ask(&b, 1, "export", 77);
    exported(&b);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.loan, 77);
    assert_int_equal(l.borrower, 9);
    assert_true(l.file);
    assert_int_equal(outcome(&b, 1), 1);
    ask(&b, 2, "resize", 0); /* what is lent is open: its volume is free */
    assert_int_equal(b.tasks, 1);
    storage_handed(b.core, &b.out, 77, -1);
    assert_int_equal(outcome(&b, 1), 0);
    struct volume_change_reply m;
    assert_int_equal(
        volume_change_reply_decode(&m, b.said[find(&b, MESSAGE_volume_change, CLASS_REPLY)].e.body), 0);
    assert_int_equal(m.size, 4096);
    assert_string_equal(m.path, "");
    down(&b);
}

static void given_back_it_is_exported_no_more(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    lends(&b, 1, 77);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_false(b.retires); /* somebody reads it */
    ask(&b, 2, "export_end", 77);
    assert_false(l.file);
    assert_int_equal(l.loan, 77);
    assert_int_equal(b.task[0]->verb, POOL_export_end);
    assert_string_equal(b.task[0]->path, "/p/a.img");
    ends(&b, 0, 0);
    assert_int_equal(outcome(&b, 2), 0);
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_true(b.retires);
    down(&b);
}

static void what_is_lent_for_ever_holds_nobody_up(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    lends(&b, 1, 77);
    b.out.now += UINT64_C(7) * 3600 * SECONDS;
    storage_actor.timer(b.core, &b.out, STORAGE_TIMER_REST);
    assert_true(b.retires);
    down(&b);
}

static void no_more_is_lent_than_there_is_room_for(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    for (uint32_t i = 1; i <= STORAGE_LOANS; i++)
        lends(&b, i, i);
    ask(&b, 100, "export", 100);
    assert_int_equal(outcome(&b, 100), -ERR_BUSY);
    assert_int_equal(b.tasks, 0);
    ask(&b, 101, "export", 3); /* again, for its asker did not hear the answer */
    assert_int_equal(b.tasks, 1);
    down(&b);
}

static void what_was_lent_to_it_is_taken_when_it_has_come(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    ask(&b, 1, "import_fd", 77);
    assert_int_equal(b.tasks, 0);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    storage_handed(b.core, &b.out, 77, fd);
    assert_int_equal(b.tasks, 1);
    assert_int_equal(b.task[0]->fd, fd);
    ends(&b, 0, 0);
    assert_int_equal(outcome(&b, 1), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
    down(&b);
}

static void what_does_not_come_is_an_error(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    ask(&b, 1, "import_fd", 77);
    storage_handed(b.core, &b.out, 76, -1);
    assert_int_equal(outcome(&b, 1), 1); /* that was another one */
    storage_handed(b.core, &b.out, 77, -1);
    assert_int_equal(outcome(&b, 1), -ERR_STORAGE);
    assert_int_equal(b.core->count, 0);
    down(&b);
}

static void without_a_number_nothing_is_lent_or_taken(void **state)
{
    struct bench b;
    struct lent l;
    (void)state;
    up_with(&b, &l);
    ask(&b, 1, "import_fd", 0);
    ask(&b, 2, "export", 0);
    assert_int_not_equal(outcome(&b, 1), 0);
    assert_int_not_equal(outcome(&b, 2), 0);
    assert_int_equal(b.core->count + b.tasks + l.count, 0);
    down(&b);
}

static int check(int fd)
{
    struct storage_task t = {.fd = fd};
    struct fault why;
    int r = loan_check(&t, &why);
    close(fd);
    return r;
}

static void only_a_file_that_is_open_to_be_read_is_taken(void **state)
{
    int ends[2];
    char path[] = "/tmp/storage_loan_test.XXXXXX";
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(check(ends[0]), -ERR_STORAGE);
    close(ends[1]);
    assert_int_equal(check(open("/dev/null", O_RDONLY | O_CLOEXEC)), -ERR_STORAGE);
    int file = mkstemp(path);
    assert_int_equal(check(file), -ERR_STORAGE); /* open to be written */
    assert_int_equal(check(open(path, O_RDONLY | O_CLOEXEC)), 0);
    assert_int_equal(check(open("/tmp", O_RDONLY | O_CLOEXEC)), -ERR_STORAGE);
    assert_int_equal(check(-1), -ERR_STORAGE);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_answered_when_the_supervisor_has_the_file),
        cmocka_unit_test(given_back_it_is_exported_no_more),
        cmocka_unit_test(what_is_lent_for_ever_holds_nobody_up),
        cmocka_unit_test(no_more_is_lent_than_there_is_room_for),
        cmocka_unit_test(what_was_lent_to_it_is_taken_when_it_has_come),
        cmocka_unit_test(what_does_not_come_is_an_error),
        cmocka_unit_test(without_a_number_nothing_is_lent_or_taken),
        cmocka_unit_test(only_a_file_that_is_open_to_be_read_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
