/* SPDX-License-Identifier: MIT
 * Bounded text; see text.h. */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/char.h"
#include "base/err.h"

struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

bool span_is(struct span s, const char *text)
{
    size_t len = strlen(text);
    return s.len == len && (len == 0 || memcmp(s.at, text, len) == 0);
}

bool span_starts(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && (len == 0 || memcmp(s.at, prefix, len) == 0);
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool span_is_plain(struct span s, const char *others)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!char_is_letter(c) && !char_is_digit(c) && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return true;
}

int span_order(struct span a, struct span b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least > 0 ? memcmp(a.at, b.at, least) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct span span_split(struct span s, char sep, struct span *rest)
{
    const char *found = s.len > 0 ? memchr(s.at, sep, s.len) : NULL;
    if (found == NULL) {
        *rest = (struct span){NULL, 0};
        return s;
    }
    size_t before = (size_t)(found - s.at);
    *rest = (struct span){found + 1, s.len - before - 1};
    return (struct span){s.at, before};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_space(s.at[0])) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.at[s.len - 1]))
        s.len--;
    return s;
}

int span_write(int fd, struct span s)
{
    while (s.len > 0) {
        ssize_t put = write(fd, s.at, s.len);
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0)
            s = (struct span){s.at + put, s.len - (size_t)put};
    }
    return 0;
}

int text_copy(char *to, size_t size, struct span from)
{
    if (from.len >= size)
        return -ERR_RANGE;
    if (from.len > 0)
        memcpy(to, from.at, from.len);
    to[from.len] = '\0';
    return 0;
}

int text_number(struct span s, uint64_t lo, uint64_t hi, uint64_t *value)
{
    uint64_t n = 0;
    if (s.len == 0)
        return -ERR_RANGE;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.at[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return -ERR_RANGE;
        n = n * 10 + digit;
    }
    if (n < lo || n > hi)
        return -ERR_RANGE;
    *value = n;
    return 0;
}

/* Room for `more` bytes and a NUL; false (and failed) where the limit or memory ends. */
static bool text_grow(struct text *t, size_t more)
{
    if (t->failed < 0)
        return false;
    if (more > t->limit - t->len) {
        t->failed = -ERR_TOO_BIG;
        return false;
    }
    size_t need = t->len + more + 1;
    if (need <= t->room)
        return true;
    size_t room = t->room < 128 ? 128 : t->room * 2;
    if (room < need)
        room = need;
    char *at = realloc(t->at, room);
    if (at == NULL) {
        t->failed = -ERR_NOMEM;
        return false;
    }
    t->at = at;
    t->room = room;
    return true;
}

void text_append(struct text *t, struct span s)
{
    if (!text_grow(t, s.len))
        return;
    if (s.len > 0)
        memcpy(t->at + t->len, s.at, s.len);
    t->len += s.len;
    t->at[t->len] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_append(t, span_of(s));
}

void text_byte(struct text *t, char c)
{
    text_append(t, (struct span){&c, 1});
}

void text_format(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        t->failed = -ERR_BAD;
    else if (text_grow(t, (size_t)len))
        t->len += (size_t)vsnprintf(t->at + t->len, (size_t)len + 1, format, again);
    va_end(again);
}

struct span text_span(const struct text *t)
{
    return (struct span){t->at, t->len};
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = 0;
}

void text_free(struct text *t)
{
    free(t->at);
    t->at = NULL;
    t->len = t->room = 0;
}
