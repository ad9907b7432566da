/* SPDX-License-Identifier: MIT
 * Values as clients write them: booleans, numbers, addresses, UUIDs. */
#include "model/names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uuid/uuid.h>

#include "base/char.h"
#include "base/own.h"

int bool_parse(struct span text, bool *value, struct fault *why)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"0", false}, {"no", false}, {"false", false}, {"off", false},
                 {"1", true},  {"yes", true}, {"true", true},   {"on", true}};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (text.len == strlen(words[i].word) && strncasecmp(text.at, words[i].word, text.len) == 0) {
            *value = words[i].value;
            return 0;
        }
    }
    return fault_set(why, ERR_VALUE, "neither true nor false; write True or False");
}

int number_parse(struct span text, bool negative_allowed, int64_t *value, struct fault *why)
{
    uint64_t n;
    bool minus = text.len > 0 && text.at[0] == '-';
    if (minus && !negative_allowed)
        return fault_set(why, ERR_PROTOCOL, "a negative number is not possible here");
    struct span digits = {text.at + minus, text.len - minus};
    if (digits.len == 0 || digits.len > 19)
        return fault_set(why, ERR_PROTOCOL, "a number of 1 to 19 digits is expected");
    if (digits.at[0] == '0' && digits.len > 1)
        return fault_set(why, ERR_PROTOCOL, "a number is written without leading zeros");
    if (text_number(digits, 0, INT64_MAX, &n) < 0)
        return fault_set(why, ERR_PROTOCOL, "a number consists of digits and stays below 2^63");
    *value = minus ? -(int64_t)n : (int64_t)n;
    return 0;
}

int integer_canonical(struct span text, char *out, struct fault *why)
{
    struct span s = span_trim(text);
    bool minus = s.len > 0 && s.at[0] == '-', digit_before = false;
    int len = minus ? 1 : 0;
    out[0] = '-';
    for (size_t i = s.len > 0 && (minus || s.at[0] == '+') ? 1 : 0; i < s.len; i++) {
        bool digit = char_is_digit(s.at[i]);
        if (!digit && !(s.at[i] == '_' && digit_before && i + 1 < s.len))
            return fault_set(why, ERR_VALUE, "a whole number is expected");
        digit_before = digit;
        bool leading_zero = len == (minus ? 1 : 0) && digit && s.at[i] == '0';
        if (digit && (!leading_zero || i + 1 == s.len))
            out[len++] = s.at[i];
    }
    if (!digit_before)
        return fault_set(why, ERR_VALUE, "a whole number is expected");
    if (minus && len == 2 && out[1] == '0') {
        out[0] = '0';
        len = 1;
    }
    out[len] = '\0';
    return len;
}

/* The longest run of two or more zero groups: its start, and its length in *len (0: none). */
static int zero_run(const uint16_t group[8], int *len)
{
    int best = 0;
    *len = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && group[i + n] == 0)
            n++;
        if (n > *len) {
            best = i;
            *len = n;
        }
    }
    if (*len == 1)
        *len = 0;
    return best;
}

/* As inet_ntop, but never with a dotted quad at the end. */
static int format_six(const uint8_t bytes[16], char *out)
{
    uint16_t group[8];
    int len, at = 0;
    for (int i = 0; i < 8; i++)
        group[i] = (uint16_t)(bytes[(size_t)2 * (size_t)i] << 8 | bytes[(size_t)2 * (size_t)i + 1]);
    int run = zero_run(group, &len);
    for (int i = 0; i < 8; i++) {
        if (len > 0 && i == run) {
            at += sprintf(out + at, "::");
            i += len - 1;
        } else {
            at += sprintf(out + at, "%s%x", at > 0 && out[at - 1] != ':' ? ":" : "", group[i]);
        }
    }
    return at;
}

int address_canonical(struct span text, bool six, char *out, struct fault *why)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    if (text.len == 0 || memchr(text.at, 0, text.len) != NULL || text_copy(copy, sizeof copy, text) < 0 ||
        inet_pton(six ? AF_INET6 : AF_INET, copy, bytes) != 1)
        return fault_set(why, ERR_VALUE, "an IPv%c address is expected", six ? '6' : '4');
    if (six)
        return format_six(bytes, out);
    return sprintf(out, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

int uuid_canonical(struct span text, char out[37], struct fault *why)
{
    char copy[37];
    uuid_t id;
    if (text.len != 36 || text_copy(copy, sizeof copy, text) < 0 || uuid_parse(copy, id) != 0)
        return fault_set(why, ERR_VALUE, "a UUID is expected");
    uuid_unparse_lower(id, out);
    return 0;
}
