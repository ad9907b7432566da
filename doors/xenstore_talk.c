/* SPDX-License-Identifier: MIT
 * The words of xenstored's socket; see xenstore_talk.h. */
#include "doors/xenstore_talk.h"

#include <string.h>

enum { FAILED = 16 };

struct header {
    uint32_t verb, number, transaction, len;
};
_Static_assert(sizeof(struct header) == XENSTORE_HEADER, "as it is on the wire");

void xenstore_say(struct text *out, enum xenstore_verb verb, uint32_t number, const char *path,
                  struct span rest)
{
    size_t end = verb == XENSTORE_PERMIT ? 1 : 0; /* its words end with NUL, a value does not */
    struct header h = {.verb = verb, .number = number, .len = (uint32_t)(strlen(path) + 1 + rest.len + end)};
    text_append(out, (struct span){(const char *)&h, sizeof h});
    text_append(out, (struct span){path, strlen(path) + 1});
    text_append(out, rest);
    text_append(out, (struct span){"", end});
}

static int error_of(struct span name)
{
    if (name.len > 0 && name.at[name.len - 1] == '\0')
        name.len--;
    return span_is(name, "ENOENT") ? -ERR_UNKNOWN : span_is(name, "EACCES") ? -ERR_DENIED : -ERR_IO;
}

int xenstore_hear(struct span bytes, struct xenstore_answer *answer)
{
    struct header h;
    if (bytes.len < sizeof h)
        return 0;
    memcpy(&h, bytes.at, sizeof h);
    if (h.len > XENSTORE_PAYLOAD)
        return -ERR_BAD;
    if (bytes.len - sizeof h < h.len)
        return 0;
    struct span body = {bytes.at + sizeof h, h.len};
    *answer = (struct xenstore_answer){h.number, h.verb, h.verb == FAILED ? error_of(body) : 0, body};
    return (int)(sizeof h + h.len);
}
