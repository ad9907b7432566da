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

/* The tables of iptables, unless the VM reads /qubes-firewall. */
void put_legacy(struct writing *w);
/* A feature named service.app-dispvm.APP, set or gone (value at NULL). */
void put_app_dispvm(struct writing *w, struct span feature, struct span value);
/* What a relay is told of the RemoteVMs behind it; the VM whose windows and sound it has is told who it is.
 */
void put_remotes(struct writing *w);
void put_screen(struct writing *w);

/* The base64 of so many bytes and a NUL: padded as usual, or for URLs and without padding. */
enum base64 { BASE64_PADDED, BASE64_URL };
void base64(const unsigned char *bytes, size_t len, enum base64 form, char *to);

#endif
