/* SPDX-License-Identifier: MIT
 * See devbus_question.h: in the core of a bus whose devices come and go. */
#include "actors/devbus/devbus_question.h"

#include <string.h>

#include "base/own.h"
#include "model/device_interface.h"

/* ---- JSON ---- */

/* What is not printable never gets so far; if it did, it would be no character of the text. */
static void quoted(struct text *to, struct span s)
{
    text_byte(to, '"');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '"' || c == '\\')
            text_byte(to, '\\');
        text_byte(to, (char)(c >= ' ' && c < 0x7f ? c : '_'));
    }
    text_byte(to, '"');
}

static void field(struct text *to, const char *name, struct span value)
{
    text_format(to, "\"%s\": ", name);
    quoted(to, value);
    text_add(to, ", ");
}

void devbus_icon(struct text *to, const char *name, const char *icon)
{
    if (to->len > 0)
        text_add(to, ", ");
    quoted(to, span_of(name));
    text_add(to, ": ");
    quoted(to, span_of(icon));
}

void devbus_question_text(struct text *to, const struct devbus_question_asked *q)
{
    AUTO_TEXT words = TEXT_WITH_LIMIT(2048);
    devbus_description(&words, q->device_class, q->backend, q->item);
    text_append(to, SPAN_LITERAL("device-agent.GUI dom0 name dom0\0{"));
    field(to, "source", span_of(q->backend));
    field(to, "device_name", text_span(&words));
    field(to, "argument", span_of(q->item->port));
    text_add(to, "\"targets\": [");
    for (size_t i = 0; i < q->targets; i++) {
        text_add(to, i > 0 ? ", " : "");
        quoted(to, span_of(q->target[i]));
    }
    text_add(to, "], ");
    field(to, "default_target", span_of(q->targets == 1 ? q->target[0] : ""));
    text_add(to, "\"icons\": {");
    text_append(to, q->icons);
    text_add(to, "}}");
}

/* ---- words ---- */

static const char *known(const char *a, const char *b)
{
    if (a[0] != '\0' && strcmp(a, "unknown") != 0)
        return a;
    return b != NULL && b[0] != '\0' && strcmp(b, "unknown") != 0 ? b : NULL;
}

/* A device names itself: what it says must not become markup of the window that shows it. */
static void plain(struct text *to, const char *words)
{
    for (; *words != '\0'; words++)
        text_byte(to, (char)(*words < ' ' || *words >= 0x7f || strchr("<>&", *words) != NULL ? '_' : *words));
}

static void kind_of(struct text *to, const char *device_class, const struct device_item *item)
{
    struct span codes = span_of(item->interfaces), code;
    enum device_category category = CATEGORY_Other;
    while (category == CATEGORY_Other && interface_next(&codes, &code) == 1)
        category = device_category(code);
    if (category != CATEGORY_Other) {
        text_add(to, device_category_name(category));
        return;
    }
    for (const char *c = device_class; *c != '\0'; c++)
        text_byte(to, (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c));
    text_add(to, " device");
}

void devbus_description(struct text *to, const char *device_class, const char *backend,
                        const struct device_item *item)
{
    const char *product = known(item->product, item->name), *vendor = known(item->vendor, item->manufacturer);
    if (product == NULL)
        product = known(item->serial, NULL);
    if (product == NULL && item->parent_port[0] != '\0') {
        text_format(to, "sub-device of %s:", backend);
        plain(to, item->parent_port);
        return;
    }
    kind_of(to, device_class, item);
    text_add(to, ": ");
    plain(to, vendor != NULL ? vendor : "unknown vendor");
    text_byte(to, ' ');
    if (product != NULL)
        plain(to, product);
    else
        text_format(to, "unknown %s device", device_class);
}

/* ---- the answer ---- */

int devbus_answer(struct span answer, const char *const *target, size_t targets)
{
    static const char allow[] = "allow:";
    enum { WORD = sizeof allow - 1 };
    if (answer.len <= WORD || memcmp(answer.at, allow, WORD) != 0)
        return -1;
    struct span name = {answer.at + WORD, answer.len - WORD};
    for (size_t i = 0; i < targets; i++)
        if (name.len == strlen(target[i]) && memcmp(name.at, target[i], name.len) == 0)
            return (int)i;
    return -1;
}
