/* SPDX-License-Identifier: MIT
 * The inside of struct api, shared by actors/api/api_*.c only. */
#ifndef ACTORS_API_API_INSIDE_H
#define ACTORS_API_API_INSIDE_H

#include "actors/api/api.h"
#include "actors/api/api_method.h"
#include "actors/api/api_request.h"
#include "model/ask.h"
#include "model/device_wire.h"
#include "model/model.h"
#include "model/names.h"
#include "model/operation.h"
#include "model/property.h"
#include "runtime/post.h"

/* Requests that wait for the model, how long, and what is kept of events that came before it. */
enum { PARKED_MOST = 1024, LATE_BYTES_MOST = 32 << 20, CALLS_MOST = 4096, SUBSCRIBERS_MOST = 256 };
#define PARKED_FOR (10 * SECONDS)

/* What a reply may grow to. */
enum { REPLY_MOST = 64 << 20 };

enum api_timer { TIMER_RELOAD = 1, TIMER_WAITING, TIMER_FACTS, TIMER_STATS };

/* A request that has passed the rules of its row. */
struct asked {
    const struct api_method *method;
    struct api_request request;
    const struct vm *source, *dest;
    uint64_t conn;
};

/* What one VM's process (or host) has said, and when. */
struct facts_of {
    uint32_t generation;
    char *text[FACTS]; /* NULL: never observed, or not any more */
    uint64_t at[FACTS];
    struct text attached[DEVICE_CLASSES]; /* the elements of a list of attached_item */
    bool unowned; /* the VM's own process has said nothing, or is quarantined: host's word holds until it
                     speaks */
};

struct parked {
    struct parked *prev, *next;
    uint64_t conn, until;
    enum client_socket socket;
    size_t len;
    char bytes[];
};

/* An event of the bus that came while there was no model to name its VMs. */
struct late {
    struct late *prev, *next;
    struct envelope e; /* its body is `bytes` */
    char bytes[];
};

struct call;
/* Appends the answer to `reply`, or says why not. */
typedef int call_done(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                      struct fault *why);

/* What goes on with a request once the devices of a backend are known: as api_handler. */
typedef int device_then(struct api *self, struct out *out, const struct asked *q,
                        const struct wire_list *devices, struct text *reply, struct fault *why);

/* A question to another process, on behalf of a client. */
/* What was asked for is done: asks on. `q` has what the call's memory holds for argument and payload. */
typedef int call_after(struct api *self, struct out *out, const struct asked *q, struct fault *why);

struct call {
    struct call *prev, *next;
    uint64_t tag, conn;
    const struct api_method *method;
    call_done *done;
    struct address to;
    struct context context;
    struct text body;    /* kept, so that it can be asked again */
    device_then *then;   /* of a bus that was asked for devices; then `done` is NULL */
    call_after *after;   /* with success somebody else is asked; then `done` is NULL */
    struct text memory;  /* with `then`: the request's argument, a NUL, its payload; with `after`: the like */
    uint32_t generation; /* with both: of the VM that the request is about */
    uint64_t until;      /* of waiting for the router */
    uint16_t type;
    bool repeated, waits_for_router;
    char name[128];  /* of the volume or pool that is asked about, or a reason that was given */
    bool wants_uuid; /* of CreateDisposable */
    uint32_t qid;
};

/* One Admin event as it goes to subscribers, without its last NUL. */
struct record {
    struct record *prev, *next;
    uint64_t number; /* of the envelope that it came in */
    uint32_t index;  /* among the events of that envelope */
    uint32_t qid, generation;
    bool own;     /* for who listens to that VM alone */
    bool noticed; /* for who listens by bulkhead.Events */
    size_t len;
    char bytes[];
};

struct history {
    struct record *first;
    size_t count, bytes;
    uint64_t lost_number; /* everything up to here is not known any more */
    uint32_t lost_index;
};

struct subscriber {
    struct subscriber *prev, *next;
    uint64_t conn;
    uint32_t qid, generation; /* of a single VM; QID_GLOBAL: all */
    bool numbered;            /* bulkhead.Events */
};

/* A VM that a delta removes: its events still bear its name and reach who listens to it. */
struct departed {
    uint64_t number;
    uint32_t qid, generation;
    char name[32];
};

