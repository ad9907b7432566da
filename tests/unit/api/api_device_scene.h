/* SPDX-License-Identifier: MIT
 * What tests of device calls share: what a VM has assigned and attached, and a bus that has two devices. */
#ifndef TESTS_UNIT_API_API_DEVICE_SCENE_H
#define TESTS_UNIT_API_API_DEVICE_SCENE_H

#include <setjmp.h>
#include <stdarg.h>

#include "tests/unit/api/api_scene.h"

#include <cmocka.h>

#include "model/device.h"

#define WORK ((struct subject){KIND_VM, 1, 3})

static inline void give(struct scene *s, enum change_kind kind, uint32_t qid, const char *key,
                        const char *value)
{
    struct change c = {.kind = kind, .qid = qid, .key = span_of(key), .value = span_of(value)};
    scene_delta(s, s->version + 1, &c, NULL, 0);
}

/* What a bus says that work (or another) has. */
static inline void tell_attached(struct scene *s, struct subject subject, const char *class, const char *port,
                                 const char *id, const char *options)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct attached m = {.device_class = ""};
    struct attached_item item = {.backend = "dom0", .options = span_of(options)};
    (void)text_copy(m.device_class, sizeof m.device_class, span_of(class));
    (void)text_copy(item.port, sizeof item.port, span_of(port));
    (void)text_copy(item.device_id, sizeof item.device_id, span_of(id));
    if (port[0] != '\0')
        attached_item_add(&m.devices, &elements, &item);
    attached_encode(&body, &m);
    scene_hear(s, MESSAGE_attached, subject, &body);
}

/* The bus answers question i with these two devices; with none for NULL. */
static inline void answer_devices(struct scene *s, size_t i, const char *interfaces)
{
    AUTO_TEXT elements = TEXT_WITH_LIMIT(BODY_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_MAX);
    struct bus_list_reply m = {0};
    struct device_item net = {
        .port = "00_19.0", .device_id = "net", .data = "sbdf=0000:00:19.0", .description = "a: b c"};
    struct device_item behind = {.port = "00_1c.0-00_00.0", .device_id = "usb", .data = "sbdf=0000:03:00.0"};
    if (interfaces != NULL) {
        (void)text_copy(net.interfaces, sizeof net.interfaces, span_of(interfaces));
        device_item_add(&m.devices, &elements, &net);
        device_item_add(&m.devices, &elements, &behind);
    }
    bus_list_reply_encode(&body, &m);
    scene_answer(s, i, 0, "", &body);
}

#endif
