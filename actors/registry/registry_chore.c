/* SPDX-License-Identifier: MIT
 * What registry does by itself: disposables end when their life has ended; after the host's boot those that
 * were left are removed, and what is to start with the host is started. */
#include "actors/registry/registry.h"

#include <string.h>

#include "base/log.h"
#include "model/ask.h"
#include "proto/registry_values.h"

/* Starts under way at once, and how long one may take: its netvm's comes before it. */
enum { DISPID_RESTS = 7 * 24 * 60 * 60 };
#define START_MOST (600 * SECONDS)
#define END_AGAIN  (2 * SECONDS)

/* ---- disposables ---- */

static bool is_disposable(const struct vm *vm)
{
    return vm != NULL && vm_class(vm) == CLASS_DispVM;
}

void chore_life_ended(struct registry *r, struct out *out, const struct request *request, uint32_t after,
                      bool lived)
{
    uint32_t qid = request->context.subject.instance;
    const struct vm *vm = model_vm(r->model, qid);
    bool force = after == RELEASE_AFTER_FAILURE;
    if (lived)
        preload_life_ended(r, out, qid);
    if (after == RELEASE_AFTER_DOMAIN || !is_disposable(vm) ||
        (!force && !property_true(&r->known, qid, PROPERTY_auto_cleanup)))
        (void)REPLY(out, release, request, (&(struct release_reply){.removed = 0}));
    else
        operate_own(r, out, OPERATION_disposable_end, qid, force ? "force" : "", request);
}

void chore_end_again(struct registry *r, struct out *out, uint32_t qid)
{
    r->end_due[qid] = true;
    out_timer(out, TIMER_ENDS, out->now + END_AGAIN);
}

/* Whoever was to go without being asked was made to clean up after itself, or for a list: force is right. */
void chore_timer(struct registry *r, struct out *out)
{
    for (uint32_t qid = 1; qid <= QID_MAX; qid++) {
        if (!r->end_due[qid])
            continue;
        r->end_due[qid] = false;
        if (is_disposable(model_vm(r->model, qid)))
            operate_own(r, out, OPERATION_disposable_end, qid, "force", NULL);
    }
}

static bool number_of(const struct registry *r, uint32_t qid, uint64_t *dispid)
{
    struct property_value v;
    if (!is_disposable(model_vm(r->model, qid)))
        return false;
    property_get(&r->known, qid, PROPERTY_dispid, &v);
    return text_number(v.text, 0, DISPIDS - 1, dispid) == 0;
}

void chore_vm_ends(struct registry *r, uint32_t qid)
{
    uint64_t dispid;
    if (number_of(r, qid, &dispid))
        r->dispid_freed[dispid] = (uint32_t)(r->now / SECONDS) + 1;
}

int chore_dispid_rests(void *arg, uint32_t dispid)
{
    const struct registry *r = arg;
    uint32_t freed = dispid < DISPIDS ? r->dispid_freed[dispid] : 0;
    return freed != 0 && r->now / SECONDS - (freed - 1) < DISPID_RESTS;
}

/* ---- after the host's boot ---- */

static void end_disposables(struct registry *r, struct out *out)
{
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        if (is_disposable(vm) && !r->claims[vm_qid(vm)].living &&
            property_true(&r->known, vm_qid(vm), PROPERTY_auto_cleanup))
            operate_own(r, out, OPERATION_disposable_end, vm_qid(vm), "", NULL);
}

static bool starts_with_host(const struct registry *r, const struct vm *vm)
{
    return vm_is_qubes(vm) && !r->claims[vm_qid(vm)].living && vm_disabled(vm) == NULL &&
           property_true(&r->known, vm_qid(vm), PROPERTY_autostart);
}

static bool start(struct registry *r, struct out *out, const struct vm *vm, uint64_t *tag)
{
    struct context c = context_about_vm(vm_qid(vm), vm_generation(vm));
    c.op = operate_new_id(r);
    c.deadline = out->now + START_MOST;
    *tag = ++r->next_number;
    log_line(LOG_INFO, "%s is started with the host", vm_name(vm));
    return ASK(out, vm_start, ((struct address){KIND_VM, vm_qid(vm)}), &c, *tag, NO_MESSAGE(vm_start)) == 0;
}

static void start_more(struct registry *r, struct out *out)
{
    for (unsigned i = 0; i < REGISTRY_STARTS; i++) {
        while (r->starting[i] == 0 && r->start_next <= QID_MAX) {
            const struct vm *vm = model_vm_from(r->model, r->start_next);
            r->start_next = vm != NULL ? vm_qid(vm) + 1 : QID_MAX + 1;
            if (vm != NULL && starts_with_host(r, vm) && !start(r, out, vm, &r->starting[i]))
                r->starting[i] = 0;
        }
    }
}

bool chore_answered(struct registry *r, struct out *out, const struct answer *a)
{
    for (unsigned i = 0; i < REGISTRY_STARTS; i++) {
        if (a->tag == 0 || r->starting[i] != a->tag)
            continue;
        if (a->progress)
            return true;
        if (a->r < 0)
            log_line(LOG_WARN, "a VM was not started with the host: %s",
                     a->why.text[0] != '\0' ? a->why.text : err_text((enum err) - a->r));
        r->starting[i] = 0;
        start_more(r, out);
        return true;
    }
    return false;
}

void chore_host_is_heard(struct registry *r, struct out *out)
{
    if (!r->loaded || r->host_heard)
        return;
    r->host_heard = true;
    preload_host_is_heard(r, out);
    if (r->boot_done)
        return;
    r->boot_done = true;
    end_disposables(r, out);
    r->start_next = r->autostart ? 1 : QID_MAX + 1;
    start_more(r, out);
    out_note(out, SPAN_LITERAL("booted"));
}
