/* SPDX-License-Identifier: MIT
 * See guest_device.h: in guest's worker. */
#include "actors/guest/guest_device.h"

#include <stdio.h>
#include <string.h>

#include "base/char.h"
#include "base/own.h"
#include "model/device.h"

/* ---- characters ---- */

static bool is_of_port(char c)
{
    return char_is_letter(c) || char_is_digit(c) || c == '.' || c == '_' || c == '-';
}

static bool is_of_description(char c)
{
    return char_is_letter(c) || char_is_digit(c) || (c != '\0' && strchr("()+,-.:=_/ ", c) != NULL);
}

/* Bytes that are no ASCII vanish, what is not allowed becomes '_', what is too long is cut off. */
static void take_plain(char to[GUEST_DEVICE_TEXT + 1], struct span value, bool (*may)(char c))
{
    size_t len = 0;
    for (size_t i = 0; i < value.len && len < GUEST_DEVICE_TEXT; i++)
        if ((unsigned char)value.at[i] < 0x80)
            to[len++] = (char)(may(value.at[i]) ? value.at[i] : '_');
    to[len] = '\0';
}

/* The name of a port and, behind a ':', of an interface. */
static bool is_of_parent(char c)
{
    return is_of_port(c) || c == ':';
}

/* ---- entries ---- */

static bool is_port(struct span name)
{
    return name.len > 0 && name.len <= GUEST_PORT_MAX && span_is_plain(name, "._-");
}

static const struct guest_device *find(const struct guest_device_list *list, struct span port)
{
    for (size_t i = 0; i < list->count; i++)
        if (span_is(port, list->device[i].port))
            return &list->device[i];
    return NULL;
}

static struct guest_device *of_port(struct guest_device_list *list, struct span port)
{
    struct guest_device *d = (struct guest_device *)(uintptr_t)find(list, port);
    if (d != NULL)
        return d;
    if (!is_port(port) || list->count == GUEST_DEVICES_MAX) {
        list->left_out++;
        return NULL;
    }
    d = &list->device[list->count++];
    *d = (struct guest_device){.size = 0};
    (void)text_copy(d->port, sizeof d->port, port);
    return d;
}

static void take_word(struct guest_device *d, struct span word, struct span value)
{
    if (span_is(word, "desc"))
        take_plain(d->desc, value, is_of_description);
    else if (span_is(word, "parent"))
        take_plain(d->parent, value, is_of_parent);
    else if (span_is(word, "mode"))
        d->read_only = span_is(value, "r");
    else if (span_is(word, "size") && text_number(value, 0, UINT64_MAX, &d->size) < 0)
        d->size = 0;
}

/* An entry of the device itself says nothing: only what lies below it makes one. */
int guest_device_take(void *list_, struct span name, struct span value, struct fault *why)
{
    struct guest_device_list *list = list_;
    struct span word, port = span_split(name, '/', &word);
    if (++list->entries > GUEST_ENTRIES_MAX)
        return fault_set(why, ERR_PROTOCOL, "the guest's QubesDB holds more than %d entries about devices",
                         GUEST_ENTRIES_MAX);
    struct guest_device *d = word.at == NULL ? NULL : of_port(list, port);
    if (d != NULL)
        take_word(d, word, value);
    return 0;
}

/* ---- what a bus hears ---- */

/* Underscores stand for spaces. Nothing left: not known. */
static void take_name(char *to, size_t size, struct span from)
{
    char text[GUEST_DEVICE_TEXT + 1];
    for (size_t i = 0; i < from.len; i++)
        text[i] = (char)(from.at[i] == '_' ? ' ' : from.at[i]);
    struct span name = span_trim((struct span){text, from.len});
    (void)text_copy(to, size, name.len > 0 ? name : SPAN_LITERAL("unknown"));
}

/* "Model_words (Label)". */
static void add_names(const struct guest_device *d, struct device_item *item)
{
    struct span label, model = span_split(span_of(d->desc), ' ', &label);
    bool has_label = label.at != NULL && label.len > 2;
    take_name(item->serial, sizeof item->serial, model);
    take_name(item->name, sizeof item->name,
              has_label ? (struct span){label.at + 1, label.len - 2} : SPAN_LITERAL(""));
    (void)text_copy(item->description, sizeof item->description, span_of(d->desc));
}

/* The digits at a name's end as a number; "None" without. */
static void add_number(struct text *id, const char *port)
{
    size_t len = strlen(port), first = len;
    while (first > 0 && char_is_digit(port[first - 1]))
        first--;
    while (first + 1 < len && port[first] == '0')
        first++;
    text_add(id, first < len ? port + first : "None");
}

static struct span parent_of(const struct guest_device *d, struct span *interface)
{
    return span_split(span_of(d->parent), ':', interface);
}

/* The id of what it is part of, then its place there. A parent that nobody lists has the id of the unknown.
 */
static void write_id(struct text *id, const struct guest_device_list *list, const struct guest_device *d)
{
    const struct guest_device *chain[GUEST_DEVICE_PARENTS];
    size_t count = 0;
    bool is_unknown = false;
    for (; d != NULL && count < GUEST_DEVICE_PARENTS && !is_unknown; count++) {
        struct span interface, port = parent_of(d, &interface);
        chain[count] = d;
        d = port.len > 0 && interface.at == NULL ? find(list, port) : NULL;
        is_unknown = port.len > 0 && d == NULL;
    }
    if (is_unknown || d != NULL)
        text_add(id, "0000:0000::?******");
    while (count > 0) {
        struct span interface;
        (void)parent_of(chain[--count], &interface);
        text_byte(id, ':');
        if (interface.len > 0)
            text_append(id, interface);
        else
            add_number(id, chain[count]->port);
    }
}

static void add_parent(const struct guest_device *d, const char *backend, struct device_item *item)
{
    struct span interface, port = parent_of(d, &interface);
    if (port.len > 0) {
        (void)text_copy(item->parent_port, sizeof item->parent_port, port);
        (void)text_copy(item->parent_class, sizeof item->parent_class,
                        span_of(device_class_name(interface.at != NULL ? DEVICE_usb : DEVICE_block)));
        snprintf(item->manufacturer, sizeof item->manufacturer, "sub-device of %.31s:%.200s", backend,
                 item->parent_port);
    } else
        snprintf(item->manufacturer, sizeof item->manufacturer, "hosted by %.31s", backend);
}

void guest_device_item(const struct guest_device_list *list, const struct guest_device *d,
                       const char *backend, struct device_item *item)
{
    AUTO_TEXT id = TEXT_WITH_LIMIT(sizeof item->device_id - 1);
    *item = (struct device_item){.size = d->size, .read_only = d->read_only, .interfaces = "b******"};
    (void)text_copy(item->port, sizeof item->port, span_of(d->port));
    write_id(&id, list, d);
    if (id.failed < 0 || text_copy(item->device_id, sizeof item->device_id, text_span(&id)) < 0)
        strcpy(item->device_id, "0000:0000::?******");
    add_names(d, item);
    add_parent(d, backend, item);
}
