/* SPDX-License-Identifier: MIT
 * Fuzzes what a guest writes into its QubesDB about its USB devices: lines "NAME=VALUE", NAME being the path
 * behind the folder. Whatever comes, each record holds printable characters only and fits its row. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "actors/guest/guest_usb.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_of(const char *text, const char *may)
{
    assert(strspn(text, may) == strlen(text));
}

static void must_be_printable(const char *text)
{
    for (; *text != '\0'; text++)
        assert(*text >= ' ' && *text < 0x7f);
}

static void check(const struct device_item *item)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct wire_list one = {0};
    must_be_of(item->port, "0123456789-.");
    must_be_of(item->interfaces, "u?0123456789abcdef*");
    must_be_of(item->attachment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    must_be_printable(item->manufacturer);
    must_be_printable(item->name);
    must_be_printable(item->serial);
    must_be_printable(item->device_id);
    assert(strpbrk(item->device_id, "'\"\\% ") == NULL);
    assert(item->port[0] != '\0' && strlen(item->interfaces) % 7 == 0 && item->interfaces[0] != '\0');
    device_item_add(&one, &packed, item);
    assert(packed.failed == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    AUTO_MEMORY struct guest_usb_list *list = calloc(1, sizeof *list);
    struct device_item item;
    struct fault why;
    int r = 0;
    while (list != NULL && r == 0 && rest.len > 0) {
        struct span value, name = span_split(span_split(rest, '\n', &rest), '=', &value);
        r = guest_usb_take(list, name, value, &why);
    }
    for (size_t i = 0; list != NULL && i < list->count; i++)
        if (guest_usb_item(&list->device[i], &item))
            check(&item);
    return 0;
}
