/* SPDX-License-Identifier: MIT
 * The router's rules (ARCHITECTURE.md, "The bus") as a state machine without sockets: who is
 * there, what waits for whom, which questions are open, which events are kept. The process
 * (router_main.c) and the simulator both stand behind struct route_ops. */
#ifndef ROUTER_ROUTE_H
#define ROUTER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/envelope.h"

struct route;

struct route_ops {
    /* Hands bytes to a live peer: 0, -ERR_BUSY (later: route_writable), else it is dropped. */
    int (*deliver)(void *arg, struct address to, uint64_t incarnation, struct span bytes);
    /* Somebody has written to one that does not run. */
    void (*wake)(void *arg, struct address who, uint32_t generation);
    /* It did what no correct child does; its process is to end. */
    void (*accuse)(void *arg, struct address who, uint64_t incarnation, const char *why);
    /* Its goodbye is accepted: close its line. */
    void (*close)(void *arg, struct address who, uint64_t incarnation);
    void *arg;
};

/* Limits, in one place. */
enum {
    ROUTE_BOX_MESSAGES = 512, /* waiting for one VM's process */
    ROUTE_BOX_BYTES = 4 << 20,
    ROUTE_SINGLE_MESSAGES = 16384, /* waiting for a process that all share */
    ROUTE_SINGLE_BYTES = 64 << 20,
    ROUTE_PENDING = 16384,    /* open questions of one asker */
    ROUTE_RING_EVENTS = 4096, /* events kept for api */
    ROUTE_RING_BYTES = 64 << 20,
    ROUTE_WAKES_PER_SECOND = 200, /* that one sender may cause, and as many at once as below */
    ROUTE_WAKES_AT_ONCE = 64,
    ROUTE_WAKES_WAITING = 1024,  /* that qubes ask for beyond that, each in its turn; */
    ROUTE_WAITING_MESSAGES = 32, /* and what may wait for one that waits for it */
    ROUTE_WAITING_BYTES = 256 << 10,
    ROUTE_WAKES_AT_ONCE_SINGLE = 16384, /* host and registry speak of every VM */
};

/* What is counted, for `bulkhead ps` and tests. */
struct route_counts {
    uint64_t routed, refused, busy, gone, late, accused, dropped;
};

struct route *route_new(const struct route_ops *ops, uint64_t epoch);
void route_free(struct route *r);
const struct route_counts *route_counts(const struct route *r);

/* The supervisor starts (or restarts) it: what is written to it waits. */
void route_expect(struct route *r, struct address who, uint32_t generation, uint64_t incarnation);
/* Its peer is connected and is who it should be: it gets hello, what api missed, what waits. */
void route_live(struct route *r, struct address who, uint64_t incarnation, uint64_t now);
enum ending { ENDING_RESTARTS, ENDING_RESTS, ENDING_QUARANTINED };
/* Its process has ended. */
void route_ended(struct route *r, struct address who, uint64_t incarnation, enum ending how, uint64_t now);
/* Its socket takes messages again. */
void route_writable(struct route *r, struct address who);

/* One message from the owner of a socket. Its bytes are stamped in place. */
void route_hear(struct route *r, struct address who, uint64_t incarnation, char *bytes, size_t len,
                uint64_t now);
/* Answers what is late. Returns when to be called again; 0 for never. */
uint64_t route_due(struct route *r, uint64_t now);

/* Messages given to its socket since it is live, and waiting here. False: unknown. */
bool route_depth(const struct route *r, struct address who, uint64_t *sent, uint64_t *waiting);

#endif
