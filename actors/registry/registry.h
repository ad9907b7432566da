/* SPDX-License-Identifier: MIT
 * The registry: the only writer of the model. Its state, and what its files do for each other. */
#ifndef ACTORS_REGISTRY_REGISTRY_H
#define ACTORS_REGISTRY_REGISTRY_H

#include "actors/registry/registry_store.h"
#include "model/operation.h"
#include "proto/host_phase.h"
#include "runtime/post.h"

/* Operations that wait for their turn; the next is answered BUSY. */
enum { REGISTRY_QUEUE_MAX = 4096 };
/* What may be committed together. */
enum { REGISTRY_BATCH_MAX = 64, REGISTRY_BATCH_BYTES = 4 << 20 };
/* Facts of the host that it keeps: short texts. */
enum { REGISTRY_FACT_TEXT = 256 };
/* Questions that may wait for the store to be read; the next is answered BUSY. */
enum { REGISTRY_EARLY_MAX = 8 };
/* Starts with the host that may be under way at once. */
enum { REGISTRY_STARTS = 4 };
/* Disposables that are being preloaded at once, and lists of them that wait to be filled. */
enum { REGISTRY_PRELOADS = 4, REGISTRY_REFILLS = 64 };
/* Who waits for the same sleep, or the same waking. */
enum { REGISTRY_SLEEPERS = 4 };
enum { DISPIDS = 10000 };

/* Where an operation is. */
enum operation_step { STEP_WAITING, STEP_PREPARING, STEP_COMMITTING, STEP_FINISHING, STEP_STORING };

struct storage_work; /* registry_storage.c: what storage does for an operation */
/* Random numbers that a plan has drawn: made anew it draws the same. */
enum { PLAN_DRAWS = 32 };

/* One operation that was asked for, from arrival to answer. */
struct pending_operation {
    struct pending_operation *prev, *next;
    uint64_t number; /* tag of its questions */
    struct request request;
    struct op_id op; /* under which it is committed; one of registry's own is not its asker's */
    enum { ASKED_BY_API, ASKED_BY_END_OF_LIFE, ASKED_BY_NOBODY } asked_by;
    enum operation_step step;
    uint32_t operation, target;
    uint32_t generation; /* of the VM that has that number when this is asked; 0: none has */
    char method[128];
    struct text key, value;    /* copies */
    struct plan plan;          /* while committing */
    struct change_list *given; /* an import: the model that is to be; plan and answer follow from it */
    struct text report;        /* of that import */
    bool alone;                /* was in a commit that failed: the next try is by itself */
    unsigned asked;            /* preparers that have not answered yet */
    bool prepared;             /* all agreed: commit the next plan */
    bool rest_unheard;         /* a process that was asked whether it rests has ended instead */
    unsigned rest_tries;       /* how often they were asked */
    bool announced;            /* its early events were told when they were asked */
    int refused;               /* a preparer's error, with why */
    uint64_t version;          /* FINISHING: of its commit */
    struct fault why;
    uint32_t *relied_on; /* VMs that the plan found halted: they stay so until it is done */
    size_t relied, relied_room;
    bool relies_badly;      /* no room to remember one more */
    bool looks, has_looked; /* whether it was committed before: asked before storage does anything for it */
    bool has_waited;        /* for volumes of an earlier VM of the same name */
    struct storage_work *work; /* NULL: storage has no part in it, or not yet */
    uint32_t draw[PLAN_DRAWS];
    unsigned draws, drawn;
};

/* What registry knows of a VM's life. */
struct life_claim {
    bool living;
    uint8_t hanging; /* calls of its process in libvirtd, past their deadline */
    bool told;       /* by its own process: host's list may be of a moment before that */
    bool paused;     /* by its own word; of what lives only */
    bool started;    /* completely */
    char xid[12];    /* of its domain; "": there is none, or it has not said */
};

/* Where an import, an export or a comparison is. */
struct transfer_under_way {
    uint64_t number; /* of its task; 0: free */
    uint32_t what, flags;
    struct request request;
    struct text report;
};
enum { TRANSFERS_MOST = 4 };

