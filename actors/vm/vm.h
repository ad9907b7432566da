/* SPDX-License-Identifier: MIT
 * vm/<qid>: one VM's life. The state of its core, and what its files say to each other.
 * The core does one errand at a time, step by step; each step waits for one thing: a task of the
 * worker or one answer. What is asked meanwhile waits in a short queue; a kill does not wait.
 * A VM counts as fully usable when its start is complete, the last step of which is its qrexec daemon.
 * Behaviour: spec lifecycle 2 to 6, events 4. */
#ifndef ACTORS_VM_VM_H
#define ACTORS_VM_VM_H

#include "actors/vm/vm_device.h"
#include "actors/vm/vm_note.h"
#include "actors/vm/vm_task.h"
#include "proto/host_phase.h"
#include "proto/messages.h"
#include "runtime/post.h"

/* What we believe of the domain. */
enum vm_life {
    VM_UNKNOWN, /* not looked yet, or the last word of libvirt left it open */
    VM_HALTED,
    VM_STARTING,
    VM_LIVING,
    VM_STOPPING /* it is gone, and what has to follow is not done yet */
};

enum vm_errand {
    ERRAND_NONE,
    ERRAND_BEGIN,
    ERRAND_LOOK,
    ERRAND_START,
    ERRAND_UNDO,
    ERRAND_CLEAN,
    ERRAND_KILL,
    ERRAND_SHUTDOWN,
    ERRAND_PAUSE,
    ERRAND_UNPAUSE,
    ERRAND_SUSPEND,
    ERRAND_RESUME,
    ERRAND_CONSOLE,
    ERRAND_REMOVE,
    ERRAND_NET,
    ERRAND_ATTACH,
    ERRAND_DETACH,
    ERRAND_DEVICES,
    ERRAND_HOST,
    ERRAND_PRELOAD,
    ERRAND_RESIZE,
    ERRAND_WISHES,
    ERRANDS
};

/* Where the host's sleep found it, or brought it. */
enum vm_host_mark { VM_UNMARKED, VM_SLEPT_BEFORE, VM_PUT_TO_SLEEP };

/* A service of the guest: `user` empty is its default user; `connect_seconds` 0: no limit of its own. */
struct vm_call {
    const char *service, *user;
    unsigned seconds, connect_seconds;
};

/* How a step ended. */
struct vm_result {
    int r;
    struct fault why;
    const struct vm_task *task; /* of a task that ended; NULL when it is overdue */
    const struct envelope *e;   /* of an answer */
};

/* Somebody who is owed an answer. */
struct vm_request {
    struct request request;
    enum vm_errand errand;
    bool owed, force, wait;
    bool detach, attach, fill; /* NET: what it is for */
    bool put_off;              /* NET: it was planned for a VM that is paused */
    bool deferred;             /* NET: and is made up for */
    enum host_phase phase;     /* HOST */
    char volume[64];           /* RESIZE */
    struct vm_plug *plug;      /* of an attachment or detachment: whose answer frees it */
    uint64_t deadline;         /* until when its asker waits, as far as we told it to; 0: not said */
    uint64_t until;            /* a waiter of a shutdown: when it has waited long enough; 0: for ever */
};

/* How much longer than a step its asker should wait. */
enum { VM_MARGIN_SECONDS = 20 };
/* A netvm is asked to start by all of its clients that start at once; what waits costs memory only when it
 * does. */
enum { VM_QUEUE = 256, VM_WAITERS = 16 };
enum vm_timer {
    TIMER_REST = 1,
    TIMER_AGAIN,
    TIMER_WAITERS,
    TIMER_DEVICE,
    TIMER_TELL,
    TIMER_MEMORY,
    TIMER_NET,
    TIMER_BOOT,
    VM_TIMERS
};

/* What becomes of a question to the memory balancer. NONE: this host has none. */
enum vm_memory_word { VM_MEMORY_NONE, VM_MEMORY_GRANTED, VM_MEMORY_REFUSED, VM_MEMORY_DEAD, VM_MEMORY_LATE };
enum { VM_MEMORY_LINE = 32 };

/* The connection to it, which the program holds: `ask` opens one and sends the line, whose end comes to
 * vm_memory_said, at most once, not from within; `close` ends it, asked or not. Neither blocks. */
struct vm_memory_ops {
    void (*ask)(void *arg, const char *line);
    void (*close)(void *arg);
};

/* Its device model in a domain of its own, as xenstore names it. */
struct vm_stubdom {
    bool known;
    uint32_t domid; /* 0: there is none */
    char uuid[37];  /* "": not known */
};

