/* SPDX-License-Identifier: MIT
 * Fuzzes what a qubesdb-daemon says: messages are taken from the bytes however they are cut, each within its
 * bounds, and cut otherwise they are the same. The first byte is the size of the pieces. */
#include "doors/qubesdb.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many messages, and a sum over them; ends at the first byte that is not this protocol. */
static uint64_t play(const uint8_t *data, size_t size, size_t piece)
{
    static struct qubesdb_stream s;
    struct qubesdb_message m;
    uint64_t sum = 0;
    s.have = s.taken = 0;
    while (size > 0) {
        size_t room = sizeof s.bytes - s.have, len = piece < size ? piece : size;
        len = len < room ? len : room;
        memcpy(s.bytes + s.have, data, len);
        s.have += len;
        data += len;
        size -= len;
        int r;
        while ((r = qubesdb_frame_take(&s, &m)) == 1) {
            assert(m.data.len <= QUBESDB_DATA_MAX && strlen(m.path) <= QUBESDB_PATH_MAX);
            assert(m.data.at + m.data.len <= s.bytes + s.have && m.type < QUBESDB_TYPES);
            for (size_t i = 0; i < m.data.len; i++)
                sum = sum * 31 + (unsigned char)m.data.at[i];
            sum = sum * 31 + m.type + 1;
        }
        if (r < 0)
            return sum;
        assert(s.have - s.taken < sizeof s.bytes); /* there is always room for what is missing */
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    assert(play(data + 1, size - 1, (size_t)data[0] + 1) == play(data + 1, size - 1, QUBESDB_FRAME_MAX));
    return 0;
}
