/* SPDX-License-Identifier: MIT
 * The simulated store: memory only. What is durable lives in a struct db_disk that outlives the struct db of
 * a killed user, and faults happen when the test or the simulator's seed says so. */
#ifndef DOORS_DB_SIM_H
#define DOORS_DB_SIM_H

#include "doors/db.h"

struct db_disk;

enum db_sim_fault {
    DB_SIM_NONE,
    DB_SIM_FULL,        /* disk full: ERR_IO, nothing stored */
    DB_SIM_FAIL_BEFORE, /* input/output error before durability: ERR_IO, nothing stored */
    DB_SIM_FAIL_AFTER,  /* stored, yet the caller hears ERR_IO: as if killed between commit and answer */
    DB_SIM_READ_ONLY,   /* ERR_DENIED, nothing stored */
};

/* An empty disk; NULL without memory. db_disk_free accepts NULL and needs every user closed. */
struct db_disk *db_disk_new(void);
void db_disk_free(struct db_disk *disk);
DEFINE_AUTO(db_disk)

/* As db_sqlite_open. One user at a time: ERR_BUSY. */
int db_sim_open(struct db_disk *disk, struct db **ret, struct fault *why);

/* What SIGKILL does to the user: the open store is gone, the disk stays. */
void db_sim_kill(struct db **db);

/* The `nth` (1: the next) db_commit or db_meta_set from now meets `fault`, once. */
void db_sim_fail(struct db_disk *disk, unsigned nth, enum db_sim_fault fault);

#endif