struct registry {
    struct model *model; /* what is committed: all that anybody is told comes from here */
    /* With what is planned on top; only operations look at it. NULL: as the model when nothing is planned,
     * else to be made when it is needed. */
    struct model *ahead;
    uint64_t ahead_version;
    struct store_task *batch;   /* planned; follows the commit that is at the disk */
    struct store_task *at_disk; /* the shell's, until it is done; NULL: none */
    struct world world;
    struct known known;
    unsigned device_classes; /* bits 1 << DEVICE_...: served besides those of the core */
    uint64_t version, epoch, last_correlation, next_number, refused_messages;
    bool applying; /* commits are being taken over: what they bring begins when that is done */
    bool loaded, greeted, settled, published, stopping, export_due, exporting;
    bool untold; /* there was no memory to tell of a commit: the next incarnation does */
    struct pending_operation *operations;
    unsigned operation_count;
    struct request early[REGISTRY_EARLY_MAX]; /* asked what only the store knows, before it was read */
    unsigned early_count, questions;          /* about the history, that are being read */
    struct life_claim claims[QID_MAX + 1];
    bool calls_scarce;                  /* too many of them hang */
    uint16_t relied[QID_MAX + 1];       /* operations under way that count on this VM being halted */
    struct pending_operation *planning; /* whose plan is being made */
    uint32_t (*random)(void *arg);      /* the world's own, while a plan is made */
    struct waiting_claim *waiting_claims;
    bool boot_done, autostart;
    uint64_t now;                       /* of the last plan */
    uint64_t starting[REGISTRY_STARTS]; /* tags of starts under way; 0: none */
    uint32_t start_next;                /* the qid from which the next start is looked for */
    uint32_t dispid_freed[DISPIDS];     /* second + 1 at which the last disposable of this number ended */
    bool host_heard;                    /* what runs was said to this incarnation */
    struct registry_refill {
        uint32_t qid;
        uint64_t at; /* 0: none */
    } refill[REGISTRY_REFILLS];
    struct registry_preloading {
        uint32_t qid, generation;
        uint64_t tag; /* 0: none */
        bool pauses;  /* else it starts */
    } preloading[REGISTRY_PRELOADS];
    /* Asks how much memory is free; the answer comes to preload_memory_is. NULL: nobody knows. */
    void (*ask_free_memory)(void *arg);
    void *ask_free_memory_arg;
    bool memory_asked, memory_fresh; /* fresh: while the lists that waited for it are gone through */
    bool memory_known;
    uint64_t memory_free;              /* bytes */
    bool end_due[QID_MAX + 1];         /* disposables whose removal the store has not taken yet */
    bool leaves[QID_MAX + 1], leavers; /* preloaded disposables that a commit takes from their list */
    struct registry_sleep {
        enum { SLEEP_NONE, SLEEP_DROPS, SLEEP_ASKS } step;
        bool wakes;
        enum host_phase phase;
        struct request askers[REGISTRY_SLEEPERS];
        unsigned asker_count;
        uint64_t first;            /* tag of the first question of this phase */
        uint16_t qid[QID_MAX + 1]; /* who was asked, in the order of the tags; 0: has answered */
        uint32_t asked, waits;
        char failures[400];
    } sleep;
    char host_fact[FACTS][REGISTRY_FACT_TEXT];
    bool host_fact_known[FACTS];
    bool told_foreign;
    unsigned export_flags; /* of the next export */
    char timezone[64];     /* of this host, as guests are told; "": not known */
    struct transfer_under_way transfers[TRANSFERS_MOST];
    bool leftovers_seen;
    bool again; /* operations were added while the list was gone through */
    /* The supervisor is told where a pool lies, at NULL: there is none. NULL: nobody asks (tests, simulator).
     */
    void (*pool_place)(void *arg, uint32_t number, struct span what, bool reads);
    void (*pools_placed)(void *arg); /* every pool has been */
    void *pool_place_arg;
    /* Whether that VM has a directory of its own, registry_home.h; NULL: it has (tests, simulator). */
    bool (*home_is_there)(const char *folder, const char *name);
};