/* A volume that may be cloned by whoever has the token. */
enum { CLONE_TOKEN = 32, CLONE_TOKENS = 256 };
struct clone_token {
    char token[CLONE_TOKEN + 1];
    uint32_t qid, generation;
    char volume[64];
};

struct api {
    struct address self;
    const struct api_ops *ops;
    void *ops_arg;
    uint64_t now; /* of the last call into the core */
    uint64_t epoch, version, last_number, acked;
    uint64_t last_tag, snapshot_tag, greeted_at;
    bool is_loaded, is_ready;
    bool list_wanted; /* of what runs, to forget what nobody has said again to this router */
    struct model *model;
    struct world world;
    struct known known;
    struct facts_of *facts[QID_MAX + 1], host;
    struct parked *parked;
    size_t parked_count;
    struct late *late;
    size_t late_bytes;
    struct call *calls;
    size_t call_count;
    struct clone_token clones[CLONE_TOKENS];
    size_t clone_next;
    struct history history;
    struct stats_stream *stats;
    size_t stats_count;
    uint64_t stats_tag; /* of the sample that host is asked for; 0: none */
    struct subscriber *subscribers;
    size_t subscriber_count;
    struct departed *departed;
    size_t departed_count;
    struct text reply, record, all_vms, system_info; /* the last two: empty when out of date */
    uint64_t trace_conn;
    uint64_t refused;
    unsigned device_classes; /* bits 1 << DEVICE_...: served besides those of the core */
    bool old_devices;        /* device calls in the form of before 4.3 */
};

/* api_core.c */
uint64_t api_next_tag(struct api *self);
void api_unpark(struct api *self, struct out *out);
void api_ask_running(struct api *self, struct out *out); /* host answers with the list */
void api_set_waiting(struct api *self, struct out *out); /* the timer of all that waits for some time */

/* api_reply.c */
void api_send_ok(struct api *self, uint64_t conn, struct text *reply); /* reply begins with "0\0" */
void api_send_fault(struct api *self, uint64_t conn, int r, const struct fault *why);
void api_reply_begin(struct text *reply);
void api_line(struct text *reply, const char *text); /* with its LF */

/* api_replica.c */
void api_load(struct api *self, struct out *out);
void api_loaded(struct api *self, struct out *out, const struct answer *a);
void api_take_delta(struct api *self, struct out *out, const struct envelope *e, const struct delta *m);
void api_take_noticed(struct api *self, const struct envelope *e, const struct noticed *m);
void api_take_happened(struct api *self, struct out *out, const struct envelope *e, const struct happened *m);
void api_late_clear(struct api *self);
/* Whatever was computed from the model or the facts is out of date. */
void api_changed(struct api *self);

/* api_facts.c */
struct world api_world(struct api *self);
/* Where what is said of the envelope's subject belongs; NULL: out of memory, or nowhere. */
struct facts_of *api_facts_for(struct api *self, const struct envelope *e);
void api_facts_take(struct api *self, const struct envelope *e, const struct facts *m, uint64_t now);
void api_facts_forget(struct api *self, uint32_t qid);
/* What runs, by host's list. Forgets of every VM that does not run what its process has not said again since
 * then: it rests, and has no process. Of one that runs the old facts stay, with their age; where there are
 * none, or the VM's process is quarantined, host's word is taken for its power state: a running VM is never
 * told as halted. */
void api_facts_settle(struct api *self, const struct running_all *m, uint64_t since);
/* That VM's process is quarantined: it will not say what changes. */
void api_facts_quarantined(struct api *self, uint32_t qid);
void api_facts_free(struct api *self);
/* The text that VM's present generation has, with its age if `age` is given; NULL: never observed. */
const char *api_fact(const struct api *self, uint32_t qid, enum fact fact, uint64_t *age);

/* api_attached.c */
void api_attached_take(struct api *self, const struct envelope *e, const struct attached *m);
void api_attached_take_only(struct api *self, const struct attached_only *m);
void api_attached_clear(struct facts_of *f);
/* The devices of that class that a VM has, in any order: none unless it lives. */
struct reader api_attached(const struct api *self, uint32_t qid, enum device_class class);
/* What an element says; spans point into it. */
struct device attached_device(enum device_class class, const struct attached_item *item);

/* api_device.c */
/* 0 with the class of the row, or -ERR_PROTOCOL when this house does not serve it. */
int api_device_class(const struct api *self, const struct asked *q, enum device_class *class,
                     struct fault *why);
