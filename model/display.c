/* SPDX-License-Identifier: MIT
 * UTF-8 with the characters that people may be shown; see display.h. */
#include "model/display.h"

#include "base/own.h"

static const struct range {
    uint32_t first, last;
} shown[] = {
#define SHOWN(first, last) {first, last},
#include "model/display.def"
};

bool display_may_show(uint32_t character)
{
    size_t lo = 0, hi = COUNT(shown);
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (character > shown[middle].last)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < COUNT(shown) && character >= shown[lo].first;
}

int display_character(struct span at, uint32_t *character, size_t *len)
{
    static const struct {
        unsigned char mask, mark;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    const unsigned char *bytes = (const unsigned char *)at.at;
    for (size_t more = 0; more < COUNT(forms) && more < at.len; more++) {
        if ((bytes[0] & forms[more].mask) != forms[more].mark)
            continue;
        uint32_t code = (uint32_t)(bytes[0] & (unsigned char)~forms[more].mask);
        for (size_t i = 1; i <= more; i++) {
            if ((bytes[i] & 0xc0) != 0x80)
                return -ERR_BAD;
            code = code << 6 | (bytes[i] & 0x3f);
        }
        if (code < forms[more].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            return -ERR_BAD;
        *character = code;
        *len = more + 1;
        return 0;
    }
    return -ERR_BAD;
}

int display_safe(struct span text, struct text *to, struct fault *why)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t character = 0;
        size_t len = 0;
        struct span rest = {text.at + i, text.len - i};
        if (display_character(rest, &character, &len) < 0)
            return fault_set(why, ERR_PROTOCOL, "the text is not UTF-8 at byte %zu", i);
        if (display_may_show(character) || character == '\t' || character == '\n')
            text_append(to, (struct span){rest.at, len});
        else
            text_byte(to, '_');
        i += len;
    }
    return to->failed < 0 ? fault_set(why, (enum err) - to->failed, "the text is longer than can be kept")
                          : 0;
}
