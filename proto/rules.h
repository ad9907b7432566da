/* SPDX-License-Identifier: MIT
 * The rows' other columns: who may send what to whom, about whom, and whether that wakes. */
#ifndef PROTO_RULES_H
#define PROTO_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/envelope.h"

/* About whom a message may be: nobody; its sender's own VM; its receiver's; any VM. */
enum about { ABOUT_NOTHING, ABOUT_SELF, ABOUT_RECEIVER, ABOUT_ANY };
/* Whether it starts a receiver that does not run. */
enum wake { STAYS, WAKES };

struct message_rule {
    const char *name;
    uint16_t type;
    uint8_t class;
    uint32_t from, to; /* enum kind_bit; 0 in `to`: every mailbox */
    enum about about;
    enum wake wake;
};

/* NULL for a type without a row. */
const struct message_rule *message_rule(uint16_t type);
/* The rows in order; *count is how many. */
const struct message_rule *message_rules(size_t *count);

/* Whether the row's kinds and class allow this event, request or cancel, whoever it is about. */
bool envelope_kinds_fit(const struct envelope *e, struct address source);
/* Whether the subject is the one that the row demands. */
bool envelope_subject_fits(const struct envelope *e, struct address source);

/* Whether `source` may send this envelope by its row: 0, or -ERR_REFUSED. Pure; reads no body. */
int envelope_permitted(const struct envelope *e, struct address source);

#endif