/* The devices that `backend` exposes, or the one at `port`, and on with `then`: at once with none where no
 * bus knows that class. */
int api_with_devices(struct api *self, struct out *out, const struct asked *q, enum device_class class,
                     uint32_t backend, struct span port, device_then *then, struct text *reply,
                     struct fault *why);
/* The request of call c, whose memory holds two texts. -ERR_VM_NOT_FOUND where its VM is no more. */
int api_asked_again(const struct api *self, const struct call *c, struct asked *q, struct fault *why);
/* A bus has answered call c: goes on with what it was asked for. */
int api_devices_came(struct api *self, struct out *out, const struct call *c, const struct answer *a,
                     struct text *reply, struct fault *why);
/* Appends all lines, sorted, each with its LF; `lines` is emptied. */
struct line_list {
    char **at;
    size_t count, room;
};
int line_list_add(struct line_list *l, struct text *line); /* takes the text's memory */
int line_list_end(struct line_list *l, int r, struct text *reply);

/* api_device_change.c: a request about one device, taken apart; its spans point into `room`, which is to be
 * freed. */
struct wish {
    enum device_class class;
    bool is_exact; /* the argument itself names port and id */
    struct device device;
    struct device_payload said;
    char *room;
};
int api_wish_read(struct api *self, const struct asked *q, struct wish *w, struct fault *why);
/* The devices that are meant: how many; the last of them to *found. */
unsigned api_wish_find(const struct wish *w, const struct wire_list *devices, struct device_item *found);
bool api_wish_option(const struct wish *w, const char *name);
/* Why dom0, which has no process of its own as a VM, gets no device: -ERR_QUBES. */
int api_dom0_gets_none(const struct api *self, enum device_class class, struct fault *why);
/* Asks the VM's process. `name`: the device as events show it, `options`: lines of an assignment; `like` may
 * be NULL, or say what is done after it. */
int api_ask_attach(struct api *self, struct out *out, const struct asked *q, const struct device *device,
                   const struct text *name, struct span options, struct call *like);
int api_ask_detach(struct api *self, struct out *out, const struct asked *q, const struct device *has);

/* api_device_old.c */
api_handler api_old_available, api_old_attach, api_old_detach;

/* api_history.c */
void api_history_add(struct history *h, const struct record *like, struct span bytes);
void api_history_lose(struct history *h, uint64_t number); /* all of it, up to that event */
void api_history_free(struct history *h);

/* api_events.c */
void api_publish(struct api *self, const struct envelope *e, const struct wire_list *events);
/* The same of what only bulkhead.Events tells. */
void api_publish_noticed(struct api *self, const struct envelope *e, const struct wire_list *events);
void api_epoch_changed(struct api *self);
void api_gap(struct api *self);
bool api_subscriber_gone(struct api *self, uint64_t conn);

/* api_stats.c */
void api_stats_due(struct api *self, struct out *out); /* asks for a sample when a stream is due */
void api_stats_answered(struct api *self, struct out *out, const struct answer *a);
bool api_stats_gone(struct api *self, uint64_t conn);
void api_stats_free(struct api *self);

/* api_trace.c */
void api_trace_take(struct api *self, struct out *out, const struct traced *m);
void api_trace_gone(struct api *self, struct out *out);

/* api_call.c */
/* Asks `to`; the body moves. 1: the client is answered later; or -ERR_. */
int api_ask(struct api *self, struct out *out, const struct asked *q, struct call *like, struct text *body);
void api_answered(struct api *self, struct out *out, const struct answer *a);
void api_router_is_back(struct api *self, struct out *out);
void api_calls_client_gone(struct api *self, uint64_t conn);
void api_calls_overdue(struct api *self, struct out *out);
uint64_t api_calls_next(const struct api *self); /* when the first wait for the router ends; 0: none */
void api_calls_free(struct api *self);
struct context api_context(struct api *self, const struct asked *q, uint64_t deadline);
/* An operation of model/operation.def on `target`. */
int api_operate(struct api *self, struct out *out, const struct asked *q, enum operation operation,
                uint32_t target, struct span key, struct span value);
/* The same with the caller's own `done` in `like`. */
int api_operate_like(struct api *self, struct out *out, const struct asked *q, struct call *like,
                     enum operation operation, uint32_t target, struct span key, struct span value);

#endif
