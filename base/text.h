/* SPDX-License-Identifier: MIT
 * Bounded text: pieces of bytes, growing buffers with a limit, and numbers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; valid as long as that owner says. Not NUL-terminated. */
struct span {
    const char *at;
    size_t len;
};

#define SPAN_LITERAL(text) ((struct span){text, sizeof(text) - 1})

struct span span_of(const char *text);
bool span_is(struct span s, const char *text);
bool span_starts(struct span s, const char *prefix);
bool span_equal(struct span a, struct span b);
/* ASCII letters, digits and what `others` lists are all that is in it. An empty span is. */
bool span_is_plain(struct span s, const char *others);
/* Below, at or above 0 as strcmp: by bytes, the shorter before what it begins. */
int span_order(struct span a, struct span b);
/* The part before the first `sep`; *rest is what follows it (empty, at NULL, when there is none). */
struct span span_split(struct span s, char sep, struct span *rest);
struct span span_trim(struct span s); /* without ASCII white space at both ends */

/* Writes all of it to a file: 0, or -1 with errno. May block. */
int span_write(int fd, struct span s);

/* Copies into a fixed array and terminates it: 0, or -ERR_RANGE when it does not fit. */
int text_copy(char *to, size_t size, struct span from);
/* 0 with *value, or -ERR_RANGE: decimal digits only, no sign, within [lo, hi]. */
int text_number(struct span s, uint64_t lo, uint64_t hi, uint64_t *value);

/* A growing buffer that never exceeds `limit`. After the first failure every further
 * append is a no-op and `failed` stays set (0, or the -ERR_ of that failure). The bytes
 * are kept NUL-terminated for convenience; `len` does not count that NUL. */
struct text {
    char *at;
    size_t len, room, limit;
    int failed;
};

#define TEXT_WITH_LIMIT(bytes) ((struct text){.limit = (bytes)})

void text_append(struct text *t, struct span s);
void text_add(struct text *t, const char *s);
void text_byte(struct text *t, char c);
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct span text_span(const struct text *t);
void text_clear(struct text *t); /* keeps the memory, forgets content and failure */
void text_free(struct text *t);  /* accepts an empty one; leaves it empty */

#define AUTO_TEXT __attribute__((cleanup(text_free))) struct text

#endif
