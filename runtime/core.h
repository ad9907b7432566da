/* SPDX-License-Identifier: MIT
 * What every actor is: a state machine without I/O. Its core is a set of functions that take the
 * state and something that happened, and say through a struct out what is to be done. They call
 * no clock, no socket, no foreign library and never block. The shell (runtime/shell.h) does what
 * they say for a process; the simulator (tests/sim) does it for all actors in virtual time. */
#ifndef RUNTIME_CORE_H
#define RUNTIME_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/envelope.h"

/* What one incarnation is told at its start. */
struct life {
    struct address self;
    uint32_t generation; /* of its VM; 0 where there is none */
    struct span note;    /* what the incarnation before left; empty for none. Valid during begin */
};

/* Work for the worker thread. An actor's own task begins with this; it comes from malloc, the
 * shell owns it from out_task on and frees it after `done`. */
struct task {
    uint32_t what;     /* the actor's own enumeration */
    uint64_t deadline; /* as `now`; 0 for none */
    int r;             /* written by perform: 0 or -ERR_ */
    struct fault why;  /* written by perform on failure */
};

/* What became of a task. */
struct done {
    const struct task *task; /* complete; NULL while it is overdue: perform still holds it */
    uint32_t what;
    bool overdue; /* its deadline passed. It stays with a parked worker and comes again when it ends */
    bool cleared; /* it was overdue and has ended now */
};

/* What became of a question. */
struct answer {
    uint64_t tag;             /* the asker's own */
    const struct envelope *e; /* its body is the reply's; NULL where the router is gone */
    int r;                    /* 0, or -ERR_ */
    struct fault why;         /* on failure */
    bool progress;            /* still being worked on; the answer is to come */
};

struct out;

struct actor {
    const char *name;
    enum kind kind;
    size_t size;    /* of its state, which starts zeroed */
    unsigned hands; /* how many tasks are worked on at a time, each on a thread of its own; 0 is 1 */
    /* 0, or -ERR_: the incarnation cannot live. */
    int (*begin)(void *self, struct out *out, const struct life *life);
    /* The router is there (again): a new epoch when `epoch` differs from the last one. */
    void (*hello)(void *self, struct out *out, uint64_t epoch, uint64_t last_correlation);
    /* A request, event or cancel. Its bytes are valid during the call. */
    void (*hear)(void *self, struct out *out, const struct envelope *e);
    void (*answered)(void *self, struct out *out, const struct answer *a);
    void (*done)(void *self, struct out *out, const struct done *d);
    void (*timer)(void *self, struct out *out, uint64_t timer);
    /* The supervisor asks it to finish: what must be done last, then out_leave. NULL: nothing. */
    void (*stop)(void *self, struct out *out);
    /* Whom it serves is no more, and another one has its number: it finishes what it has begun, then
     * out_retire. NULL: it ends at once. */
    void (*bygone)(void *self, struct out *out);
    /* Releases what the state holds. */
    void (*end)(void *self);
    /* On the worker thread: does one task with the doors, may block. */
    void (*perform)(void *doors, struct task *task);
};

/* How a core speaks. The shell or the simulator stands behind it. */
struct out_ops {
    int (*send)(void *shell, struct envelope *e);
    int (*ask)(void *shell, struct envelope *e, uint64_t tag);
    void (*task)(void *shell, struct task *task);
    void (*timer)(void *shell, uint64_t timer, uint64_t at);
    void (*note)(void *shell, struct span note);
    void (*ready)(void *shell);
    void (*retire)(void *shell);
    void (*leave)(void *shell);
    void (*title)(void *shell, const char *title);
    void (*door)(void *shell, uint32_t what); /* may be NULL: nobody hands anything down */
};

struct out {
    const struct out_ops *ops;
    void *shell;
    uint64_t now; /* CLOCK_MONOTONIC, nanoseconds */
};

#define MILLISECONDS UINT64_C(1000000)
#define SECONDS      UINT64_C(1000000000)

/* Sends an event, reply, progress or cancel (runtime/post.h makes them). 0 or -ERR_. */
static inline int out_send(struct out *out, struct envelope *e)
{
    return out->ops->send(out->shell, e);
}

/* Asks; `tag` comes back with the one answer, whatever happens: also when the router dies. */
static inline int out_ask(struct out *out, struct envelope *e, uint64_t tag)
{
    return out->ops->ask(out->shell, e, tag);
}

/* Hands a task to the worker, behind those before it; ownership moves. */
static inline void out_task(struct out *out, struct task *task)
{
    out->ops->task(out->shell, task);
}

/* Sets the one timer of this number; 0 for `at` ends it. */
static inline void out_timer(struct out *out, uint64_t timer, uint64_t at)
{
    out->ops->timer(out->shell, timer, at);
}

/* Replaces the note (at most 240 bytes; empty removes it). It survives this incarnation: when the
 * call returns it is in its file, before anything that the core says afterwards is done. */
static inline void out_note(struct out *out, struct span note)
{
    out->ops->note(out->shell, note);
}

/* It serves from now on. */
static inline void out_ready(struct out *out)
{
    out->ops->ready(out->shell);
}

/* Nothing is left to do: end this incarnation unless something arrives first. */
static inline void out_retire(struct out *out)
{
    out->ops->retire(out->shell);
}

/* For `bulkhead ps`: which VM this is about. */
static inline void out_title(struct out *out, const char *title)
{
    out->ops->title(out->shell, title);
}

/* Asks the supervisor for a connected socket that lies outside this jail; it comes, or the word that there
 * is none, through the shell's `handed`. */
static inline void out_door(struct out *out, uint32_t what)
{
    if (out->ops->door != NULL)
        out->ops->door(out->shell, what);
}

/* End this incarnation now and start a fresh one in a fresh jail: a door is lost. */
static inline void out_leave(struct out *out)
{
    out->ops->leave(out->shell);
}

#endif