enum registry_timer {
    TIMER_SETTLE = 1,
    TIMER_EXPORT,
    TIMER_EXPIRY,
    TIMER_REFILL,
    TIMER_ENDS,
    TIMER_TRIM,
    TIMER_SLEEP
};

extern const struct actor registry_actor;

/* registry_operate.c: how operations arrive and what is answered; registry_turn.c: in the order of their
 * arrival but for those whose VM waits; registry_commit.c: what follows when they are in the store. */
void operate_begin(struct registry *r, struct out *out, const struct envelope *e, const struct operate *m);
/* What registry itself wants; nobody is answered. */
void operate_self(struct registry *r, struct out *out, enum operation operation, uint32_t target);
/* One of registry's own; `release` is answered when it is done, NULL: nobody waits. */
void operate_own(struct registry *r, struct out *out, enum operation operation, uint32_t target,
                 const char *key, const struct request *release);
struct op_id operate_new_id(struct registry *r);
void operate_go_on(struct registry *r, struct out *out);
void operate_prepared(struct registry *r, struct out *out, const struct answer *a);
void operate_committed(struct registry *r, struct out *out, const struct store_task *t);
/* Ends one operation: its answer was sent. */
void operate_finish(struct registry *r, struct pending_operation *o);
/* Its answer: the store did not take it; the model refused it; it is committed. */
void operate_answer_failure(struct registry *r, struct out *out, const struct pending_operation *o, int e,
                            const struct fault *why);
void operate_answer_error(struct out *out, const struct pending_operation *o, int e, const struct fault *why);
void operate_answer_done(struct registry *r, struct out *out, struct pending_operation *o,
                         const struct store_write *w);
/* Answers what the model refused, with the events that its plan has nevertheless, and ends it. */
void operate_refuse(struct registry *r, struct out *out, struct pending_operation *o, int e);
/* For what all are told: of whom a release spoke is not of whom a delta speaks. */
struct context operate_told_of(const struct pending_operation *o);
/* Answers what is done, or, e below 0, o->why; and ends it. */
void operate_done_with(struct registry *r, struct out *out, struct pending_operation *o, int e);
struct pending_operation *operate_find(struct registry *r, uint64_t number);
void operate_end(struct registry *r);

/* An import that was read: it becomes the model when its turn comes; list and report move. */
void operate_given(struct registry *r, struct out *out, const struct request *request,
                   struct change_list *list, struct text *report);

/* registry_transfer.c: the store and the files beside it. */
void transfer_begin(struct registry *r, struct out *out, const struct envelope *e, const struct transfer *m);
void transfer_done(struct registry *r, struct out *out, struct store_task *t);
void transfer_imported(struct registry *r, struct out *out, struct pending_operation *o);
void transfer_told(struct registry *r, struct out *out, const struct store_task *t); /* after any export */
void transfer_end(struct registry *r);

/* registry_claim.c: who lives, and who must not begin to. */
const char *claims_power_state(struct registry *r, uint32_t qid);
/* Keeps that VM from beginning to live while the operation is under way. */
void claims_hold(struct registry *r, struct pending_operation *o, uint32_t qid);
/* Whatever that operation counted on may change again; claims_go_on answers who waited for it. */
void claims_let_go(struct registry *r, struct pending_operation *o);
/* The VM that it is about, in that generation; NULL: none, or the store is not read yet. */
const struct vm *claims_subject(const struct registry *r, const struct context *c);
void claims_begin(struct registry *r, struct out *out, const struct request *request, bool lives);
void claims_go_on(struct registry *r, struct out *out);
bool claims_release(struct registry *r, const struct request *request, bool *lived); /* false: of no VM */
void claims_end(struct registry *r);
/* What its process says of its domain. */
void claims_lives(struct registry *r, struct out *out, const struct envelope *e, const struct lives_as *m);

