/* SPDX-License-Identifier: MIT
 * sim_test [--seed N] [--seeds COUNT] [--vms N] [--calm] [--no-orphans] [--verbose]: runs the simulator under
 * seeds and says which promise broke under which. Without --seed: those of seeds.txt first, then as many as
 * fit in a minute. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

/* Virtual time of requests and faults, and of coming to rest behind it. */
#define BUSY_FOR (60 * SECONDS)
#define REST_FOR (150 * SECONDS)
enum { WALL_SECONDS = 60, SEEDS_MOST = 100, CALM_EVERY = 10 };

struct outcome {
    uint64_t hash, events;
    unsigned kills, requests, acknowledged;
    char broken[400];
};

static struct outcome run(const struct sim_options *options)
{
    struct sim *s = sim_new(options);
    uint64_t start = s->now;
    if (sim_run(s, start + BUSY_FOR)) {
        s->calm = true;
        sim_hypervisor_return(s->hypervisor);
        sim_hypervisor_trouble(s->hypervisor, SIM_CALM, 0);
        db_sim_fail(s->disk, 1, DB_SIM_NONE);
        sim_guests_obey(s->hypervisor, true);
        if (sim_run(s, start + BUSY_FOR + REST_FOR))
            sim_check(s);
    }
    struct outcome o = {s->hash, s->events, s->kills, s->requests, s->acknowledged, ""};
    memcpy(o.broken, s->broken, sizeof o.broken);
    sim_free(s);
    return o;
}

static unsigned tests, failures;

static void report(bool ok, const char *sentence, const struct sim_options *options, const struct outcome *o)
{
    tests++;
    failures += !ok;
    printf("%sok %u - %s (seed %" PRIu64 ", %u VMs%s): %u requests, %u done, %u kills, %" PRIu64 " events\n",
           ok ? "" : "not ", tests, sentence, options->seed, options->vms,
           options->faults ? "" : ", nothing fails", o->requests, o->acknowledged, o->kills, o->events);
    if (!ok)
        printf("# %s\n# again: sim_test --seed %" PRIu64 " --vms %u%s --verbose\n", o->broken, options->seed,
               options->vms, options->faults ? "" : " --calm");
    fflush(stdout);
}

static void try_seed(const struct sim_options *options)
{
    struct outcome o = run(options);
    report(o.broken[0] == '\0', "every promise holds", options, &o);
}

static void run_twice(const struct sim_options *options)
{
    struct outcome one = run(options), other = run(options);
    bool same = one.hash == other.hash && one.events == other.events;
    if (!same)
        snprintf(one.broken, sizeof one.broken, "trace %" PRIx64 " and then %" PRIx64, one.hash, other.hash);
    report(same, "the same seed gives the same run", options, &one);
}

/* "seed vms", one per line: what has once been broken. */
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

int main(int argc, char **argv)
{
    struct sim_options o = {.seed = number(argc, argv, "--seed", 1),
                            .vms = (unsigned)number(argc, argv, "--vms", 0),
                            .faults = !is_given(argc, argv, "--calm"),
                            .orphans = !is_given(argc, argv, "--no-orphans"),
                            .verbose = is_given(argc, argv, "--verbose")};
    unsigned vms = o.vms;
    bool one = is_given(argc, argv, "--seed"), counted = is_given(argc, argv, "--seeds");
    uint64_t count = number(argc, argv, "--seeds", one ? 1 : SEEDS_MOST), until = wall() + WALL_SECONDS;
    log_open("sim", o.verbose ? LOG_INFO : (enum log_level)0);
    o.vms = vms != 0 ? vms : 12;
    if (!one) {
        run_twice(&o);
        replay_known(&o);
    }
    for (uint64_t i = 0; i < count && (one || counted || wall() < until); i++) {
        struct sim_options each = o;
        each.seed = o.seed + i;
        each.vms = vms != 0 ? vms : 4 + (unsigned)(each.seed % 5) * 6;
        each.faults = o.faults && (one || each.seed % CALM_EVERY != 0);
        try_seed(&each);
    }
    printf("1..%u\n", tests);
    return failures == 0 ? 0 : 1;
}
