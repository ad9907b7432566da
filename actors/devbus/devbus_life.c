/* SPDX-License-Identifier: MIT
 * The life of one device as a table; in every bus. */
#include "actors/devbus/devbus_life.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    char letter;
    const char *name;
} states[] = {
#define DEVBUS_STATE(name, letter, meaning) {letter, meaning},
#include "actors/devbus/devbus_state.def"
};

const char *devbus_state_name(enum devbus_state state)
{
    return states[state].name;
}

/* Every cell is written: what it becomes, and what is to be done. */
static const struct {
    enum devbus_state next;
    enum devbus_act act;
} life[DEVBUS_STATES][DEVBUS_EVENTS] = {
    [DEVBUS_FREE] =
        {
            [DEVBUS_WANTED] = {DEVBUS_BINDING, DEVBUS_BIND},
            [DEVBUS_WANTED_ELSE] = {DEVBUS_BINDING, DEVBUS_BIND},
            [DEVBUS_BOUND] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_NOT_BOUND] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_THERE] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_NOT_THERE] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_GIVEN_UP] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_RETURNED] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_LET_GO] = {DEVBUS_RETURNING, DEVBUS_RETURN},
        },
    [DEVBUS_BINDING] =
        {
            [DEVBUS_WANTED] = {DEVBUS_BINDING, DEVBUS_REFUSE},
            [DEVBUS_WANTED_ELSE] = {DEVBUS_BINDING, DEVBUS_REFUSE},
            [DEVBUS_BOUND] = {DEVBUS_HELD, DEVBUS_REST},
            [DEVBUS_NOT_BOUND] = {DEVBUS_RETURNING, DEVBUS_RETURN},
            [DEVBUS_THERE] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_NOT_THERE] = {DEVBUS_BINDING, DEVBUS_REST},
            [DEVBUS_GIVEN_UP] = {DEVBUS_BINDING, DEVBUS_REST},
            [DEVBUS_RETURNED] = {DEVBUS_BINDING, DEVBUS_REST},
            [DEVBUS_LET_GO] = {DEVBUS_BINDING, DEVBUS_REFUSE},
        },
    [DEVBUS_HELD] =
        {
            [DEVBUS_WANTED] = {DEVBUS_HELD, DEVBUS_REST},
            [DEVBUS_WANTED_ELSE] = {DEVBUS_HELD, DEVBUS_REFUSE},
            [DEVBUS_BOUND] = {DEVBUS_HELD, DEVBUS_REST},
            [DEVBUS_NOT_BOUND] = {DEVBUS_HELD, DEVBUS_REST},
            [DEVBUS_THERE] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_NOT_THERE] = {DEVBUS_HELD, DEVBUS_REST},
            [DEVBUS_GIVEN_UP] = {DEVBUS_RETURNING, DEVBUS_RETURN},
            [DEVBUS_RETURNED] = {DEVBUS_HELD, DEVBUS_REST},
            [DEVBUS_LET_GO] = {DEVBUS_HELD, DEVBUS_REFUSE},
        },
    [DEVBUS_ATTACHED] =
        {
            [DEVBUS_WANTED] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_WANTED_ELSE] = {DEVBUS_ATTACHED, DEVBUS_REFUSE},
            [DEVBUS_BOUND] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_NOT_BOUND] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_THERE] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_NOT_THERE] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_GIVEN_UP] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_RETURNED] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_LET_GO] = {DEVBUS_ATTACHED, DEVBUS_REFUSE},
        },
    [DEVBUS_RETURNING] =
        {
            [DEVBUS_WANTED] = {DEVBUS_BINDING, DEVBUS_BIND},
            [DEVBUS_WANTED_ELSE] = {DEVBUS_BINDING, DEVBUS_BIND},
            [DEVBUS_BOUND] = {DEVBUS_RETURNING, DEVBUS_REST},
            [DEVBUS_NOT_BOUND] = {DEVBUS_RETURNING, DEVBUS_REST},
            [DEVBUS_THERE] = {DEVBUS_ATTACHED, DEVBUS_REST},
            [DEVBUS_NOT_THERE] = {DEVBUS_RETURNING, DEVBUS_REST},
            [DEVBUS_GIVEN_UP] = {DEVBUS_RETURNING, DEVBUS_REST},
            [DEVBUS_RETURNED] = {DEVBUS_FREE, DEVBUS_REST},
            [DEVBUS_LET_GO] = {DEVBUS_RETURNING, DEVBUS_REST},
        },
};

