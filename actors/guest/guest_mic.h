/* SPDX-License-Identifier: MIT
 * Which VMs may hear the microphone, as the QubesDB of the VM that has their sound says: entries any of which
 * may be a lie, as records of bounded number and size. Pure; in guest's worker. Spec: devbus-usb-mic C. */
#ifndef ACTORS_GUEST_GUEST_MIC_H
#define ACTORS_GUEST_GUEST_MIC_H

#include "base/err.h"
#include "proto/messages.h"

enum {
    GUEST_MIC_MAX = 256,      /* VMs; what is more is left out. As proto/guest.def */
    GUEST_MIC_ENTRIES = 4096, /* entries below the folder; with more nothing of it is believed */
};

struct guest_mic_word {
    char name[32]; /* of the VM */
    char allowed;  /* '0', '1', or '?': something else is said */
};

struct guest_mic_list {
    struct guest_mic_word vm[GUEST_MIC_MAX]; /* in the order of the database */
    size_t count, entries, left_out;
};

/* The folder in the database, and those beside it that hold nothing of a VM that is new. */
#define GUEST_MIC_FOLDER         "/audio-input-config/"
#define GUEST_MIC_INPUT_FOLDER   "/audio-input/"
#define GUEST_MIC_REQUEST_FOLDER "/audio-input-request/"

/* One entry for a struct guest_mic_list: its path behind the folder, and its value. 0, or -ERR_PROTOCOL where
 * there is no end of them. */
int guest_mic_take(void *list, struct span name, struct span value, struct fault *why);
/* As the bus hears it: dom0's microphone, whose `attachment` is the VM, with the line "allowed=1", 0 or ?. */
void guest_mic_item(const struct guest_mic_word *vm, struct device_item *item);

#endif
