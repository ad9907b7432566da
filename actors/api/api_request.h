/* SPDX-License-Identifier: MIT
 * What a client sent, cut into its fields. Spec: admin-api-wire 2. */
#ifndef ACTORS_API_API_REQUEST_H
#define ACTORS_API_API_REQUEST_H

#include "base/err.h"
#include "base/text.h"

/* The longest request: header, NUL and payload together. */
enum { REQUEST_MAX = 65536 };

/* All spans lie in the bytes that were parsed. */
struct api_request {
    struct span method, argument, source, dest, payload;
};

/* 0 with *r, or -ERR_PROTOCOL for any deviation from the framing. Pure; never blocks or allocates.
 * Names are not looked at beyond their being ASCII. */
int api_request_parse(struct span bytes, struct api_request *r, struct fault *why);

#endif