/* A start that waits for its guest, aside: other errands are done meanwhile. */
struct vm_boot {
    bool waits;
    bool came;  /* what it waited for is here: `r`, `why`, `body` */
    bool slept; /* the VM was paused at some moment since the guest was asked */
    enum vm_errand errand;
    unsigned step;
    struct vm_request job;
    uint64_t asked;    /* tag of the answer; 0: it came, or the guest is asked when the VM is awake */
    uint64_t patience; /* when who asked for it hears that the VM sleeps */
    int r;
    struct fault why;
    struct text body;
    uint32_t netvm; /* that was asked to run, earlier; 0: none */
    bool spawned;   /* and memory and volumes are there */
};

struct vm {
    uint32_t qid, generation;
    bool greeted, is_ready, has_view;
    bool paused_said; /* subscribers believe that it is paused */
    bool net_awaits;  /* its interface went for a change of the netvm whose end it has not heard of */
    bool bygone;      /* this generation of the VM was removed: nothing is left to do but to end */

    enum vm_life life;
    struct domain_seen seen; /* the last look */
    bool has_looked;         /* and there was one */
    uint64_t resumed_until;  /* our own resume: an older `paused` may still arrive until then */
    uint64_t paused_until;   /* our own suspend: an older `running` may still arrive until then */
    uint64_t start_time;     /* seconds since the epoch; 0: not known */

    struct vm_view view; /* its lists lie in view_bytes */
    struct text view_bytes;

    struct text disk_bytes; /* the volumes of the view with their paths, as storage says them */
    struct wire_list disks;
    unsigned volume_at; /* how many volumes the step under way has asked for */
    bool has_stored;    /* volumes may be started: they are stopped when the life ends */

    struct vm_note note; /* as last written */
    uint64_t seq;        /* number of the last message of events */

    enum vm_errand errand;
    unsigned step;
    struct vm_request job; /* whom the errand is for */
    struct fault failure;  /* why it is being undone */
    uint64_t asked;        /* tag of the answer that is waited for; 0: none */
    uint64_t tags;
    uint64_t hung_until; /* what was left hanging is forgotten then, at the latest */
    unsigned hung;       /* tasks past their deadline that have not come back */
    bool look_hangs;     /* one of them only looks: libvirt as a whole hangs */
    bool hung_before;    /* the incarnation before left a call hanging */
    bool unwanted;       /* a start that was given up may still make its domain: the claim stays */
    bool scarce;         /* too many calls of all VMs hang: none is begun that could, too */
    bool create_hangs;   /* and the call that would is one of ours */
    /* The incarnation before died in a call that makes the domain: libvirtd may do it until then. */
    uint64_t settles_until;

    bool created;        /* the start has made its domain */
    bool is_xen;         /* as the last look says */
    bool bare;           /* the domain has no QubesDB: this host has no such daemon */
    bool qrexec_up;      /* its qrexec daemon was started */
    struct vm_boot boot; /* of a start that waits for its guest */
    enum vm_host_mark host_mark;
    const struct vm_memory_ops *memory; /* set by the program; NULL: nobody is asked */
    void *memory_arg;
    bool memory_asked; /* and the connection is open */
    bool balanced;     /* the balancer has granted what this life began with */
    bool finishes;     /* an earlier incarnation began the start: its daemons may have been asked for */
    struct vm_stubdom stubdom;

    bool look_wanted, kill_wanted;
    bool owes_last; /* nothing is left of a start that failed, but what was unwanted then */
    /* Of the end of a life: what has still to be said, before its volumes are stopped and after, and done. */
    bool owes_stopped, owes_shutdown, owes_clean;
    uint64_t again_at;                 /* nothing that failed is tried before */
    struct vm_request queue[VM_QUEUE]; /* in order */
    unsigned queued;
    struct vm_request waiters[VM_WAITERS]; /* for the end of this life */
    unsigned waiting;
    struct request currents[VM_WAITERS]; /* vm_current: for the next look */
    unsigned looking;
    uint64_t refused;
    struct vm_devices devices;
};

