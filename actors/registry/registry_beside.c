/* SPDX-License-Identifier: MIT
 * The book of each VM's firewall.xml and notes.txt: what was written and what should be. See
 * registry_beside.h. */
#include "actors/registry/registry_beside_inside.h"

#include <stdio.h>
#include <string.h>

struct beside *beside_new(void)
{
    return calloc(1, sizeof(struct beside));
}

void beside_free(struct beside *b)
{
    if (b != NULL)
        free(b->at);
    free(b);
}

static size_t place_of(const struct beside *b, const char *path)
{
    size_t lo = 0, hi = b->count;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (strcmp(b->at[middle].path, path) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

struct beside_entry *beside_find(const struct beside *b, const char *path)
{
    size_t i = place_of(b, path);
    return i < b->count && strcmp(b->at[i].path, path) == 0 ? &b->at[i] : NULL;
}

struct beside_entry *beside_find_or_add(struct beside *b, const char *path)
{
    struct beside_entry *there = beside_find(b, path);
    if (there != NULL)
        return there;
    if (b->count == b->room) {
        size_t room = b->room == 0 ? 64 : b->room * 2;
        struct beside_entry *at = reallocarray(b->at, room, sizeof *at);
        if (at == NULL)
            return NULL;
        b->at = at;
        b->room = room;
    }
    size_t i = place_of(b, path);
    memmove(b->at + i + 1, b->at + i, (b->count++ - i) * sizeof *b->at);
    b->at[i] = (struct beside_entry){.seen = false};
    snprintf(b->at[i].path, BESIDE_PATH, "%s", path);
    return &b->at[i];
}

void beside_drop(struct beside *b, struct beside_entry *e)
{
    size_t i = (size_t)(e - b->at);
    memmove(e, e + 1, (--b->count - i) * sizeof *e);
}

int beside_read(struct beside *b, struct span text)
{
    while (text.len > 0) {
        struct span have, path, line = span_split(text, '\n', &text), want = span_split(line, ' ', &have);
        char name[BESIDE_PATH];
        have = span_split(have, ' ', &path);
        if (want.len >= DIGEST_TEXT || have.len >= DIGEST_TEXT || path.len == 0 ||
            text_copy(name, sizeof name, path) < 0)
            continue;
        struct beside_entry *e = beside_find_or_add(b, name);
        if (e == NULL)
            return -ERR_NOMEM;
        (void)text_copy(e->want, sizeof e->want, want);
        (void)text_copy(e->have, sizeof e->have, have);
    }
    return 0;
}

void beside_write(const struct beside *b, struct text *text)
{
    for (size_t i = 0; i < b->count; i++)
        text_format(text, "%s %s %s\n", b->at[i].want, b->at[i].have, b->at[i].path);
}
