/* SPDX-License-Identifier: MIT
 * guest/<qid>: the words of one guest, which is hostile. Its core asks the supervisor for connections to that
 * guest's QubesDB, has the worker read one, and tells registry in typed and bounded records. Spec:
 * admin-api-methods 12, net 6.4, lifecycle 9. */
#ifndef ACTORS_GUEST_GUEST_H
#define ACTORS_GUEST_GUEST_H

#include "proto/guest_values.h"
#include "runtime/post.h"

/* What is asked of the supervisor, and comes back: a connection for one reading, one that hears of changes,
 * and one for one writing. */
enum guest_door { GUEST_DOOR_READ, GUEST_DOOR_WATCH, GUEST_DOOR_WRITE };

/* Calls of the guest that are being worked on; the next is answered busy. */
enum { GUEST_CALLS = 8 };
/* Writings that wait for their turn: clients of a netvm may all start at once. What registry pushes is kept
 * in full, so that fewer of those wait; what is beyond is written anew as a whole. */
enum { GUEST_WRITES = 256, GUEST_PUSHES = 16 };

enum guest_step { GUEST_WAITS, GUEST_DOOR, GUEST_READS, GUEST_TELLS };

/* What is read besides what the guest calls for (guest_request's `what`): the devices that it exposes. */
enum { GUEST_EXPOSES = GUEST_WORD_KINDS };

/* The classes of devices. */
enum guest_class {
#define GUEST_CLASS(name, path, bus) GUEST_##name,
#include "actors/guest/guest_class.def"
    GUEST_CLASSES
};

/* What a bus has heard of what the guest exposes. */
struct guest_exposed {
    bool exposes; /* that there is something */
    bool again;   /* once more, when there is room; changed: for a change */
    bool changed;
    uint64_t again_at; /* a look has failed, of which nobody was told: when there is another; 0: it has not */
    unsigned tries;
    size_t left_out; /* entries about devices that were skipped at the last look */
};

/* One call, from the guest's asking to the answer. */
struct guest_call {
    struct request request;
    enum guest_step step;
    uint32_t what;          /* of guest_request, or GUEST_EXPOSES */
    enum guest_class class; /* GUEST_EXPOSES */
    bool changed;           /* of our own: the database has said so */
    uint64_t tag;           /* of the question to registry */
};

/* One writing: asked of registry, or pushed by it. */
struct guest_write_job {
    struct request request; /* of type 0: nobody waits for it */
    uint32_t what, client;  /* of qdb_entries, unless the entries are here already */
    bool has_entries;
    uint32_t count;
    struct text entries; /* packed */
};

enum guest_write_step { WRITE_IDLE, WRITE_ASKS, WRITE_DOOR, WRITE_WORKS };

struct guest {
    bool open; /* its VM lives, as this domain */
    bool bare; /* it began without a QubesDB: nothing is written */
    uint32_t domid;
    char name[32]; /* of the VM, while it is open */
    struct subject subject;
    struct guest_call call[GUEST_CALLS]; /* in their order */
    size_t calls;
    uint64_t last_tag, refused;
    struct guest_write_job write[GUEST_WRITES]; /* in their order; the first is being done */
    size_t writes;
    enum guest_write_step writing;
    uint64_t write_tag; /* of the question to registry; then which writing the worker has in hand */
    bool behind;        /* more was pushed than could wait: all that changes while it lives is written anew */
    unsigned unserved;  /* bits of enum guest_class that nobody wants to hear of */
    struct guest_exposed exposed[GUEST_CLASSES];
    /* The connection that hears of changes: */
    bool watches;
    uint64_t watch_again; /* how long until it is asked for anew */
    uint32_t tokens;      /* changes that may be told now */
    uint64_t tokens_at;
    const char *untold; /* a watched path with changes that were not told one by one */
};

extern const struct actor guest_actor;

/* For the shell: a connection has come (-1: there is none). The core owns it in a task, or gives it back
 * through `watch`, which guest_main or a test sets: it hears of changes from then on. */
void guest_handed(struct guest *g, struct out *out, enum guest_door door, int fd);
/* A path of the guest's database has changed; and: the connection that told so has ended. */
void guest_fired(struct guest *g, struct out *out, const char *path);
void guest_watch_ended(struct guest *g, struct out *out);

/* For the program: the device classes (bits 1 << DEVICE_...) that are served besides the core's. */
void guest_settle(struct guest *g, unsigned more);
/* The paths that are watched (guest_watch.def), until NULL. */
const char *guest_watched(size_t i);

/* A reading or a writing for the worker. */
enum guest_task_what { GUEST_READS_IT, GUEST_WRITES_IT };
struct guest_task {
    struct task task;
    int fd; /* the worker closes it */
    uint32_t what;
    uint32_t count;         /* WRITES_IT: entries, packed in `elements` */
    uint64_t number;        /* which writing it is */
    char name[32];          /* of the VM: EXPOSES */
    enum guest_class class; /* EXPOSES */
    size_t left_out;        /* EXPOSES: entries that say nothing of a device */
    struct wire_list words; /* into elements; whoever hears of the end frees that. EXPOSES: device_items */
    struct text elements;
};
void guest_perform(void *doors, struct task *task);

#endif
