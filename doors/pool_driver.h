/* SPDX-License-Identifier: MIT
 * What a driver provides; only doors/pool_*.c include this. A driver is one struct pool_driver, a row in
 * pool_driver.def and its own struct that begins with a struct pool. */
#ifndef DOORS_POOL_DRIVER_H
#define DOORS_POOL_DRIVER_H

#include "doors/pool.h"
#include "doors/pool_call.h"

/* One verb on its way: what every step below it needs. */
struct pool_hand {
    const struct pool_calls *call;
    const struct pool_watch *watch;
    struct fault *why;
};

/* `ret` is empty and never NULL; what it holds after a failure is thrown away. pool.c has checked the volume.
 */
typedef int pool_do_verb(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                         struct pool_outcome *ret);

struct pool_driver {
    /* A zeroed struct that begins with a struct pool, with all parameters read; NULL and *why on failure. */
    struct pool *(*open)(struct span lines, const struct pool_calls *calls, struct fault *why);
    void (*free)(struct pool *p);
    pool_do_verb *verb[POOL_VERBS]; /* NULL: -ERR_NOT_IMPLEMENTED */
};

/* The first member of every driver's own struct. */
struct pool {
    const struct pool_driver *driver;
    const struct pool_driver_row *row;
    const struct pool_calls *calls;
    char name[65];
    int64_t revisions_to_keep;
    bool ephemeral_volatile;
};

#define POOL_DRIVER(symbol, name, required, optional, together, tools)                                       \
    extern const struct pool_driver pool_##symbol;
#include "doors/pool_driver.def"

/* A verb that this driver has nothing to do for: 0. */
pool_do_verb pool_nothing;

/* A parameter's text into `to`, which is `size` bytes: 0, or -ERR_QUBES when it is missing or too long. */
int pool_parameter(struct span lines, const char *key, char *to, size_t size, struct fault *why);
/* Whether the watch lets it go on: 0, or -ERR_CANCELLED. */
int pool_go_on(const struct pool_hand *h, uint64_t done, uint64_t total);
/* "<what> <path>: <errno's text>, and what to do"; -ERR_STORAGE. errno as it is. */
int pool_broken(const struct pool_hand *h, const char *what, const char *path);
/* Nothing is being imported into the volume; -ERR_STORAGE. */
int pool_no_import(const struct pool_hand *h, const struct volume *v);

#endif
