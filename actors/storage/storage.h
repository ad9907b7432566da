/* SPDX-License-Identifier: MIT
 * storage/<pool>: the volumes of one pool. Its core keeps what is asked in one list, in the order of arrival,
 * and begins what does not meet anything before it: verbs for different volumes run side by side where the
 * driver can, those for one volume one after the other. What a volume is, it believes registry alone.
 * Spec: storage. */
#ifndef ACTORS_STORAGE_STORAGE_H
#define ACTORS_STORAGE_STORAGE_H

#include <stdatomic.h>

#include "doors/pool.h"
#include "doors/pool_below.h"
#include "runtime/post.h"

/* Verbs at work at a time; what waits, the next is answered BUSY. */
enum { STORAGE_HANDS = 4, STORAGE_QUEUE_MAX = 1024, STORAGE_LINES_MAX = 4096, STORAGE_NOTE = 96 };

/* What the thread that works and the core share of one verb. It lives until both have let go of it. */
struct storage_watch {
    atomic_uint_fast64_t done, total; /* bytes */
    atomic_bool cancelled;
};

/* Verbs of doors/pool_verb.def, and those that are more than one of them. */
enum { STORAGE_OPEN = POOL_VERBS, STORAGE_CLEAR, STORAGE_IMPORT_SAME, STORAGE_RECOVER, STORAGE_VERBS };
/* Its name, or NULL; and the number of a name, or -ERR_UNKNOWN. */
const char *storage_verb_name(unsigned verb);
int storage_verb_find(const char *name);

/* What STORAGE_RECOVER found, a line each: "<vid>\t<what was done>\t<why that failed>". */
enum { RECOVER_FOUND_MOST = 64 << 10 };
/* Volumes that registry knows. */
struct storage_volumes {
    struct pool_known_volume *at;
    size_t count, room;
};

/* One verb for the worker. */
struct storage_task {
    struct task task;
    uint64_t job;
    unsigned verb;
    char pool[65];
    char lines[STORAGE_LINES_MAX + 1]; /* of the pool, to open it */
    bool has_volume, has_source, success;
    struct volume volume, source;
    uint64_t size;
    char revision[64];
    char path[POOL_PATH_MAX + 1]; /* export_end */
    int fd;                       /* import_fd: it owns it; export: made by it, then the core's */
    struct storage_watch *watch;  /* the job's, which outlives the task */
    struct storage_volumes known; /* RECOVER: it owns them */
    struct text found;
    bool sized; /* outcome.size is what the volume has, or what its import has */
    bool lost;  /* there is no runner of tools any more */
    struct pool_outcome outcome;
};

/* What the worker works with. Written by STORAGE_OPEN only, which runs alone. */
struct storage_doors {
    struct pool *pool;
    const struct pool_calls *calls; /* NULL: really */
    bool (*lost)(void);             /* storage_runner.h; NULL: there is none to lose */
};
/* `doors` is a struct storage_doors. */
void storage_perform(void *doors, struct task *task);
/* A struct pool_watch's: `self` is a struct storage_watch. */
bool storage_watch_on(void *self, uint64_t done, uint64_t total);
/* What the outcome holds; the task itself is its shell's. */
void storage_task_free_content(struct storage_task *t);

enum job_state {
    JOB_ASKS, /* registry what its volume is, or the supervisor for what was lent */
    JOB_WAITS,
    JOB_WORKS,
    JOB_LENDS, /* done; the supervisor is being given what it lends */
};

/* A volume that another pool reads: until it is given back, or nobody can be reading it any more. */
enum { STORAGE_LOANS = 16 };
struct storage_loan {
    uint32_t number; /* 0: free */
    uint64_t since;
    struct volume volume;
    char path[POOL_PATH_MAX + 1];
};

struct volume_job {
    struct volume_job *prev, *next;
    uint64_t number; /* tag of its question, and of its task */
    enum job_state state;
    struct request request;
    unsigned verb;
    bool has_volume, has_source, success;
    struct volume volume, source;
    uint64_t size;
    char revision[64];
    uint32_t loan, borrower;
    int fd;                       /* what was lent to it, or what it lends; -1: none */
    uint64_t since;               /* when it came */
    uint64_t told_at;             /* when its asker last heard of it */
    uint64_t bytes;               /* what it then heard */
    uint64_t noticed, noticed_at; /* the bytes that everybody was told, and when */
    struct storage_watch *watch;
};

/* What a crash left is looked for once, before the pool serves. */
struct storage_recovery {
    bool done;        /* in this incarnation, or by the note in this boot */
    uint64_t job;     /* whose tag its questions bear; 0: none is under way */
    unsigned tries;   /* until registry is certain who lives */
    uint64_t next_at; /* when it is asked again; 0: it was asked */
    bool certain;
    struct storage_volumes known;
};