/* ---- vm_errand.c: what errands share ---- */
struct context vm_context(const struct vm *vm, struct out *out, unsigned seconds);
/* The tag of the question that the errand now waits for. */
uint64_t vm_ask_tag(struct vm *vm);
void vm_answer(struct vm *vm, struct out *out, struct vm_request *job, int r, const struct fault *why);
/* Puts an answer off: at least `seconds` more. */
void vm_progress(struct vm *vm, struct out *out, struct vm_request *job, unsigned seconds);
/* The answer to vm_claim_again, which comes under this tag: no errand waits for it. */
void vm_claimed_again(struct vm *vm, struct out *out, const struct answer *a);
enum { VM_TAG_AGAIN = 1 };
int vm_take_view(struct vm *vm, struct out *out, const struct vm_view *view);
/* `job` NULL: nobody asked for it. */
void vm_errand_begin(struct vm *vm, struct out *out, enum vm_errand errand, const struct vm_request *job);
/* Its present step hears what it waited for. */
void vm_errand_goes_on(struct vm *vm, struct out *out, const struct vm_result *result);
/* Turns the present errand into another one, with the same job. */
void vm_errand_become(struct vm *vm, struct out *out, enum vm_errand errand);
/* The errand ends; its job is answered with r (0: success) unless nobody waits. */
void vm_errand_end(struct vm *vm, struct out *out, int r, const struct fault *why);

/* ---- vm_next.c: what is done next ---- */
void vm_next(struct vm *vm, struct out *out);
/* Everybody who waits hears this. */
void vm_all_fail(struct vm *vm, struct out *out, int r, const struct fault *why);

/* ---- vm_handle.c: the mailbox ---- */
void vm_dispatch(struct vm *vm, struct out *out, const struct envelope *e);
/* Answers who asked for the figures of this moment. */
void vm_currents_answer(struct vm *vm, struct out *out, int r, const struct fault *why);
/* Tells registry once more what this process believes: that the VM lives, or rests. */
void vm_claim_again(struct vm *vm, struct out *out);
/* Tells registry once more that the VM rests: it may have taken host's word for a life that has ended. */
void vm_release_again(struct vm *vm, struct out *out);

/* ---- each errand: begins with step 0 and no result, goes on with the result of what it began ---- */
void vm_begin_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_look_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_start_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_undo_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_clean_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_kill_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_shutdown_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_pause_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_unpause_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_suspend_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_resume_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_console_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_remove_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_net_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_attach_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_detach_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_devices_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_wishes_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_host_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_resize_step(struct vm *vm, struct out *out, const struct vm_result *result);
void vm_preload_step(struct vm *vm, struct out *out, const struct vm_result *result);

/* ---- vm_service.c ---- */
/* Calls it; the errand's step hears its end. False: it cannot be called, and nothing was said. */
bool vm_service(struct vm *vm, struct out *out, const struct vm_call *call);
bool vm_service_with(struct vm *vm, struct out *out, const struct vm_call *call, const char *input);
/* How the call has ended: 0, or the error that it is; or only a line of the log. */
int vm_service_end(const struct vm *vm, const struct vm_call *call, const struct vm_result *result,
                   struct fault *why);
void vm_service_logged(const struct vm *vm, const struct vm_call *call, const struct vm_result *result);

/* ---- vm_memory.c ---- */
/* Bytes, as qmemman is asked for them. */
uint64_t vm_memory_needed(const struct vm_view *view);
/* Asks for the memory of a start, or that a VM which will wait for its use shrinks; the errand's step hears
 * the end. False: nobody is to be asked. */
bool vm_memory_begin(struct vm *vm, struct out *out);
bool vm_memory_shrink(struct vm *vm, struct out *out);
/* What was granted is not kept any longer. */
void vm_memory_release(struct vm *vm, struct out *out);
void vm_memory_said(struct vm *vm, struct out *out, enum vm_memory_word word);

/* ---- vm_host.c ---- */
/* It was woken: whoever lets it sleep next is not the host. */
void vm_host_forgets(struct vm *vm, struct out *out);

/* ---- vm_storage.c: the volumes, one after the other ---- */
void vm_storage_begin(struct vm *vm);
/* Asks for the next one (verify, start, stop); false: there is none left. */
bool vm_storage_next(struct vm *vm, struct out *out, const char *verb);
/* A volume was started: its path is kept. Then all were: the paths go into the view. 0 or -ERR_. */
int vm_storage_took(struct vm *vm, const struct vm_result *result, struct fault *why);
int vm_storage_show(struct vm *vm, struct out *out, struct fault *why);

/* ---- vm_start.c ---- */
/* The start has failed: says so and undoes what was done. `uncertain`: its domain may exist. */
void vm_start_fails(struct vm *vm, struct out *out, int r, const struct fault *why, bool uncertain);

/* The domain runs, and an earlier incarnation has not finished its start: this one does. */
void vm_start_finish(struct vm *vm, struct out *out);
/* What it needs of devices is ready: the start goes on. */
void vm_start_with_devices(struct vm *vm, struct out *out);

/* ---- vm_boot.c, see vm_boot.h ---- */
/* The domain runs, and whatever is done to a VM that runs may be done; its start may not be complete. */
bool vm_runs(const struct vm *vm);
bool vm_sleeps(const struct vm *vm);

