/* SPDX-License-Identifier: MIT
 * What an incarnation of vm/<qid> leaves to the next one: "key=value" words, at most 240 bytes. */
#ifndef ACTORS_VM_VM_NOTE_H
#define ACTORS_VM_VM_NOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "proto/envelope.h"

enum vm_step {
#define STEP(name, text, meaning) STEP_##name,
#include "actors/vm/vm_step.def"
    STEPS
};

struct vm_note {
    enum vm_step step;
    struct op_id op; /* of what is being done */
    uint32_t caller;
    uint64_t seq;     /* the last message of events that had been said by then */
    uint32_t domid;   /* of the life that it speaks of */
    uint64_t started; /* seconds since the epoch; 0: not known */
    bool created;     /* UNDOING: the domain had been created */
    bool bare;        /* the domain has no QubesDB */
    bool qrexec;      /* its qrexec daemon was started */
    bool tells;       /* what a killed process has asked of libvirt may have changed its devices since */
    bool boots;       /* PLUGGING, PLUGGED: its start is not complete */
    bool abandoned;   /* a call of ours hangs in libvirtd */
    uint32_t host;    /* enum vm_host_mark */
    bool unwanted;    /* and may still make a domain that nobody waits for */
    uint32_t wishes;  /* enum vm_wishes */
    uint32_t own;     /* PLUGGING, PLUGGED: which device, if it comes by itself; 0: it does not */
    uint64_t
        settles; /* DEFINING, CREATING: when what was asked of libvirtd is done or dropped; 0: not known */
};

enum { VM_NOTE_MAX = 240 };

/* Appends the note; nothing for one that says nothing. */
void vm_note_write(struct text *out, const struct vm_note *note);
/* 0 with *note, or -ERR_BAD. Empty bytes are the note that says nothing. */
int vm_note_read(struct span bytes, struct vm_note *note);
const char *vm_step_name(enum vm_step step);

#endif
