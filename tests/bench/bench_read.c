/* SPDX-License-Identifier: MIT
 * Reads of the Admin API beside a server that only accepts, reads, answers as many bytes and closes.
 * The two take turns, so that whatever else the machine does befalls both.
 *   bench_read SOCKET VM LABEL */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/client.h"

enum { CALLS = 2000, CLIENTS = 16, SLICES = 5 };

static void one_client(const char *label, const struct call *ours, const struct call *bare)
{
    static double a[CALLS], b[CALLS];
    char name[64];
    for (int i = 0; i < CALLS; i++) {
        double start = now_us();
        (void)call_once(bare, NULL);
        double between = now_us();
        (void)call_once(ours, NULL);
        b[i] = between - start;
        a[i] = now_us() - between;
    }
    sort_times(a, CALLS);
    sort_times(b, CALLS);
    snprintf(name, sizeof name, "%s, 1 client, p50", label);
    print_row(name, at_percent(a, CALLS, 50), "us", at_percent(b, CALLS, 50), AT_MOST, 1.3);
    snprintf(name, sizeof name, "%s, 1 client, p99", label);
    print_row(name, at_percent(a, CALLS, 99), "us", at_percent(b, CALLS, 99), AT_MOST, 0);
}

static void many_clients(const char *label, const struct call *ours, const struct call *bare)
{
    char name[64];
    double a = 0, b = 0;
    for (int i = 0; i < SLICES; i++) {
        b += calls_per_second(bare, CLIENTS, 0.2) / SLICES;
        a += calls_per_second(ours, CLIENTS, 0.2) / SLICES;
    }
    snprintf(name, sizeof name, "%s, %d clients", label, CLIENTS);
    print_row(name, a, "calls/s", b, AT_LEAST, 0.75);
}

static int compare(const char *label, const struct call *ours, const char *other)
{
    long len = call_once(ours, NULL);
    pid_t server = len < 0 ? -1 : bare_server(other, (size_t)len);
    if (server < 0) {
        fprintf(stderr, "%s: is not answered\n", label);
        return 1;
    }
    struct call bare = *ours;
    snprintf(bare.socket, sizeof bare.socket, "%s", other);
    one_client(label, ours, &bare);
    many_clients(label, ours, &bare);
    kill(server, SIGKILL);
    unlink(other);
    return 0;
}

int main(int argc, char **argv)
{
    char label[64], other[108];
    if (argc != 4)
        return 2;
    snprintf(other, sizeof other, "%.100s.bare", argv[1]);
    struct call get = call_of(argv[1], "admin.vm.property.Get+memory", argv[2], "");
    struct call list = call_of(argv[1], "admin.vm.List", "dom0", "");
    snprintf(label, sizeof label, "property.Get, %s VMs", argv[3]);
    int r = compare(label, &get, other);
    snprintf(label, sizeof label, "vm.List, %s VMs", argv[3]);
    return r | compare(label, &list, other);
}
