/* SPDX-License-Identifier: MIT
 * Firewall rules that hold until a moment: when one has passed, the VM's rules are published anew (net 5.4).
 * The model says what is still to be done, so that a restart neither forgets nor repeats it. */
#include "actors/registry/registry.h"

/* The clock may be set while a timer runs: it is looked at again at least this often. */
#define LOOK_AGAIN UINT64_C(60)

void expiry_look(struct registry *r, struct out *out)
{
    const struct world *w = &r->world;
    uint64_t nearest = 0, now = w->seconds != NULL ? w->seconds(w->arg) : 0;
    bool any = false;
    for (size_t i = 0; i < model_vm_count(r->model); i++) {
        uint32_t qid = vm_qid(model_vm_at(r->model, i));
        bool due;
        uint64_t next = firewall_next_expiry(&r->known, qid, &due);
        if (due)
            operate_self(r, out, OPERATION_firewall_expire, qid);
        if (next != 0 && (nearest == 0 || next < nearest))
            nearest = next;
        any = any || due || next != 0;
    }
    /* What is due and could not be done is looked at again, too. A rule holds in its last second. */
    uint64_t wait =
        nearest >= now && nearest - now < LOOK_AGAIN && nearest != 0 ? nearest - now + 1 : LOOK_AGAIN;
    out_timer(out, TIMER_EXPIRY, any ? out->now + wait * SECONDS : 0);
}

void expiry_follow(struct registry *r, struct out *out, const struct plan *p)
{
    for (size_t i = 0; i < p->changes; i++) {
        if (p->change[i].kind != CHANGE_FIREWALL)
            continue;
        /* Soon, not now: what is due begins an operation, and this one is not finished. */
        out_timer(out, TIMER_EXPIRY, out->now + MILLISECONDS);
        return;
    }
    (void)r;
}