/* registry_came.c: whose devices are to be that have come. */
void on_devices_came(struct registry *r, struct out *out, const struct envelope *e,
                     const struct devices_came *m);
void on_device_chosen(struct registry *r, struct out *out, const struct envelope *e,
                      const struct device_chosen *m);

/* registry_device.c: assigned devices. 0, or -ERR_RANGE for what no bus has: names that are longer than any
 * of theirs. Spans point into the model. */
struct assignment;
int view_device_of(const struct registry *r, const struct assignment *a, struct view_device *d);
void on_vm_named(struct registry *r, struct out *out, const struct envelope *e, const struct vm_named *m);

/* registry_sound.c: who has whose sound. A VM has a domain of which nobody has heard yet; its QubesDB is new;
 * its sound was there until now (NULL: nowhere). */
void on_vm_sound(struct registry *r, struct out *out, const struct envelope *e, const struct vm_sound *m);
void on_sounds_of(struct registry *r, struct out *out, const struct envelope *e, const struct sounds_of *m);
void sound_looks(const struct registry *r, struct out *out, const struct vm *vm);
void sound_begins(const struct registry *r, struct out *out, const struct vm *vm);
void sound_moves(const struct registry *r, struct out *out, const struct vm *vm, const struct vm *was);

/* registry_chore.c: what registry does by itself. */
/* A release, answered at once or when the disposable is removed. */
void chore_life_ended(struct registry *r, struct out *out, const struct request *request, uint32_t after,
                      bool lived);
/* A removal of registry's own was not committed: it is tried again soon. */
void chore_end_again(struct registry *r, struct out *out, uint32_t qid);
void chore_timer(struct registry *r, struct out *out);
void chore_vm_ends(struct registry *r, uint32_t qid);          /* before the model forgets it */
int chore_dispid_rests(void *arg, uint32_t dispid);            /* a struct registry */
void chore_host_is_heard(struct registry *r, struct out *out); /* what runs is known for certain */
bool chore_answered(struct registry *r, struct out *out, const struct answer *a);

/* registry_preload.c: disposables that are started ahead of their use. */
void preload_before(struct registry *r, const struct plan *p); /* what is committed is about to be applied */
void preload_after(struct registry *r, struct out *out, enum operation operation, const struct plan *p);
void preload_life_ended(struct registry *r, struct out *out, uint32_t qid);
void preload_host_is_heard(struct registry *r, struct out *out);
void preload_failed(struct registry *r, struct out *out, enum operation operation, uint32_t qid);
void preload_timer(struct registry *r, struct out *out);
bool preload_answered(struct registry *r, struct out *out, const struct answer *a);
/* So much is free; not `known`: this host does not say. */
void preload_memory_is(struct registry *r, struct out *out, bool known, uint64_t bytes);
/* Every list is emptied; whether one is not empty yet. */
void preload_drop_all(struct registry *r, struct out *out);
bool preload_any(const struct registry *r);

/* registry_sleep.c: the VMs follow the host into sleep and out of it. */
void sleep_begin(struct registry *r, struct out *out, const struct envelope *e, const struct host_sleep *m);
void sleep_go_on(struct registry *r, struct out *out); /* begins what waits until it is known who runs */
bool sleep_answered(struct registry *r, struct out *out, const struct answer *a);
void sleep_dropped(struct registry *r, struct out *out); /* a list of preloaded disposables has changed */
void sleep_timer(struct registry *r, struct out *out);
bool sleep_holds_preloads(const struct registry *r);

/* registry_guest.c: what a guest says, checked again, as an operation of its VM or as an event. */
void guest_said_words(struct registry *r, struct out *out, const struct envelope *e,
                      const struct guest_words *m);
void guest_said_count(struct registry *r, struct out *out, const struct envelope *e,
                      const struct guest_count *m);
void guest_said_changed(struct registry *r, struct out *out, const struct envelope *e,
                        const struct guest_changed *m);

