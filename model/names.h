/* SPDX-License-Identifier: MIT
 * Names and values that clients write: parsers and checks (vm-model 3, admin-api-wire 7).
 * All are pure; 0 or more is success, else a negative error and *why. */
#ifndef MODEL_NAMES_H
#define MODEL_NAMES_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

enum { VM_NAME_MAX = 31 };

int vm_name_check(struct span name, struct fault *why);                   /* -ERR_VALUE */
int tag_check(struct span tag, struct fault *why);                        /* -ERR_INVALID_TAG */
int label_name_check(struct span name, bool creating, struct fault *why); /* -ERR_INVALID_LABEL */
/* The colour without white space around it, as written: *colour points into raw. -ERR_INVALID_LABEL_VALUE */
int label_colour_check(struct span raw, struct span *colour, struct fault *why);
int feature_name_check(struct span name, struct fault *why);                     /* -ERR_PROTOCOL */
int feature_value_check(struct span name, struct span value, struct fault *why); /* -ERR_PROTOCOL */
int bool_parse(struct span text, bool *value, struct fault *why);                /* -ERR_VALUE */
/* A number as most methods want it: digits, no leading zero, at most 19. -ERR_PROTOCOL */
int number_parse(struct span text, bool negative_allowed, int64_t *value, struct fault *why);
/* A number as properties want it (any size; blanks around, sign and single '_' between digits):
 * canonical digits to out, which needs text.len + 2 bytes; its length, or -ERR_VALUE. */
int integer_canonical(struct span text, char *out, struct fault *why);
/* Canonical text of an address to out (INET6_ADDRSTRLEN bytes): its length, or -ERR_VALUE. */
int address_canonical(struct span text, bool six, char *out, struct fault *why);
int uuid_canonical(struct span text, char out[37], struct fault *why); /* -ERR_VALUE */
/* What a guest may say of itself: a key of letters, digits and ._:/-, a value of letters, digits, blank and
 * .,_=- (admin-api-methods 12). -ERR_PROTOCOL */
int guest_word_check(struct span key, struct span value, struct fault *why);
bool span_is_ascii(struct span s);

/* Faults may quote what a client sent: makes the text printable and free of format characters,
 * which clients would interpret. Returns r. */
int fault_plain(struct fault *why, int r);

#endif
