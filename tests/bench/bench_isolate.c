/* SPDX-License-Identifier: MIT
 * What calls about other VMs cost while one VM's process is stopped, beside the same calls just before.
 * Then: the stopped VM is killed; libvirtd is stopped, and reads, changes and starts are tried.
 *   bench_isolate SOCKET SUPERVISOR-PID LIBVIRTD-PID STUCK-QID STUCK-VM OTHER-VM HALTED-VM */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/client.h"

enum { ROUNDS = 150, KINDS = 3 };

static const char *const kind_names[KINDS] = {"property.Get", "vm.CurrentState", "vm.Pause, vm.Unpause"};

struct samples {
    double time[KINDS][ROUNDS * 2];
    size_t count[KINDS];
    unsigned bad;
};

static void timed(struct samples *s, unsigned kind, const char *socket, const char *service, const char *vm)
{
    struct call c = call_of(socket, service, vm, "");
    double start = now_us();
    char type[64] = "none within 20 s";
    if (call_once(&c, type) < 0 && s->bad++ < 3)
        printf("# %s of %s: %s\n", service, vm, type);
    s->time[kind][s->count[kind]++] = now_us() - start;
}

static void sample(struct samples *s, const char *socket, const char *vm)
{
    for (int i = 0; i < ROUNDS; i++) {
        timed(s, 0, socket, "admin.vm.property.Get+memory", vm);
        timed(s, 1, socket, "admin.vm.CurrentState", vm);
        timed(s, 2, socket, "admin.vm.Pause", vm);
        timed(s, 2, socket, "admin.vm.Unpause", vm);
    }
    for (unsigned k = 0; k < KINDS; k++)
        sort_times(s->time[k], s->count[k]);
}

static void compare(const struct samples *before, const struct samples *during)
{
    static const double percents[] = {50, 99, 100};
    static const char *const words[] = {"p50", "p99", "max"};
    char name[96];
    for (unsigned k = 0; k < KINDS; k++) {
        for (unsigned p = 0; p < 3; p++) {
            snprintf(name, sizeof name, "%s of another VM, one stopped, %s", kind_names[k], words[p]);
            print_row(name, at_percent(during->time[k], during->count[k], percents[p]), "us",
                      at_percent(before->time[k], before->count[k], percents[p]), AT_MOST, p == 0 ? 1.25 : 0);
        }
    }
    printf("# calls without an OK answer: %u before, %u during\n", before->bad, during->bad);
}

/* Prints how long one call takes; whether it ended as wanted. */
static int say(const char *name, const struct call *c, bool ok, double goal_ms)
{
    char type[64] = "OK";
    double start = now_us();
    long r = call_once(c, type);
    print_row(name, (now_us() - start) / 1e3, "ms", 0, AT_MOST, goal_ms);
    printf("#   answer: %s\n", r >= 0 ? "OK" : r == -2 ? "NONE WITHIN 20 s" : type);
    return r == -2 || (r >= 0) != ok;
}

static int stop_a_vm(char **argv)
{
    static struct samples before, during;
    pid_t stuck = child_of((pid_t)atol(argv[2]), "vm", (unsigned)atol(argv[4]));
    struct call kill_it = call_of(argv[1], "admin.vm.Kill", argv[5], "");
    if (stuck == 0) {
        fprintf(stderr, "there is no vm/%s\n", argv[4]);
        return 1;
    }
    sample(&before, argv[1], argv[6]);
    kill(stuck, SIGSTOP);
    sample(&during, argv[1], argv[6]);
    compare(&before, &during);
    int r = say("Kill of the VM whose process is stopped", &kill_it, true, 10000);
    kill(stuck, SIGCONT);
    return r | (before.bad + during.bad > 0);
}

static int stop_libvirtd(char **argv)
{
    pid_t daemon = (pid_t)atol(argv[3]);
    struct call get = call_of(argv[1], "admin.vm.property.Get+memory", argv[6], "");
    struct call set = call_of(argv[1], "admin.vm.property.Set+memory", argv[7], "512");
    struct call begin = call_of(argv[1], "admin.vm.Start", argv[7], "");
    kill(daemon, SIGSTOP);
    int r = say("libvirtd stopped: property.Get", &get, true, 5);
    r |= say("libvirtd stopped: property.Set", &set, true, 50);
    r |= say("libvirtd stopped: Start, a typed error", &begin, false, 20000);
    kill(daemon, SIGCONT);
    double start = now_us();
    while (call_once(&begin, NULL) < 0 && now_us() < start + 2e7)
        pause_us(20000);
    print_row("libvirtd goes on: until a Start works", (now_us() - start) / 1e3, "ms", 0, AT_MOST, 5000);
    return r;
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return 2;
    return stop_a_vm(argv) | stop_libvirtd(argv);
}
