/* SPDX-License-Identifier: MIT
 * Interface codes: matching, categories, deny lists; see device_interface.h. */
#include "model/device_interface.h"

#include "base/own.h"

static const struct category_row {
    const char *name, *patterns;
} rows[DEVICE_CATEGORIES] = {
#define DEVICE_CATEGORY(name, patterns) {#name, patterns},
#include "model/device_category.def"
};

const char *device_category_name(enum device_category category)
{
    return (unsigned)category < DEVICE_CATEGORIES ? rows[category].name : "";
}

int interface_next(struct span *codes, struct span *code)
{
    if (codes->len < INTERFACE_CODE)
        return 0;
    *code = (struct span){codes->at, INTERFACE_CODE};
    *codes = (struct span){codes->at + INTERFACE_CODE, codes->len - INTERFACE_CODE};
    return 1;
}

bool interface_matches(struct span pattern, struct span candidate)
{
    for (size_t i = 0; i < pattern.len && i < candidate.len; i++)
        if (pattern.at[i] != '*' && pattern.at[i] != candidate.at[i])
            return false;
    return pattern.len == candidate.len;
}

/* How many characters are equal; 0 as well where one that the pattern demands is another. */
static int score(struct span pattern, struct span code)
{
    int equal = 0;
    if (!interface_matches(pattern, code))
        return 0;
    for (size_t i = 0; i < code.len; i++)
        equal += pattern.at[i] == code.at[i];
    return equal;
}

enum device_category device_category(struct span code)
{
    enum device_category found = CATEGORY_Other;
    int best = 0;
    for (unsigned i = 0; i < DEVICE_CATEGORIES; i++) {
        struct span patterns = span_of(rows[i].patterns), pattern;
        while (interface_next(&patterns, &pattern)) {
            int this = score(pattern, code);
            if (this > best) {
                best = this;
                found = (enum device_category)i;
            }
        }
    }
    return found;
}

int interface_denied(struct span denied, struct span interfaces, struct span *which)
{
    struct span pattern, candidate;
    while (interface_next(&denied, &pattern)) {
        struct span rest = interfaces;
        while (interface_next(&rest, &candidate)) {
            if (interface_matches(pattern, candidate)) {
                *which = candidate;
                return 1;
            }
        }
    }
    return 0;
}
