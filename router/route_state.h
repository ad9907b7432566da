/* SPDX-License-Identifier: MIT
 * The inside of struct route, shared by route*.c only. */
#ifndef ROUTER_ROUTE_STATE_H
#define ROUTER_ROUTE_STATE_H

#include "router/route.h"

#include "base/hash.h"
#include <utlist.h>

/* The two instances of api (proto/who.def). */
enum { API_DOM0, API_QUBES };

enum box_state { BOX_ABSENT, BOX_EXPECTED, BOX_LIVE };

/* A message that waits. */
struct letter {
    struct letter *prev, *next;
    size_t len;
    uint8_t class;
    uint32_t generation; /* of the VM whose process it is for; 0: of any */
    char bytes[];
};

struct box_key {
    uint32_t kind, instance;
};

struct box {
    struct box_key key;
    enum box_state state;
    bool quarantined, woken;
    bool accused;        /* nothing more is heard from this incarnation */
    uint32_t generation; /* of the VM that it serves or is woken for */
    uint32_t next; /* that VM is gone and a process of the next one's generation was asked for; 0: not */
    uint64_t incarnation;
    struct letter *queue;
    uint32_t waiting;
    size_t waiting_bytes;
    uint64_t sent;             /* to the present incarnation */
    uint64_t seen;             /* of api: the last event it has taken in */
    uint64_t last_correlation; /* of the last whole event to api from it in this epoch */
    uint32_t asking;           /* open questions it has asked */
    uint64_t wakes, wakes_at;  /* its allowance of wakes */
    uint32_t waking;           /* how many wait for it to have one again */
    bool waits;                /* to be woken: for whom, and on whose behalf */
    struct address waker;
    uint32_t caller;
    struct box *waits_prev, *waits_next;
    UT_hash_handle hh;
};

struct pending_key {
    uint32_t kind, instance;
    uint64_t correlation;
};

/* A question that is owed an answer. */
struct pending {
    struct pending_key key; /* who asked, by its number */
    struct address to;
    struct op_id op;
    uint64_t deadline;
    uint16_t type;
    bool waits; /* it lies in the queue of an incarnation that has ended: the next one gets it */
    UT_hash_handle hh;
};

/* A VM that exists, or did. */
struct tenant {
    uint32_t qid, generation;
    bool gone; /* it was removed */
    UT_hash_handle hh;
};

/* An event that api may still miss. */
struct kept {
    struct kept *prev, *next;
    uint64_t number;
    uint32_t to_instance;
    size_t len;
    char bytes[];
};

struct route {
    struct route_ops ops;
    struct route_counts counts;
    uint64_t epoch, number, now, next_late;
    struct box *boxes;
    struct box *waiting; /* to be woken, in the order of asking */
    uint32_t last_caller;
    struct pending *pending;
    struct tenant *tenants;
    bool tenants_complete;
    struct kept *ring;
    uint32_t ring_events;
    size_t ring_bytes;
    struct {
        bool on;
        struct address to;
        struct op_id op;
    } trace;
};

/* route_box.c */
struct box *box_find(const struct route *r, struct address who);
struct box *box_make(struct route *r, struct address who); /* NULL: no memory */
struct address box_address(const struct box *box);
/* Puts a message at the end of the queue and sends what the peer takes. 0, -ERR_BUSY, -ERR_NOMEM. */
int box_put(struct route *r, struct box *box, uint8_t class, struct span bytes);
/* The same for what is owed, however full it is: the router's own short answers. */
int box_put_owed(struct route *r, struct box *box, uint8_t class, struct span bytes);
void box_flush(struct route *r, struct box *box);
/* Forgets what its next incarnation has no use for, and marks the questions that it will hear. */
void box_ended(struct route *r, struct box *box);
/* Takes a question that is not delivered yet out of the queue. */
void box_withdraw(struct box *box, struct address asker, uint64_t correlation);
/* Empties the queue of whom the router will not let anybody hear. */
void box_forget(struct box *box);
/* Forgets what is about a VM that does not exist any more. */
void box_forget_strangers(struct route *r, struct box *box);
void box_free(struct route *r, struct box *box);

/* route_wake.c */
enum waking { WAKE_NOW, WAKE_IN_TURN, WAKE_REFUSED };
/* Whether this sender may wake another one; NOW is counted. */
enum waking wake_allowed(struct route *r, struct box *source);
void wake_now(struct route *r, struct box *box);
/* One that waits already stays where it is. */
void wake_in_turn(struct route *r, struct box *source, struct box *box, uint32_t caller);
/* It is started already. */
void wake_forget(struct route *r, struct box *box);
/* Wakes those whose turn it is. When the next is; 0: nobody waits. */
uint64_t wakes_due(struct route *r);

/* route_next.c: a VM's number goes to the next one while the process of the one before is there. What is for
 * the next one's process waits for that. */
/* Whose process this is for, of VMs of the box's number; 0: of any. */
uint32_t next_generation_of(const struct box *box, const struct envelope *e);
bool next_is_meant(const struct box *box, const struct envelope *e);
bool next_waits(const struct box *box, const struct letter *letter);
bool next_all_wait(const struct box *box);
/* Its incarnation is of another generation than what waits: that is asked for again, as after a restart of
 * those who knew. */
void next_remember(struct route *r, struct box *box);
/* The present incarnation has ended; the next one's was asked for. */
void next_begins(struct box *box);

/* route_pending.c */
int pending_add(struct route *r, struct box *asker, const struct envelope *e);
/* The open question that this reply or progress of `source` answers, or NULL. */
struct pending *pending_find(struct route *r, const struct envelope *e, struct address source);
/* The open question that `asker` asked under this number, or NULL. */
struct pending *pending_of(const struct route *r, struct address asker, uint64_t correlation);
/* It is still being worked on: its deadline moves. */
void pending_extend(struct route *r, struct pending *p, uint64_t deadline);
/* Ends a question with the router's own answer. */
void pending_give_up(struct route *r, struct pending *p, enum err why);
void pending_remove(struct route *r, struct pending *p);
/* Answers every question that `to` still owes, but for those that wait for its next incarnation;
 * drops those that `to` has asked. */
void pending_ended(struct route *r, struct address to, enum err why);
/* The router's own answer. */
void pending_answer(struct route *r, const struct envelope *e, struct address asker, enum err why);

/* route_events.c */
void events_take(struct route *r, struct box *source, const struct envelope *e, char *bytes, size_t len);
void events_seen(struct route *r, struct box *api, uint64_t number);
void events_replay(struct route *r, struct box *api);
void events_free(struct route *r);
void say_hello(struct route *r, struct box *box);
void trace_set(struct route *r, const struct envelope *e, struct address source);
void trace_message(struct route *r, const struct envelope *e, struct span bytes);

/* route_tenants.c */
void tenant_set(struct route *r, const struct envelope *e, bool exists);
/* Whether the subject's generation is the living one, as far as it is known. */
bool tenant_fits(const struct route *r, const struct envelope *e);
void tenants_free(struct route *r);

#endif
