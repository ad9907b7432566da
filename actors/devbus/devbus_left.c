/* SPDX-License-Identifier: MIT
 * What a bus had not settled when it died, so that nobody who was asked, or was to be, is forgotten: a word
 * of its note for each device, which is settled anew once its backend has told that it is there. See
 * devbus_ask.h; in the core of a bus whose devices come and go. */
#include <inttypes.h>
#include <string.h>

#include "actors/devbus/devbus_ask.h"
#include "actors/devbus/devbus_settling.h"
#include "base/own.h"
#include "proto/registry_values.h"

enum { ASKED = '?', ALLOWED = '+' /* DEVBUS_WORDS */ };

/* ---- the note ---- */

static void write_word(struct text *note, char letter, const char *backend, const char *port, uint32_t only)
{
    AUTO_TEXT word = TEXT_WITH_LIMIT(DEVBUS_NOTE_MAX);
    text_format(&word, "%c%s:%s %" PRIu32 ";", letter, backend, port, only);
    if (word.failed == 0 && strpbrk(port, " ;") == NULL && note->len + word.len < DEVBUS_NOTE_MAX)
        text_append(note, text_span(&word));
}

static void write_settling(const struct devbus_settling *s, struct text *note)
{
    for (size_t i = 0; i < s->devices; i++)
        if (settling_is_open(s, i))
            write_word(note, s->allowed ? ALLOWED : ASKED, s->name, s->device[i].port, s->only);
}

/* What a person has said comes first: there may not be room for all. */
void devbus_left_write(const struct devbus_ask *a, struct text *note)
{
    for (size_t i = 0; i < a->offers; i++)
        write_word(note, ALLOWED, a->offer[i].name, a->offer[i].chosen.port, a->offer[i].chosen.qid);
    for (size_t i = 0; i < a->count; i++)
        write_settling(a->of[i], note);
    for (size_t i = 0; i < a->lefts; i++)
        write_word(note, a->left[i].allowed ? ALLOWED : ASKED, a->left[i].backend, a->left[i].port,
                   a->left[i].only);
}

void devbus_left_read(struct devbus_ask *a, struct out *out, struct span word)
{
    struct devbus_left left = {.until = out->now + DEVBUS_LEFT_PATIENCE};
    struct span rest, port, backend;
    uint64_t only;
    if (word.len == 0)
        return;
    left.allowed = word.at[0] == ALLOWED;
    backend = span_split((struct span){word.at + 1, word.len - 1}, ' ', &rest);
    backend = span_split(backend, ':', &port);
    if (text_number(rest, 0, DEVICES_FOR_WHOEVER, &only) < 0 ||
        text_copy(left.backend, sizeof left.backend, backend) < 0 ||
        text_copy(left.port, sizeof left.port, port) < 0 || port.len == 0)
        return;
    left.only = (uint32_t)only;
    devbus_left_add(a, &left);
}

/* ---- until it can be settled ---- */

void devbus_left_add(struct devbus_ask *a, const struct devbus_left *left)
{
    for (size_t i = 0; i < a->lefts; i++) {
        const struct devbus_left *other = &a->left[i];
        if (other->only == left->only && strcmp(other->port, left->port) == 0 &&
            strcmp(other->backend, left->backend) == 0)
            return;
    }
    if (a->lefts < DEVBUS_LEFT_MAX)
        a->left[a->lefts++] = *left;
}

static void drop(struct devbus_ask *a, size_t i)
{
    memmove(&a->left[i], &a->left[i + 1], (--a->lefts - i) * sizeof a->left[0]);
}

void devbus_left_over(struct devbus_ask *a, uint32_t qid)
{
    for (size_t i = a->lefts; i > 0; i--)
        if (a->left[i - 1].only == qid)
            drop(a, i - 1);
}

void devbus_left_ring(struct devbus_ask *a, struct out *out)
{
    for (size_t i = a->lefts; i > 0; i--)
        if (a->left[i - 1].until <= out->now)
            drop(a, i - 1);
}

uint64_t devbus_left_next(const struct devbus_ask *a)
{
    uint64_t next = 0;
    for (size_t i = 0; i < a->lefts; i++)
        if (next == 0 || a->left[i].until < next)
            next = a->left[i].until;
    return next;
}

/* ---- it is settled ---- */

static const struct device_item *find(const struct devbus_ask *a, const struct devbus_left *left)
{
    if (a->find != NULL)
        return a->find(a->find_arg, left->backend, left->port, NULL);
    return devbus_exposed_find(&a->listing->exposed, left->backend, left->port);
}

static bool is_settled_now(const struct devbus_ask *a, const struct devbus_left *left)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct devbus_settling *s = a->of[i];
        for (size_t d = 0; d < s->devices && s->only == left->only && strcmp(s->name, left->backend) == 0;
             d++)
            if (settling_is_open(s, d) && strcmp(s->device[d].port, left->port) == 0)
                return true;
    }
    return false;
}

/* Of one change were all that whoever has them assigned may get. */
static bool is_one_change(const struct devbus_left *a, const struct devbus_left *b)
{
    return a->only == DEVICES_FOR_WHOEVER && !a->allowed && b->only == DEVICES_FOR_WHOEVER && !b->allowed &&
           strcmp(a->backend, b->backend) == 0;
}

static void add(const struct devbus_ask *a, struct devbus_settling *s, const struct devbus_left *left)
{
    const struct device_item *item = find(a, left);
    if (item != NULL && !is_settled_now(a, left))
        (void)settling_add(s, left->port, item->device_id);
}

/* That one is settled, there or not, and so is what belongs to it. */
static void settle(struct devbus_ask *a, struct out *out, size_t first, struct subject vm)
{
    const struct devbus_left one = a->left[first];
    struct devbus_settling *s = settling_new(vm, one.backend, one.only);
    if (s == NULL)
        return; /* there may be memory later */
    s->allowed = one.allowed;
    add(a, s, &one);
    drop(a, first);
    for (size_t i = first; i < a->lefts;) {
        if (!is_one_change(&one, &a->left[i])) {
            i++;
            continue;
        }
        add(a, s, &a->left[i]);
        drop(a, i);
    }
    if (s->devices > 0)
        devbus_ask_begin(a, out, s);
    else
        settling_free(s);
}

/* Not before it is known who has what: what has come meanwhile asks nobody. */
void devbus_left_go_on(struct devbus_ask *a, struct out *out)
{
    struct subject vm;
    size_t i = 0;
    while (i < a->lefts && !a->listing->table->unsettled) {
        size_t before = a->lefts;
        if (devbus_ask_backend(a, a->left[i].backend, &vm))
            settle(a, out, i, vm);
        i += a->lefts == before;
    }
}
