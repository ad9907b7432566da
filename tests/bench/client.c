/* SPDX-License-Identifier: MIT
 * See client.h. */
#include "tests/bench/client.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MOST = 64 };

double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void pause_us(double us)
{
    struct timespec t = {(time_t)(us / 1e6), (long)(us * 1e3) % 1000000000};
    nanosleep(&t, NULL);
}

struct call call_of(const char *socket, const char *service, const char *dest, const char *payload)
{
    struct call c;
    snprintf(c.socket, sizeof c.socket, "%s", socket);
    int header = snprintf(c.bytes, sizeof c.bytes, "%s dom0 name %s", service, dest);
    int payload_len = snprintf(c.bytes + header + 1, sizeof c.bytes - (size_t)header - 1, "%s", payload);
    c.len = (size_t)header + 1 + (size_t)payload_len;
    return c;
}

static int dial(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The first bytes are kept, the rest is counted: what a client does with it is its own affair. */
static long read_all(int fd, char first[80])
{
    static __thread char buffer[256 << 10];
    long total = 0;
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -2;
        if (n == 0)
            return total;
        if (total < 79)
            memcpy(first + total, buffer, (size_t)(n < 79 - total ? n : 79 - total));
        total += n;
    }
}

long call_once(const struct call *c, char *type)
{
    char first[80] = "";
    int fd = dial(c->socket);
    if (fd < 0)
        return -2;
    struct timeval most = {.tv_sec = 20};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    long r = -2;
    if (send(fd, c->bytes, c->len, MSG_NOSIGNAL) == (ssize_t)c->len && shutdown(fd, SHUT_WR) == 0)
        r = read_all(fd, first);
    close(fd);
    if (r >= 2 && first[0] == '0')
        return r - 2;
    if (r < 2 || first[0] != '2')
        return -2;
    if (type != NULL)
        snprintf(type, 64, "%.63s", first + 2);
    return -1;
}

static void serve_one(int listener, const char *answer, size_t len)
{
    char request[4096];
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return;
    while (read(fd, request, sizeof request) > 0)
        ;
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, answer + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    close(fd);
}

pid_t bare_server(const char *path, size_t answer)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 128) < 0)
        return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char *bytes = calloc(1, answer + 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (bytes == NULL)
            _exit(1);
        memset(bytes, 'x', answer + 2);
        memcpy(bytes, "0", 2);
        for (;;)
            serve_one(fd, bytes, answer + 2);
    }
    close(fd);
    return pid;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void sort_times(double *times, size_t count)
{
    qsort(times, count, sizeof *times, by_size);
}

double at_percent(const double *sorted, size_t count, double percent)
{
    size_t at = (size_t)((double)count * percent / 100);
    return count == 0 ? 0 : sorted[at < count ? at : count - 1];
}

struct client {
    const struct call *call;
    double until;
    uint64_t calls;
};

static void *call_on(void *arg)
{
    struct client *c = arg;
    while (now_us() < c->until)
        c->calls += call_once(c->call, NULL) >= 0;
    return NULL;
}

double calls_per_second(const struct call *c, unsigned threads, double seconds)
{
    pthread_t thread[THREADS_MOST];
    struct client client[THREADS_MOST];
    uint64_t calls = 0;
    double start = now_us();
    for (unsigned i = 0; i < threads; i++) {
        client[i] = (struct client){c, start + seconds * 1e6, 0};
        pthread_create(&thread[i], NULL, call_on, &client[i]);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        calls += client[i].calls;
    }
    return (double)calls / ((now_us() - start) / 1e6);
}

/* Whether a process is `program INSTANCE …`. */
static bool is_program(long pid, const char *program, const char *instance)
{
    char path[64], line[4096];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return false;
    size_t len = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[len] = '\0';
    const char *name = strrchr(line, '/');
    return name != NULL && strcmp(name + 1, program) == 0 && strlen(line) + 1 < len &&
           strcmp(line + strlen(line) + 1, instance) == 0;
}

pid_t child_of(pid_t supervisor, const char *program, unsigned instance)
{
    char path[96], number[16];
    long pid, found = 0;
    snprintf(number, sizeof number, "%u", instance);
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)supervisor, (long)supervisor);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    while (found == 0 && fscanf(f, "%ld", &pid) == 1)
        if (is_program(pid, program, number))
            found = pid;
    fclose(f);
    return (pid_t)found;
}

void print_row(const char *name, double ours, const char *unit, double baseline, enum bound bound,
               double goal)
{
    double value = baseline > 0 ? ours / baseline : ours;
    char other[24] = "-", ratio[24] = "-", wanted[24] = "-";
    const char *verdict = "";
    if (baseline > 0) {
        snprintf(other, sizeof other, "%.3g", baseline);
        snprintf(ratio, sizeof ratio, "%.2f", ours / baseline);
    }
    if (goal > 0) {
        snprintf(wanted, sizeof wanted, "%s %.3g", bound == AT_MOST ? "<=" : ">=", goal);
        verdict = (bound == AT_MOST ? value <= goal : value >= goal) ? "met" : "MISSED";
    }
    printf("%-56s %10.4g %-7s %9s %7s %8s %s\n", name, ours, unit, other, ratio, wanted, verdict);
    fflush(stdout);
}
