/* SPDX-License-Identifier: MIT
 * How msgpack-c writes into our texts; for the files of proto/ that pack. */
#ifndef PROTO_WIRE_PACK_H
#define PROTO_WIRE_PACK_H

#include <msgpack/pack.h>

#include "base/text.h"

/* A packer whose bytes are appended to *out; a failure stays in out->failed. */
msgpack_packer wire_packer(struct text *out);

#endif
