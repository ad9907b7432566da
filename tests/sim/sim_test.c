/* SPDX-License-Identifier: MIT
 * sim_test [--seed N] [--seeds COUNT] [--vms N] [--calm] [--brief] [--lively | --devices | --disks |
 * --usb] [--no-orphans] [--verbose]: runs the simulator under seeds and says which promise broke under which.
 * Without --seed: those of seeds.txt first, then COUNT others, 100,000 if nothing is said, most of them
 * brief; or as many as two minutes (of a release build: eight) see. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

/* Virtual time of requests and faults, and of coming to rest behind it. */
#define BUSY_FOR   (60 * SECONDS)
#define BUSY_LEAST (5 * SECONDS)
#define REST_FOR   (150 * SECONDS)
#ifdef _FORTIFY_SOURCE
enum { WALL_SECONDS = 480 }; /* a release build: the seeds are the measure, the time a fence */
#else
enum { WALL_SECONDS = 120 };
#endif
enum { SEEDS_MOST = 100000, CALM_EVERY = 10, RUNS_SHARED = 12, LONG_EVERY = 31, SEEDS_IN_A_LINE = 500 };

static uint64_t busy_for(const struct sim_options *options)
{
    return options->brief ? BUSY_LEAST + options->seed % 8 * SECONDS : BUSY_FOR;
}

struct sim_outcome sim_run_once(const struct sim_options *options)
{
    struct sim *s = sim_new(options);
    uint64_t rest = s->now + busy_for(options);
    if (sim_run(s, rest)) {
        s->calm = true;
        sim_hypervisor_return(s->hypervisor);
        sim_hypervisor_trouble(s->hypervisor, SIM_CALM, 0);
        db_sim_fail(s->disk, 1, DB_SIM_NONE);
        sim_guests_obey(s->hypervisor, true);
        if (sim_run(s, rest + REST_FOR))
            sim_check(s);
    }
    struct sim_outcome o = {s->hash,
                            s->events,
                            s->kills,
                            s->requests,
                            s->acknowledged,
                            sim_hypervisor_lives(s->hypervisor),
                            sim_hypervisor_equipped(s->hypervisor),
                            sim_hypervisor_with_disks(s->hypervisor),
                            s->connected,
                            ""};
    memcpy(o.broken, s->broken, sizeof o.broken);
    sim_free(s);
    return o;
}

static unsigned tests, failures, lives, seeds;
static uint64_t events;

/* What each kind of run came to. */
static struct tally {
    const char *name, *option;
    unsigned seeds, lives, equipped, with_disks, with_usb;
} tally[] = {{.name = "plain", .option = ""},
             {.name = "lively", .option = " --lively"},
             {.name = "PCI devices", .option = " --devices"},
             {.name = "disks", .option = " --disks"},
             {.name = "USB devices", .option = " --usb"}};

static struct tally *tally_of(const struct sim_options *o)
{
    return &tally[o->usb ? 4 : o->disks ? 3 : o->devices ? 2 : o->lively ? 1 : 0];
}

static void count(struct tally *t, const struct sim_outcome *o)
{
    t->seeds++;
    t->lives += o->lives;
    t->equipped += o->equipped;
    t->with_disks += o->with_disks;
    t->with_usb += o->with_usb;
}

static void add_up(const struct sim_options *options, const struct sim_outcome *o)
{
    lives += o->lives;
    events += o->events;
    seeds++;
    count(tally_of(options), o);
}

static void report(bool ok, const char *sentence, const struct sim_options *options,
                   const struct sim_outcome *o)
{
    tests++;
    failures += !ok;
    add_up(options, o);
    printf("%sok %u - %s (seed %" PRIu64 ", %u VMs%s): %u lives, %u with devices, %u with disks, %u USB "
           "connections, %u requests, %u done, %u kills, %" PRIu64 " events\n",
           ok ? "" : "not ", tests, sentence, options->seed, options->vms,
           options->faults ? "" : ", nothing fails", o->lives, o->equipped, o->with_disks, o->with_usb,
           o->requests, o->acknowledged, o->kills, o->events);
    if (!ok)
        printf("# %s\n# again: sim_test --seed %" PRIu64 " --vms %u%s%s%s --verbose\n", o->broken,
               options->seed, options->vms, options->faults ? "" : " --calm",
               options->brief ? " --brief" : "", tally_of(options)->option);
    fflush(stdout);
}

static void try_seed(const struct sim_options *options)
{
    struct sim_outcome o = sim_run_once(options);
    report(o.broken[0] == '\0', "every promise holds", options, &o);
}

static void run_twice(const struct sim_options *options)
{
    struct sim_outcome one = sim_run_once(options), other = sim_run_once(options);
    bool same = one.hash == other.hash && one.events == other.events;
    if (!same)
        snprintf(one.broken, sizeof one.broken, "trace %" PRIx64 " and then %" PRIx64, one.hash, other.hash);
    report(same, "the same seed gives the same run", options, &one);
}

