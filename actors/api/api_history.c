/* SPDX-License-Identifier: MIT
 * Recent Admin events, kept so that a subscriber can resume after the last one that it got; in api. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "actors/api/api_inside.h"

enum { HISTORY_RECORDS = 16384, HISTORY_BYTES = 8 << 20 };

static void forget_first(struct history *h)
{
    struct record *r = h->first;
    DL_DELETE(h->first, r);
    h->lost_number = r->number;
    h->lost_index = r->index;
    h->count--;
    h->bytes -= r->len;
    free(r);
}

void api_history_add(struct history *h, const struct record *like, struct span bytes)
{
    while (h->first != NULL && (h->count >= HISTORY_RECORDS || h->bytes + bytes.len > HISTORY_BYTES))
        forget_first(h);
    struct record *r = bytes.len <= HISTORY_BYTES ? malloc(sizeof *r + bytes.len) : NULL;
    if (r == NULL) {
        api_history_lose(h, like->number);
        h->lost_index = like->index;
        return;
    }
    *r = *like;
    r->len = bytes.len;
    memcpy(r->bytes, bytes.at, bytes.len);
    DL_APPEND(h->first, r);
    h->count++;
    h->bytes += bytes.len;
}

void api_history_lose(struct history *h, uint64_t number)
{
    while (h->first != NULL)
        forget_first(h);
    h->lost_number = number;
    h->lost_index = UINT32_MAX;
}

void api_history_free(struct history *h)
{
    api_history_lose(h, 0);
}
