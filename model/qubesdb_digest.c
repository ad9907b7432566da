/* SPDX-License-Identifier: MIT
 * Entries of a QubesDB whose paths hold a digest, and base64. See model/qubesdb_inside.h. Spec: net 6.1. */
#include <stdio.h>
#include <string.h>

#include "model/qubesdb_inside.h"

#define APP_DISPVM "service.app-dispvm."
#define DIGITS     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
enum { DIGEST = 32, PATH_SIZE = 64 };

void base64(const unsigned char *bytes, size_t len, enum base64 form, char *to)
{
    const char *letters = form == BASE64_URL ? DIGITS "-_" : DIGITS "+/";
    for (size_t i = 0; i < len; i += 3) {
        unsigned left = len - i < 3 ? (unsigned)(len - i) : 3;
        unsigned long word = (unsigned long)bytes[i] << 16 |
                             (left > 1 ? (unsigned long)bytes[i + 1] << 8 : 0) |
                             (left > 2 ? bytes[i + 2] : 0);
        for (unsigned j = 0; j < 4; j++) {
            unsigned digit = word >> (18 - 6 * j) & 63;
            if (j <= left)
                *to++ = letters[digit];
            else if (form == BASE64_PADDED)
                *to++ = '=';
        }
    }
    *to = '\0';
}

static unsigned nibble(char hex)
{
    return (unsigned)(hex <= '9' ? hex - '0' : hex - 'a' + 10);
}

/* The application's name is of any length, a path is not: its digest stands for it. */
void put_app_dispvm(struct writing *w, struct span feature, struct span value)
{
    char hex[2 * DIGEST + 1], name[(DIGEST + 2) / 3 * 4 + 1], path[PATH_SIZE];
    unsigned char bytes[DIGEST];
    if (w->to->digest == NULL || !span_starts(feature, APP_DISPVM) || feature.len == strlen(APP_DISPVM))
        return;
    struct span app = {feature.at + strlen(APP_DISPVM), feature.len - strlen(APP_DISPVM)};
    w->to->digest(app, hex);
    for (size_t i = 0; i < DIGEST; i++)
        bytes[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    base64(bytes, DIGEST, BASE64_URL, name);
    snprintf(path, sizeof path, "/hash-app-dispvm/%s", name);
    if (value.len > 0)
        put_text(w, path, app);
    else
        put_gone(w, path);
}
