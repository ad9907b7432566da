/* SPDX-License-Identifier: MIT
 * Fuzzes what a guest writes into its QubesDB about the devices that it exposes: lines "NAME=VALUE", NAME
 * being the path behind the folder. Whatever comes, each record holds plain characters only, and its id ends.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "actors/guest/guest_device.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_plain(const char *text, const char *may)
{
    assert(strspn(text, may) == strlen(text));
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    AUTO_MEMORY struct guest_device_list *list = calloc(1, sizeof *list);
    struct device_item item;
    struct fault why;
    int r = 0;
    while (list != NULL && r == 0 && rest.len > 0) {
        struct span value, name = span_split(span_split(rest, '\n', &rest), '=', &value);
        r = guest_device_take(list, name, value, &why);
    }
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        guest_device_item(list, &list->device[i], "sys-usb", &item);
        must_be_plain(item.port, LETTERS "._-");
        must_be_plain(item.device_id, LETTERS "._-:?*");
        must_be_plain(item.serial, LETTERS "()+,-.:=_/ ");
        must_be_plain(item.name, LETTERS "()+,-.:=_/ ");
        must_be_plain(item.parent_port, LETTERS "._-");
        assert(item.port[0] != '\0' && item.device_id[0] != '\0' && strcmp(item.device_id, "*") != 0);
        AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
        struct wire_list one = {0};
        device_item_add(&one, &packed, &item);
        assert(packed.failed == 0); /* every record fits its row */
    }
    return 0;
}
