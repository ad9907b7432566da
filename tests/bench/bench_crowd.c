/* SPDX-License-Identifier: MIT
 * What reads cost while many VMs start at once, beside the same reads at rest just before and after; and
 * beside a bare server's answers, which say how much of that is the machine's own. Then: whether all run.
 *   bench_crowd SOCKET WORK-DIR COUNT
 * It makes its VMs: COUNT that start, their one netvm, and one that rests and is asked about. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/client.h"

enum { REST = 600, MOST = 8000, CROWD_MOST = 64, KINDS = 3, BARE = 2 };
/* A start may wait for others; who asks is told to be patient (client.c waits 20 s for a silent server). */
enum { TRIES = 6 };

static const char *const kind_names[KINDS] = {"property.Get", "vm.List", "bare server"};

struct samples {
    double time[KINDS][MOST];
    size_t count;
    unsigned bad;
};

struct starter {
    pthread_t thread;
    struct call call;
    char type[64];
    bool runs;
};

static struct call reads[KINDS];
static unsigned under_way;

static void *start(void *arg)
{
    struct starter *s = arg;
    for (int i = 0; i < TRIES && !s->runs; i++)
        s->runs = call_once(&s->call, s->type) >= 0;
    __atomic_sub_fetch(&under_way, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void sample(struct samples *s)
{
    if (s->count == MOST)
        return;
    for (unsigned k = 0; k < KINDS; k++) {
        double begun = now_us();
        s->bad += call_once(&reads[k], NULL) < 0 && k != BARE;
        s->time[k][s->count] = now_us() - begun;
    }
    s->count++;
    pause_us(1000);
}

static void at_rest(struct samples *s)
{
    for (int i = 0; i < REST; i++)
        sample(s);
}

/* Returns how long it took until the last one runs. */
static double crowd(struct starter *starters, unsigned count, struct samples *s)
{
    double begun = now_us();
    under_way = count;
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&starters[i].thread, NULL, start, &starters[i]) != 0)
            exit(2);
    while (__atomic_load_n(&under_way, __ATOMIC_SEQ_CST) > 0)
        sample(s);
    double took = now_us() - begun;
    for (unsigned i = 0; i < count; i++)
        pthread_join(starters[i].thread, NULL);
    return took;
}

static void compare(struct samples *rest, struct samples *during)
{
    static const double percents[] = {50, 90, 99, 100};
    char name[96];
    for (unsigned k = 0; k < KINDS; k++) {
        sort_times(rest->time[k], rest->count);
        sort_times(during->time[k], during->count);
        for (unsigned p = 0; p < 4; p++) {
            snprintf(name, sizeof name, "%s while VMs start, p%g", kind_names[k], percents[p]);
            print_row(name, at_percent(during->time[k], during->count, percents[p]), "us",
                      at_percent(rest->time[k], rest->count, percents[p]), AT_MOST,
                      p == 0 && k != BARE ? 2 : 0);
        }
    }
}

/* Where the machine is short of processors a bare server's answers wait, too: no more than those. */
static void compare_with_bare(const struct samples *during)
{
    static const double percents[] = {90, 99};
    char name[96];
    for (unsigned k = 0; k < BARE; k++) {
        for (unsigned p = 0; p < 2; p++) {
            snprintf(name, sizeof name, "%s beside the bare server, while VMs start, p%g", kind_names[k],
                     percents[p]);
            print_row(name, at_percent(during->time[k], during->count, percents[p]), "us",
                      at_percent(during->time[BARE], during->count, percents[p]), AT_MOST, p == 0 ? 2 : 0);
        }
    }
}

static bool ask(const char *socket, const char *service, const char *vm, const char *payload)
{
    struct call c = call_of(socket, service, vm, payload);
    char type[64] = "no answer";
    bool ok = call_once(&c, type) >= 0;
    if (!ok)
        printf("# %s %s: %s\n", service, vm, type);
    return ok;
}

static bool make(const char *socket, const char *vm)
{
    char payload[64];
    snprintf(payload, sizeof payload, "name=%s label=red", vm);
    return ask(socket, "admin.vm.Create.StandaloneVM", "dom0", payload);
}

static bool make_all(const char *socket, struct starter *starters, unsigned count)
{
    bool ok = make(socket, "resting") && make(socket, "net") &&
              ask(socket, "admin.vm.property.Set+provides_network", "net", "True") &&
              ask(socket, "admin.vm.Start", "net", "");
    for (unsigned i = 0; ok && i < count; i++) {
        char vm[32];
        snprintf(vm, sizeof vm, "app-%u", i);
        ok = make(socket, vm) && ask(socket, "admin.vm.property.Set+netvm", vm, "net");
        starters[i].call = call_of(socket, "admin.vm.Start", vm, "");
    }
    return ok;
}

int main(int argc, char **argv)
{
    static struct starter starters[CROWD_MOST];
    static struct samples rest, during;
    char bare[108], name[96];
    unsigned run = 0, count = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
    if (count < 1 || count > CROWD_MOST || !make_all(argv[1], starters, count))
        return 2;
    snprintf(bare, sizeof bare, "%s/bare", argv[2]);
    pid_t server = bare_server(bare, 32);
    reads[0] = call_of(argv[1], "admin.vm.property.Get+memory", "resting", "");
    reads[1] = call_of(argv[1], "admin.vm.List", "resting", "");
    reads[BARE] = call_of(bare, "admin.vm.List", "resting", "");
    pause_us(3e6); /* processes of VMs that were only changed end */
    at_rest(&rest);
    double took = crowd(starters, count, &during);
    at_rest(&rest);
    compare(&rest, &during);
    compare_with_bare(&during);
    snprintf(name, sizeof name, "%u VMs start at once, until the last one runs", count);
    print_row(name, took / 1e6, "s", 0, AT_MOST, 0);
    for (unsigned i = 0; i < count; i++) {
        run += starters[i].runs;
        if (!starters[i].runs)
            printf("# %s: %s\n", starters[i].call.bytes, starters[i].type);
    }
    printf("# %u of %u run; %zu reads of each kind meanwhile; without an answer: %u\n", run, count,
           during.count, during.bad + rest.bad);
    kill(server, SIGTERM);
    return run != count || during.bad + rest.bad > 0;
}
