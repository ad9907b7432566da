/* SPDX-License-Identifier: MIT
 * Notes and firewall rules: setting them, what expires, what a disposable takes over.
 * Spec: admin-api-methods 7, net 5.4, vm-model 6 and 8.4. */
#include "model/plan_inside.h"

#include "model/ask.h"
#include "model/display.h"
#include "model/firewall.h"
#include "model/long_text.h"

static uint64_t seconds(const struct known *k)
{
    return k->world != NULL && k->world->seconds != NULL ? k->world->seconds(k->world->arg) : 0;
}

static int check_holder(struct doing *d, uint32_t qid, const char *what)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    if (vm == NULL || vm_name(vm) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "there is no VM with qid %u", (unsigned)qid);
    if (!vm_is_qubes(vm))
        return fault_set(d->why, ERR_VM, "%s has no %s", vm_name(vm), what);
    return 0;
}

static void tell(struct doing *d, uint32_t qid)
{
    plan_event(d->p, qid, "firewall-changed", SPAN_LITERAL(""), 0, NULL);
}

int plan_firewall_set(const struct known *k, uint32_t actor, uint32_t qid, struct span payload,
                      struct plan *p, struct fault *why)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct doing d = doing_begin(k, actor, p, why);
    int r = check_holder(&d, qid, "firewall");
    if (r >= 0)
        r = firewall_list_parse(payload, seconds(k), &list, why);
    if (r >= 0)
        r = do_long_text(&d, CHANGE_FIREWALL, qid, text_span(&list));
    if (r >= 0)
        tell(&d, qid);
    return doing_end(&d, r);
}

int plan_firewall_reload(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p,
                         struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    int r = check_holder(&d, qid, "firewall");
    if (r >= 0)
        tell(&d, qid);
    return doing_end(&d, r);
}

int plan_firewall_expire(const struct known *k, uint32_t actor, uint32_t qid, struct plan *p,
                         struct fault *why)
{
    AUTO_TEXT old = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct doing d = doing_begin(k, actor, p, why);
    bool changed = false;
    int r = check_holder(&d, qid, "firewall");
    if (r >= 0 && long_text_known(k, CHANGE_FIREWALL, qid, &old))
        (void)firewall_list_expire(text_span(&old), seconds(k), &list, &changed);
    if (r >= 0 && (old.failed < 0 || list.failed < 0))
        r = fault_set(why, ERR_NOMEM, "no memory for firewall rules");
    if (r >= 0 && !changed)
        r = fault_set(why, ERR_STATE, "no firewall rule of this VM has expired");
    if (r >= 0)
        r = do_long_text(&d, CHANGE_FIREWALL, qid, text_span(&list));
    if (r >= 0)
        tell(&d, qid);
    return doing_end(&d, r);
}

uint64_t firewall_next_expiry(const struct known *k, uint32_t qid, bool *due)
{
    AUTO_TEXT old = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    *due = false;
    if (model_items(k->model, qid, CHANGE_FIREWALL) == NULL ||
        !long_text_known(k, CHANGE_FIREWALL, qid, &old))
        return 0;
    return firewall_list_expire(text_span(&old), seconds(k), &list, due);
}

int do_firewall_clone(struct doing *d, uint32_t to, uint32_t from)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    if (!long_text_known(&d->k, CHANGE_FIREWALL, from, &list))
        return 0;
    return do_long_text(d, CHANGE_FIREWALL, to, text_span(&list));
}

int plan_notes_set(const struct known *k, uint32_t actor, uint32_t qid, struct span payload, struct plan *p,
                   struct fault *why)
{
    AUTO_TEXT notes = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct doing d = doing_begin(k, actor, p, why);
    int r = check_holder(&d, qid, "notes");
    if (r >= 0 && payload.len > LONG_TEXT_MAX)
        r = fault_set(why, ERR_PROTOCOL, "a VM's notes have at most %d bytes", LONG_TEXT_MAX);
    if (r >= 0)
        r = display_safe(payload, &notes, why);
    if (r >= 0)
        r = do_long_text(&d, CHANGE_NOTES, qid, text_span(&notes));
    return doing_end(&d, r);
}
