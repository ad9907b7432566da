/* SPDX-License-Identifier: MIT
 * A shell's effects: given to the worker, watched by their deadlines; and failed questions. */
#include "runtime/shell_parts.h"

#include <stdlib.h>

#include "base/log.h"

static struct effect_slot *new_slot(struct shell *s)
{
    if (s->effects_count == s->effects_room) {
        uint32_t room = s->effects_room == 0 ? 8 : s->effects_room * 2;
        struct effect_slot *slots = realloc(s->effects, room * sizeof *slots);
        if (slots == NULL)
            abort(); /* an effect must come back: the supervisor's fresh incarnation is the answer */
        s->effects = slots;
        s->effects_room = room;
    }
    return &s->effects[s->effects_count++];
}

void shell_effect_begin(struct shell *s, struct effect *effect)
{
    *new_slot(s) = (struct effect_slot){effect, effect->what, effect->deadline, false};
    worker_give(s->worker, effect);
}

static struct effect_slot *slot_of(struct shell *s, const struct effect *effect)
{
    for (uint32_t i = 0; i < s->effects_count; i++)
        if (s->effects[i].effect == effect)
            return &s->effects[i];
    return NULL;
}

void shell_effects_ended(struct shell *s)
{
    bool was_parked;
    struct effect *effect;
    while ((effect = worker_take(s->worker, &was_parked)) != NULL) {
        struct effect_slot *slot = slot_of(s, effect);
        bool cleared = slot != NULL && slot->overdue;
        if (slot != NULL)
            *slot = s->effects[--s->effects_count];
        struct done d = {.effect = effect, .what = effect->what, .cleared = cleared};
        s->actor->done(s->core, &s->out, &d);
        free(effect);
    }
}

uint64_t shell_effects_next(const struct shell *s)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < s->effects_count; i++)
        if (s->effects[i].deadline != 0 && !s->effects[i].overdue &&
            (next == 0 || s->effects[i].deadline < next))
            next = s->effects[i].deadline;
    return next;
}

void shell_effects_overdue(struct shell *s)
{
    for (uint32_t i = 0; i < s->effects_count; i++) {
        struct effect_slot *slot = &s->effects[i];
        if (slot->deadline == 0 || slot->overdue || slot->deadline > s->out.now)
            continue;
        slot->overdue = true;
        if (worker_current(s->worker) == slot->effect && worker_park(s->worker) < 0)
            log_line(LOG_WARN, "a second call hangs; nothing further is tried until one returns");
        struct done d = {.what = slot->what, .overdue = true};
        s->actor->done(s->core, &s->out, &d);
        i = UINT32_MAX; /* the core may have begun others: the list may have moved */
    }
}

int failed_asks_add(struct failed_asks *f, uint64_t tag, int r)
{
    if (f->count == f->room) {
        uint32_t room = f->room == 0 ? 8 : f->room * 2;
        struct failed_ask *list = realloc(f->list, room * sizeof *list);
        if (list == NULL)
            abort(); /* a question must be answered: see above */
        f->list = list;
        f->room = room;
    }
    f->list[f->count++] = (struct failed_ask){tag, r};
    return 0;
}

void failed_asks_free(struct failed_asks *f)
{
    free(f->list);
    *f = (struct failed_asks){0};
}

void shell_answer_failed(struct shell *s)
{
    while (s->failed_asks.count > 0) {
        struct failed_ask failed = s->failed_asks.list[--s->failed_asks.count];
        struct answer a = {.tag = failed.tag, .r = failed.r};
        fault_set(&a.why, (enum err) - failed.r, "%s", err_text((enum err) - failed.r));
        s->actor->answered(s->core, &s->out, &a);
    }
}
