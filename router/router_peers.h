/* SPDX-License-Identifier: MIT
 * The router's children as sockets: expected, connected, checked, closed. */
#ifndef ROUTER_ROUTER_PEERS_H
#define ROUTER_ROUTER_PEERS_H

#include "router/route.h"
#include "runtime/bus.h"
#include "runtime/control/control.h"

#include "base/hash.h"

struct peer;

struct router {
    struct route *route;
    struct peer *peers, *buried;
    const char *directory;
    int epoll;
    uint64_t now, told_at, lost_at; /* when a line was lost last */
    bool ending, busy;
};

/* So long after the loss of its line a process that lives has no honest reason. */
#define PEER_LOST_FOR UINT64_C(500000000)

struct peer_key {
    uint32_t kind, instance;
};

struct peer {
    struct peer_key key;
    struct address who;
    uint64_t incarnation;
    uint32_t uid;
    int64_t pid; /* 0: the supervisor has not said yet */
    struct bus *bus;
    bool live, dead, wants_room;
    uint64_t told, told_waiting, lost_at;
    struct peer *next_buried;
    UT_hash_handle hh;
};

/* Listens for it at a fresh path; what it replaces is closed. */
void peer_expect(struct router *r, struct address who, const struct control *order);
void peer_is(struct router *r, struct address who, uint64_t incarnation, int64_t pid);
void peer_close(struct router *r, struct address who, uint64_t incarnation);
int peer_send(struct router *r, struct address who, uint64_t incarnation, struct span bytes);
/* One of its descriptors is readable. */
void peer_ready(struct router *r, struct peer *p);
/* Accuses whose line was lost while its process lives on: what was on it has no answer. */
void peers_check_lost(struct router *r);
/* Frees what was closed while events may still have pointed at it. */
void peers_bury(struct router *r);

#endif
