/* SPDX-License-Identifier: MIT
 * What the files of guest's core do for each other. */
#ifndef ACTORS_GUEST_GUEST_INSIDE_H
#define ACTORS_GUEST_GUEST_INSIDE_H

#include "actors/guest/guest.h"

enum guest_timer {
    TIMER_RETIRE = 1,
    TIMER_DOOR,
    TIMER_WATCH,
    TIMER_UNTOLD,
    TIMER_WRITE_DOOR,
    TIMER_WRITE_AGAIN,
    TIMER_LOOK_AGAIN
};

/* guest_watch.c: the guest is there; the connection has come or not; what was not told one by one. */
void guest_watch_begin(struct guest *g, struct out *out);
void guest_watch_ask(struct guest *g, struct out *out);
void guest_watch_came(struct guest *g, struct out *out, bool there);
void guest_tell_untold(struct guest *g, struct out *out);

/* guest_call.c: what the guest calls for. */
void guest_call_begin(struct guest *g, struct out *out, const struct request *request, uint32_t what);
void guest_call_count(struct guest *g, struct out *out, const struct request *request, struct span payload);
void guest_call_handed(struct guest *g, struct out *out, int fd);
void guest_call_no_door(struct guest *g, struct out *out);
void guest_call_door_late(struct guest *g, struct out *out);
void guest_call_read(struct guest *g, struct out *out, const struct done *d);
void guest_call_answered(struct guest *g, struct out *out, const struct answer *a);

/* guest_write.c: what registry says is written into the guest's database, one writing after another. */
void guest_write_wanted(struct guest *g, struct out *out, const struct request *request, uint32_t what,
                        uint32_t client);
void guest_write_pushed(struct guest *g, struct out *out, const struct guest_write *m);
void guest_write_mic(struct guest *g, struct out *out, const struct request *request,
                     const struct guest_mic *m);
bool guest_write_answered(struct guest *g, struct out *out, const struct answer *a);
void guest_write_handed(struct guest *g, struct out *out, int fd);
void guest_write_no_door(struct guest *g, struct out *out);
void guest_write_again(struct guest *g, struct out *out);
void guest_write_done(struct guest *g, struct out *out, const struct done *d);
void guest_write_drop(struct guest *g, struct out *out); /* its VM has ended */
void guest_write_end(struct guest *g);
/* On the worker: may block until its own deadline. */
void guest_write_perform(struct guest_task *t);

/* guest_expose.c: the devices that the guest exposes; a bus asks, or is told. */
void guest_expose_asked(struct guest *g, struct out *out, const struct request *request,
                        enum guest_class class);
void guest_expose_look(struct guest *g, struct out *out, enum guest_class class, bool changed);
void guest_expose_look_all(struct guest *g, struct out *out);
/* That kind of bus has just begun: it is told in any case. */
void guest_expose_ask(struct guest *g, struct out *out, enum kind bus);
bool guest_serves(const struct guest *g, enum guest_class class);
/* The class of that name, or whose changes that watched path tells; GUEST_CLASSES: none. */
enum guest_class guest_class_named(const char *name);
enum guest_class guest_class_at(const char *path);
void guest_expose_next(struct guest *g, struct out *out); /* what waited for room */
/* That call has failed: if it was a look of our own, there is another later. And what is due of those. */
void guest_expose_failed(struct guest *g, struct out *out, const struct guest_call *c);
void guest_expose_again(struct guest *g, struct out *out);
void guest_expose_read(struct guest *g, struct out *out, const struct guest_call *c,
                       const struct guest_task *t);
void guest_expose_over(struct guest *g, struct out *out);
/* On the worker: may block until its own deadline. */
int guest_expose_perform(struct guest_task *t, uint64_t deadline);

/* guest_call.c: a reading that waits for its turn; NULL: there are too many, and who asked was told. */
struct guest_call *guest_call_add(struct guest *g, struct out *out, const struct request *request);
void guest_call_next(struct guest *g, struct out *out);

/* guest_handle.c: nothing is left to do for a guest that is not there. */
void guest_idle(struct guest *g, struct out *out);

#endif
