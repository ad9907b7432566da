/* SPDX-License-Identifier: MIT
 * Checks of names: of VMs, tags, labels, features. */
#include "model/names.h"

#include <string.h>

#include "base/char.h"

bool span_is_ascii(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] > 127)
            return false;
    return true;
}

int fault_plain(struct fault *why, int r)
{
    for (char *at = why != NULL && r < 0 ? why->text : NULL; at != NULL && *at != '\0'; at++)
        if (*at < ' ' || *at > '~' || *at == '%')
            *at = '?';
    return r;
}

static bool ends_with(struct span s, const char *end)
{
    size_t len = strlen(end);
    return s.len >= len && memcmp(s.at + s.len - len, end, len) == 0;
}

int vm_name_check(struct span name, struct fault *why)
{
    if (name.len > VM_NAME_MAX)
        return fault_set(why, ERR_VALUE, "a VM name has at most %d characters", VM_NAME_MAX);
    if (name.len > 0 && (char_is_digit(name.at[0]) || strchr("_.-", name.at[0]) != NULL) &&
        name.at[0] != '\0')
        return fault_set(why, ERR_VALUE, "a VM name starts with a letter");
    if (name.len == 0 || !char_is_letter(name.at[0]) || !span_is_plain(name, "_.-"))
        return fault_set(why, ERR_VALUE, "a VM name consists of letters, digits, '_', '.' and '-'");
    if (span_is(name, "Domain-0") || span_is(name, "none") || span_is(name, "default"))
        return fault_set(why, ERR_VALUE, "'%.*s' has a meaning of its own; choose another VM name",
                         (int)name.len, name.at);
    if (ends_with(name, "-dm"))
        return fault_set(why, ERR_VALUE, "names that end with '-dm' are kept for device models");
    return 0;
}

int tag_check(struct span tag, struct fault *why)
{
    if (tag.len == 0)
        return fault_set(why, ERR_INVALID_TAG, "a tag cannot be empty");
    if (!span_is_plain(tag, "_-"))
        return fault_set(why, ERR_INVALID_TAG, "a tag consists of letters, digits, '_' and '-'");
    return 0;
}

int label_name_check(struct span name, bool creating, struct fault *why)
{
    size_t digits = 0;
    while (digits < name.len && char_is_digit(name.at[digits]))
        digits++;
    if (name.len == 0)
        return fault_set(why, ERR_INVALID_LABEL, "a label needs a name");
    if (creating && digits == name.len)
        return fault_set(why, ERR_INVALID_LABEL, "digits alone are a label's index; give it a name");
    if (!span_is_plain(name, "-_."))
        return fault_set(why, ERR_INVALID_LABEL,
                         "a label's name consists of letters, digits, '-', '_' and '.'");
    return 0;
}

int label_colour_check(struct span raw, struct span *colour, struct fault *why)
{
    struct span s = span_trim(raw);
    if (!span_is_ascii(raw))
        return fault_set(why, ERR_INVALID_LABEL_VALUE, "a colour is written in ASCII");
    if (s.len != 8)
        return fault_set(why, ERR_INVALID_LABEL_VALUE, "a colour has eight characters, as in 0xff8000");
    if (!span_starts(s, "0x"))
        return fault_set(why, ERR_INVALID_LABEL_VALUE, "a colour starts with 0x");
    for (size_t i = 2; i < 8; i++)
        if (s.at[i] == '\0' || strchr("0123456789abcdefABCDEF", s.at[i]) == NULL)
            return fault_set(why, ERR_INVALID_LABEL_VALUE, "after 0x a colour has six hexadecimal digits");
    *colour = s;
    return 0;
}

int feature_name_check(struct span name, struct fault *why)
{
    if (name.len == 0 || !span_is_plain(name, "_.-"))
        return fault_set(why, ERR_PROTOCOL, "a feature's name consists of letters, digits, '_', '.' and '-'");
    return 0;
}

int feature_value_check(struct span name, struct span value, struct fault *why)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < ' ' || value.at[i] > '~')
            return fault_set(why, ERR_PROTOCOL, "the value of feature %.*s must be printable ASCII",
                             name.len > 100 ? 100 : (int)name.len, name.at);
    return 0;
}

int guest_word_check(struct span key, struct span value, struct fault *why)
{
    if (key.len == 0 || !span_is_plain(key, "._:/-"))
        return fault_set(why, ERR_PROTOCOL, "a guest's word has a name of letters, digits and ._:/-");
    if (!span_is_plain(value, ".,_=- "))
        return fault_set(why, ERR_PROTOCOL, "a guest's word is of letters, digits, blanks and .,_=-");
    return 0;
}
