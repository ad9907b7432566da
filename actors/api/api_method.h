/* SPDX-License-Identifier: MIT
 * The rows of api_method.def: finding one and holding a request against it. */
#ifndef ACTORS_API_API_METHOD_H
#define ACTORS_API_API_METHOD_H

#include "base/err.h"
#include "base/text.h"
#include "runtime/control/sockets.h"

struct api;
struct asked;
struct out;

enum api_rule { RULE_MAYBE, RULE_NEEDED, RULE_NONE };
enum api_dest { DEST_ANY, DEST_DOM0, DEST_NOT_DOM0 };
enum api_how { HOW_MODEL, HOW_FACT, HOW_ASK, HOW_STREAM };

/* Answers: 0 with the rest of the reply appended; 1: the client is answered later, or listens;
 * -ERR_ with *why. */
typedef int api_handler(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why);

struct api_method {
    const char *name, *help;
    api_handler *answer;
    unsigned sockets; /* bits 1 << SOCKET_... */
    enum api_rule argument, payload;
    enum api_dest dest;
    enum api_how how;
    int detail;
};

#define METHOD(name, sockets, argument, payload, dest, how, handler, detail, help)                           \
    api_handler api_do_##handler;
#include "actors/api/api_method.def"

/* 0 with the row that has this name and is served at this socket, or -ERR_PROTOCOL. O(log n). */
int api_method_find(struct span name, enum client_socket socket, const struct api_method **ret,
                    struct fault *why);

/* Payload, argument, destination, in that order: 0 or -ERR_PROTOCOL. */
int api_method_check(const struct api_method *m, size_t payload, size_t argument, bool dest_is_dom0,
                     struct fault *why);

/* All rows in order; *count is how many. */
const struct api_method *api_methods(size_t *count);

#endif
