/* SPDX-License-Identifier: MIT
 * What each VM exposes on a bus, as its own guest process says, and what of it subscribers know; for buses
 * whose devices come and go. In their core. */
#ifndef ACTORS_DEVBUS_DEVBUS_EXPOSED_H
#define ACTORS_DEVBUS_DEVBUS_EXPOSED_H

#include "proto/messages.h"
#include "runtime/core.h"

enum {
    DEVBUS_EXPOSED_MAX = 256 /* devices of one backend, as proto/devbus.def */,
    DEVBUS_BACKENDS_MAX = 1024
};

struct devbus_backend {
    struct subject vm;
    char name[32];
    bool is_known;            /* its devices were told before: what differs is news */
    struct device_item *item; /* from malloc, as last read */
    size_t count;
    char (*told)[64]; /* ports that subscribers know of; from malloc */
    size_t tolds;
};

struct devbus_exposed {
    struct devbus_backend *at[DEVBUS_BACKENDS_MAX];
    size_t count;
};

struct devbus_backend *devbus_backend_of(const struct devbus_exposed *x, uint32_t qid);
const struct device_item *devbus_exposed_find(const struct devbus_exposed *x, const char *backend,
                                              const char *port);
/* What that VM exposes now; it is forgotten when that is nothing and subscribers know of nothing. NULL: it
 * is, or there is no memory. */
struct devbus_backend *devbus_exposed_take(struct devbus_exposed *x, struct subject vm, const char *name,
                                           const struct wire_list *devices);
void devbus_exposed_free(struct devbus_exposed *x);

/* The differences between what is exposed and what subscribers know, which they know from then on: first what
 * is gone, then what has come. Ports for which `lists` is false are nobody's business. On first sight nothing
 * is told. */
struct devbus_news {
    void (*gone)(void *arg, const struct devbus_backend *b, const char *port);
    void (*came)(void *arg, const struct devbus_backend *b, const struct device_item *item);
    bool (*lists)(const char *port);
    void *arg;
};
void devbus_exposed_news(struct devbus_backend *b, const struct devbus_news *news);

#endif
