/* SPDX-License-Identifier: MIT
 * Messages of the QubesDB socket as bytes and back: no I/O, nothing believed. */
#include "doors/qubesdb.h"

#include <string.h>

enum { AT_PATH = 1, AT_LENGTH = 68 };

/* What was taken makes room. */
static void drop_taken(struct qubesdb_stream *s)
{
    if (s->taken == 0)
        return;
    memmove(s->bytes, s->bytes + s->taken, s->have - s->taken);
    s->have -= s->taken;
    s->taken = 0;
}

/* A path ends within its field, and holds nothing that could surprise who shows it. */
static int take_path(const char *field, char path[QUBESDB_PATH_MAX + 1])
{
    size_t len = strnlen(field, QUBESDB_PATH_MAX + 1);
    if (len > QUBESDB_PATH_MAX || (len > 0 && field[0] != '/'))
        return -ERR_BAD;
    for (size_t i = 0; i < len; i++)
        if (field[i] < ' ' || field[i] > '~')
            return -ERR_BAD;
    memset(path, 0, QUBESDB_PATH_MAX + 1);
    memcpy(path, field, len);
    return 0;
}

int qubesdb_frame_take(struct qubesdb_stream *s, struct qubesdb_message *m)
{
    uint32_t len;
    struct qubesdb_message taken;
    drop_taken(s);
    if (s->have < QUBESDB_HEADER)
        return 0;
    memcpy(&len, s->bytes + AT_LENGTH, sizeof len);
    taken.type = (enum qubesdb_type)(unsigned char)s->bytes[0];
    if (len > QUBESDB_DATA_MAX || (unsigned)taken.type >= QUBESDB_TYPES ||
        take_path(s->bytes + AT_PATH, taken.path) < 0)
        return -ERR_BAD;
    if (s->have - QUBESDB_HEADER < len)
        return 0;
    taken.data = (struct span){s->bytes + QUBESDB_HEADER, len};
    s->taken = QUBESDB_HEADER + len;
    *m = taken;
    return 1;
}

int qubesdb_frame_write(char to[QUBESDB_FRAME_MAX], enum qubesdb_type type, struct span path,
                        struct span data)
{
    uint32_t len = (uint32_t)data.len;
    if (path.len > QUBESDB_PATH_MAX || data.len > QUBESDB_DATA_MAX)
        return -ERR_RANGE;
    memset(to, 0, QUBESDB_HEADER);
    to[0] = (char)type;
    if (path.len > 0)
        memcpy(to + AT_PATH, path.at, path.len);
    memcpy(to + AT_LENGTH, &len, sizeof len);
    if (data.len > 0)
        memcpy(to + QUBESDB_HEADER, data.at, data.len);
    return (int)(QUBESDB_HEADER + data.len);
}