static enum devbus_act enter(struct devbus_device *d, enum devbus_state state, enum devbus_act act)
{
    if (act == DEVBUS_RETURN) {
        d->until = 0;
        d->tries = 0;
    }
    if (state == DEVBUS_ATTACHED && d->state != DEVBUS_ATTACHED)
        d->until = 0;
    d->state = state;
    return act;
}

/* Three cells depend on more than the state: binding again what a crash left open, giving up what is being
 * bound, and giving back only what was taken by us. */
enum devbus_act devbus_device_step(struct devbus_device *d, enum devbus_event event)
{
    if (d->state == DEVBUS_HELD && event == DEVBUS_WANTED && d->unsure) {
        d->unsure = false;
        return enter(d, DEVBUS_BINDING, DEVBUS_BIND);
    }
    d->unwanted = d->state == DEVBUS_BINDING && (d->unwanted || event == DEVBUS_GIVEN_UP);
    if (d->unwanted && event == DEVBUS_BOUND) {
        d->state = DEVBUS_HELD;
        d->unwanted = false;
        event = DEVBUS_GIVEN_UP;
    }
    if (life[d->state][event].act == DEVBUS_RETURN && !d->mine)
        return enter(d, DEVBUS_FREE, DEVBUS_REST);
    return enter(d, life[d->state][event].next, life[d->state][event].act);
}

bool devbus_device_is_on_its_way(const struct devbus_device *d)
{
    return d->state == DEVBUS_BINDING || d->state == DEVBUS_HELD || d->state == DEVBUS_RETURNING;
}

/* What a note says of a device besides its state and its holder. */
enum { NOTED_MINE = 1, NOTED_LATE = 2, NOTED_BRIEF = 4, NOTED_ALL = 7 };

void devbus_device_note(struct text *note, const struct devbus_device *d)
{
    int marks = (d->mine ? NOTED_MINE : 0) | (d->late ? NOTED_LATE : 0) | (d->brief ? NOTED_BRIEF : 0);
    text_format(note, "%c%s %" PRIu32 " %" PRIu32 " %d;", states[d->state].letter, d->key, d->qid,
                d->generation, marks);
}

static int read_state(char letter, enum devbus_state *state)
{
    for (int i = 0; i < DEVBUS_STATES; i++) {
        if (states[i].letter == letter) {
            *state = (enum devbus_state)i;
            return 0;
        }
    }
    return -ERR_BAD;
}

static int read_number(struct span *words, uint64_t most, uint64_t *number)
{
    return text_number(span_split(*words, ' ', words), 0, most, number);
}

/* What was being bound may be bound or not: it is held, and whoever wants it binds it again. */
int devbus_device_read(struct span *note, struct devbus_device *d)
{
    struct devbus_device read = {0};
    uint64_t qid, generation, marks;
    if (note->len == 0)
        return 0;
    struct span words = span_split(*note, ';', note);
    struct span name = span_split(words, ' ', &words);
    if (name.len < 2 || read_state(name.at[0], &read.state) < 0 ||
        text_copy(read.key, sizeof read.key, (struct span){name.at + 1, name.len - 1}) < 0 ||
        read_number(&words, UINT32_MAX, &qid) < 0 || read_number(&words, UINT32_MAX, &generation) < 0 ||
        read_number(&words, NOTED_ALL, &marks) < 0 || words.len > 0)
        return -ERR_BAD;
    read.qid = (uint32_t)qid;
    read.generation = (uint32_t)generation;
    bool called = read.state == DEVBUS_BINDING || read.state == DEVBUS_RETURNING;
    read.mine = (marks & NOTED_MINE) != 0;
    read.brief = (marks & NOTED_BRIEF) != 0;
    read.late = called || (marks & NOTED_LATE) != 0;
    read.unsure = read.state == DEVBUS_BINDING;
    if (read.state == DEVBUS_BINDING)
        read.state = DEVBUS_HELD;
    *d = read;
    return 1;
}