/* ---- vm_shutdown.c ---- */
/* Who lives by this VM, as its view knows: 0, or why it is not shut down unless by force. */
int vm_shutdown_refused(const struct vm *vm, struct fault *why);

/* ---- vm_start_entries.c ---- */
/* A process that takes over a VM which lives asks which domain its device model is; the answer has this tag.
 */
#define VM_STUBDOM_TAG UINT64_MAX
void vm_stubdom_ask(struct vm *vm, struct out *out);
void vm_stubdom_said(struct vm *vm, struct out *out, const struct answer *a);

/* ---- vm_device_wish.c ---- */
/* Puts behind what waits already what nobody asked for and is done all the same; the plug moves. */
void vm_device_queue(struct vm *vm, enum vm_errand errand, struct vm_plug *plug);

/* ---- vm_stop.c ---- */
/* The domain is gone. With `pair` subscribers hear it; then all is cleaned up. */
void vm_gone(struct vm *vm, struct out *out, bool pair);
/* The launcher hears that nothing is left of its life, and so does the bus of PCI devices, which tells
 * nobody; once more does no harm. */
void vm_life_over(struct vm *vm, struct out *out);
/* Answers all who wait for the end of this life. */
void vm_waiters_answer(struct vm *vm, struct out *out, int r, const struct fault *why);
void vm_waiters_late(struct vm *vm, struct out *out);
/* Puts a request among them. 0 or -ERR_BUSY. */
int vm_wait(struct vm *vm, const struct vm_request *job);
/* Asks the hypervisor nothing: a start that waits for another process ends now, one that waits for the
 * hypervisor when that answers. */
void vm_kill(struct vm *vm, struct out *out);

/* ---- vm_reconcile.c ---- */
/* While nothing is known for certain: whether the note speaks of a life that may go on or begin. */
bool vm_may_live(const struct vm *vm);
/* A look while nothing was known: finishes or undoes what the note speaks of. */
void vm_reconcile(struct vm *vm, struct out *out);
/* After a look: what was left hanging is forgotten when its time is over. */
void vm_forget_hung(struct vm *vm, struct out *out);
/* A creation and its undoing were left open: for a minute the domain may still come. */
void vm_hang_left(struct vm *vm, struct out *out);
/* The domain runs, whoever started it. */
void vm_adopt(struct vm *vm, struct out *out);

/* ---- vm_pause.c: what a look or the host's word means for a VM that lives ---- */
void vm_sees(struct vm *vm, struct out *out, const struct domain_seen *seen);
void vm_hears(struct vm *vm, struct out *out, const struct observed *m);
/* The domain is as this look says, and api hears what has changed. */
void vm_takes_seen(struct vm *vm, struct out *out, const struct domain_seen *seen);
void vm_resumed_by_us(struct vm *vm, struct out *out);

/* ---- vm_events.c ---- */
struct vm_event {
    const char *name;
    const char *key[2], *value[2]; /* NULL: no argument */
};
/* One message of Admin events about this VM, in order: all arrive or none. 0 or -ERR_. */
int vm_say(struct vm *vm, struct out *out, const struct vm_event *events, size_t count);
#define VM_SAY(vm, out, ...)                                                                                 \
    vm_say(vm, out, (const struct vm_event[]){__VA_ARGS__},                                                  \
           sizeof((const struct vm_event[]){__VA_ARGS__}) / sizeof(struct vm_event))
/* stopped, the resets and shutdown: the end of a life. */
int vm_say_pair(struct vm *vm, struct out *out);
/* Its two parts: domain-stopped is heard before anything is cleaned up, domain-shutdown when what others may
 * ask for next, its volumes among them, is free. */
int vm_say_stopped(struct vm *vm, struct out *out);
int vm_say_shutdown(struct vm *vm, struct out *out);
/* How many messages were said, and taken, since the note was written. */
uint64_t vm_said(const struct vm *vm);
/* Whether anything was said, and taken, since the note was written. */
bool vm_has_said(const struct vm *vm);

/* ---- vm_facts.c ---- */
const char *vm_power_state(const struct vm *vm);
void vm_facts(struct vm *vm, struct out *out);

/* ---- vm_note.c ---- */
/* Writes the note: from now on a new incarnation goes on from here. */
void vm_note_step(struct vm *vm, struct out *out, enum vm_step step);
/* It lives, or its start waits for its guest. */
void vm_note_lives(struct vm *vm, struct out *out);
/* Writes it once more: only what hangs has changed. */
void vm_note_again(struct vm *vm, struct out *out);

#endif
