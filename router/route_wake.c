/* SPDX-License-Identifier: MIT
 * Waking those who rest: each sender has an allowance that fills up with time. What dom0's callers and the
 * processes that all share ask for is never beyond it; what qubes ask for waits for its turn, one caller's
 * not behind all of another's; a VM's process that wants more than its allowance is refused. */
#include "router/route_state.h"

#define EVERY (UINT64_C(1000000000) / ROUTE_WAKES_PER_SECOND)

static bool may_wake(const struct route *r, struct box *source)
{
    bool trusted = kind_is_single(source->key.kind) || address_is(box_address(source), KIND_API, API_DOM0);
    uint64_t most = trusted ? ROUTE_WAKES_AT_ONCE_SINGLE : ROUTE_WAKES_AT_ONCE;
    uint64_t earned = (r->now - source->wakes_at) / EVERY;
    if (source->wakes_at == 0 || earned > most)
        source->wakes = 0;
    else
        source->wakes = source->wakes > earned ? source->wakes - earned : 0;
    if (source->wakes >= most)
        return false;
    source->wakes++;
    source->wakes_at = r->now;
    return true;
}

enum waking wake_allowed(struct route *r, struct box *source)
{
    bool may_wait = address_is(box_address(source), KIND_API, API_QUBES);
    if (source->waking == 0 && may_wake(r, source))
        return WAKE_NOW;
    return may_wait && source->waking < ROUTE_WAKES_WAITING ? WAKE_IN_TURN : WAKE_REFUSED;
}

void wake_forget(struct route *r, struct box *box)
{
    struct box *source = box_find(r, box->waker);
    if (!box->waits)
        return;
    DL_DELETE2(r->waiting, box, waits_prev, waits_next);
    box->waits = false;
    if (source != NULL && source->waking > 0)
        source->waking--;
}

void wake_now(struct route *r, struct box *box)
{
    wake_forget(r, box);
    box->woken = box->woken || box->next == 0; /* else another one is there, and told to end */
    r->ops.wake(r->ops.arg, box_address(box), box->next != 0 ? box->next : box->generation);
}

void wake_in_turn(struct route *r, struct box *source, struct box *box, uint32_t caller)
{
    if (box->waits)
        return;
    box->waits = true;
    box->waker = box_address(source);
    box->caller = caller;
    source->waking++;
    DL_APPEND2(r->waiting, box, waits_prev, waits_next);
}

/* The first in the queue that another caller waits for than was served last, if there is one. */
static struct box *next_waiting(const struct route *r)
{
    struct box *box;
    for (box = r->waiting; box != NULL; box = box->waits_next)
        if (box->caller != r->last_caller)
            return box;
    return r->waiting;
}

uint64_t wakes_due(struct route *r)
{
    while (r->waiting != NULL) {
        struct box *box = next_waiting(r), *source = box_find(r, box->waker);
        if (box->queue == NULL) {
            wake_forget(r, box); /* nobody wants it any more */
            continue;
        }
        if (source != NULL && !may_wake(r, source))
            return r->now + EVERY;
        r->last_caller = box->caller;
        wake_now(r, box);
    }
    return 0;
}