enum storage_state { STORAGE_ASKS, STORAGE_OPENS, STORAGE_SERVES, STORAGE_FAILED };

struct storage {
    uint32_t instance;
    enum storage_state state;
    bool side_by_side;
    bool stale; /* the pool is to be opened (anew): nothing begins before */
    char name[65];
    struct text lines;
    struct fault why; /* while FAILED */
    struct volume_job *jobs;
    unsigned count, working;
    uint64_t tags, refused;
    uint64_t ask_at;         /* when registry is asked again; 0: not */
    char note[STORAGE_NOTE]; /* of the incarnation before: the pool that was recovered in this boot */
    bool placeless; /* it began when nobody had named its pool: its jail shows none. Set before it hears
                       anything */
    char thin[POOL_THIN_MAX + 1]; /* what its directory lies on; likewise */
    struct storage_recovery recovery;
    struct storage_loan loan[STORAGE_LOANS];
    /* Gives the supervisor a descriptor for that storage process; -1: it is given back. NULL: nothing is
     * lent (simulator). */
    void (*lend)(void *arg, uint32_t loan, uint32_t borrower, int fd);
    void *lend_arg;
};
/* The supervisor has answered: what was lent to us (the callee owns it), or, -1, that it has what we lend or
 * that there is no such loan. */
void storage_handed(void *self, struct out *out, uint32_t loan, int fd);

enum storage_timer { STORAGE_TIMER_REST = 1, STORAGE_TIMER_TICK };

extern const struct actor storage_actor;

/* ---- storage_job.c: the list of what is asked ---- */
/* NULL, and the asker is answered, when there is no room. */
struct volume_job *job_add(struct storage *s, struct out *out, const struct envelope *e, unsigned verb);
/* One of its own, before all others; NULL: no room. */
struct volume_job *job_add_first(struct storage *s, struct out *out, unsigned verb);
struct volume_job *job_find(struct storage *s, uint64_t number);
void job_refuse(struct storage *s, struct out *out, struct volume_job *job, int r, const struct fault *why);
/* It is answered, or nobody waits: it leaves the list. */
void job_end(struct storage *s, struct volume_job *job);
/* Begins whatever may begin. */
void jobs_go_on(struct storage *s, struct out *out);
void jobs_refuse_all(struct storage *s, struct out *out, int r,
                     const struct fault *why); /* that do not work */
/* Time has passed: late ones go, askers hear of progress, the title says how many wait. */
void jobs_tick(struct storage *s, struct out *out);
void jobs_cancel(struct storage *s, struct out *out, const struct envelope *e);
void jobs_title(struct storage *s, struct out *out);

/* ---- storage_recover.c: what a crash left, before anything else is done ---- */
/* The pool is open: begins, unless that was done. */
void recover_begin(struct storage *s, struct out *out);
void recover_answered(struct storage *s, struct out *out, struct volume_job *job, const struct answer *a);
void recover_done(struct storage *s, struct out *out, struct storage_task *t);
void recover_tick(struct storage *s, struct out *out);
void recover_forget(struct storage *s);
/* On the worker's thread. */
int recover_perform(struct pool *p, struct storage_task *t);

/* ---- storage_loan.c: volumes that are cloned between pools ---- */
/* import_fd, export_end: what the verb needs of a loan; false: it was answered. */
bool loan_begin(struct storage *s, struct out *out, struct volume_job *job);
/* export has ended well: it is answered when the supervisor has the file. */
void loan_exported(struct storage *s, struct out *out, struct volume_job *job, struct storage_task *t);
bool loans_are_out(struct storage *s, uint64_t now);
/* On the worker's thread: the volume's data opened; what was lent is fit to be read. */
int loan_open(const struct storage_doors *d, const struct pool_errand *e, struct storage_task *t);
int loan_check(const struct storage_task *t, struct fault *why);
/* What export_end is to be told of the volume. */
void loan_take_path(struct storage *s, const struct volume_job *job, struct storage_task *t);

/* ---- storage_notice.c: what bulkhead.Events tells of it ---- */
void notice_argument(struct event_item *item, struct text *bytes, const char *key, struct span value);
/* How far it has got, if it has got further; at most once a second. */
void notice_progress(const struct storage *s, struct out *out, struct volume_job *job);

/* ---- storage_answer.c: the replies ---- */
void storage_answer(const struct storage *s, struct out *out, const struct volume_job *job,
                    const struct storage_task *t);

#endif
