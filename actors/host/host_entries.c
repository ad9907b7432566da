/* SPDX-License-Identifier: MIT
 * What xenstore is to hold of a domain that starts, and which domain is its device model (spec lifecycle
 * 3.3, vm-model stubdom_xid). A VM's process names a number; whose domain that is, xenstore says, in an
 * entry that no guest can write. Each question has a line of its own and a few seconds: xenstored may hang,
 * end, or say anything. */
#include "actors/host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/xenstore_talk.h"

#include <utlist.h>

#define ANSWER_MOST (8 * SECONDS)

/* The requests of a question, by their numbers. */
enum {
    ASK_WHOSE = 1,
    ASK_MODEL,
    ASK_MODEL_UUID,
    MAKE_MEMORY,
    PERMIT_MEMORY,
    MAKE_SWAP,
    PERMIT_SWAP,
    MAKE_MOST
};

static struct host_question *find(const struct host *h, uint64_t number)
{
    struct host_question *q;
    DL_FOREACH(h->questions, q)
    {
        if (q->number == number)
            return q;
    }
    return NULL;
}

static void set_timer(const struct host *h, struct out *out)
{
    out_timer(out, TIMER_ENTRIES, h->questions != NULL ? h->questions->deadline : 0);
}

/* As many lines as may be open at a time: who comes later waits for its turn, no longer than for an answer.
 */
static void give_turns(struct host *h)
{
    struct host_question *q;
    unsigned open = 0;
    DL_FOREACH(h->questions, q)
    {
        open += q->stage >= ENTRIES_LINE;
    }
    DL_FOREACH(h->questions, q)
    {
        if (q->stage != ENTRIES_TURN || open >= HOST_LINES_MAX)
            continue;
        q->stage = ENTRIES_LINE;
        open++;
        h->lines->open(h->lines_arg);
    }
}

static void drop(struct host *h, struct out *out, struct host_question *q)
{
    if (q->stage > ENTRIES_LINE)
        h->lines->close(h->lines_arg, q->number);
    DL_DELETE(h->questions, q);
    h->question_count--;
    free(q);
    set_timer(h, out);
    give_turns(h);
}

static void fails(struct host *h, struct out *out, struct host_question *q, enum err code, const char *text)
{
    struct fault why;
    int r = fault_set(&why, code, "%s", text);
    reply_error(out, &q->request, r, &why);
    drop(h, out, q);
}

static void ends(struct host *h, struct out *out, struct host_question *q)
{
    (void)REPLY(out, entries, &q->request, &q->reply);
    drop(h, out, q);
}

/* ---- what is asked ---- */

static void add(struct host_question *q, struct text *bytes, uint32_t number, enum xenstore_verb verb,
                const char *path, const char *value)
{
    xenstore_say(bytes, verb, number, path, span_of(value));
    q->verb[number - 1] = verb;
    q->owed++;
}

static void add_of_domain(struct host_question *q, struct text *bytes, uint32_t number,
                          enum xenstore_verb verb, const char *key, const char *value)
{
    char path[96];
    snprintf(path, sizeof path, "/local/domain/%" PRIu32 "/%s", q->wish.domid, key);
    add(q, bytes, number, verb, path, value);
}

static void send_all(struct host *h, struct out *out, struct host_question *q, const struct text *bytes)
{
    if (bytes->failed < 0 || h->lines->send(h->lines_arg, q->number, text_span(bytes)) < 0)
        fails(h, out, q, ERR_CLOSED, "xenstored takes nothing: look at its service");
}

static void ask_whose(struct host *h, struct out *out, struct host_question *q)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(1024);
    q->stage = ENTRIES_WHOSE;
    add_of_domain(q, &bytes, ASK_WHOSE, XENSTORE_READ, "vm", "");
    add_of_domain(q, &bytes, ASK_MODEL, XENSTORE_READ, "image/device-model-domid", "");
    send_all(h, out, q, &bytes);
}

