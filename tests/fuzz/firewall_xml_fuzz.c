/* SPDX-License-Identifier: MIT
 * Fuzzes firewall rules, as firewall.xml and as a client's lines: what is taken reads back as itself. */
#include <stdlib.h>
#include <string.h>

#include "actors/registry/registry_firewall.h"
#include "base/own.h"
#include "model/firewall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct text *a, const struct text *b)
{
    if (a->len != b->len || (a->len > 0 && memcmp(a->at, b->at, a->len) != 0))
        abort();
}

static void try_list(const struct text *list)
{
    AUTO_TEXT again = TEXT_WITH_LIMIT(1 << 22);
    AUTO_TEXT xml = TEXT_WITH_LIMIT(1 << 22);
    AUTO_TEXT back = TEXT_WITH_LIMIT(1 << 22);
    struct fault why;
    if (firewall_list_parse(text_span(list), 0, &again, &why) < 0)
        abort();
    same(list, &again);
    if (registry_firewall_write(text_span(list), &xml, &why) < 0 ||
        registry_firewall_read(text_span(&xml), 0, &back, &why) < 0)
        abort();
    same(list, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_TEXT from_xml = TEXT_WITH_LIMIT(1 << 20);
    AUTO_TEXT from_text = TEXT_WITH_LIMIT(1 << 20);
    struct span bytes = {(const char *)data, size};
    struct fault why;
    /* At second 0 no rule has expired, so that every one is written again. */
    if (registry_firewall_read(bytes, 0, &from_xml, &why) == 0)
        try_list(&from_xml);
    if (firewall_list_parse(bytes, 0, &from_text, &why) == 0)
        try_list(&from_text);
    return 0;
}
