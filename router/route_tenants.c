/* SPDX-License-Identifier: MIT
 * Which VMs exist, as registry says: a late message to one that was removed reaches nobody, even
 * when its qid is in use again. */
#include "router/route_state.h"

#include <stdlib.h>

#include "base/own.h"

static struct tenant *find(const struct route *r, uint32_t qid)
{
    struct tenant *t;
    HASH_FIND(hh, r->tenants, &qid, sizeof qid, t);
    return t;
}

static struct tenant *add(struct route *r, uint32_t qid)
{
    struct tenant *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->qid = qid;
    HASH_ADD(hh, r->tenants, qid, sizeof t->qid, t);
    if (t->hh.tbl != NULL)
        return t;
    free(t);
    return NULL;
}

/* What waits for its processes must not reach those of the next VM with this qid. */
static void forget_letters(struct route *r, uint32_t qid)
{
    static const uint8_t kinds[] = {KIND_VM, KIND_GUEST};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct box *box = box_find(r, (struct address){kinds[i], qid});
        if (box == NULL || box->state == BOX_LIVE)
            continue;
        box->woken = false;
        box_forget_strangers(r, box);
        box_ended(r, box);
        pending_ended(r, box_address(box), ERR_GONE);
    }
}

void tenant_set(struct route *r, const struct envelope *e, bool exists)
{
    if (e->subject_kind != KIND_VM) {
        r->tenants_complete = true; /* registry's word that it has named them all */
        return;
    }
    struct tenant *t = find(r, e->subject_instance);
    if (!exists && (t == NULL || t->generation != e->subject_generation))
        return;
    bool same = t != NULL && t->gone != exists && t->generation == e->subject_generation;
    if (t == NULL)
        t = add(r, e->subject_instance);
    if (t == NULL)
        return;
    t->generation = e->subject_generation;
    t->gone = !exists;
    if (!same)
        forget_letters(r, t->qid);
}

bool tenant_fits(const struct route *r, const struct envelope *e)
{
    if (e->subject_kind != KIND_VM)
        return true;
    const struct tenant *t = find(r, e->subject_instance);
    if (t == NULL)
        return !r->tenants_complete;
    return !t->gone && e->subject_generation == t->generation;
}

void tenants_free(struct route *r)
{
    struct tenant *t, *next;
    HASH_ITER(hh, r->tenants, t, next)
    {
        HASH_DEL(r->tenants, t);
        free(t);
    }
}
