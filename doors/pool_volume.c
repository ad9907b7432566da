/* SPDX-License-Identifier: MIT
 * A volume's configuration read, and what follows from it; in storage. */
#include "doors/pool_volume.h"

#include <string.h>

#include "base/own.h"
#include "doors/pool.h"

bool volume_attribute(struct span lines, const char *key, struct span *value)
{
    size_t len = strlen(key);
    while (lines.len > 0) {
        struct span line = span_split(lines, '\n', &lines);
        if (line.len > len && line.at[len] == '=' && memcmp(line.at, key, len) == 0) {
            *value = (struct span){line.at + len + 1, line.len - len - 1};
            return true;
        }
    }
    return false;
}

int volume_bool(struct span word, bool *ret)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"True", true},   {"true", true}, {"1", true},    {"on", true}, {"False", false},
                 {"false", false}, {"0", false},   {"off", false}, {"", false}};
    for (size_t i = 0; i < COUNT(words); i++)
        if (span_is(word, words[i].word)) {
            *ret = words[i].value;
            return 0;
        }
    return -ERR_VALUE;
}

static int read_word(struct span lines, const char *key, char *to, size_t size, struct fault *why)
{
    struct span value;
    if (!volume_attribute(lines, key, &value))
        return 0;
    if (text_copy(to, size, value) < 0 || strlen(to) != value.len)
        return fault_set(why, ERR_VALUE, "a volume's %s is longer than %zu bytes, or has a zero byte", key,
                         size - 1);
    return 0;
}

static int read_bool(struct span lines, const char *key, bool *to, struct fault *why)
{
    struct span value;
    if (volume_attribute(lines, key, &value) && volume_bool(value, to) < 0)
        return fault_set(why, ERR_VALUE, "a volume's %s is neither True nor False", key);
    return 0;
}

static int read_numbers(struct span lines, struct volume *v, struct fault *why)
{
    struct span value;
    uint64_t n = 0;
    if (volume_attribute(lines, "size", &value) && text_number(value, 0, INT64_MAX, &v->size) < 0)
        return fault_set(why, ERR_VALUE, "a volume's size is no number of bytes");
    if (!volume_attribute(lines, "revisions_to_keep", &value))
        return 0;
    if (span_is(value, "-1"))
        v->revisions_to_keep = -1;
    else if (text_number(value, 0, INT64_MAX, &n) == 0)
        v->revisions_to_keep = (int64_t)n;
    else
        return fault_set(why, ERR_VALUE, "a volume's revisions_to_keep is neither -1 nor a number");
    return 0;
}

static int read_ephemeral(struct span lines, struct volume *v, struct fault *why)
{
    struct span value;
    bool yes = false;
    if (!volume_attribute(lines, "ephemeral", &value) || value.len == 0)
        return 0;
    if (volume_bool(value, &yes) < 0)
        return fault_set(why, ERR_VALUE, "a volume's ephemeral is neither True nor False");
    v->ephemeral = yes ? EPHEMERAL_YES : EPHEMERAL_NO;
    return 0;
}

static int check(const struct volume *v, struct fault *why)
{
    if (v->snap_on_start && v->source[0] == '\0')
        return fault_set(why, ERR_STORAGE, "volume %s is a snapshot and names no source", v->vid);
    if (!v->snap_on_start && v->source[0] != '\0')
        return fault_set(why, ERR_STORAGE, "volume %s has a source and is no snapshot", v->vid);
    /* A read-only one is not made ephemeral; but one that is may be made read-only. */
    if (v->ephemeral == EPHEMERAL_YES && (v->snap_on_start || v->save_on_stop))
        return fault_set(why, ERR_VALUE,
                         "volume %s cannot be ephemeral: only one that is neither snapshot nor saved",
                         v->vid);
    return 0;
}

int volume_read(struct volume *ret, struct span name, struct span lines, struct fault *why)
{
    struct volume v = {0};
    int r = text_copy(v.name, sizeof v.name, name);
    if (r < 0)
        return fault_set(why, ERR_VALUE, "a volume's name is longer than %d bytes", VOLUME_NAME_MAX);
    if ((r = read_word(lines, "vid", v.vid, sizeof v.vid, why)) < 0 ||
        (r = read_word(lines, "source", v.source, sizeof v.source, why)) < 0 ||
        (r = read_bool(lines, "rw", &v.rw, why)) < 0 ||
        (r = read_bool(lines, "snap_on_start", &v.snap_on_start, why)) < 0 ||
        (r = read_bool(lines, "save_on_stop", &v.save_on_stop, why)) < 0 ||
        (r = read_bool(lines, "snap_on_start_forensics", &v.forensics, why)) < 0 ||
        (r = read_numbers(lines, &v, why)) < 0 || (r = read_ephemeral(lines, &v, why)) < 0 ||
        (r = check(&v, why)) < 0)
        return r;
    *ret = v;
    return 0;
}

enum volume_kind volume_kind(const struct volume *v)
{
    if (v->snap_on_start)
        return v->save_on_stop ? VOLUME_BOTH : VOLUME_SNAPSHOT;
    return v->save_on_stop ? VOLUME_ORIGIN : VOLUME_VOLATILE;
}

bool volume_in_place(const struct volume *v)
{
    return v->revisions_to_keep == -1 && volume_kind(v) == VOLUME_ORIGIN;
}

bool volume_ephemeral(const struct volume *v, bool pool_default)
{
    if (v->ephemeral != EPHEMERAL_UNSET)
        return v->ephemeral == EPHEMERAL_YES;
    return volume_kind(v) == VOLUME_VOLATILE && v->rw && pool_default;
}

unsigned pool_cure(enum pool_known known, const struct pool_remains *remains)
{
    bool parts = remains->temporary || remains->import;
    if (known == POOL_HALF_MADE)
        return POOL_CURE_REMOVE;
    if (known == POOL_LIVING) /* its import, if any, cannot be running: that needs a halted VM */
        return parts ? POOL_CURE_TIDY : 0;
    unsigned cure = parts ? POOL_CURE_TIDY : 0;
    if (remains->dirty || remains->running || remains->interrupted)
        cure |= POOL_CURE_STOP;
    return cure;
}
