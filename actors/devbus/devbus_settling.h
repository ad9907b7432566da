/* SPDX-License-Identifier: MIT
 * One change of what a backend exposes, device by device until each has gone to somebody or to nobody: which
 * VMs want it, which of them are left, what an answer means. Without anything around it; in the core of a bus
 * whose devices come and go. Spec: devices 14.1. */
#ifndef ACTORS_DEVBUS_DEVBUS_SETTLING_H
#define ACTORS_DEVBUS_DEVBUS_SETTLING_H

#include "actors/devbus/devbus_question.h"

/* Devices are settled in the order in which their wanters come; `at` is the first one of the device that is
 * due, `wanters` the end. */
struct devbus_settling {
    struct subject backend;
    char name[32];
    uint32_t only; /* the one VM that asked, or 10001 */
    struct came_device *device;
    size_t devices;
    struct device_wanter *wanter;
    bool *gone; /* of each wanter: its life is over */
    size_t wanters, at;
    struct text icons;
    uint64_t tag;      /* of what registry is asked; 0: it has answered */
    uint64_t again_at; /* when it is asked once more; 0: it is not */
    unsigned tries;
    uint64_t number; /* of the question that is open; 0: none is */
    uint64_t until;  /* when that is answered with no */
    bool several;    /* it was put with more than one VM to choose from */
    bool allowed;    /* a person has said yes before: nobody is asked again */
};

struct devbus_settling *settling_new(struct subject backend, const char *name, uint32_t only);
void settling_free(struct devbus_settling *s); /* accepts NULL */
int settling_add(struct devbus_settling *s, const char *port, const char *device_id);
/* Registry's answer: 0, -ERR_NOMEM, or -ERR_BAD with nothing taken. */
int settling_take(struct devbus_settling *s, const struct devices_came_reply *m);

/* The device that is due; valid while at < wanters. */
const struct came_device *settling_device(const struct devbus_settling *s);
/* How many still want it; one of them. */
size_t settling_left(const struct devbus_settling *s, const struct device_wanter **one);
/* Their names, at most DEVBUS_TARGETS_MAX of them; they live as long as `s`. */
size_t settling_targets(const struct devbus_settling *s, const char **target);
/* Whom the answer names, of those who still want it; NULL: it is no valid one. */
const struct device_wanter *settling_allowed(const struct devbus_settling *s, struct span answer);
void settling_next(struct devbus_settling *s);
/* Nobody was allowed: of several that ends all, of one the next device is due (14.1). */
void settling_refused(struct devbus_settling *s);
void settling_strike(struct devbus_settling *s, uint32_t qid);
/* Whether that one of its devices is still to be settled. */
bool settling_is_open(const struct devbus_settling *s, size_t device);
/* Whether that VM will be asked about, or is, for the device at that port. */
bool settling_wants(const struct devbus_settling *s, uint32_t qid, const char *port);

#endif
