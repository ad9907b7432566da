/* SPDX-License-Identifier: MIT
 * See devbus_block_options.h: in devbus-block's core. */
#include "actors/devbus-block/devbus_block_options.h"

#include <ctype.h>
#include <string.h>

#include "base/own.h"
#include "model/device_wire.h"
#include "model/names.h"

enum { TARGET_MAX = 15, SHOWN = 60, LISTED_MAX = 12 };

static int shown(struct span s)
{
    return s.len > SHOWN ? SHOWN : (int)s.len;
}

static bool is_target(struct span value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!islower((unsigned char)value.at[i]) && !isdigit((unsigned char)value.at[i]))
            return false;
    return value.len <= TARGET_MAX && (span_starts(value, "xvd") || span_starts(value, "sd"));
}

static bool is_word(struct span value, const char *word)
{
    size_t i = 0;
    while (i < value.len && word[i] != '\0' && tolower((unsigned char)value.at[i]) == word[i])
        i++;
    return i == value.len && word[i] == '\0';
}

static bool is_among(struct span value, const char *const words[4])
{
    for (size_t i = 0; i < 4; i++)
        if (is_word(value, words[i]))
            return true;
    return false;
}

static int read_boolean(struct span value, bool *truth, struct fault *why)
{
    static const char *const yes[4] = {"1", "yes", "true", "on"}, *const no[4] = {"0", "no", "false", "off"};
    *truth = is_among(value, yes);
    if (*truth || is_among(value, no))
        return 0;
    return fault_plain(
        why, fault_set(why, ERR_VALUE, "Invalid read-only option value: %.*s", shown(value), value.at));
}

static int check(struct span name, struct span value, struct fault *why)
{
    if (span_is(name, "frontend-dev"))
        return is_target(value)
                   ? 0
                   : fault_plain(why, fault_set(why, ERR_VALUE, "Invalid frontend-dev option value: %.*s",
                                                shown(value), value.at));
    if (span_is(name, "devtype"))
        return span_is(value, "disk") || span_is(value, "cdrom")
                   ? 0
                   : fault_set(why, ERR_VALUE, "devtype option can only have 'disk' or 'cdrom' value");
    return fault_plain(why, fault_set(why, ERR_VALUE, "Unsupported option %.*s", shown(name), name.at));
}

int block_options(struct span lines, bool read_only, struct text *to, struct fault *why)
{
    struct span name, value;
    bool said = false, only_reads = read_only;
    int r = 0;
    while (r == 0 && assignment_option(&lines, &name, &value)) {
        bool is_access = span_is(name, "read-only");
        said = said || is_access;
        r = is_access ? read_boolean(value, &only_reads, why) : check(name, value, why);
        if (is_access)
            value = span_of(only_reads ? "yes" : "no");
        if (r == 0)
            assignment_option_write(to, name, value);
    }
    if (r == 0 && !said)
        assignment_option_write(to, SPAN_LITERAL("read-only"), span_of(only_reads ? "yes" : "no"));
    if (r == 0 && read_only && !only_reads)
        r = fault_set(why, ERR_VALUE, "This device can be attached only read-only");
    return r < 0 ? r : to->failed;
}

bool block_is_listed(const char *port)
{
    size_t len = strspn(port, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= LISTED_MAX && port[len] == '\0';
}
