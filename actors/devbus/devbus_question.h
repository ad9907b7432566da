/* SPDX-License-Identifier: MIT
 * What a person is asked about a device, and what the answer means: the text of dom0's service
 * device-agent.GUI. Pure; in the core of a bus whose devices come and go. Spec: devices 5.3, 14.2. */
#ifndef ACTORS_DEVBUS_DEVBUS_QUESTION_H
#define ACTORS_DEVBUS_DEVBUS_QUESTION_H

#include "base/err.h"
#include "proto/messages.h"

enum {
    DEVBUS_TARGETS_MAX = 64, /* VMs that a person chooses from */
    DEVBUS_ANSWER_MAX = 127, /* bytes of an answer; one that is longer is none */
    DEVBUS_QUESTION_MAX = 4 << 20,
};

struct devbus_question_asked {
    const char *device_class, *backend;
    const struct device_item *item;
    const char *target[DEVBUS_TARGETS_MAX];
    size_t targets;
    struct span icons; /* as devbus_icon writes them */
};

/* Appends the whole request, header and JSON, in plain ASCII. */
void devbus_question_text(struct text *to, const struct devbus_question_asked *q);
/* Appends one more icon to those before it. */
void devbus_icon(struct text *to, const char *name, const char *icon);
/* The device in words, of printable ASCII without what the window would read as markup. */
void devbus_description(struct text *to, const char *device_class, const char *backend,
                        const struct device_item *item);
/* The number of the target that is allowed, or -1: "allow:" and exactly its name. Everything else is a no. */
int devbus_answer(struct span answer, const char *const *target, size_t targets);

#endif
