/* SPDX-License-Identifier: MIT
 * A VM's number goes to the next one while a process still serves the VM before it: the router holds what is
 * for the next one's process until that is there, and passes everything else. */
#include "router/route_state.h"

uint32_t next_generation_of(const struct box *box, const struct envelope *e)
{
    bool serves_a_vm = box->key.kind == KIND_VM || box->key.kind == KIND_GUEST;
    bool answers = e->class == CLASS_REPLY || e->class == CLASS_PROGRESS; /* who asked is who is there */
    bool its_own = e->subject_kind == KIND_VM && e->subject_instance == box->key.instance;
    return serves_a_vm && its_own && !answers ? e->subject_generation : 0;
}

bool next_is_meant(const struct box *box, const struct envelope *e)
{
    return next_generation_of(box, e) > box->generation;
}

bool next_waits(const struct box *box, const struct letter *letter)
{
    return letter->generation > box->generation;
}

bool next_all_wait(const struct box *box)
{
    for (const struct letter *l = box->queue; l != NULL; l = l->next)
        if (!next_waits(box, l))
            return false;
    return true;
}

void next_remember(struct route *r, struct box *box)
{
    uint32_t newest = box->next;
    for (const struct letter *l = box->queue; l != NULL; l = l->next)
        if (l->generation > newest)
            newest = l->generation;
    box->next = newest > box->generation ? newest : 0;
    if (box->next != 0)
        wake_now(r, box);
}

void next_begins(struct box *box)
{
    box->generation = box->next;
    box->next = 0;
    box->woken = !box->waits; /* its turn has not come */
}
