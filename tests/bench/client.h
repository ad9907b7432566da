/* SPDX-License-Identifier: MIT
 * What the measuring programs share: a client of the Admin API, the barest server to hold it against,
 * clocks, order statistics and the table's rows. */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A request ready to be sent, and what came back. */
struct call {
    char socket[108];
    char bytes[512];
    size_t len;
};

/* dom0 asks `service` (method+argument) of `dest`. */
struct call call_of(const char *socket, const char *service, const char *dest, const char *payload);

/* One connection, one request: the length of an OK answer's text, -1 for an exception (its type is in
 * `type`, 64 bytes, if that is not NULL), -2 for none within 20 s. Blocks. */
long call_once(const struct call *c, char *type);

/* What serves in `pid`: accepts, reads to the request's end, answers `answer` bytes, closes; one thread.
 * It ends with its parent. */
pid_t bare_server(const char *path, size_t answer);

double now_us(void);
void pause_us(double us);
void sort_times(double *times, size_t count);
double at_percent(const double *sorted, size_t count, double percent);

/* Calls of `c` by `threads` clients for `seconds`: calls per second. */
double calls_per_second(const struct call *c, unsigned threads, double seconds);

/* A child of the supervisor by its program and instance; 0 if it is not there. */
pid_t child_of(pid_t supervisor, const char *program, unsigned instance);

/* A row of the table. `goal` bounds ours/baseline, or ours itself where the baseline is 0; AT_MOST or
 * AT_LEAST. A goal of 0 is none. */
enum bound { AT_MOST, AT_LEAST };
void print_row(const char *name, double ours, const char *unit, double baseline, enum bound bound,
               double goal);

#endif