/* "seed vms [brief] [lively | devices | disks | usb]", one per line: what has once been broken. */
static void replay_known(const struct sim_options *options)
{
    FILE *f = fopen(SIM_SEEDS, "re");
    char line[256];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        struct sim_options o = *options;
        char *end;
        o.seed = strtoull(line, &end, 10);
        if (end == line)
            continue;
        o.vms = (unsigned)strtoul(end, NULL, 10);
        o.brief = strstr(end, "brief") != NULL;
        o.devices = strstr(end, "devices") != NULL;
        o.disks = strstr(end, "disks") != NULL;
        o.usb = strstr(end, "usb") != NULL;
        o.lively = strstr(end, "lively") != NULL;
        try_seed(&o);
    }
    if (f != NULL)
        fclose(f);
}

static uint64_t number(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return otherwise;
}

static bool is_given(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

static uint64_t wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec;
}

/* ---- many seeds ---- */

static uint64_t wanted, until;

/* Of twelve runs three have PCI devices, three disks, three USB devices, two just many lives, and one a bit
 * of everything else: each with few VMs and with many, of which the seed decides, too (vms_of). */
static void share_out(struct sim_options *o)
{
    char kind = "pduldplpduu."[o->seed % RUNS_SHARED];
    o->devices = kind == 'p';
    o->disks = kind == 'd';
    o->usb = kind == 'u';
    o->lively = kind == 'l';
}

static unsigned vms_of(const struct sim_options *o)
{
    return o->brief ? 3 + (unsigned)(o->seed % 6) : 4 + (unsigned)(o->seed % 5) * 6;
}

static struct sim_options course_options(const struct sim_course *course, uint64_t i)
{
    struct sim_options each = *course->like;
    each.seed += i;
    each.brief = each.brief || i % LONG_EVERY != 0;
    each.vms = each.vms != 0 ? each.vms : vms_of(&each);
    each.faults = each.faults && each.seed % CALM_EVERY != 0;
    if (!each.devices && !each.disks && !each.usb && !each.lively)
        share_out(&each);
    return each;
}

/* Whoever reads the report wants one line for what is well. */
static void end_line(void)
{
    static unsigned said_seeds, said_lives;
    static uint64_t said_events;
    printf("ok %u - every promise holds under %u more seeds: %u lives, %" PRIu64 " events\n", ++tests,
           seeds - said_seeds, lives - said_lives, events - said_events);
    fflush(stdout);
    said_seeds = seeds;
    said_lives = lives;
    said_events = events;
}

static void course_report(const struct sim_options *options, const struct sim_outcome *o)
{
    if (o->broken[0] != '\0')
        report(false, "every promise holds", options, o);
    else
        add_up(options, o);
    if (seeds % SEEDS_IN_A_LINE == 0)
        end_line();
}

static bool course_enough(void)
{
    return seeds >= wanted || wall() >= until;
}

/* So many, one after the other, from the one given. */
static void try_some(const struct sim_options *o, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct sim_options each = *o;
        each.seed = o->seed + i;
        each.vms = o->vms != 0 ? o->vms : vms_of(&each);
        try_seed(&each);
    }
}

int main(int argc, char **argv)
{
    struct sim_options o = {.seed = number(argc, argv, "--seed", 1),
                            .vms = (unsigned)number(argc, argv, "--vms", 0),
                            .faults = !is_given(argc, argv, "--calm"),
                            .orphans = !is_given(argc, argv, "--no-orphans"),
                            .brief = is_given(argc, argv, "--brief"),
                            .lively = is_given(argc, argv, "--lively"),
                            .devices = is_given(argc, argv, "--devices"),
                            .disks = is_given(argc, argv, "--disks"),
                            .usb = is_given(argc, argv, "--usb"),
                            .verbose = is_given(argc, argv, "--verbose")};
    bool one = is_given(argc, argv, "--seed");
    wanted = number(argc, argv, "--seeds", one ? 1 : SEEDS_MOST);
    until = wall() + WALL_SECONDS;
    log_open("sim", o.verbose ? LOG_INFO : (enum log_level)0);
    if (!one) {
        struct sim_options twelve = o;
        twelve.vms = o.vms != 0 ? o.vms : 12;
        run_twice(&twelve);
        replay_known(&o);
    }
    if (one)
        try_some(&o, wanted);
    else
        sim_share(&(struct sim_course){&o, course_options, course_report, course_enough});
    printf("1..%u\n# %u lives in %u seeds; a life: a domain was started and has ended\n", tests, lives,
           seeds);
    for (size_t i = 0; i < COUNT(tally); i++)
        if (tally[i].seeds > 0)
            printf("# %s: %u lives in %u seeds, %u of them with PCI devices, %u with disks of others; %u USB "
                   "connections\n",
                   tally[i].name, tally[i].lives, tally[i].seeds, tally[i].equipped, tally[i].with_disks,
                   tally[i].with_usb);
    return failures == 0 ? 0 : 1;
}
