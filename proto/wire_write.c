/* SPDX-License-Identifier: MIT
 * msgpack bytes by msgpack-c, into a bounded text; see wire.h. */
#include "proto/wire.h"

#include <string.h>

#include "proto/wire_pack.h"

static int put(void *out, const char *bytes, size_t len)
{
    text_append(out, (struct span){bytes, len});
    return ((struct text *)out)->failed;
}

msgpack_packer wire_packer(struct text *out)
{
    msgpack_packer p;
    msgpack_packer_init(&p, out, put);
    return p;
}

void write_array(struct text *out, uint32_t count)
{
    msgpack_packer p = wire_packer(out);
    msgpack_pack_array(&p, count);
}

void write_unsigned(struct text *out, uint64_t value)
{
    msgpack_packer p = wire_packer(out);
    msgpack_pack_uint64(&p, value);
}

void write_text(struct text *out, const char *value)
{
    msgpack_packer p = wire_packer(out);
    size_t len = strlen(value);
    msgpack_pack_str(&p, len);
    if (len > 0)
        msgpack_pack_str_body(&p, value, len);
}

void write_bytes(struct text *out, struct span value)
{
    msgpack_packer p = wire_packer(out);
    msgpack_pack_bin(&p, value.len);
    if (value.len > 0)
        msgpack_pack_bin_body(&p, value.at, value.len);
}

void write_list(struct text *out, const struct wire_list *list)
{
    write_array(out, list->count);
    text_append(out, list->elements);
}
