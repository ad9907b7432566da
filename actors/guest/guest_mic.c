/* SPDX-License-Identifier: MIT
 * See guest_mic.h: in guest's worker. */
#include "actors/guest/guest_mic.h"

#include <string.h>

#include "base/char.h"
#include "base/own.h"

static bool is_vm_name(struct span s)
{
    bool fits = s.len > 0 && s.len < sizeof((struct guest_mic_word *)NULL)->name && char_is_letter(s.at[0]);
    return fits && span_is_plain(s, "_-.");
}

int guest_mic_take(void *list_, struct span name, struct span value, struct fault *why)
{
    struct guest_mic_list *list = list_;
    if (++list->entries > GUEST_MIC_ENTRIES)
        return fault_set(why, ERR_PROTOCOL, "the guest's list of VMs with a microphone has no end");
    if (name.len == 0)
        return 0; /* the folder's own entry */
    if (!is_vm_name(name) || list->count == GUEST_MIC_MAX) {
        list->left_out++;
        return 0;
    }
    struct guest_mic_word *vm = &list->vm[list->count++];
    (void)text_copy(vm->name, sizeof vm->name, name);
    vm->allowed = (char)(span_is(value, "1") || span_is(value, "0") ? value.at[0] : '?');
    return 0;
}

void guest_mic_item(const struct guest_mic_word *vm, struct device_item *item)
{
    *item = (struct device_item){.port = "mic", .device_id = "dom0:mic::m000000", .data = "allowed=?"};
    memcpy(item->attachment, vm->name, sizeof item->attachment);
    item->data[strlen("allowed=")] = vm->allowed;
}
