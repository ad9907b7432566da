/* SPDX-License-Identifier: MIT
 * Fuzzes the cursor against a second opinion: what it reads of arrays, numbers and bytes, msgpack-c reads
 * the same way. msgpack-c is asked only where the cursor has accepted, for it believes lengths. */
#include "proto/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take_value(struct reader *in);

static int take_array(struct reader *in)
{
    uint32_t count;
    int r = read_array_between(in, 0, UINT32_MAX, &count);
    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = take_value(in);
    if (r == 0)
        read_leave(in);
    return r;
}

/* One value of any kind that messages have. */
static int take_value(struct reader *in)
{
    uint64_t n;
    struct span s;
    struct reader before = *in, array = before, number = before;
    if (take_array(&array) == 0) {
        *in = array;
        return 0;
    }
    if (read_unsigned(&number, 0, UINT64_MAX, &n) == 0) {
        *in = number;
        return 0;
    }
    return read_bytes(in, UINT32_MAX, &s);
}

static void same(struct reader *in, const msgpack_object *o)
{
    uint64_t n;
    uint32_t count;
    struct span s;
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        assert(read_unsigned(in, 0, UINT64_MAX, &n) == 0 && n == o->via.u64);
    } else if (o->type == MSGPACK_OBJECT_ARRAY) {
        assert(read_array_between(in, 0, UINT32_MAX, &count) == 0 && count == o->via.array.size);
        for (uint32_t i = 0; i < count; i++)
            same(in, &o->via.array.ptr[i]);
        read_leave(in);
    } else { /* str and bin have the same shape in an object; the cursor has no other kinds */
        assert(o->type == MSGPACK_OBJECT_STR || o->type == MSGPACK_OBJECT_BIN);
        assert(read_bytes(in, UINT32_MAX, &s) == 0 && s.len == o->via.bin.size);
        assert(s.len == 0 || memcmp(s.at, o->via.bin.ptr, s.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = {(const char *)data, size};
    struct reader in = reader_of(bytes);
    if (size == 0 || size > 4096 || take_value(&in) < 0 || read_end(&in) < 0)
        return 0;
    size_t at = 0;
    msgpack_unpacked got;
    msgpack_unpacked_init(&got);
    assert(msgpack_unpack_next(&got, bytes.at, size, &at) == MSGPACK_UNPACK_SUCCESS && at == size);
    in = reader_of(bytes);
    same(&in, &got.data);
    assert(read_end(&in) == 0);
    msgpack_unpacked_destroy(&got);
    return 0;
}
