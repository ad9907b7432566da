/* SPDX-License-Identifier: MIT
 * Fuzzes the reading of who may hear the microphone: whatever a VM's QubesDB holds, the bus hears of names
 * that VMs can have, once for each entry, and of three answers. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "actors/guest/guest_mic.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_sound(const struct guest_mic_word *vm)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct guest_devices_reply reply = {.name = "audio"}, again;
    struct device_item item;
    guest_mic_item(vm, &item);
    assert(strcmp(item.attachment, vm->name) == 0 && vm->name[0] != '\0');
    assert(strchr("01?", vm->allowed) != NULL);
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_PART_MAX);
    device_item_add(&reply.devices, &elements, &item);
    guest_devices_reply_encode(&bytes, &reply);
    assert(elements.failed == 0 && guest_devices_reply_decode(&again, text_span(&bytes)) == 0);
}

/* Entries with a NUL behind each: "NAME=VALUE". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guest_mic_list list;
    struct span rest = {(const char *)data, size}, value;
    struct fault why;
    list = (struct guest_mic_list){.count = 0};
    while (rest.len > 0) {
        struct span name = span_split(span_split(rest, '\0', &rest), '=', &value);
        if (guest_mic_take(&list, name, value, &why) < 0)
            break;
    }
    for (size_t i = 0; i < list.count; i++)
        is_sound(&list.vm[i]);
    return 0;
}
