/* SPDX-License-Identifier: MIT
 * Fuzzes bounded text: splitting loses no byte, a number read is within its bounds, and a buffer never
 * exceeds its limit whatever is appended. */
#include "base/text.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void split_loses_nothing(struct span whole)
{
    struct span rest, first = span_split(whole, '+', &rest);
    size_t separator = rest.at != NULL ? 1 : 0;
    assert(first.len + separator + rest.len == whole.len);
    assert(span_trim(whole).len <= whole.len);
}

static void number_stays_in_bounds(struct span whole)
{
    uint64_t value = 0;
    if (text_number(whole, 3, 70000, &value) == 0)
        assert(value >= 3 && value <= 70000);
    else
        assert(value == 0);
}

static void limit_holds(struct span whole)
{
    AUTO_TEXT t = TEXT_WITH_LIMIT(64);
    text_append(&t, whole);
    text_append(&t, whole);
    assert(t.len <= 64);
    assert((t.failed == 0) == (whole.len * 2 <= 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span whole = {(const char *)data, size};
    split_loses_nothing(whole);
    number_stays_in_bounds(whole);
    limit_holds(whole);
    return 0;
}
