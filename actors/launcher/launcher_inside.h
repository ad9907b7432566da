/* SPDX-License-Identifier: MIT
 * What the files of launcher's core do for each other. */
#ifndef ACTORS_LAUNCHER_LAUNCHER_INSIDE_H
#define ACTORS_LAUNCHER_LAUNCHER_INSIDE_H

#include "actors/launcher/launcher.h"

/* How long after a job's patience its asker still waits for the answer. */
#define JOB_GRACE (5 * SECONDS)

struct job {
    struct job *prev, *next;
    uint64_t number;
    struct request request;
    enum outside_program program;
    struct program_values values;
    uint64_t patience;
    bool stubdom, running, answered, optional;
    struct policy_grant *grant; /* dom0's policy has its line while this runs; from malloc, may be NULL */
    char input[JOB_INPUT];
    size_t input_len;
};

/* ---- launcher_job.c ---- */
/* A job that waits for registry's words; NULL: the asker has been told why not. */
struct job *launcher_begin(struct launcher *l, struct out *out, const struct request *request,
                           enum outside_program program);
/* One that a bus has called in a VM. Which, and what it is told, is said here: the bus can have no other
 * called. */
struct job *launcher_bus_call(struct launcher *l, struct out *out, const struct envelope *e, uint32_t seconds,
                              const char *service);
void launcher_ask_registry(struct launcher *l, struct out *out, struct job *j);
struct job *launcher_find(struct launcher *l, uint64_t number);
void launcher_run(struct launcher *l, struct out *out, struct job *j);
/* The asker is told, unless it has been, and the job is forgotten. */
void launcher_refuse(struct launcher *l, struct out *out, struct job *j, int r, const struct fault *why);
/* The same for a job that may run: it stays until its program has ended, whose number must not be forgotten.
 */
void launcher_give_up(struct launcher *l, struct out *out, struct job *j, enum err code);
void launcher_answered(void *self, struct out *out, const struct answer *a); /* registry's words */

/* ---- launcher_daemon.c: daemons that may have been asked for by a process that is no more ---- */
/* True: it was asked for before, and has its answer or will have it. */
bool launcher_daemon_was_asked(struct launcher *l, struct out *out, const struct request *request,
                               const struct daemon *m);
void launcher_daemon_started(struct launcher *l, const struct job *j);

/* ---- launcher_usb.c: a call that needs a line of dom0's policy while it runs ---- */
void launcher_usb_call(struct launcher *l, struct out *out, const struct envelope *e,
                       const struct usb_call *m);
/* The device model of an HVM VM takes the device, where it has a service for it. */
bool launcher_usb_is_in_stubdom(const struct job *j, const struct daemons_reply *d);
/* Its words are known: the line is written, then it runs. */
void launcher_usb_begin(struct launcher *l, struct out *out, struct job *j);
/* The job's line is taken back, if there is one. */
void launcher_usb_over(struct launcher *l, struct out *out, struct job *j);
/* What a crash left is taken back. */
void launcher_usb_sweep(struct launcher *l, struct out *out);
void launcher_usb_done(void *self, struct out *out, const struct done *d);
/* Lines that still hold are taken back before the process ends. */
void launcher_usb_stop(void *self, struct out *out);

#endif
