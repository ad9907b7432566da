/* SPDX-License-Identifier: MIT
 * The power is cut on real file systems: the writes of each verb of file-reflink are recorded below the file
 * system, and on disks that hold a first part of them the next process must find the old state or the new
 * one. Not all parts are tried: pool_power_test.c tries all, of a file system as the standards allow it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TAPE_NAME "bulkheadfiles"
#include "tests/unit/doors/pool_tape.h"
#include "tests/unit/doors/pool_trial.h"

static unsigned cuts = 3, seed = 23; /* of each verb */
static const char *type;

static void mount_at(const char *device, const char *options)
{
    char line[256];
    if (strcmp(type, "btrfs") == 0) /* it remembers disks by their names */
        tape_do("btrfs device scan --forget");
    snprintf(line, sizeof line, "mount -t %s %s %s %s", type, options, device, dir);
    tape_do(line);
}

static void leave_mount(void)
{
    char line[128];
    snprintf(line, sizeof line, "umount %s", dir);
    tape_do(line);
}

static void a_verb_is_recorded(struct scene *s, const struct trial *t)
{
    struct pool_calls calls = really();
    tape_clone("fresh", "base");
    mount_at("base", "-o loop");
    prepare(s, t);
    leave_mount();
    tape_clone("base", "data");
    tape_record("data");
    mount_at(TAPE_DISK, "");
    struct pool *p = open_pool(&calls);
    tape_mark("begin");
    must(p, t->verb, &s->e);
    tape_mark("end");
    pool_free(p);
    leave_mount();
    tape_eject();
    tape_read();
}

static void power_is_cut_during(const struct trial *t)
{
    struct scene s;
    a_verb_is_recorded(&s, t);
    for (unsigned turn = 0; turn < cuts; turn++) {
        unsigned cut = tape_cut(turn, &seed);
        tape_play("base", "disk", cut);
        mount_at("disk", "-o loop");
        is_old_or_new(&s, cut >= tape.end, "power cut, write", cut);
        leave_mount();
    }
    print_message("# %s: %u of %u writes concern it, %u cuts\n", t->name, tape.end - tape.begin, tape.count,
                  cuts);
}

static void power_may_be_cut_during_any_verb(void **state)
{
    char line[128];
    (void)state;
    snprintf(line, sizeof line, "truncate -s %dM new && mkfs.%s %s new", strcmp(type, "xfs") == 0 ? 304 : 112,
             type,
             strcmp(type, "xfs") == 0     ? "-q -f -m reflink=1"
             : strcmp(type, "btrfs") == 0 ? "-q -f"
                                          : "-q -F");
    tape_do(line);
    tape_clone("new", "fresh");
    for (size_t i = 0; i < COUNT(trials); i++)
        power_is_cut_during(&trials[i]);
}

/* pool_replay_test [CUTS]: how many of each verb. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_may_be_cut_during_any_verb)};
    static const char *const types[] = {"xfs", "btrfs", "ext4"};
    int r = 0;
    if (argc > 1)
        cuts = (unsigned)strtoul(argv[1], NULL, 10);
    if (!tape_there()) {
        printf("1..0 # SKIP no dm-log-writes in this kernel\n");
        return 0;
    }
    if (!begin_trials())
        return 1;
    natively = true;
    for (size_t i = 0; i < COUNT(types); i++) {
        type = types[i];
        r += cmocka_run_group_tests_name(type, tests, NULL, NULL);
    }
    tape_end();
    return end_trials() ? r : 1;
}
