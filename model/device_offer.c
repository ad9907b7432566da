/* SPDX-License-Identifier: MIT
 * See device_offer.h. */
#include "model/device_offer.h"

#include "model/model_inside.h"

int device_offer_of(const struct known *k, uint32_t qid, const struct device *real, struct assignment *best)
{
    const struct item *at = model_items(k->model, qid, CHANGE_DEVICE);
    struct assignment a;
    int found = 0;
    for (; at != NULL; at = at->next) {
        if (assignment_read((struct span){at->key, at->key_len}, (struct span){at->value, at->value_len},
                            &a) < 0 ||
            !device_matches(&a.device, real) || (found && device_tried_order(&a.device, &best->device) > 0))
            continue;
        *best = a;
        found = 1;
    }
    return found;
}

size_t device_offer_order(const struct known *k, uint32_t qid, const struct device *real, size_t count,
                          size_t *order)
{
    struct device by[DEVICE_OFFERS_MAX];
    struct assignment a;
    size_t used = 0;
    for (size_t i = 0; i < count && i < DEVICE_OFFERS_MAX; i++) {
        if (!device_offer_of(k, qid, &real[i], &a))
            continue;
        size_t at = used++;
        for (; at > 0 && device_tried_order(&a.device, &by[at - 1]) < 0; at--) {
            by[at] = by[at - 1];
            order[at] = order[at - 1];
        }
        by[at] = a.device;
        order[at] = i;
    }
    return used;
}

static bool is_at_least(struct span text, const char *least)
{
    size_t i = 0;
    while (i < text.len && least[i] != '\0' && text.at[i] == least[i])
        i++;
    if (least[i] == '\0')
        return true;
    return i < text.len && (unsigned char)text.at[i] > (unsigned char)least[i];
}

bool device_has_script(const struct known *k, uint32_t backend)
{
    struct span version;
    if (backend == 0)
        return true;
    if (ask_feature(k, backend, CHAIN_TEMPLATE, SPAN_LITERAL("qubes-agent-version"), &version) != 1)
        version = SPAN_LITERAL("4.1");
    return is_at_least(version, "4.2");
}
