/* SPDX-License-Identifier: MIT
 * The model with the registry's store under it, driven by lines: what driver.c reads and
 * driver_show.c prints. A line is fields between tabs; a byte that is not plain is %XX. */
#ifndef TESTS_SECONDMODEL_DRIVER_H
#define TESTS_SECONDMODEL_DRIVER_H

#include <stdio.h>

#include "actors/registry/registry_store.h"
#include "model/ask.h"
#include "model/operation.h"

enum { DRIVER_QIDS = 256, DRIVER_FIELDS = 8, DRIVER_NOW = 1700000000 };

struct driver {
    struct model *model;
    struct world world;
    struct known known;
    struct store store;
    uint64_t operations;
    uint32_t draws;
    char *fact[DRIVER_QIDS + 1][FACTS]; /* the last row is the host's */
};

/* driver_show.c: each prints lines to standard output. */
void show_field(struct span s); /* a tab, then s encoded */
void show_event(const struct known *k, const struct plan *p, const struct plan_event *e);
void show_all(const struct known *k);                  /* every VM, value, feature, tag, label */
int show_raw(const struct model *m, struct text *out); /* what the model is made of, as text */

#endif
