/* SPDX-License-Identifier: MIT
 * Characters as names, numbers and addresses have them: ASCII, whatever the locale. Pure. */
#ifndef BASE_CHAR_H
#define BASE_CHAR_H

#include <stdbool.h>

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a hexadecimal digit in lower case; -1: it is none. */
static inline int char_hex(char c)
{
    if (char_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
