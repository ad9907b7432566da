/* SPDX-License-Identifier: MIT
 * Messages as cores write them: the row's struct in, an envelope out. */
#ifndef RUNTIME_POST_H
#define RUNTIME_POST_H

#include "proto/messages.h"
#include "runtime/core.h"

/* On whose behalf, for which operation, about whom, by when. */
struct context {
    struct op_id op;
    uint32_t caller;
    struct subject subject;
    uint64_t deadline;
};

/* A request that is still owed its answer: what is kept of its envelope. One without a type is the
 * actor's own wish: whatever it is answered goes nowhere. */
struct request {
    struct address source;
    uint64_t correlation;
    uint16_t type;
    struct context context;
};

struct request request_of(const struct envelope *e);
struct context context_of(const struct envelope *e);
/* What a reply or a progress means to who asked under `tag`; it borrows `e`. An error says why in any case:
 * the router's have no words of their own. */
struct answer answer_of(const struct envelope *e, uint64_t tag);
struct context context_about_vm(uint32_t qid, uint32_t generation);

/* Sends what the macros below encoded; logs and returns -ERR_RANGE or -ERR_TOO_BIG when the
 * message is not one that its row allows (a mistake of ours). */
int post_event(struct out *out, uint16_t type, struct address to, const struct context *c,
               uint64_t correlation, const struct text *body);
int post_ask(struct out *out, uint16_t type, struct address to, const struct context *c, uint64_t tag,
             const struct text *body);
int post_reply(struct out *out, const struct request *to, const struct text *body);

/* Answers with an error, or says that the work goes on (the asker's deadline is `more` from now). */
void reply_error(struct out *out, const struct request *to, int r, const struct fault *why);
void reply_progress(struct out *out, const struct request *to, uint64_t deadline);

#define POST_WITH_BODY_(name, message, call)                                                                 \
    __extension__({                                                                                          \
        AUTO_TEXT body_ = TEXT_WITH_LIMIT(BODY_MAX);                                                         \
        name##_encode(&body_, (message));                                                                    \
        (call);                                                                                              \
    })

/* EVENT(out, vm_tell, to, &context, &message) */
#define EVENT(out, name, to, context, message)                                                               \
    POST_WITH_BODY_(name, message, post_event(out, MESSAGE_##name, to, context, 0, &body_))
/* ASK(out, claim, to, &context, tag, &message) */
#define ASK(out, name, to, context, tag, message)                                                            \
    POST_WITH_BODY_(name, message, post_ask(out, MESSAGE_##name, to, context, tag, &body_))
/* REPLY(out, claim, &request, &(struct claim_reply){...}) */
#define REPLY(out, name, request, message)                                                                   \
    POST_WITH_BODY_(name##_reply, message, post_reply(out, request, &body_))

/* Copies of a message without fields, for the macros above. */
#define NO_MESSAGE(name) (&(struct name){.nothing = 0})

#endif
