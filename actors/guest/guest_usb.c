/* SPDX-License-Identifier: MIT
 * See guest_usb.h: in guest's worker. */
#include "actors/guest/guest_usb.h"

#include <assert.h>
#include <string.h>

#include "base/char.h"
#include "base/own.h"

#define UNKNOWN     "unknown"
#define UNKNOWN_IDS "0000:0000"

/* ---- characters ---- */

static int hex_of(char c)
{
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : char_hex(c);
}

/* One character of escaped text: \xNN is that byte, another escape the character behind it. */
static char take_char(struct span *rest)
{
    assert(rest->len > 0 && rest->at != NULL);
    const char *at = rest->at;
    size_t used = 1;
    char c = at[0];
    if (c == '\\' && rest->len >= 4 && at[1] == 'x' && hex_of(at[2]) >= 0 && hex_of(at[3]) >= 0) {
        c = (char)(hex_of(at[2]) * 16 + hex_of(at[3]));
        used = 4;
    } else if (c == '\\' && rest->len >= 2) {
        c = at[1];
        used = 2;
    }
    *rest = (struct span){at + used, rest->len - used};
    return c;
}

/* What is no printable ASCII becomes '_', what is too long is cut off. */
static void take_text(char to[GUEST_USB_TEXT + 1], struct span value)
{
    size_t len = 0;
    while (value.len > 0 && len < GUEST_USB_TEXT) {
        char c = take_char(&value);
        to[len++] = (char)(c >= ' ' && c < 0x7f ? c : '_');
    }
    to[len] = '\0';
}

/* ---- names ---- */

static size_t digits(struct span s, size_t at)
{
    size_t from = at;
    while (at < s.len && char_is_digit(s.at[at]))
        at++;
    return at - from;
}

/* "1-1_2": a bus, a port, and ports of hubs behind it. */
static bool is_port(struct span s)
{
    size_t bus = digits(s, 0), at = bus + 1;
    if (bus == 0 || s.len > GUEST_USB_PORT_MAX || s.len <= at || s.at[bus] != '-')
        return false;
    for (;;) {
        size_t len = digits(s, at);
        if (len == 0)
            return false;
        at += len;
        if (at == s.len)
            return true;
        if (s.at[at++] != '_')
            return false;
    }
}

/* "1-1_2" as the kernel has it. */
static void write_port(char port[GUEST_USB_PORT_MAX + 1], struct span name)
{
    (void)text_copy(port, GUEST_USB_PORT_MAX + 1, name);
    for (char *c = port; *c != '\0'; c++)
        if (*c == '_')
            *c = '.';
}

static struct guest_usb *of_port(struct guest_usb_list *list, struct span name)
{
    char port[GUEST_USB_PORT_MAX + 1];
    bool fits = is_port(name);
    if (fits)
        write_port(port, name);
    for (size_t i = 0; i < list->count && fits; i++)
        if (strcmp(list->device[i].port, port) == 0)
            return &list->device[i];
    if (!fits || list->count == GUEST_USB_MAX) {
        list->left_out++;
        return NULL;
    }
    struct guest_usb *d = &list->device[list->count++];
    *d = (struct guest_usb){.ids = UNKNOWN_IDS, .manufacturer = UNKNOWN, .name = UNKNOWN, .serial = UNKNOWN};
    memcpy(d->port, port, sizeof d->port);
    return d;
}

/* ---- words ---- */

/* "1d6b:0002" */
static bool are_ids(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (i == 4 ? s.at[i] != ':' : hex_of(s.at[i]) < 0)
            return false;
    return s.len == 9;
}

/* Four fields between single spaces; anything else is a name. */
static void take_desc(struct guest_usb *d, struct span value)
{
    struct span field[5], rest = value;
    size_t count = 0;
    while (count < COUNT(field) && rest.at != NULL)
        field[count++] = span_split(rest, ' ', &rest);
    if (count == 4 && are_ids(field[0])) {
        (void)text_copy(d->ids, sizeof d->ids, field[0]);
        take_text(d->manufacturer, field[1]);
        take_text(d->name, field[2]);
        take_text(d->serial, field[3]);
        return;
    }
    take_text(d->name, value);
    for (char *c = d->name; *c != '\0'; c++)
        if (*c == ' ')
            *c = '_';
}

