/* SPDX-License-Identifier: MIT
 * The host: the one ear for the hypervisor's events, on a read-only connection. It knows which
 * uuid is whose VM (registry's roster) and tells each VM's process what runs under its uuid;
 * what that means is decided there. */
#ifndef ACTORS_HOST_HOST_H
#define ACTORS_HOST_HOST_H

#include "base/hash.h"
#include "doors/hostwatch.h"
#include "doors/xenstore.h"
#include "runtime/post.h"

enum { HOST_DOMAINS_MAX = 20000, HOST_QUBES_DIR = 256, HOST_ASKERS_MAX = 8 };
enum { HOST_QUESTIONS_MAX = 1024, HOST_LINES_MAX = 32, HOST_LINE_PIECE = 4096, HOST_ANSWERS_MAX = 9216 };
/* `event` of observed: a plain look, nothing was heard. */
enum { HOST_NO_EVENT = 255 };

/* Heard of a VM. It is told with how the VM is now: so the last of several stands for all. */
struct host_event {
    bool heard;
    enum virt_event what;
    int detail;
};

/* A VM of the roster, and what was last seen of it. */
struct host_vm {
    char uuid[VIRT_UUID_MAX + 1];
    uint32_t qid, generation;
    bool active, seen_now, is_news;
    int domid;
    enum virt_state state;
    struct host_event due;  /* heard before the present look began: told with what that finds */
    struct host_event late; /* heard since: that look may be older, so the next one tells it */
    UT_hash_handle hh;
};

/* What a domain says of its memory in xenstore; nobody but Stats believes it. */
struct host_words {
    bool has_memory, has_swap;
    uint64_t with_swap_kib, swap_kib, device_model_kib;
};

enum host_what { HOST_CONNECT, HOST_LIST, HOST_SAMPLE };

struct host_task {
    struct task task;
    struct hostwatch_figures figures; /* of CONNECT */
    struct hostwatch_domain *domains;
    size_t count;
    struct hostwatch_sample *samples; /* of SAMPLE */
    struct host_words *words;         /* of SAMPLE, as many; NULL: nobody was asked */
    size_t sample_count;
};

/* What the worker works with: one per thread. */
struct host_doors {
    int (*open)(void *arg, struct hostwatch **ret, struct fault *why);
    void *arg;
    void *figures_arg; /* where the machine's figures come from; NULL: the same connection */
    struct hostwatch *watch;
    struct xenstore_door *xenstore; /* NULL: this host has none, or it was lost */
};

/* Lines to xenstored, which the program holds (host_main_lines.h), by the number of whom each is for. Nothing
 * here blocks or calls the core: what is opened comes to host_entries_opened, in the order of asking, what
 * is heard to host_entries_heard. */
struct host_line_ops {
    void (*open)(void *arg);
    int (*send)(void *arg, uint64_t number, struct span bytes);
    void (*close)(void *arg, uint64_t number);
};

/* A VM that starts, or one whose process has begun anew, and what xenstore is asked for it. */
struct host_question {
    struct host_question *prev, *next;
    uint64_t number, deadline;
    struct request request;
    struct entries wish;
    char uuid[VIRT_UUID_MAX + 1];
    enum {
        ENTRIES_ROSTER,
        ENTRIES_TURN,
        ENTRIES_LINE,
        ENTRIES_WHOSE,
        ENTRIES_MADE
    } stage;              /* what it waits for */
    uint32_t owed, asked; /* answers of this stage; the number of the last request */
    uint32_t verb[8];     /* of each request by its number */
    struct entries_reply reply;
    size_t have;
    char bytes[HOST_ANSWERS_MAX]; /* answers that are not whole yet */
};

struct host {
    struct host_vm *vms;
    struct hostwatch_figures figures;
    struct hostwatch_domain *domains; /* the last look */
    size_t domain_count;
    char qubes_dir[HOST_QUBES_DIR];
    bool has_roster, roster_asked, connected, looking, look_wanted, told;
    bool lost; /* the connection that the present task uses: what the task brings is of no use */
    struct request askers[HOST_ASKERS_MAX]; /* of the sample that is being taken */
    unsigned asker_count;
    struct host_question *questions; /* in the order of their asking, and of their deadlines */
    unsigned question_count;
    uint64_t question_last;
    const struct host_line_ops *lines; /* set by the program; NULL: this host has no xenstore */
    void *lines_arg;
    unsigned hung; /* tasks past their deadline that have not come back: with two there is no thread left */
    uint64_t epoch, back_off, refused;
};

enum host_timer { TIMER_CONNECT = 1, TIMER_ROSTER, TIMER_ENTRIES };

extern const struct actor host_actor;

/* The door's thread has heard something; called by the program on the core's own thread. */
void host_heard(struct host *h, struct out *out, const struct hostwatch_event *event);
void host_lost(struct host *h, struct out *out);

/* host_tell.c */
struct host_vm *host_find(struct host *h, const char *uuid);
/* What was heard until now is of the past that the look which begins will find. */
void host_look_begins(struct host *h);
void host_take_domains(struct host *h, struct out *out, struct host_task *t);
/* Everything that is known, to everybody: after a new router, or for who has just started. */
void host_tell_all(struct host *h, struct out *out);
void host_say_facts(struct host *h, struct out *out);
/* To registry: every domain of the last look. */
void host_say_observed_all(struct host *h, struct out *out);
/* To api: the same, for what nobody says anything about. */
void host_say_running(struct host *h, struct out *out);

/* host_sample.c: what all domains use, for who asks; who asks while one is taken gets that. */
void host_sample_ask(struct host *h, struct out *out, const struct envelope *e);
void host_sample_taken(struct host *h, struct out *out, const struct host_task *t);
void host_sample_fails(struct host *h, struct out *out, int r, const struct fault *why);

/* host_entries.c: what xenstore holds of one domain. Each question is answered within seconds, and has a line
 * to xenstored of its own. */
void host_entries_ask(struct host *h, struct out *out, const struct envelope *e, const struct entries *m);
/* The roster has come: those that waited for it go on. */
void host_entries_roster(struct host *h, struct out *out);
void host_entries_late(struct host *h, struct out *out);
void host_entries_free(struct host *h);
/* A line was opened: for whom, 0 for nobody any more. Or there is none: `dead`, nobody serves the socket. */
uint64_t host_entries_opened(struct host *h);
void host_entries_begin(struct host *h, struct out *out, uint64_t number);
void host_entries_no_line(struct host *h, struct out *out, bool dead);
/* What came through it, HOST_LINE_PIECE at most; no bytes: it has ended. */
void host_entries_heard(struct host *h, struct out *out, uint64_t number, struct span bytes);

/* host_words.c: on the worker's thread; *words from malloc, NULL where there is no xenstore. */
int host_words_read(struct host_doors *d, struct host_task *t, struct fault *why);

/* host_perform.c: on the worker's thread. */
void host_perform(void *doors, struct task *task);

#endif
