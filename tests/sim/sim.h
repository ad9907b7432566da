/* SPDX-License-Identifier: MIT
 * The whole system in one process under a seed: every actor's core, the router's rules, a supervisor, a
 * hypervisor and a disk of memory, clients; in virtual time, without threads or sockets. Shared by sim_*.c.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/api/api.h"
#include "actors/launcher/launcher.h"
#include "doors/db_sim.h"
#include "doors/sim.h"
#include "router/route.h"
#include "runtime/control/control.h"
#include "runtime/core.h"
#include "runtime/shell_parts.h"

enum { SIM_SINGLES = 8, SIM_VMS_MOST = 2000, SIM_CLIENTS = 6, SIM_HANDS = 2, SIM_IDENTITY = 96 };
/* PCI devices of a run with devices, at slots 1 to SIM_PCI; the one at SIM_STIFF cannot be reset. */
enum { SIM_PCI = 8, SIM_STIFF = 6 };
/* Disks that each guest, and dom0, may expose in a run with disks: sda and its next. */
enum { SIM_DISKS = 3 };
/* USB devices likewise, in a run with those; lines that dom0's policy may have for them. */
enum { SIM_STICKS = 3, SIM_LINES = 64 };
/* Process exit for which no constant exists: ended by a signal. */
enum { SIM_KILLED = -9 };

struct sim;
struct proc;

/* Something that is going to happen. `data` is freed after it has. */
struct sim_event {
    uint64_t at, order;
    void (*happen)(struct sim *s, struct sim_event *e);
    struct address who;
    uint64_t incarnation, number;
    void *data;
    size_t len;
};

/* A task that the worker was given. */
struct job {
    struct job *next;
    struct task *task;
    uint64_t number, deadline;
    uint32_t what;
    bool overdue, performed, started;
};

/* A thread of the worker: its doors and what it is doing. */
struct hand {
    struct job *current;
    void *doors;
};

enum proc_state { PROC_ABSENT, PROC_STARTING, PROC_SERVING, PROC_PAUSING, PROC_QUARANTINED };

/* One process: what the supervisor knows of it, and its shell. */
struct proc {
    struct sim *sim;
    struct address who;
    uint32_t generation, next; /* of the VM that has its number now; 0: its own */
    uint64_t incarnation;
    enum proc_state state;
    bool wanted_again;
    unsigned ends, crashes;
    uint32_t note_of; /* the generation that wrote the note */
    uint64_t ready_at;
    char note[CONTROL_TEXT];
    size_t note_len;

    bool running, ending, is_ready, retire_wanted, retire_sent;
    int status;
    const struct actor *actor;
    void *core;
    struct life life;
    struct out out;
    struct asks *asks;
    struct parts *parts;
    struct failed_asks failed_asks;
    struct timers timers;
    uint64_t heard, router;      /* the router that it is connected to; 0: none */
    uint64_t tick_at;            /* the next look at its timers */
    uint64_t last_up, last_down; /* what was sent last arrives then */
    unsigned flying, room;       /* messages in its socket, and how many fit */
    bool wants_room;
    bool watches;                /* guest: it hears of changes of its database */
    int cut;                     /* dies after so many words of its core; -1: not now */
    struct hand hand[SIM_HANDS]; /* 0 works, 1 is parked */
    struct job *todo;
    uint64_t last_job;
};

enum op_fate { FATE_OPEN, FATE_DONE, FATE_REFUSED, FATE_UNKNOWN };

/* What a client asked for, and what it was told. */
struct op_record {
    char identity[SIM_IDENTITY]; /* the change as history shows it; "" for what changes no model */
    enum op_fate fate;
    uint64_t at;
};

struct client {
    uint64_t conn; /* 0: not connected */
    uint64_t asked_at;
    size_t op;
    char request[400];
    size_t request_len;
    struct text got;
};

/* One Admin event that the subscriber has heard. */
struct heard_event {
    char identity[SIM_IDENTITY];
    uint64_t at;
    unsigned era; /* how often it had been told that something is missing */
};

/* A time in which it may have missed something, as it was told. */
struct told_gap {
    uint64_t from, to;
};

