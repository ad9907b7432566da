/* SPDX-License-Identifier: MIT
 * Messages as cores write them; see post.h. */
#include "runtime/post.h"

#include "base/log.h"
#include "proto/rules.h"

struct context context_of(const struct envelope *e)
{
    return (struct context){
        .op = envelope_op(e),
        .caller = e->caller,
        .subject = {e->subject_kind, e->subject_instance, e->subject_generation},
        .deadline = e->deadline,
    };
}

struct answer answer_of(const struct envelope *e, uint64_t tag)
{
    struct answer a = {.tag = tag, .e = e, .progress = e->class == CLASS_PROGRESS};
    struct error m = {.text = ""};
    if (e->class != CLASS_REPLY || e->type != MESSAGE_error)
        return a;
    int r = error_decode(&m, e->body);
    a.r = r == 0 ? -(int)m.code : -ERR_BAD;
    bool has_words = r == 0 && m.text[0] != '\0';
    (void)fault_set(&a.why, (enum err) - a.r, "%s", has_words ? m.text : err_text((enum err) - a.r));
    return a;
}

struct context context_about_vm(uint32_t qid, uint32_t generation)
{
    return (struct context){.subject = {KIND_VM, qid, generation}};
}

struct request request_of(const struct envelope *e)
{
    return (struct request){envelope_source(e), e->correlation, e->type, context_of(e)};
}

static struct envelope envelope_for(uint16_t type, enum class class, struct address to,
                                    const struct context *c)
{
    return (struct envelope){
        .version = ENVELOPE_VERSION,
        .type = type,
        .class = class,
        .subject_kind = c->subject.kind,
        .subject_instance = c->subject.instance,
        .subject_generation = c->subject.generation,
        .to_kind = to.kind,
        .to_instance = to.instance,
        .caller = c->caller,
        .deadline = c->deadline,
        .op_high = c->op.high,
        .op_low = c->op.low,
        .part = 1,
        .parts = 1,
    };
}

static int encoded(uint16_t type, const struct text *body)
{
    if (body->failed < 0) {
        const struct message_rule *row = message_rule(type);
        log_line(LOG_ERROR, "message %s is outside its row: %s", row != NULL ? row->name : "?",
                 err_text(-body->failed));
    }
    return body->failed;
}

int post_event(struct out *out, uint16_t type, struct address to, const struct context *c,
               uint64_t correlation, const struct text *body)
{
    struct envelope e = envelope_for(type, CLASS_EVENT, to, c);
    e.correlation = correlation;
    e.body = text_span(body);
    int r = encoded(type, body);
    return r < 0 ? r : out_send(out, &e);
}

int post_ask(struct out *out, uint16_t type, struct address to, const struct context *c, uint64_t tag,
             const struct text *body)
{
    struct envelope e = envelope_for(type, CLASS_REQUEST, to, c);
    e.body = text_span(body);
    int r = encoded(type, body);
    return r < 0 ? r : out_ask(out, &e, tag);
}

static struct envelope envelope_back(const struct request *to, uint16_t type, enum class class)
{
    struct envelope e = envelope_for(type, class, to->source, &to->context);
    e.correlation = to->correlation;
    return e;
}

int post_reply(struct out *out, const struct request *to, const struct text *body)
{
    if (to->type == 0)
        return 0;
    struct envelope e = envelope_back(to, to->type, CLASS_REPLY);
    int r = encoded(to->type, body);
    if (r < 0) {
        reply_error(out, to, r, NULL);
        return r;
    }
    e.body = text_span(body);
    return out_send(out, &e);
}

void reply_error(struct out *out, const struct request *to, int r, const struct fault *why)
{
    /* Room for the longest one, so that it can be said that there is no memory. */
    char memory[sizeof(struct error) + 32];
    struct text body = {.at = memory, .room = sizeof memory, .limit = sizeof memory - 1};
    struct error m = {.code = (uint32_t)-r};
    if (to->type == 0)
        return;
    bool told = why != NULL && why->code == (enum err) - r;
    (void)text_copy(m.text, sizeof m.text, span_of(told ? why->text : err_text(-r)));
    error_encode(&body, &m);
    struct envelope e = envelope_back(to, MESSAGE_error, CLASS_REPLY);
    e.body = text_span(&body);
    (void)out_send(out, &e);
}

void reply_progress(struct out *out, const struct request *to, uint64_t deadline)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(16);
    struct envelope e = envelope_back(to, to->type, CLASS_PROGRESS);
    e.deadline = deadline;
    write_array(&body, 0);
    e.body = text_span(&body);
    (void)out_send(out, &e);
}
