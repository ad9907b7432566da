/* SPDX-License-Identifier: MIT
 * One call on a socket of the Admin API's form. Spec: admin-api-wire 2 to 5. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/err.h"
#include "base/text.h"

/* Sends the whole request and closes that direction. 0 with *fd, which the caller owns;
 * -ERR_CLOSED when nobody serves there. May block. */
int client_ask(const char *path, const char *method, const char *dest, struct span payload, int *fd,
               struct fault *why);

/* Reads to the end. 0, -ERR_IO, -ERR_TOO_BIG. */
int client_read(int fd, struct text *reply, struct fault *why);

enum answer_kind { ANSWER_NONE, ANSWER_OK, ANSWER_EXCEPTION };
struct client_answer {
    enum answer_kind kind;
    struct span body;    /* of ANSWER_OK */
    struct span class;   /* of ANSWER_EXCEPTION */
    struct text message; /* its text with its arguments in their places; the caller frees it */
};
/* Takes a whole reply apart; spans point into it. What is no reply at all is ANSWER_NONE. */
struct client_answer client_answer(struct span reply);

/* One call and its answer, on a socket of the instance. CLI_OK with the body in *body (inside *reply), or
 * another enum cli_exit: what went wrong was said. May block. */
struct cli;
int client_call(struct cli *cli, const char *socket, const char *method, const char *dest,
                struct span payload, struct text *reply, struct span *body);

/* The first whole record of a stream: fields, without its kind, in `fields` (subject, event, key,
 * value, ...). Its length, or 0: more must come; -ERR_BAD: no record; -ERR_TOO_BIG: more than `most` fields.
 */
enum { RECORD_FIELDS = 66 };
long client_record(struct span bytes, struct span *fields, size_t most, size_t *count);

#endif
