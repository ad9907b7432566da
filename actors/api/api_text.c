/* SPDX-License-Identifier: MIT
 * Firewall rules and notes (admin-api-methods 7); in api. */
#include "actors/api/api_inside.h"
#include "model/firewall.h"
#include "model/long_text.h"

static int check_holder(const struct asked *q, const char *what, struct fault *why)
{
    if (vm_is_qubes(q->dest))
        return 0;
    return fault_set(why, ERR_VM, "%s has no %s", vm_name(q->dest), what);
}

int api_do_firewall_get(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                        struct fault *why)
{
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct firewall_rule rule;
    unsigned place = 0, at = 0;
    int r = check_holder(q, "firewall", why);
    (void)out;
    if (r < 0)
        return r;
    (void)firewall_known(&self->known, vm_qid(q->dest), &list);
    struct span rest = text_span(&list);
    while (firewall_list_next(&rest, &place, &at, &rule) == 1) {
        firewall_rule_print(&rule, reply);
        text_byte(reply, '\n');
    }
    return list.failed;
}

int api_do_notes_get(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    int r = check_holder(q, "notes", why);
    (void)out;
    if (r >= 0)
        (void)long_text_known(&self->known, CHANGE_NOTES, vm_qid(q->dest), reply);
    return r;
}

int api_do_text_set(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    (void)reply, (void)why;
    return api_operate(self, out, q, (enum operation)q->method->detail, vm_qid(q->dest), SPAN_LITERAL(""),
                       q->request.payload);
}
