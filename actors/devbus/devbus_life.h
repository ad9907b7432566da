/* SPDX-License-Identifier: MIT
 * One device between its backend and a VM: a state machine without anything around it, the same for every
 * bus. What a crash leaves is in a note: devices on their way; those that have arrived are seen again. Spec:
 * devices 16, devbus-pci 7 to 11. */
#ifndef ACTORS_DEVBUS_DEVBUS_LIFE_H
#define ACTORS_DEVBUS_DEVBUS_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum devbus_state {
#define DEVBUS_STATE(name, letter, meaning) DEVBUS_##name,
#include "actors/devbus/devbus_state.def"
    DEVBUS_STATES
};

enum devbus_event {
    DEVBUS_WANTED,      /* its holder, or anybody of a free one, is to have it */
    DEVBUS_WANTED_ELSE, /* another VM is to have it */
    DEVBUS_BOUND,       /* it was taken from its host driver; on a bus without such: at once */
    DEVBUS_NOT_BOUND,   /* it could not be */
    DEVBUS_THERE,       /* the hypervisor shows it as the holder's */
    DEVBUS_NOT_THERE,   /* and does not */
    DEVBUS_GIVEN_UP,    /* nobody waits for it any more */
    DEVBUS_RETURNED,    /* it is with its host driver, or stays as it is: nothing more can be done */
    DEVBUS_LET_GO,      /* its backend is to have it back, though nobody holds it */
    DEVBUS_EVENTS
};

/* What is to be done now. */
enum devbus_act { DEVBUS_REST, DEVBUS_BIND, DEVBUS_RETURN, DEVBUS_REFUSE };

/* What a bus calls a device, unique on it, without ' ' and ';': of pci its address, of others BACKEND:PORT.
 */
enum { DEVBUS_KEY_MAX = 95 };

struct devbus_device {
    char key[DEVBUS_KEY_MAX + 1];
    enum devbus_state state;
    uint32_t qid, generation; /* of its holder */
    uint32_t said_by;         /* of a microphone: the qid of the VM whose word it is that it is attached */
    bool mine;                /* we took it from its host driver: undoing means to give it back */
    bool unsure;              /* an incarnation before has died while binding it: bound or not */
    bool late;                /* and what that one has asked for may still be done, behind ours */
    bool unwanted;            /* given up while it was being bound */
    bool brief;               /* held for an attachment, not for a start */
    /* HELD: when it is given up; RETURNING: when it is tried again, 0: now; ATTACHED: 0, or when its holder
     * is told again that nothing is behind it. */
    uint64_t until;
    unsigned tries; /* to give it back */
    char name[32];  /* of its holder; "" not known */
    char backend[32], port[256], device_id[1024];
    char options[1024]; /* with which it was attached, as lines of an assignment */
};

/* Goes on; what is to be done, or DEVBUS_REFUSE with the device as it was. */
enum devbus_act devbus_device_step(struct devbus_device *d, enum devbus_event event);
const char *devbus_state_name(enum devbus_state state);
/* Whether the note must hold it. */
bool devbus_device_is_on_its_way(const struct devbus_device *d);

/* Words with ';' behind each. Reading: 1 with the next device and the rest, 0 at the end, -ERR_BAD. */
void devbus_device_note(struct text *note, const struct devbus_device *d);
int devbus_device_read(struct span *note, struct devbus_device *d);

#endif