struct listener {
    uint64_t conn;      /* 0: not connected */
    uint64_t last_conn; /* what was sent on it may still arrive */
    char token[64];
    uint64_t number; /* of the token, for the order */
    uint32_t index;
    char epoch[24];
    bool established, gap_open;
    uint64_t last_heard, last_arrival;
    struct heard_event *heard;
    size_t count, room;
    struct told_gap *gaps;
    size_t gap_count;
    unsigned era;
};

struct sim_options {
    uint64_t seed;
    unsigned vms;
    bool faults, verbose;
    bool brief;   /* some seconds of requests and faults, not a minute */
    bool lively;  /* clients mostly begin and end lives */
    bool devices; /* and give them PCI devices, of which there are few */
    bool disks;   /* or disks that VMs and dom0 expose, and take away */
    bool usb;     /* or USB devices, which are connected by services of the guests */
    bool orphans; /* libvirtd does what a killed process has asked of it, a while later */
};

struct sim {
    struct sim_options options;
    uint64_t random, now, order, hash, events;
    struct sim_event *heap;
    size_t heap_count, heap_room;

    struct route *route; /* NULL between two routers */
    uint64_t router, route_tick;
    uint64_t sup_down, sup_up; /* last arrivals between supervisor and router */
    uint64_t last_incarnation, last_conn;

    struct proc *procs[KINDS]; /* singles, and api/0 */
    struct proc *procs_api1;
    struct proc *pools[3000];
    struct proc **vms, **guests; /* by qid; made when woken */

    struct sim_hypervisor *hypervisor;
    struct db_disk *disk;
    struct sim_shelf *shelves; /* sim_guest.c: what each guest exposes */
    struct sim_call *calls;    /* sim_usb_call.c */
    size_t call_count, call_room;
    unsigned connected;                  /* so often a USB device was connected */
    struct policy_grant line[SIM_LINES]; /* of dom0's policy: sim_policy.c */
    size_t lines;
    bool calm; /* no more faults, no more requests */

    struct client clients[SIM_CLIENTS];
    char disposable[32]; /* the last that a client was given */
    struct listener listener;
    struct op_record *ops;
    size_t op_count, op_room;
    uint64_t unique;
    uint64_t *commits; /* time of each version */
    size_t commits_room;

    unsigned kills, requests, acknowledged;
    char broken[400]; /* the first promise that was broken; "" for none */
};

/* What came of a run. */
struct sim_outcome {
    uint64_t hash, events;
    unsigned kills, requests, acknowledged, lives, equipped, with_disks, with_usb;
    char broken[400]; /* "": every promise holds */
};

/* sim_test.c */
struct sim_outcome sim_run_once(const struct sim_options *options);

/* sim_share.c: runs until there are enough. `options` is asked in several processes, the others in one. */
struct sim_course {
    const struct sim_options *like;
    struct sim_options (*options)(const struct sim_course *course, uint64_t i);
    void (*report)(const struct sim_options *options, const struct sim_outcome *outcome);
    bool (*enough)(void);
};
void sim_share(const struct sim_course *course);

/* sim_world.c: chance, time, what is going to happen. */
uint64_t sim_random(struct sim *s, uint64_t below);
uint64_t sim_between(struct sim *s, uint64_t least, uint64_t most);
bool sim_chance(struct sim *s, unsigned in_thousand);
struct sim_event *sim_at(struct sim *s, uint64_t at, void (*happen)(struct sim *, struct sim_event *));
/* Runs what is due up to `until`; false when a promise was broken. */
bool sim_run(struct sim *s, uint64_t until);
void sim_broken(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *s, uint64_t a, uint64_t b, uint64_t c);
/* With --verbose: one line on standard error about what a process does. */
void sim_say(const struct sim *s, struct address who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void *sim_alloc(size_t size);
struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim *s);

/* sim_proc.c: a process as its shell makes it. */
struct proc *proc_find(struct sim *s, struct address who);
struct proc *proc_make(struct sim *s, struct address who);
struct proc *proc_alive(struct sim *s,
                        const struct sim_event *e); /* the incarnation of that event, or NULL */
void proc_begin(struct proc *p);
void proc_kill(struct proc *p);
void proc_release(struct proc *p);
void proc_bus_lost(struct proc *p);
void proc_hear(struct proc *p, struct span bytes);
/* After each call into the core: what the shell's loop does then. */
void proc_after(struct proc *p);

/* sim_task.c: its worker, and the doors. */
void task_give(struct proc *p, struct task *task);
void task_overdue(struct proc *p);
uint64_t task_next(const struct proc *p);
void task_drop_all(struct proc *p);
void *doors_open(struct proc *p);
void doors_close(struct proc *p, void *doors);

