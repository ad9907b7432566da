/* SPDX-License-Identifier: MIT
 * The framing of a request, in api; see api_request.h. */
#include "actors/api/api_request.h"

#include <string.h>

#include "model/names.h"

/* The part before the next space; false when there is none. */
static bool next_field(struct span *rest, struct span *field)
{
    const char *space = rest->len > 0 ? memchr(rest->at, ' ', rest->len) : NULL;
    if (space == NULL)
        return false;
    *field = (struct span){rest->at, (size_t)(space - rest->at)};
    *rest = (struct span){space + 1, rest->len - field->len - 1};
    return true;
}

static int read_target(struct span type, struct span rest, struct span *dest, struct fault *why)
{
    if (span_is(type, "name")) {
        *dest = rest;
        return 0;
    }
    if (!span_is(type, "keyword") || !span_is(rest, "adminvm"))
        return fault_set(why, ERR_PROTOCOL,
                         "the type of the destination is 'name', or 'keyword' for adminvm");
    *dest = SPAN_LITERAL("dom0");
    return 0;
}

static int read_header(struct span header, struct api_request *r, struct fault *why)
{
    struct span called, type;
    if (!next_field(&header, &called) || !next_field(&header, &r->source) || !next_field(&header, &type))
        return fault_set(why, ERR_PROTOCOL,
                         "a request begins with method, source, type and destination, one space between");
    r->method = span_split(called, '+', &r->argument);
    int result = read_target(type, header, &r->dest, why);
    if (result < 0)
        return result;
    if (!span_is_ascii(called) || !span_is_ascii(r->source) || !span_is_ascii(r->dest))
        return fault_set(why, ERR_PROTOCOL, "method, argument, source and destination are ASCII");
    return 0;
}

int api_request_parse(struct span bytes, struct api_request *r, struct fault *why)
{
    if (bytes.len > REQUEST_MAX)
        return fault_set(why, ERR_PROTOCOL, "a request has at most %d bytes", REQUEST_MAX);
    const char *end = bytes.len > 0 ? memchr(bytes.at, '\0', bytes.len) : NULL;
    if (end == NULL)
        return fault_set(why, ERR_PROTOCOL, "a request's header ends with a NUL");
    size_t len = (size_t)(end - bytes.at);
    struct api_request found = {.payload = {end + 1, bytes.len - len - 1}};
    int result = read_header((struct span){bytes.at, len}, &found, why);
    if (result < 0)
        return result;
    *r = found;
    return 0;
}
