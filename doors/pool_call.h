/* SPDX-License-Identifier: MIT
 * The table of outside calls that drivers use; see pool_call.def. */
#ifndef DOORS_POOL_CALL_H
#define DOORS_POOL_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

#include "base/text.h"

/* Called for each name of a directory but "." and "..". A negative result ends the listing and is returned.
 */
typedef int pool_entry(void *self, const char *name);

/* A program to be run to its end: no shell, no input, LC_ALL=C.UTF-8 unless set, working directory '/'. */
struct pool_program {
    const char *const *argv;   /* NULL at the end; argv[0] is looked up in a fixed path */
    unsigned seconds;          /* its deadline; then it is killed, with all that it started */
    bool (*go_on)(void *self); /* asked about ten times a second; false kills it. May be NULL */
    void *self;
    int fd_in; /* its standard input; -1: none */
};

enum { POOL_OUTPUT_MOST = 4 << 20, POOL_COMPLAINT_MOST = 4096 };

/* Both texts are the caller's to free. More than the limit of `out` is a failure of the run. */
struct pool_output {
    struct text out, err; /* err keeps the first bytes only */
    int status;           /* exit status; 128 + n for signal n */
};

struct pool_calls {
#define POOL_CALL(result, name, flags, parameters, arguments) result(*name) parameters;
#include "doors/pool_call.def"
};

extern const struct pool_calls pool_calls_real;

/* 0 when the program ran to its end, whatever its status; else -1 with errno: ENOENT no such program,
 * ETIMEDOUT, ECANCELED, EFBIG it says too much. */
int pool_run(const struct pool_program *program, struct pool_output *ret);

/* One read of what a program says: 1, 0 at its end, -1 with errno. Of a complaint what exceeds the limit of
 * `into` is thrown away; of anything else it is EFBIG. */
int pool_hear(int fd, struct text *into, bool complaint);

#endif
