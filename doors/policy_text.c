/* SPDX-License-Identifier: MIT
 * What a policy's file holds, and what a port is that it may speak of: pure; see policy.h. */
#include "doors/policy.h"

#include "base/char.h"

#define OURS "# bulkhead: until the device is attached"

bool policy_is_port(struct span s)
{
    bool after_digit = false;
    for (size_t i = 0; i < s.len; i++) {
        bool digit = char_is_digit(s.at[i]);
        if (!digit && (!after_digit || (s.at[i] != '-' && s.at[i] != '.')))
            return false;
        after_digit = digit;
    }
    return after_digit && s.len <= POLICY_PORT;
}

void policy_text_without(struct text *to, struct span was, const char *line)
{
    while (was.len > 0) {
        struct span rest, after, here = span_split(was, '\n', &rest), next = span_split(rest, '\n', &after);
        bool is_ours = span_is(next, OURS) && (line[0] == '\0' || span_is(here, line));
        size_t end = rest.at != NULL ? (size_t)(rest.at - was.at) : was.len;
        if (!is_ours)
            text_append(to, (struct span){was.at, end});
        was = is_ours ? after : rest;
    }
}

void policy_text_with(struct text *to, struct span was, const char *line)
{
    text_format(to, "%s\n" OURS "\n", line);
    policy_text_without(to, was, line);
}
