/* SPDX-License-Identifier: MIT
 * What the simulated store has on its disk; only doors/db_sim*.c include this. */
#ifndef DOORS_DB_SIM_DISK_H
#define DOORS_DB_SIM_DISK_H

#include "doors/db_sim.h"

enum { DB_DISK_BUCKETS = 8192 };

/* An item with its bytes behind it; in the list of all (order of first setting) and in one bucket. */
struct db_disk_item {
    struct db_disk_item *before, *after, *chain;
    uint32_t qid;
    struct span kind, key, value;
    char *own_value;
    char bytes[];
};

/* A history row with its bytes behind it. */
struct db_disk_row {
    struct db_disk_row *after;
    struct db_history row;
    char bytes[];
};

struct db_disk_setting {
    struct db_disk_setting *after;
    struct span key, value;
    char bytes[];
};

struct db_disk {
    struct db_disk_item *first, *last, *bucket[DB_DISK_BUCKETS];
    struct db_disk_row *oldest, *newest;
    struct db_disk_setting *settings;
    bool in_use;
    unsigned fault_in;
    enum db_sim_fault fault;
};

/* All the memory that applying these items will need, so that it cannot fail half way: one for each that is
 * set. NULL without memory. What is applied is no longer in it; _free takes the rest. */
struct db_disk_item **db_disk_items_new(const struct db_item *items, size_t count);
void db_disk_items_free(struct db_disk_item **fresh, size_t count);
void db_disk_apply(struct db_disk *disk, const struct db_item *items, struct db_disk_item **fresh,
                   size_t count);

/* The caller's, until db_disk_row_add makes it the newest. NULL without memory. */
struct db_disk_row *db_disk_row_new(const struct db_history *row);
void db_disk_row_add(struct db_disk *disk, struct db_disk_row *row);
const struct db_disk_row *db_disk_row_find(const struct db_disk *disk, struct span op);
uint64_t db_disk_version(const struct db_disk *disk); /* of the newest row; 0 without one */

/* Where the setting is, or would be put. */
struct db_disk_setting **db_disk_setting_find(struct db_disk *disk, struct span key);
/* False without memory: the old value stays. */
bool db_disk_setting_put(struct db_disk *disk, struct span key, struct span value);

#endif