/* Lower case, as deny lists have them: a backend must not slip a device past one. */
static bool add_code(char *codes, struct span code)
{
    size_t len = strlen(codes);
    if (code.len > 6 || len + 7 > GUEST_USB_CODES)
        return false;
    codes[len] = 'u';
    memset(codes + len + 1, '*', 6);
    codes[len + 7] = '\0';
    for (size_t i = 0; i < code.len; i++) {
        int digit = hex_of(code.at[i]);
        if (digit < 0)
            return false;
        codes[len + 1 + i] = "0123456789abcdef"[digit];
    }
    return true;
}

static void take_interfaces(struct guest_usb *d, struct span value)
{
    d->interfaces[0] = '\0';
    while (value.len > 0 && !d->is_malformed) {
        struct span code = span_split(value, ':', &value);
        d->is_malformed = code.len > 0 && !add_code(d->interfaces, code);
    }
}

/* What is no name of a VM is nobody. */
static void take_attachment(struct guest_usb *d, struct span value)
{
    bool fits = value.len > 0 && char_is_letter(value.at[0]);
    for (size_t i = 0; i < value.len && fits; i++)
        fits =
            char_is_letter(value.at[i]) || char_is_digit(value.at[i]) || strchr("_.-", value.at[i]) != NULL;
    if (!fits || text_copy(d->attachment, sizeof d->attachment, value) < 0)
        d->attachment[0] = '\0';
}

int guest_usb_take(void *list_, struct span name, struct span value, struct fault *why)
{
    struct guest_usb_list *list = list_;
    struct span word, port = span_split(name, '/', &word);
    if (++list->entries > GUEST_USB_ENTRIES)
        return fault_set(why, ERR_PROTOCOL,
                         "the guest's QubesDB holds more than %d entries about USB devices",
                         GUEST_USB_ENTRIES);
    struct guest_usb *d = word.at == NULL ? NULL : of_port(list, port);
    if (d != NULL && span_is(word, "desc"))
        take_desc(d, value);
    else if (d != NULL && span_is(word, "interfaces"))
        take_interfaces(d, value);
    else if (d != NULL && span_is(word, "connected-to"))
        take_attachment(d, value);
    return 0;
}

/* ---- what the bus hears ---- */

/* An id is said in errors and typed by people: quotes, '%' and spaces of a serial are none of it. */
static void add_serial(struct text *id, const char *serial)
{
    for (const char *c = serial; *c != '\0' && strcmp(serial, UNKNOWN) != 0; c++)
        text_byte(id, (char)(strchr("'\"\\% ", *c) != NULL ? '_' : *c));
}

bool guest_usb_item(const struct guest_usb *d, struct device_item *item)
{
    AUTO_TEXT id = TEXT_WITH_LIMIT(sizeof item->device_id - 1);
    const char *interfaces = d->interfaces[0] != '\0' ? d->interfaces : "?******";
    *item = (struct device_item){.size = 0};
    (void)text_copy(item->port, sizeof item->port, span_of(d->port));
    (void)text_copy(item->interfaces, sizeof item->interfaces, span_of(interfaces));
    memcpy(item->manufacturer, d->manufacturer, sizeof item->manufacturer);
    memcpy(item->name, d->name, sizeof item->name);
    memcpy(item->serial, d->serial, sizeof item->serial);
    memcpy(item->attachment, d->attachment, sizeof item->attachment);
    text_format(&id, "%s:", d->ids);
    add_serial(&id, d->serial);
    text_format(&id, ":%s", interfaces);
    return !d->is_malformed && id.failed == 0 &&
           text_copy(item->device_id, sizeof item->device_id, text_span(&id)) == 0;
}
