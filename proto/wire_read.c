/* SPDX-License-Identifier: MIT
 * The bounded msgpack cursor; see wire.h. */
#include "proto/wire.h"

#include <string.h>

#include "base/err.h"

struct reader reader_of(struct span bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    return (struct reader){at, at == NULL ? NULL : at + bytes.len, 0, 0};
}

static int broken(struct reader *in, int r)
{
    if (in->failed == 0)
        in->failed = r;
    return in->failed;
}

static size_t left(const struct reader *in)
{
    return (size_t)(in->end - in->at);
}

/* The next `bytes` bytes as a big-endian number. */
static int read_big_endian(struct reader *in, unsigned bytes, uint64_t *value)
{
    if (left(in) < bytes)
        return broken(in, -ERR_BAD);
    uint64_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | *in->at++;
    *value = n;
    return 0;
}

static int read_lead(struct reader *in, uint8_t *lead)
{
    if (in->failed < 0)
        return in->failed;
    if (in->at == in->end)
        return broken(in, -ERR_BAD);
    *lead = *in->at++;
    return 0;
}

int read_array_between(struct reader *in, uint32_t lo, uint32_t hi, uint32_t *count)
{
    uint8_t lead = 0;
    uint64_t n = 0;
    int r = read_lead(in, &lead);
    if (r < 0)
        return r;
    if ((lead & 0xf0) == 0x90)
        n = lead & 0x0f;
    else if (lead == 0xdc || lead == 0xdd)
        r = read_big_endian(in, lead == 0xdc ? 2 : 4, &n);
    else
        return broken(in, -ERR_BAD);
    if (r < 0)
        return r;
    if (n < lo || n > hi)
        return broken(in, -ERR_RANGE);
    if (n > left(in) || ++in->depth > WIRE_DEPTH)
        return broken(in, -ERR_BAD);
    *count = (uint32_t)n;
    return 0;
}

int read_array(struct reader *in, uint32_t count)
{
    uint32_t n;
    return read_array_between(in, count, count, &n);
}

void read_leave(struct reader *in)
{
    in->depth--;
}

int read_unsigned(struct reader *in, uint64_t lo, uint64_t hi, uint64_t *value)
{
    uint8_t lead = 0;
    uint64_t n = 0;
    int r = read_lead(in, &lead);
    if (r < 0)
        return r;
    if (lead < 0x80)
        n = lead;
    else if (lead >= 0xcc && lead <= 0xcf)
        r = read_big_endian(in, 1u << (lead - 0xcc), &n);
    else
        return broken(in, -ERR_BAD);
    if (r < 0)
        return r;
    if (n < lo || n > hi)
        return broken(in, -ERR_RANGE);
    *value = n;
    return 0;
}

/* The width of the length that follows a str or bin lead byte; 0 for every other lead. */
static unsigned length_width(uint8_t lead)
{
    switch (lead) {
    case 0xd9:
    case 0xc4:
        return 1;
    case 0xda:
    case 0xc5:
        return 2;
    case 0xdb:
    case 0xc6:
        return 4;
    default:
        return 0;
    }
}

int read_bytes(struct reader *in, uint32_t hi, struct span *value)
{
    uint8_t lead = 0;
    uint64_t len = 0;
    int r = read_lead(in, &lead);
    if (r < 0)
        return r;
    unsigned width = length_width(lead);
    if ((lead & 0xe0) == 0xa0)
        len = lead & 0x1f;
    else if (width > 0)
        r = read_big_endian(in, width, &len);
    else
        return broken(in, -ERR_BAD);
    if (r < 0)
        return r;
    if (len > left(in))
        return broken(in, -ERR_BAD);
    if (len > hi)
        return broken(in, -ERR_RANGE);
    *value = (struct span){(const char *)in->at, (size_t)len};
    in->at += len;
    return 0;
}

int read_text(struct reader *in, char *to, uint32_t lo, uint32_t hi)
{
    struct span s = {0};
    int r = read_bytes(in, hi, &s);
    if (r < 0)
        return r;
    if (s.len < lo || (s.len > 0 && memchr(s.at, '\0', s.len) != NULL))
        return broken(in, -ERR_RANGE);
    return text_copy(to, (size_t)hi + 1, s);
}

int read_end(struct reader *in)
{
    if (in->failed < 0)
        return in->failed;
    return in->at == in->end ? 0 : broken(in, -ERR_BAD);
}
