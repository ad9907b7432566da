/* SPDX-License-Identifier: MIT
 * The rows of who.def as names and limits. */
#include "proto/who.h"

#include <stdio.h>

#include "base/err.h"

static const struct row {
    const char *name;
    uint32_t most;
    bool rests;
} rows[KINDS] = {
#define KIND(name_, text_, most_, rests_, instance_) [KIND_##name_] = {text_, most_, rests_},
#include "proto/who.def"
};

const char *kind_name(unsigned kind)
{
    return kind < KINDS ? rows[kind].name : "unknown";
}

uint32_t kind_most(unsigned kind)
{
    return kind < KINDS ? rows[kind].most : 0;
}

bool kind_is_single(unsigned kind)
{
    return kind_most(kind) == 1;
}

bool kind_rests(unsigned kind)
{
    return kind < KINDS && rows[kind].rests;
}

bool address_is(struct address a, enum kind kind, uint32_t instance)
{
    return a.kind == kind && a.instance == instance;
}

bool address_equal(struct address a, struct address b)
{
    return a.kind == b.kind && a.instance == b.instance;
}

const char *address_print(struct address a, char text[ADDRESS_TEXT])
{
    if (kind_is_single(a.kind))
        snprintf(text, ADDRESS_TEXT, "%s", kind_name(a.kind));
    else if (a.instance == EVERY_INSTANCE)
        snprintf(text, ADDRESS_TEXT, "%s/*", kind_name(a.kind));
    else
        snprintf(text, ADDRESS_TEXT, "%s/%u", kind_name(a.kind), a.instance);
    return text;
}

int address_parse(struct span s, struct address *a)
{
    struct span rest, name = span_split(s, '/', &rest);
    uint64_t instance = 0;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if (!span_is(name, rows[kind].name))
            continue;
        if (kind_is_single(kind) ? rest.at != NULL : text_number(rest, 0, UINT32_MAX, &instance) < 0)
            return -ERR_UNKNOWN;
        *a = (struct address){(uint8_t)kind, (uint32_t)instance};
        return 0;
    }
    return -ERR_UNKNOWN;
}
