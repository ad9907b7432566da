/* SPDX-License-Identifier: MIT
 * Which VMs exist, as registry says: a late message to one that was removed reaches nobody, even
 * when its qid is in use again. */
#include "router/route_state.h"

#include <stdlib.h>

static struct tenant *find(const struct route *r, uint32_t qid)
{
    struct tenant *t;
    HASH_FIND(hh, r->tenants, &qid, sizeof qid, t);
    return t;
}

void tenant_set(struct route *r, const struct envelope *e, bool exists)
{
    if (e->subject_kind != KIND_VM) {
        r->tenants_complete = true; /* registry's word that it has named them all */
        return;
    }
    struct tenant *t = find(r, e->subject_instance);
    if (!exists && t != NULL && t->generation == e->subject_generation) {
        HASH_DEL(r->tenants, t);
        free(t);
    }
    if (!exists)
        return;
    if (t == NULL && (t = calloc(1, sizeof *t)) != NULL) {
        t->qid = e->subject_instance;
        HASH_ADD(hh, r->tenants, qid, sizeof t->qid, t);
    }
    if (t != NULL)
        t->generation = e->subject_generation;
}

bool tenant_fits(const struct route *r, const struct envelope *e)
{
    if (e->subject_kind != KIND_VM)
        return true;
    const struct tenant *t = find(r, e->subject_instance);
    if (t == NULL)
        return !r->tenants_complete;
    return e->subject_generation == t->generation;
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