/* registry_batch.c: what is planned and not committed yet. */
bool batch_is_empty(const struct registry *r); /* nothing at the disk and nothing behind it */
bool batch_has_room(const struct registry *r);
/* What the next operation is planned on; -ERR_NOMEM. Until the next call of this file. */
int batch_known(struct registry *r, struct known *known);
/* Adds an operation with its plan, or (find) one that the model refused. On an error it is not in it. */
int batch_add(struct registry *r, const struct known *known, const struct pending_operation *o, bool find);
void batch_give(struct registry *r, struct out *out); /* to the disk, if that is free */
void batch_drop(struct registry *r);                  /* all that is not at the disk */
void batch_forget_ahead(struct registry *r);          /* gives its memory back; made anew when needed */

/* registry_rest.c: whether VMs are asked if they rest before this operation removes them; and that. How many
 * were asked; each answer comes to operate_prepared. Again: when one ended without an answer. */
bool rest_is_owed(const struct pending_operation *o);
bool plan_ends_some(const struct plan *p);
unsigned rest_ask(struct registry *r, struct out *out, const struct pending_operation *o);
bool rest_ask_again(struct registry *r, struct out *out, struct pending_operation *o);

/* registry_netvm.c: living VMs do what follows from a committed change of their netvm. How many were asked;
 * each answer comes to operate_prepared. */
unsigned netvm_finish(struct registry *r, struct out *out, struct pending_operation *o);
/* A VM can make a change that was put off; its life has ended, and with it what was put off. */
void netvm_due(struct registry *r, struct out *out, const struct context *about);
void netvm_forget(struct registry *r, struct out *out, uint32_t qid);

/* registry_qubesdb.c: what guests' databases are to hold: for who asks, and after these changes. */
void qubesdb_asked(struct registry *r, struct out *out, const struct envelope *e,
                   const struct qdb_entries *m);
void qubesdb_follow(struct registry *r, struct out *out, const struct plan *p);
/* A VM has a new domain: its netvm's tables name it. It is started: whoever it shows or plays hears of it. */
void qubesdb_spawned(struct registry *r, struct out *out, const struct vm *vm);
void qubesdb_started(struct registry *r, struct out *out, const struct vm *vm);

/* registry_resize.c: the guest follows the new size of a volume: how many are asked; it did not. */
unsigned resize_finish(struct registry *r, struct out *out, struct pending_operation *o);
void resize_failed(struct pending_operation *o);

/* registry_publish.c: what the others are told. */
struct roster_item roster_item_of(const struct vm *vm);
/* The body of a delta: changes, and events from `first_event` on. */
void publish_encode(const struct plan *p, uint64_t version, size_t first_event, struct text *body);
void publish_delta(struct registry *r, struct out *out, const struct context *c, uint64_t version,
                   const struct text *body);
/* Notes what became of a message that tells of a commit. */
void publish_sent(struct registry *r, int e);
/* Events before a commit, or of an operation that was refused. */
void publish_early(struct registry *r, struct out *out, const struct context *c, const struct plan *p,
                   size_t count);
/* After hello: who exists, and what a predecessor committed without telling. */
void publish_all(struct registry *r, struct out *out);
void publish_roster(struct registry *r, struct out *out, const struct plan *p);
void publish_snapshot(struct registry *r, struct out *out, const struct request *to);

/* registry_history.c: questions about what was changed; REGISTRY_EARLY_MAX at a time. */
void history_ask(struct registry *r, struct out *out, const struct envelope *e, const struct logbook *m);
void history_read(struct registry *r, struct out *out, struct store_task *t);
void history_trim(struct registry *r, struct out *out);
void history_trimmed(struct registry *r, struct out *out, const struct store_task *t);

/* registry_expiry.c: firewall rules that hold until a moment. After these changes; when its timer rings. */
void expiry_follow(struct registry *r, struct out *out, const struct plan *p);
void expiry_look(struct registry *r, struct out *out);

/* registry_hang.c: counts anew what hangs, and tells the VMs when that has become too much, or no longer is.
 */
void registry_hang_count(struct registry *r, struct out *out);

#endif