/* The guest owns what it is to write; nobody else of the guests may look. */
static void add_entries(struct host_question *q, struct text *bytes)
{
    char owner[16], most[24];
    snprintf(owner, sizeof owner, "n%" PRIu32, q->wish.domid);
    snprintf(most, sizeof most, "%" PRIu64, q->wish.hotplug_kib);
    add_of_domain(q, bytes, MAKE_MEMORY, XENSTORE_WRITE, "memory/meminfo", "");
    add_of_domain(q, bytes, PERMIT_MEMORY, XENSTORE_PERMIT, "memory/meminfo", owner);
    add_of_domain(q, bytes, MAKE_SWAP, XENSTORE_WRITE, "memory/swapinfo", "");
    add_of_domain(q, bytes, PERMIT_SWAP, XENSTORE_PERMIT, "memory/swapinfo", owner);
    if (q->wish.hotplug_kib > 0)
        add_of_domain(q, bytes, MAKE_MOST, XENSTORE_WRITE, "memory/hotplug-max", most);
}

static void make(struct host *h, struct out *out, struct host_question *q)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(2048);
    char path[64];
    q->stage = ENTRIES_MADE;
    snprintf(path, sizeof path, "/local/domain/%" PRIu32 "/vm", q->reply.stubdom);
    if (q->reply.stubdom != 0)
        add(q, &bytes, ASK_MODEL_UUID, XENSTORE_READ, path, "");
    if (q->wish.balanced == 1)
        add_entries(q, &bytes);
    if (q->owed == 0)
        ends(h, out, q);
    else
        send_all(h, out, q, &bytes);
}

/* ---- what is answered ---- */

static const char refused[] = "xenstore refuses the entries for the domain's memory: look at xenstored's log";
static const char not_its[] = "xenstore says that this domain is another VM's: was it started meanwhile?";

static bool is_uuid(struct span s)
{
    bool right = s.len == VIRT_UUID_MAX;
    for (size_t i = 0; right && i < s.len; i++)
        right = i == 8 || i == 13 || i == 18 || i == 23 ? s.at[i] == '-'
                                                        : strchr("0123456789abcdef", s.at[i]) != NULL;
    return right;
}

/* "/vm/UUID"; at NULL: something else. */
static struct span uuid_in(struct span value)
{
    static const char above[] = "/vm/";
    struct span uuid = {value.at + sizeof above - 1, value.len - (sizeof above - 1)};
    bool fits = span_starts(value, above) && is_uuid(uuid);
    return fits ? uuid : (struct span){NULL, 0};
}

/* The text of what is wrong with it, or NULL. */
static const char *take(struct host_question *q, const struct xenstore_answer *a)
{
    struct span uuid = a->r == 0 ? uuid_in(a->body) : (struct span){NULL, 0};
    uint64_t domid;
    if (a->number == ASK_WHOSE)
        return uuid.at == NULL || !span_is(uuid, q->uuid) ? not_its : NULL;
    if (a->number == ASK_MODEL && a->r == 0 && text_number(a->body, 1, INT32_MAX, &domid) == 0)
        q->reply.stubdom = (uint32_t)domid;
    if (a->number == ASK_MODEL_UUID && uuid.at != NULL)
        (void)text_copy(q->reply.stubdom_uuid, sizeof q->reply.stubdom_uuid, uuid);
    return a->number >= MAKE_MEMORY && a->r < 0 ? refused : NULL;
}

/* To a request of this stage that has none yet, and of its kind or an error. */
static bool is_expected(const struct host_question *q, const struct xenstore_answer *a)
{
    return a->number >= 1 && a->number <= COUNT(q->verb) && q->verb[a->number - 1] != 0 &&
           (a->r < 0 || a->verb == q->verb[a->number - 1]);
}

/* False: the question has its answer, or is asked on. */
static bool take_next(struct host *h, struct out *out, struct host_question *q)
{
    struct xenstore_answer a;
    int len = xenstore_hear((struct span){q->bytes, q->have}, &a);
    if (len == 0)
        return false;
    if (len < 0 || !is_expected(q, &a)) {
        fails(h, out, q, ERR_IO, "xenstored says what it was not asked for: look at its service");
        return false;
    }
    const char *wrong = take(q, &a);
    if (wrong != NULL) {
        fails(h, out, q, wrong == not_its ? ERR_REFUSED : ERR_HYPERVISOR, wrong);
        return false;
    }
    q->verb[a.number - 1] = 0;
    q->owed--;
    q->have -= (size_t)len;
    memmove(q->bytes, q->bytes + len, q->have);
    if (q->owed > 0)
        return true;
    if (q->stage == ENTRIES_WHOSE)
        make(h, out, q);
    else
        ends(h, out, q);
    return false;
}

