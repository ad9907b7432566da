/* SPDX-License-Identifier: MIT
 * Names of files and logical volumes; in storage. */
#include "doors/pool_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool names_vid(const char *vid)
{
    struct span rest = span_of(vid);
    if (rest.len == 0)
        return true;
    if (vid[rest.len - 1] == '/')
        return false;
    while (rest.len > 0) {
        struct span part = span_split(rest, '/', &rest);
        if (part.len == 0 || span_is(part, ".") || span_is(part, "..") || part.at[0] == '-')
            return false;
        for (size_t i = 0; i < part.len; i++)
            if ((unsigned char)part.at[i] <= ' ' || part.at[i] == 0x7f || part.at[i] == '~')
                return false;
    }
    return true;
}

bool names_time(char to[NAMES_TIME], time_t seconds)
{
    struct tm tm;
    return gmtime_r(&seconds, &tm) != NULL &&
           strftime(to, NAMES_TIME, "%Y-%m-%dT%H:%M:%S", &tm) == NAMES_TIME - 1;
}

bool names_revision(char to[NAMES_REVISION_MAX + 1], uint64_t number, time_t seconds)
{
    char time[NAMES_TIME];
    return names_time(time, seconds) &&
           snprintf(to, NAMES_REVISION_MAX + 1, ".img.%" PRIu64 "@%sZ", number, time) <= NAMES_REVISION_MAX;
}

static bool is_time(const char *at)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == 'd' ? at[i] < '0' || at[i] > '9' : at[i] != form[i])
            return false;
    return true;
}

bool names_read_revision(const char *tail, uint64_t *number, char time[NAMES_TIME])
{
    struct span rest, digits;
    if (strncmp(tail, ".img.", 5) != 0)
        return false;
    digits = span_split(span_of(tail + 5), '@', &rest);
    if (rest.len != NAMES_TIME || rest.at[NAMES_TIME - 1] != 'Z' || !is_time(rest.at))
        return false;
    if (text_number(digits, 0, UINT64_MAX - 1, number) < 0)
        return false;
    memcpy(time, rest.at, NAMES_TIME - 1);
    time[NAMES_TIME - 1] = '\0';
    return true;
}

bool names_is_temporary(const char *tail)
{
    static const char *const starts[] = {".img", "-dirty.img", "-precache.img", "-import.img", "-cow.img"};
    if (strchr(tail, '~') == NULL)
        return false;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t len = strlen(starts[i]);
        if (strncmp(tail, starts[i], len) == 0 && (tail[len] == '~' || tail[len] == '.'))
            return true;
    }
    return false;
}

bool names_mapper(char *to, size_t size, const char *vid)
{
    size_t used = 0;
    for (const char *at = vid; *at != '\0'; at++) {
        if (used + 3 > size)
            return false;
        if (*at == '-')
            to[used++] = '-';
        to[used] = *at;
        if (*at == '/')
            to[used] = '-';
        used++;
    }
    to[used] = '\0';
    return used < size;
}

bool names_lv_revision(const char *volume, const char *lv, uint64_t *seconds)
{
    size_t len = strlen(volume);
    struct span rest, digits;
    if (strncmp(lv, volume, len) != 0 || lv[len] != '-')
        return false;
    digits = span_split(span_of(lv + len + 1), '-', &rest);
    return span_is(rest, "back") && text_number(digits, 0, INT64_MAX, seconds) == 0;
}
