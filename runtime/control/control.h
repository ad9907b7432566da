/* SPDX-License-Identifier: MIT
 * The control line between the supervisor and each child: a SEQPACKET socketpair that carries
 * fixed-size records, and descriptors going down. Plain bytes of one build: both ends are ours. */
#ifndef RUNTIME_CONTROL_H
#define RUNTIME_CONTROL_H

#include <stdint.h>

#include "base/text.h"

/* The descriptor at which a child finds its end. */
enum { CONTROL_FD = 3 };

enum { CONTROL_TEXT = 280, CONTROL_FDS = 8 };

enum control_what {
#define CONTROL(name, direction, meaning) CONTROL_##name,
#include "runtime/control/control.def"
    CONTROLS
};

struct control {
    uint32_t what; /* enum control_what */
    uint32_t len;  /* of text */
    uint32_t kind, instance, generation, value;
    uint64_t incarnation, number, more;
    char text[CONTROL_TEXT];
};

/* Descriptors that came with a record; the receiver owns them. */
struct control_fds {
    int count;
    int fd[CONTROL_FDS];
};

/* A new line: ends[0] for the supervisor (non-blocking), ends[1] for the child. Both close on
 * exec. 0 or -ERR_IO. */
int control_pair(int ends[2]);

/* Never blocks on the supervisor's end. `fds` may be NULL; the sender keeps its descriptors.
 * 0, -ERR_BUSY (the line is full), -ERR_CLOSED, -ERR_IO. */
int control_send(int line, const struct control *c, const struct control_fds *fds);

/* 1 with *c; 0 when nothing waits (on a non-blocking line); -ERR_CLOSED; -ERR_BAD for a record
 * of another size or number, whose descriptors are closed. `fds` NULL closes all that come. */
int control_receive(int line, struct control *c, struct control_fds *fds);

/* A record that carries text (cut to CONTROL_TEXT). */
struct control control_text(enum control_what what, struct span text);

#endif
