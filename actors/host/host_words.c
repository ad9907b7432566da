/* SPDX-License-Identifier: MIT
 * What domains say of their memory in xenstore (spec lifecycle 11). A guest writes there what it likes:
 * digits are read as a number, anything else is as if it were not there. */
#include "actors/host/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

enum { DIGITS = 20 };

/* A lost xenstore stays lost: its socket was root's, before this process gave that up. */
static bool read_number(struct host_doors *d, int domid, const char *key, uint64_t *number)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(DIGITS);
    struct fault why;
    char path[96];
    if (d->xenstore == NULL)
        return false;
    snprintf(path, sizeof path, "/local/domain/%d/%s", domid, key);
    int r = d->xenstore->ops->read(d->xenstore, 0, path, &value, &why);
    if (r == -ERR_CLOSED) {
        log_line(LOG_WARN, "what guests say of their memory is not known any more: %s", why.text);
        d->xenstore = NULL;
    }
    return r == 0 && text_number(text_span(&value), 0, UINT64_MAX, number) == 0;
}

static void read_words(struct host_doors *d, int domid, struct host_words *w)
{
    uint64_t device_model;
    w->has_memory = read_number(d, domid, "memory/meminfo", &w->with_swap_kib);
    w->has_swap = w->has_memory && read_number(d, domid, "memory/swapinfo", &w->swap_kib);
    if (read_number(d, domid, "image/device-model-domid", &device_model) && device_model > 0 &&
        device_model < INT32_MAX)
        (void)read_number(d, (int)device_model, "memory/static-max", &w->device_model_kib);
}

int host_words_read(struct host_doors *d, struct host_task *t, struct fault *why)
{
    if (d->xenstore == NULL || t->sample_count == 0)
        return 0;
    t->words = calloc(t->sample_count, sizeof *t->words);
    if (t->words == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for %zu samples", t->sample_count);
    for (size_t i = 0; i < t->sample_count; i++)
        read_words(d, t->samples[i].domid, &t->words[i]);
    return 0;
}
