/* SPDX-License-Identifier: MIT
 * Messages as JSON text. */
#ifndef PROTO_PRINT_H
#define PROTO_PRINT_H

#include "proto/envelope.h"

/* A JSON string of at most 256 bytes of `s`; what is not printable ASCII as \uXXXX. */
void print_string(struct text *out, struct span s);

/* Appends the body decoded by its row: {"field":value,...}. -ERR_UNKNOWN, -ERR_BAD or -ERR_RANGE,
 * with nothing appended, where it has no row or does not decode. */
int print_body(struct text *out, const struct envelope *e);

#endif
