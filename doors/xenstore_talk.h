/* SPDX-License-Identifier: MIT
 * The words of xenstored's socket, for who must not wait for it: requests as bytes, and answers out of bytes
 * that may be anything. No I/O, no library; pure. Numbers are in the machine's order, as xenstored has them.
 */
#ifndef DOORS_XENSTORE_TALK_H
#define DOORS_XENSTORE_TALK_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* As the protocol numbers them. */
enum xenstore_verb { XENSTORE_READ = 2, XENSTORE_WRITE = 11, XENSTORE_PERMIT = 14 };
enum { XENSTORE_HEADER = 16, XENSTORE_PAYLOAD = 4096 };

/* Adds one request to `out`, to be answered under `number`. `rest` is what follows the path: the value of a
 * WRITE, one word of a PERMIT ("n5": domain 5 owns it and nobody else may look), nothing of a READ. */
void xenstore_say(struct text *out, enum xenstore_verb verb, uint32_t number, const char *path,
                  struct span rest);

/* An answer: r is 0, -ERR_UNKNOWN for a path that is not there, -ERR_DENIED, -ERR_IO else. */
struct xenstore_answer {
    uint32_t number, verb; /* whatever xenstored has put there; of an error the verb is no request's */
    int r;
    struct span body; /* in the bytes it was found in; of an error, its name */
};

/* The first answer in `bytes`: its length; 0: it is not whole yet; -ERR_BAD for what is longer than any. */
int xenstore_hear(struct span bytes, struct xenstore_answer *answer);

#endif
