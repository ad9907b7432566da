/* SPDX-License-Identifier: MIT
 * How entries of a QubesDB are written; for files of this folder only. */
#ifndef MODEL_QUBESDB_INSIDE_H
#define MODEL_QUBESDB_INSIDE_H

#include "model/property.h"
#include "model/qubesdb.h"

/* A walk under way; after the first failure nothing is put any more. */
struct writing {
    const struct known *k;
    uint32_t qid;
    const struct qubesdb_sink *to;
    int r;
    bool balanced; /* its memory grows and shrinks */
};

void put_text(struct writing *w, const char *path, struct span value);
void put_gone(struct writing *w, const char *path);
/* Its text, or None. */
void put_property(struct writing *w, const char *path, uint32_t qid, enum property p);

#endif
