/* SPDX-License-Identifier: MIT
 * devbus-mic: dom0's one microphone, and which VMs may hear it. Any number may; each has its own word in the
 * QubesDB of the VM that has its sound, its AudioVM, which that one's guest process reads and writes. Who may
 * hear is what is said there, not what was wished. It begins when it is first asked or told something, and
 * retires when nobody may hear. Spec: devbus-usb-mic C. */
#ifndef ACTORS_DEVBUS_MIC_DEVBUS_MIC_H
#define ACTORS_DEVBUS_MIC_DEVBUS_MIC_H

#include "actors/devbus/devbus_bus.h"

enum {
    MIC_JOBS_MAX = 64, /* what is under way at once; a request beyond that is answered busy */
};

/* What was not heard is said again then. */
#define MIC_AGAIN_AFTER (1 * SECONDS)
enum mic_timer { MIC_TIMER_AGAIN = DEVBUS_TIMER_OWN };

#define MIC_PORT      "mic"
#define MIC_DEVICE_ID "dom0:mic::m000000"

/* What is being done about one VM's word. */
enum mic_aim {
    MIC_LETS_HEAR, /* attach */
    MIC_DEAFENS,   /* detach */
    MIC_FORGETS,   /* that VM is new: nobody waits */
    MIC_MOVES,     /* its AudioVM is another: nobody waits */
    MIC_READS,     /* what an AudioVM says of all VMs is not known: nobody waits */
    MIC_KNOWS,     /* it has said so; whose sound it has is not known: nobody waits */
};

struct mic_job {
    enum mic_aim aim;
    uint64_t tag;           /* of the question that is open */
    uint16_t asked;         /* its type */
    bool doubts;            /* MIC_DEAFENS: whether it hears is not known, and is read first */
    bool again;             /* whoever waits may have been told before */
    bool by_service;        /* so its AudioVM is told, else by its QubesDB */
    struct request request; /* of type 0: nobody waits */
    char name[32];          /* of the VM, where it is about one */
    struct subject vm;
    struct subject audio; /* whose QubesDB it is about */
    char audio_name[32];
    struct subject from; /* MIC_MOVES: whose it was about before */
};

struct devbus_mic {
    struct devbus bus; /* its table holds the VMs that may hear; a key is the VM's name */
    struct mic_job job[MIC_JOBS_MAX];
    size_t jobs;
    uint64_t last_tag;
    bool missed; /* an AudioVM has said something that was not heard: it is to say it again */
};

extern const struct actor devbus_mic_actor;

/* ---- devbus_mic_job.c: letting a VM hear, and no longer ---- */
void mic_prepare(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_prepare *m);
void mic_plug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_plug *m);
void mic_unplug(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_unplug *m);
/* The answer to the job's question: the next one is asked, or whoever waits is answered. */
void mic_goes_on(struct devbus_mic *self, struct out *out, struct mic_job job, const struct answer *a);

/* ---- devbus_mic_word.c: what AudioVMs say ---- */
void mic_exposed(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_exposed *m);
void mic_sound(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_sound *m);
/* That AudioVM says now of these VMs that they may hear, or may not: device_items as guest_mic.h makes them.
 */
void mic_takes_word(struct devbus_mic *self, struct out *out, struct subject audio,
                    const struct wire_list *said);
/* These VMs have their sound there: what it said of them counts. */
void mic_believes(struct devbus_mic *self, struct out *out, struct subject audio,
                  const struct wire_list *whose);
/* What it says of one: 0 or 1, -ERR_UNKNOWN: nothing, -ERR_BAD: something else. */
int mic_word_of(const struct wire_list *said, const char *name);
/* What has been said is asked for once more, a little later; and now. */
void mic_missed(struct devbus_mic *self, struct out *out);
void mic_rings(struct devbus *bus, struct out *out, uint64_t timer);
/* It is read anew, unless that is being done. False: too much is under way. */
bool mic_reads(struct devbus_mic *self, struct out *out, struct subject audio);

/* ---- devbus_mic_ask.c: questions, and who may hear ---- */
/* Asks it, and keeps the job until the answer. False: there is no room. */
bool mic_ask_sound(struct devbus_mic *self, struct out *out, const struct mic_job *job);
bool mic_ask_whose(struct devbus_mic *self, struct out *out, const struct mic_job *job);
bool mic_ask_word(struct devbus_mic *self, struct out *out, const struct mic_job *job, struct subject whose);
bool mic_ask_write(struct devbus_mic *self, struct out *out, const struct mic_job *job, uint32_t allowed);
bool mic_ask_service(struct devbus_mic *self, struct out *out, const struct mic_job *job, bool enable);
/* The job that this answers, taken out; false: none. */
bool mic_answered(struct devbus_mic *self, uint64_t tag, struct mic_job *job);
/* The VM of that name may hear, by that AudioVM's word; api is told. False: too many do. */
bool mic_hears(struct devbus_mic *self, struct out *out, struct subject vm, const char *name,
               struct subject audio);
/* It may not, whatever was known; api is told. */
void mic_is_deaf(struct devbus_mic *self, struct out *out, const char *name);

#endif
