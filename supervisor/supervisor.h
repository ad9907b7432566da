/* SPDX-License-Identifier: MIT
 * The supervisor's one struct, and what its files do for each other. */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/who.h"
#include "runtime/control/control.h"
#include "runtime/control/sockets.h"
#include "runtime/control/status.h"

#include "base/hash.h"

enum { PATH_ROOM = 512, OPTIONS_MAX = 48 };

#define MS  UINT64_C(1000000)
#define SEC UINT64_C(1000000000)

/* Where things are and how they are run: supervisor_settings.c. */
struct settings {
    char run[PATH_ROOM], state[PATH_ROOM], libexec[PATH_ROOM], userdb[PATH_ROOM];
    char programs[PATH_ROOM]; /* other programs than the host's own, for tests; empty: none */
    bool jail_required;
    /* "key=value" for every child: places and options. */
    char option[OPTIONS_MAX][PATH_ROOM];
    int options;
};

/* A child's life: supervisor_life.c has its table. */
enum life_state { LIFE_ABSENT, LIFE_STARTING, LIFE_SERVING, LIFE_PAUSING, LIFE_QUARANTINED, LIFE_STATES };
enum life_event { LIFE_WANTED, LIFE_READY, LIFE_DIED, LIFE_DUE, LIFE_EVENTS };

struct child_key {
    uint32_t kind, instance;
};

/* What supervisor_watch.c has seen of a child since it was last heard. */
struct silence {
    uint64_t late;          /* the supervisor did not run for so long */
    uint64_t used_at_first; /* its processor time at the first look */
    uint64_t wanted_at;     /* when it was last seen without the processor that it wanted; 0: never */
    bool looked, told;
};

/* An order that the router's line had no room for. */
struct order {
    struct control record;
    struct order *prev, *next;
};
/* So many are kept for it; one that leaves more is replaced. */
enum { ORDERS_MOST = 8192 };

struct child {
    struct child_key key;
    enum life_state state;
    uint32_t generation, uid;
    uint32_t next; /* the generation that has its number now; 0: its own. Set, it is to end */
    uint64_t incarnation, restarts;
    pid_t pid;
    int pidfd, control; /* -1: none */
    int status;         /* of the last end: supervisor_child.c */
    bool ended_by_us, wanted_again;
    bool starved;     /* ended by us, because it had no processor for too long */
    uint32_t ends;    /* in a row, without a calm time in between: how long the next waits */
    uint32_t crashes; /* those of them for which it is to blame */
    uint64_t started_at, ready_at, due_at, bygone_at;
    uint64_t sent, waiting; /* as the router counts */
    uint64_t heard, heard_at;
    struct silence silence; /* since heard_at */
    uint64_t layers;
    char title[STATUS_TITLE];
    uint32_t slot; /* in the status page */
    UT_hash_handle hh;
};

/* A program of the host that runs for launcher. */
struct run {
    uint64_t number; /* launcher's own */
    uint64_t asker;  /* the incarnation of launcher whose number that is */
    pid_t pid;       /* 0: free */
    int pidfd;
    bool told;     /* launcher knows of its end already */
    bool is_dom0s; /* nobody's but its asker's: ends with it */
};
enum { RUNS_MAX = 512 };

/* A pool, as registry has named it: its driver, and its directory or what else it is made of. */
struct pool_place {
    uint32_t number;
    bool used, reads;
    uint64_t named_by;           /* the incarnation of registry that did last */
    char text[CONTROL_TEXT + 1]; /* "driver what" */
    const char *path;            /* in it; "" for a pool without directory */
};
enum { POOL_PLACES_MAX = 256 };

/* An open volume on its way from one pool's process to another's. */
struct loan {
    uint32_t number; /* 0: free */
    uint32_t from, to;
    int fd;
};
enum { LOANS_MAX = 64, LOANS_OF_ONE = 16 };

struct supervisor {
    struct pool_place pool[POOL_PLACES_MAX];
    uint64_t pools_named_by; /* the last incarnation of registry that has named all of them */
    struct loan loan[LOANS_MAX];
    struct settings settings;
    struct run run[RUNS_MAX];
    struct child *children, *router;
    struct status_page *status;
    int epoll, signals, notes, userdb;
    int sockets[SOCKETS];
    bool made[SOCKETS]; /* by us; systemd keeps its own */
    uint64_t now, last_incarnation, watchdog_every, watchdog_at, pinged_at;
    struct order *orders; /* for the router, which does not take them now; oldest first */
    unsigned orders_count;
    bool stopping, announced;
};

/* supervisor_settings.c: 0, or an exit status to end with. */
int settings_read(struct settings *s, int argc, char **argv);

/* supervisor_child.c */
struct child *child_find(struct supervisor *s, struct address who);
struct child *child_make(struct supervisor *s, struct address who, uint32_t generation, struct fault *why);
/* Its number is of this generation from now on: a process of an earlier one is told to end, and the next
 * launch is of this one. */
void child_becomes(struct supervisor *s, struct child *c, uint32_t generation);
/* The same for one whose generations nobody else counts: another thing has its number now. */
void child_renew(struct supervisor *s, struct child *c);
struct address child_address(const struct child *c);
/* Starts its process with all it is told. */
int child_start(struct supervisor *s, struct child *c, struct fault *why);
/* Takes its status after its pidfd became readable; closes what belonged to it. */
void child_reap(struct supervisor *s, struct child *c);
void child_kill(struct child *c);
/* Sends it the name of the socket that the present router listens at for it. */
void child_tell_bus(struct supervisor *s, struct child *c);
bool child_retired(const struct child *c);
bool child_wants_fresh_jail(const struct child *c);
/* It ended by itself or was ended by us: not by SIGKILL of its machine's owner or the kernel. */
bool child_fell(const struct child *c);
/* And that was its own fault: it did not lack a door or the processor. */
bool child_crashed(const struct child *c);

