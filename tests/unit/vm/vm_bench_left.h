/* SPDX-License-Identifier: MIT
 * What others hold for the VM of the bench: what was asked of them and happened, whoever heard of it. A life
 * that has ended leaves nothing of it. */
#ifndef TESTS_UNIT_VM_VM_BENCH_LEFT_H
#define TESTS_UNIT_VM_VM_BENCH_LEFT_H

#include <stdbool.h>

#include "proto/messages.h"
#include "runtime/effects/programs.h"

struct bench_left {
    unsigned mapped;                   /* volumes with a working copy: a bit each */
    bool bound;                        /* the device is made ready, or given */
    bool heard;                        /* its guest's process hears it */
    uint32_t daemon[OUTSIDE_PROGRAMS]; /* of this domain; they end with it */
    uint32_t stubdom;                  /* the same of its device model's */
    bool running;                      /* a daemon is being started: it waits for its agent */
};

static inline unsigned left_volume(const char *name)
{
    return strcmp(name, "root") == 0 ? 1 : 2;
}

/* Somebody does what this asks. */
static inline void left_happens(struct bench_left *l, const struct envelope *e)
{
    struct volume_use use;
    struct daemon daemon;
    struct bus_has has;
    if (e->type == MESSAGE_volume_use && volume_use_decode(&use, e->body) == 0) {
        l->mapped |= strcmp(use.verb, "start") == 0 ? left_volume(use.volume) : 0;
        l->mapped &= strcmp(use.verb, "stop") == 0 ? ~left_volume(use.volume) : ~0U;
    } else if (e->type == MESSAGE_daemon && daemon_decode(&daemon, e->body) == 0) {
        if (daemon.stubdom == 0)
            l->daemon[daemon.program] = daemon.domid;
        l->stubdom = daemon.stubdom == 1 ? daemon.domid : l->stubdom;
    } else if (e->type == MESSAGE_bus_has && bus_has_decode(&has, e->body) == 0) {
        l->bound = l->bound && has.over == 0;
    } else if (e->type == MESSAGE_bus_prepare || e->type == MESSAGE_bus_release) {
        l->bound = e->type == MESSAGE_bus_prepare;
    } else if (e->type == MESSAGE_guest_open || e->type == MESSAGE_guest_close) {
        l->heard = e->type == MESSAGE_guest_open;
    }
}

#endif
