/* SPDX-License-Identifier: MIT
 * A durable change beside what it cannot cost less than: append and fdatasync on the same disk, and one
 * round trip over nng through a third process, as between api, router and registry.
 *   bench_write SOCKET VM LABEL DIRECTORY */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "tests/bench/client.h"

enum { WRITES = 300, WRITERS = 16, MESSAGE = 200, ROW = 200 };

static nng_socket meet(const char *path, bool listens)
{
    nng_socket s;
    char url[200];
    snprintf(url, sizeof url, "ipc://%s", path);
    if (nng_pair0_open(&s) != 0 || (listens && nng_listen(s, url, NULL, 0) != 0))
        exit(1);
    for (int i = 0; !listens && nng_dial(s, url, NULL, 0) != 0; i++) {
        if (i == 1000)
            exit(1);
        pause_us(1000);
    }
    return s;
}

/* What comes in here goes out there. */
static void pass_on(nng_socket from, nng_socket to)
{
    nng_msg *m;
    if (nng_recvmsg(from, &m, 0) != 0 || nng_sendmsg(to, m, 0) != 0)
        exit(1);
}

static void be_between(const char *left, const char *right)
{
    nng_socket a = meet(left, true), b = meet(right, true);
    for (;;) {
        pass_on(a, b);
        pass_on(b, a);
    }
}

static void be_the_end(const char *right)
{
    nng_socket b = meet(right, false);
    for (;;)
        pass_on(b, b);
}

static pid_t child(bool between, const char *left, const char *right)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (between)
        be_between(left, right);
    be_the_end(right);
    _exit(1);
}

static void append(int fd)
{
    char row[ROW];
    memset(row, 'x', sizeof row);
    if (write(fd, row, sizeof row) != sizeof row || fdatasync(fd) < 0)
        exit(1);
}

static void round_trip(nng_socket s)
{
    nng_msg *m;
    if (nng_msg_alloc(&m, MESSAGE) != 0 || nng_sendmsg(s, m, 0) != 0 || nng_recvmsg(s, &m, 0) != 0)
        exit(1);
    nng_msg_free(m);
}

static int set(const char *socket, const char *vm, unsigned value)
{
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    struct call c = call_of(socket, "admin.vm.property.Set+memory", vm, text);
    return call_once(&c, NULL) < 0;
}

static int one_writer(char **argv, int fd, nng_socket bus)
{
    static double ours[WRITES], disk[WRITES], trip[WRITES];
    char name[64];
    int bad = 0;
    for (unsigned i = 0; i < WRITES; i++) {
        double t0 = now_us();
        append(fd);
        double t1 = now_us();
        round_trip(bus);
        double t2 = now_us();
        bad += set(argv[1], argv[2], 400 + i % 400);
        ours[i] = now_us() - t2;
        disk[i] = t1 - t0;
        trip[i] = t2 - t1;
    }
    sort_times(ours, WRITES);
    sort_times(disk, WRITES);
    sort_times(trip, WRITES);
    double floor_us = at_percent(disk, WRITES, 50) + at_percent(trip, WRITES, 50);
    printf("# append+fdatasync p50 %.0f us, bus round trip p50 %.0f us\n", at_percent(disk, WRITES, 50),
           at_percent(trip, WRITES, 50));
    snprintf(name, sizeof name, "property.Set, %s VMs, 1 client, p50", argv[3]);
    print_row(name, at_percent(ours, WRITES, 50), "us", floor_us, AT_MOST, 3);
    snprintf(name, sizeof name, "property.Set, %s VMs, 1 client, p99", argv[3]);
    print_row(name, at_percent(ours, WRITES, 99), "us",
              at_percent(disk, WRITES, 99) + at_percent(trip, WRITES, 99), AT_MOST, 0);
    return bad;
}

struct writer {
    char **argv;
    double until;
    unsigned done, refused;
};

static void *write_on(void *arg)
{
    struct writer *w = arg;
    while (now_us() < w->until)
        w->refused += (unsigned)set(w->argv[1], w->argv[2], 400 + w->done++ % 400);
    return NULL;
}

static int many_writers(char **argv, int fd)
{
    pthread_t thread[WRITERS];
    struct writer writer[WRITERS];
    char name[64];
    unsigned done = 0, refused = 0, appends = 0;
    double start = now_us();
    while (now_us() < start + 5e5)
        append(fd), appends++;
    double disk = appends / ((now_us() - start) / 1e6);
    start = now_us();
    for (unsigned i = 0; i < WRITERS; i++) {
        writer[i] = (struct writer){argv, start + 1e6, i * 7, 0};
        pthread_create(&thread[i], NULL, write_on, &writer[i]);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], NULL);
        done += writer[i].done - i * 7;
        refused += writer[i].refused;
    }
    snprintf(name, sizeof name, "property.Set, %s VMs, %d clients, vs appends/s", argv[3], WRITERS);
    print_row(name, done / ((now_us() - start) / 1e6), "calls/s", disk, AT_LEAST, 0);
    return (int)refused;
}

int main(int argc, char **argv)
{
    char left[200], right[200], file[200];
    if (argc != 5)
        return 2;
    snprintf(left, sizeof left, "%.150s/bench-left.%d", argv[4], (int)getpid());
    snprintf(right, sizeof right, "%.150s/bench-right.%d", argv[4], (int)getpid());
    snprintf(file, sizeof file, "%.150s/bench-append", argv[4]);
    pid_t between = child(true, left, right), end = child(false, left, right);
    nng_socket bus = meet(left, false);
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return 1;
    int bad = one_writer(argv, fd, bus) + many_writers(argv, fd);
    kill(between, SIGKILL);
    kill(end, SIGKILL);
    unlink(left), unlink(right), unlink(file);
    if (bad > 0)
        printf("# %d changes were refused\n", bad);
    return bad > 0;
}