void host_entries_heard(struct host *h, struct out *out, uint64_t number, struct span bytes)
{
    struct host_question *q = find(h, number);
    if (q == NULL)
        return;
    if (bytes.len == 0 || bytes.len > sizeof q->bytes - q->have) {
        fails(h, out, q, bytes.len == 0 ? ERR_CLOSED : ERR_IO,
              bytes.len == 0 ? "xenstored hung up: is its service running?"
                             : "xenstored says more than was asked: look at its service");
        return;
    }
    memcpy(q->bytes + q->have, bytes.at, bytes.len);
    q->have += bytes.len;
    while (take_next(h, out, q))
        ;
}

/* ---- its line ---- */

static struct host_question *waits_for_line(const struct host *h)
{
    struct host_question *q;
    DL_FOREACH(h->questions, q)
    {
        if (q->stage == ENTRIES_LINE)
            return q;
    }
    return NULL;
}

uint64_t host_entries_opened(struct host *h)
{
    struct host_question *q = waits_for_line(h);
    if (q == NULL)
        return 0;
    q->stage = ENTRIES_WHOSE;
    return q->number;
}

void host_entries_begin(struct host *h, struct out *out, uint64_t number)
{
    struct host_question *q = find(h, number);
    if (q != NULL)
        ask_whose(h, out, q);
}

void host_entries_no_line(struct host *h, struct out *out, bool dead)
{
    struct host_question *q = waits_for_line(h);
    if (q == NULL)
        return;
    if (dead) {
        fails(h, out, q, ERR_CLOSED, "xenstored is not to be reached: is its service running?");
        return;
    }
    q->reply.present = 0;
    ends(h, out, q);
}

/* ---- who asks ---- */

static const char *uuid_of(const struct host *h, const struct subject *who)
{
    const struct host_vm *vm;
    for (vm = h->vms; vm != NULL; vm = vm->hh.next)
        if (vm->qid == who->instance && vm->generation == who->generation)
            return vm->uuid;
    return NULL;
}

static void identify(struct host *h, struct out *out, struct host_question *q)
{
    const char *uuid = uuid_of(h, &q->request.context.subject);
    if (uuid == NULL) {
        fails(h, out, q, ERR_REFUSED, "there is no such VM");
        return;
    }
    memcpy(q->uuid, uuid, sizeof q->uuid);
    q->stage = ENTRIES_TURN;
    give_turns(h);
}

void host_entries_ask(struct host *h, struct out *out, const struct envelope *e, const struct entries *m)
{
    struct request request = request_of(e);
    bool has_room = h->question_count < HOST_QUESTIONS_MAX;
    if (h->lines == NULL) {
        (void)REPLY(out, entries, &request, &(struct entries_reply){0});
        return;
    }
    struct host_question *q = has_room ? calloc(1, sizeof *q) : NULL;
    if (q == NULL) {
        reply_error(out, &request, has_room ? -ERR_NOMEM : -ERR_BUSY, NULL);
        return;
    }
    q->number = ++h->question_last;
    q->deadline = out->now + ANSWER_MOST;
    q->request = request;
    q->wish = *m;
    q->reply.present = 1;
    DL_APPEND(h->questions, q);
    h->question_count++;
    set_timer(h, out);
    if (h->has_roster)
        identify(h, out, q);
}

void host_entries_roster(struct host *h, struct out *out)
{
    struct host_question *q, *next;
    DL_FOREACH_SAFE(h->questions, q, next)
    {
        if (q->stage == ENTRIES_ROSTER)
            identify(h, out, q);
    }
}

void host_entries_late(struct host *h, struct out *out)
{
    while (h->questions != NULL && h->questions->deadline <= out->now)
        fails(h, out, h->questions, ERR_TIMEOUT, "xenstored does not answer: look at its service");
    set_timer(h, out);
}

void host_entries_free(struct host *h)
{
    struct host_question *q, *next;
    DL_FOREACH_SAFE(h->questions, q, next)
    {
        DL_DELETE(h->questions, q);
        free(q);
    }
}
