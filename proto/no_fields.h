/* SPDX-License-Identifier: MIT
 * Forgets every field macro; the reader of rows defines those that it wants anew. No include
 * guard: it is included once per reading. */
#undef U32
#undef U64
#undef STR
#undef BYTES
#undef LIST
#undef ONE
#undef NOTHING
