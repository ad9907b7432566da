/* SPDX-License-Identifier: MIT
 * Who gets devices that have come: what is one VM's for sure it gets, where there are several, or the one
 * wants it only after a yes, a person is asked. Nothing waits for the person: a question is a row here and a
 * connection of this process, which end with it; what is not settled then is in its note, and the next one
 * settles it. In the core of a bus whose devices come and go. Spec: devices 14.1 to 14.3. */
#ifndef ACTORS_DEVBUS_DEVBUS_ASK_H
#define ACTORS_DEVBUS_DEVBUS_ASK_H

#include "actors/devbus/devbus_listing.h"
#include "actors/devbus/devbus_question.h"

enum {
    DEVBUS_ASKED_MAX = 8,         /* questions that people see at once; the others wait */
    DEVBUS_ASKED_OF_ONE = 4,      /* about devices of one backend */
    DEVBUS_SETTLINGS_MAX = 128,   /* changes that are being settled; what comes then comes to nobody */
    DEVBUS_SETTLINGS_OF_ONE = 32, /* of one backend */
    DEVBUS_OFFERS_MAX = 64,       /* what is more is told once */
    DEVBUS_LEFT_MAX = 64,         /* what is more is left to whoever attaches it himself */
};
/* So long a backend may take to tell what it exposes, when its bus has begun anew. */
#define DEVBUS_LEFT_PATIENCE (60 * SECONDS)
/* Who has not answered by then has said no. */
#define DEVBUS_ASK_PATIENCE (3600 * SECONDS)

/* The side that has the connection: the process's (devbus_person.h) or a test's. Neither call may block or
 * call the core. */
struct devbus_person_ops {
    /* 0: devbus_ask_said will be called once with this number, unless it is ended before. -ERR_: it will not.
     */
    int (*ask)(void *arg, uint64_t number, struct span text);
    /* Nobody waits for the answer any more. */
    void (*end)(void *arg, uint64_t number);
};

/* The device there, if that VM may be given it now; `vm` NULL: if any may. NULL: it is not there, or taken.
 */
typedef const struct device_item *devbus_find_free(const void *arg, const char *backend, const char *port,
                                                   const char *vm);

struct devbus_settling;

/* A device that is to be settled when its backend has told what it exposes: an incarnation before had not
 * settled it, or a VM wants it of a backend that has told nothing yet. */
struct devbus_left {
    char backend[32], port[64];
    uint32_t only;  /* the one VM that may get it, or DEVICES_FOR_WHOEVER */
    bool allowed;   /* and is to get it: nobody is asked */
    uint64_t until; /* then it is forgotten */
};

/* A device that was given to a VM, until the bus sees that VM's process come for it: who was to hear of it
 * may have been dead just then, and a person is not asked twice. */
struct devbus_offer {
    struct subject backend;
    char name[32], vm[32]; /* of the backend, of the VM */
    struct device_chosen chosen;
    uint64_t tag;      /* of what registry is asked; 0: it has answered */
    uint64_t again_at; /* when it is told once more; 0: registry has not answered */
    unsigned tries;
};

struct devbus_ask {
    devbus_find_free *find; /* NULL: what is exposed, and nobody has or is to have */
    void *find_arg;
    struct devbus_listing *listing;      /* what is exposed, and who has what; set before all else */
    uint64_t timer;                      /* its ring is answered with devbus_ask_rings; set likewise */
    const struct devbus_person_ops *ops; /* NULL: nobody is to be asked, which is a no */
    void *arg;
    struct devbus_settling *of[DEVBUS_SETTLINGS_MAX]; /* in their order; from malloc */
    size_t count;
    struct devbus_settling *fresh; /* devices of the change that is being read */
    struct devbus_offer offer[DEVBUS_OFFERS_MAX];
    size_t offers;
    struct devbus_left left[DEVBUS_LEFT_MAX];
    size_t lefts; /* in their order */
    uint64_t last_tag, last_number;
};

/* Before the core begins. Both must outlive it. */
void devbus_ask_attach(struct devbus_ask *a, const struct devbus_person_ops *ops, void *arg);

/* A device has come which nobody has; and that was the last one of that change. */
void devbus_ask_came(struct devbus_ask *a, const struct devbus_backend *b, const struct device_item *item);
void devbus_ask_settle(struct devbus_ask *a, struct out *out);
/* A VM that runs wants a device if a person says so (bus_wanted). */
void devbus_ask_wanted(struct devbus_ask *a, struct out *out, const struct envelope *e,
                       const struct bus_wanted *m);

/* Whether this is registry's answer to one of its questions. */
bool devbus_ask_answered(struct devbus_ask *a, struct out *out, const struct answer *answer);
/* What a person has said; empty when nobody could be reached, or the connection has ended. */
void devbus_ask_said(struct devbus_ask *a, struct out *out, uint64_t number, struct span answer);
/* That VM's process comes for the device: whatever it is told, it need not be offered it again. */
void devbus_ask_arrived(struct devbus_ask *a, uint32_t qid, const char *backend, const char *port);
/* That VM's life is over: it gets nothing. */
void devbus_ask_over(struct devbus_ask *a, struct out *out, uint32_t qid);
/* Something may have changed in what is exposed or who has what: questions that ask nothing any more end. */
void devbus_ask_look(struct devbus_ask *a, struct out *out);
void devbus_ask_rings(struct devbus_ask *a, struct out *out);

/* For the files of this: the device as it is now, if it is still that one and free for that VM. */
const struct device_item *devbus_ask_find(const struct devbus_ask *a, const char *backend, const char *port,
                                          const char *device_id, const char *vm);
/* devbus_offer.c: tells registry who gets it; whether one is on its way; whether this is registry's answer;
 * drops what is not to be had any more; tells once more what is due; when that is next (0: never). */
void devbus_offer_make(struct devbus_ask *a, struct out *out, const struct devbus_offer *offer);
bool devbus_offer_is_open(const struct devbus_ask *a, uint32_t backend, const char *port);
bool devbus_offer_answered(struct devbus_ask *a, struct out *out, const struct answer *answer);
void devbus_offers_look(struct devbus_ask *a);
void devbus_offers_ring(struct devbus_ask *a, struct out *out);
uint64_t devbus_offers_next(const struct devbus_ask *a);
void devbus_offers_over(struct devbus_ask *a, uint32_t qid);

/* Whose name that is, of those who have told what they expose. */
bool devbus_ask_backend(const struct devbus_ask *a, const char *name, struct subject *vm);
/* Settles it from its beginning; frees it, or takes it over. Accepts NULL. */
void devbus_ask_begin(struct devbus_ask *a, struct out *out, struct devbus_settling *s);

/* devbus_left.c: what the note is to say of all that is not settled (as write_more of devbus_table.h), and a
 * word of it that was read; what can be settled now begins; that is forgotten which waits too long; when that
 * is next (0: never); what only that VM may get is forgotten. */
void devbus_left_write(const struct devbus_ask *a, struct text *note);
void devbus_left_read(struct devbus_ask *a, struct out *out, struct span word);
void devbus_left_add(struct devbus_ask *a, const struct devbus_left *left);
void devbus_left_go_on(struct devbus_ask *a, struct out *out);
void devbus_left_ring(struct devbus_ask *a, struct out *out);
uint64_t devbus_left_next(const struct devbus_ask *a);
void devbus_left_over(struct devbus_ask *a, uint32_t qid);

bool devbus_ask_is_idle(const struct devbus_ask *a);
void devbus_ask_free(struct devbus_ask *a);

#endif
