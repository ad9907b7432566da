/* SPDX-License-Identifier: MIT
 * Who has what of one bus: its table, the note of it, and what api is told; the same for every bus, in its
 * core. */
#ifndef ACTORS_DEVBUS_DEVBUS_TABLE_H
#define ACTORS_DEVBUS_DEVBUS_TABLE_H

#include "actors/devbus/devbus_life.h"
#include "proto/messages.h"
#include "runtime/core.h"
#include "runtime/post.h"

enum {
    DEVBUS_TABLE_MAX = 256,  /* devices that somebody has or is to have */
    DEVBUS_RETURNS_MOST = 7, /* tries to give a device back, over some two minutes */
    DEVBUS_NOTE_MAX = 240,   /* as runtime/core.h: so many devices can be on their way at once */
};
/* How long a device is held that nobody attaches, also from our own restart on: for an attachment; for a
 * start. */
#define DEVBUS_HOLD_ATTACH (60 * SECONDS)
#define DEVBUS_HOLD_START  (300 * SECONDS)
/* What could not be given back is tried again: after so long, then twice as long each time. */
#define DEVBUS_RETURN_AGAIN (1 * SECONDS)
/* So long behind our beginning a call of an incarnation that has died is over, if it was ever heard. */
#define DEVBUS_LATE_CALL (30 * SECONDS)

struct devbus_table {
    const char *device_class; /* "pci" */
    uint64_t holds_timer;     /* the timer of holds that end; its ring is answered with devbus_holds_end */
    bool marks;               /* the note says also whether anything is attached */
    bool marked;              /* and that of the incarnation before did */
    bool names_come;   /* those of some are still being read: of a VM with such a one nothing is told yet */
    uint64_t quiet_at; /* from then on no call of the incarnation before is done any more */
    bool unsettled;    /* what was attached then is not known yet: the mark stays */
    struct devbus_device device[DEVBUS_TABLE_MAX];
    size_t used;
    char noted[DEVBUS_NOTE_MAX + 1];
    /* What else a note holds besides devices: words that begin with a letter of DEVBUS_WORDS and end with
     * ';', as many as fit with a byte to spare; and one that was read, without its end. May be NULL. */
    void (*write_more)(const void *arg, struct text *note);
    void (*read_more)(void *arg, struct out *out, struct span word);
    /* A device without a port gets its name, or false: it is left out of what api is told. May be NULL. */
    bool (*name)(void *arg, struct devbus_device *d);
    void *arg;
};

#define DEVBUS_WORDS "?+"

struct devbus_device *devbus_find(struct devbus_table *t, const char *key);
/* NULL when there is no room. */
struct devbus_device *devbus_add(struct devbus_table *t, const char *key);
/* One event of one device: notes it, and says what is to be done; DEVBUS_REFUSE: it is as it was. The device
 * may be gone from the table afterwards. */
enum devbus_act devbus_happens(struct devbus_table *t, struct out *out, struct devbus_device *d,
                               enum devbus_event event);
/* It is held for an attachment, or for a start: from now on for so long as that may take. */
void devbus_hold(struct devbus_device *d, uint64_t now, bool brief);
/* Whether a device of this key can be on its way, too: the note is of a fixed size. */
bool devbus_has_room(const struct devbus_table *t, const char *key);
/* Whether it is known by backend and port, asked of `name` if need be. */
bool devbus_is_named(struct devbus_table *t, struct devbus_device *d);
/* Tells api what this VM has; or every VM. */
void devbus_tell(struct devbus_table *t, struct out *out, uint32_t qid, uint32_t generation);
void devbus_tell_all(struct devbus_table *t, struct out *out);
/* Tells it that no other VM has any. */
void devbus_tell_only(const struct devbus_table *t, struct out *out);
void devbus_read_note(struct devbus_table *t, struct out *out, struct span note);
/* Writes the note, if it is to say something else now. */
void devbus_note(struct devbus_table *t, struct out *out);
/* The hypervisor shows `count` devices of these keys, and no other, as that VM's; `over`: its life has ended.
 */
void devbus_sees(struct devbus_table *t, struct out *out, struct subject vm, bool over,
                 const char (*keys)[DEVBUS_KEY_MAX + 1], size_t count);
/* Whether the device is to be given back now. */
bool devbus_must_return(const struct devbus_device *d, uint64_t now);
/* It could not be: true when it is tried again later, at a ring of the same timer. */
bool devbus_returns_later(struct devbus_table *t, struct out *out, struct devbus_device *d);
/* It was: true when that is done once more, later, for a call of an incarnation that has died may take it
 * yet, or break off in the middle. */
bool devbus_returns_once_more(struct devbus_table *t, struct out *out, struct devbus_device *d);
/* The answer to what this bus never does. */
void devbus_refuse(struct out *out, const struct envelope *e);
/* Gives up what has been held too long; sets the timer for the next. */
void devbus_holds_end(struct devbus_table *t, struct out *out);

#endif