/* supervisor_pools.c: where pools lie. */
void pools_hear(struct supervisor *s, const struct child *asker, const struct control *r);
/* Registry has named them all: what it did not name is no pool any more. */
void pools_hear_all(struct supervisor *s, const struct child *asker);
/* Whether this process is to begin later: a registry that begins has not come to its pool yet. Only who is
 * told at its start sees the directory. Registry names a pool before it writes to its process, so that what
 * it has not named when the wake is read it never will: then its process begins, and says that. */
bool pools_await(struct supervisor *s, const struct child *c);
/* What its process is told of its pool: as many arguments as it returns, "option.pool=..." and, if it has a
 * directory, "place...=path". The directory is made if it is missing. */
enum { POOL_ARGUMENTS = 2 };
int pools_arguments(struct supervisor *s, const struct child *c,
                    char argument[POOL_ARGUMENTS][PATH_ROOM + 16]);
/* Registry makes each VM's own folder, and writes in it: it is let. */
void pools_share_folders(struct supervisor *s);

/* supervisor_life.c */
void life_event(struct supervisor *s, struct child *c, enum life_event event);
const char *life_name(enum life_state state);

/* supervisor_router.c: what the router is told, and what it says. */
void router_tell(struct supervisor *s, enum control_what what, const struct child *c, uint64_t number,
                 uint32_t value);
void router_expect(struct supervisor *s, const struct child *c);
void router_restarted(struct supervisor *s);
void router_says(struct supervisor *s, const struct control *r);
/* Its line may have room again. */
void router_flush(struct supervisor *s);
/* What waits for the line was meant for the former router. */
void router_forget_orders(struct supervisor *s);
/* It has no mailbox of its own: its loop answers pings. */
void router_ping(struct supervisor *s);

/* supervisor_notes.c */
int notes_open(struct supervisor *s, struct fault *why);
void notes_put(struct supervisor *s, const struct child *c, struct span note);
struct control notes_get(struct supervisor *s, const struct child *c);
/* Starts every actor that left a note. */
void notes_wake(struct supervisor *s);

/* supervisor_sockets.c */
int sockets_open(struct supervisor *s, struct fault *why);
void sockets_hand(struct supervisor *s, const struct child *c);
void sockets_remove(struct supervisor *s);

/* supervisor_hand.c: a process asks for what lies outside its jail; it is answered at once, with it or
 * without. */
void hand_down(struct supervisor *s, const struct child *c, uint32_t what);

/* supervisor_guest.c: connected to the QubesDB of that process' guest, or negative. */
int guest_database(struct supervisor *s, const struct child *c);
/* Connected, or -errno. Never waits: a daemon that accepts nobody is as one that is not there. */
int connect_to(const char *path);
/* The path of a place by its name in places.def ("qubes-run"), as all children get it; NULL: this host has
 * none. */
const char *settings_place(const struct supervisor *s, const char *name);

/* supervisor_loans.c: a pool's process lends a descriptor to another one, or takes it back; the borrower asks
 * for it; what a process that has ended had lent is closed. */
void loans_hear(struct supervisor *s, const struct child *c, const struct control *r,
                const struct control_fds *files);
void loans_hand(struct supervisor *s, const struct child *c, uint32_t number);
void loans_end(struct supervisor *s, const struct child *c);

/* supervisor_userdb.c */
int userdb_open(struct supervisor *s, struct fault *why);
void userdb_publish(struct supervisor *s, const struct child *c);

/* supervisor_status.c */
int status_open(struct supervisor *s, struct fault *why);
void status_show(struct supervisor *s, const struct child *c);
void status_supervisor(struct supervisor *s, const char *state);

/* supervisor_programs.c: may read the files of users and groups. */
void programs_open(void);
/* `files` stay the caller's. */
void programs_run(struct supervisor *s, const struct child *asker, const struct control *r,
                  const struct control_fds *files);
void programs_kill(struct supervisor *s, const struct child *asker, uint64_t number);
/* That launcher has ended: so does what it had dom0 itself do, for nobody would ever find it hung. */
void programs_over(struct supervisor *s, const struct child *asker);
/* It has ended: takes its status and tells launcher. */
void programs_reap(struct supervisor *s, struct run *run);

/* supervisor_loop.c */
int supervise(struct supervisor *s);
int watch_child(struct supervisor *s, struct child *c);
void unwatch_child(struct supervisor *s, struct child *c);
/* Wakes the loop when its line has room again; or no longer. */
void watch_room(struct supervisor *s, struct child *c, bool wanted);
void watch_run(struct supervisor *s, struct run *run);
void unwatch_run(struct supervisor *s, struct run *run);
/* What a child says on its line, up to its end. */
void child_says(struct supervisor *s, struct child *c);

/* supervisor_watch.c: heartbeats, the watchdog, back-off that is over. */
void watch_tick(struct supervisor *s);
/* It was heard now, or has nothing to answer for until now: its silence begins anew. */
void watch_heard(struct supervisor *s, struct child *c);
/* The supervisor itself did not run for so long: nobody's time has passed meanwhile. */
void watch_late(struct supervisor *s, uint64_t late);
uint64_t boot_time(void);

#endif