int doors_open_domains(void *arg, struct domain_door **ret, struct fault *why);

/* sim_orphan.c: whether libvirtd does it all the same; then the task is its. Before another call for a VM
 * those that plug its devices are done: libvirt does one thing at a time to a domain. */
bool orphan_takes(struct proc *p, struct job *job);
void orphans_end(struct sim *s, struct address who);

/* sim_guest.c: QubesDB, and what is exposed through it. */
struct guest_task;
void *sim_shelves_new(void);
void sim_guests_start(struct sim *s);
void sim_door(void *shell, uint32_t what); /* as out_door has it */
void sim_guest_perform(struct proc *p, struct guest_task *t);
void sim_guest_drop(struct guest_task *t, bool performed);
bool sim_exposes(struct sim *s, const char *backend, const char *port);

/* sim_program.c: the programs that launcher runs. */
extern const struct launcher_ops sim_launcher_ops;

/* sim_usb_call.c: the guests' services that connect a USB device and let go of one. False: it is none. */
bool sim_usb_call(struct proc *p, uint64_t number, enum outside_program program,
                  const struct program_values *v, struct span input);
void sim_usb_call_end(struct proc *p, uint64_t number);
/* Whether a service was to connect another backend's device at such a port to it. */
bool sim_usb_has_rival(const struct sim *s, const char *backend, const char *port, const char *frontend);
/* sim_policy.c: which lines doors/policy.h changes from now on; and whether that one is there. */
void sim_policy_show(struct sim *s);
bool sim_policy_allows(const struct sim *s, const char *frontend, const char *backend, const char *port);

/* sim_router.c */
void router_start(struct sim *s);
void router_kill(struct sim *s);
void router_meet(struct proc *p);
void router_send(struct proc *p, struct span bytes);
void router_order(struct sim *s, void (*happen)(struct sim *, struct sim_event *), struct address who,
                  uint64_t incarnation, uint64_t number);
void order_expect(struct sim *s, struct sim_event *e);
void order_live(struct sim *s, struct sim_event *e);
void order_ended(struct sim *s, struct sim_event *e);

/* sim_supervisor.c */
void supervisor_start(struct sim *s);
void supervisor_wanted(struct sim *s, struct address who, uint32_t generation);
void supervisor_died(struct proc *p);
void supervisor_ready(struct proc *p);

/* sim_client.c, sim_listen.c */
void clients_start(struct sim *s);
void clients_api_died(struct sim *s);
void client_finish(struct sim *s, struct client *c, bool answered);
extern const struct api_ops sim_api_ops;
void listener_start(struct sim *s);
void listener_closed(struct sim *s);
void listener_hears(struct sim *s, struct span record);

/* sim_fault.c */
void faults_start(struct sim *s);

/* sim_wish.c: what a client asks for next. */
struct sim_wish {
    char header[128], payload[200], identity[SIM_IDENTITY];
};
void wish_make(struct sim *s, struct sim_wish *w);
/* sim_wish_device.c: about PCI devices. */
typedef void wisher(struct sim *s, struct sim_wish *w, unsigned vm);
wisher wish_attach, wish_detach, wish_require, wish_unassign, wish_mode, wish_plan, wish_release;

/* A domain that runs, or NULL. */
const struct sim_domain *sim_any_running(struct sim *s);
/* sim_wish_disk.c: about disks, or USB devices. */
wisher wish_disk_attach, wish_disk_detach, wish_disk_assign, wish_disk_unassign, wish_disk_list;

/* sim_sysfs.c: what doors/sysfs.h shows from now on. */
void sim_sysfs_show(struct sim_hypervisor *hypervisor);

/* sim_check_device.c: who has which device, at rest. */
void sim_check_devices(struct sim *s);
/* sim_check_disk.c: likewise. */
void sim_check_disks(struct sim *s);

/* sim_check_usb.c: likewise, besides who says what. */
void sim_check_usb(struct sim *s);
/* What a client was told has been done is so. */
void sim_check_usb_done(struct sim *s, const struct client *c);

/* sim_vm.c */
const char *vm_words(const struct proc *p, char *words, size_t size);

/* sim_check.c: at rest. */
void sim_check(struct sim *s);

#endif
