/* SPDX-License-Identifier: MIT
 * See devbus_exposed.h: in the core of a bus whose devices come and go. */
#include "actors/devbus/devbus_exposed.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

struct devbus_backend *devbus_backend_of(const struct devbus_exposed *x, uint32_t qid)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->at[i]->vm.instance == qid)
            return x->at[i];
    return NULL;
}

static const struct device_item *item_at(const struct devbus_backend *b, const char *port)
{
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->item[i].port, port) == 0)
            return &b->item[i];
    return NULL;
}

const struct device_item *devbus_exposed_find(const struct devbus_exposed *x, const char *backend,
                                              const char *port)
{
    const struct device_item *item = NULL;
    for (size_t i = 0; i < x->count && item == NULL; i++)
        if (strcmp(x->at[i]->name, backend) == 0)
            item = item_at(x->at[i], port);
    return item;
}

static void backend_free(struct devbus_backend *b)
{
    free(b->item);
    free(b->told);
    free(b);
}

static void forget(struct devbus_exposed *x, struct devbus_backend *b)
{
    for (size_t i = 0; i < x->count; i++)
        if (x->at[i] == b)
            x->at[i] = x->at[--x->count];
    backend_free(b);
}

static struct devbus_backend *add(struct devbus_exposed *x, struct subject vm)
{
    struct devbus_backend *b = x->count < DEVBUS_BACKENDS_MAX ? calloc(1, sizeof *b) : NULL;
    if (b == NULL)
        return NULL;
    b->vm = vm;
    x->at[x->count++] = b;
    return b;
}

/* Of a VM that was removed and made anew everything is new. */
static struct devbus_backend *present(struct devbus_exposed *x, struct subject vm)
{
    struct devbus_backend *b = devbus_backend_of(x, vm.instance);
    if (b != NULL && b->vm.generation != vm.generation) {
        forget(x, b);
        b = NULL;
    }
    return b;
}

struct devbus_backend *devbus_exposed_take(struct devbus_exposed *x, struct subject vm, const char *name,
                                           const struct wire_list *devices)
{
    struct reader in = list_reader(devices);
    struct devbus_backend *b = present(x, vm);
    struct device_item *item = calloc(devices->count + 1, sizeof *item);
    if (item != NULL && b == NULL && devices->count > 0)
        b = add(x, vm);
    if (item == NULL || b == NULL) {
        free(item);
        return NULL;
    }
    free(b->item);
    b->item = item;
    b->count = 0;
    while (b->count < devices->count && device_item_next(&in, &item[b->count]) == 1)
        b->count++;
    (void)text_copy(b->name, sizeof b->name, span_of(name));
    if (b->count > 0 || b->tolds > 0)
        return b;
    forget(x, b);
    return NULL;
}

void devbus_exposed_free(struct devbus_exposed *x)
{
    while (x->count > 0)
        backend_free(x->at[--x->count]);
}

/* ---- news ---- */

static bool was_told(const struct devbus_backend *b, const char *port)
{
    for (size_t i = 0; i < b->tolds; i++)
        if (strcmp(b->told[i], port) == 0)
            return true;
    return false;
}

static void remember(struct devbus_backend *b, bool (*lists)(const char *port))
{
    free(b->told);
    b->tolds = 0;
    b->told = calloc(b->count + 1, sizeof *b->told);
    for (size_t i = 0; i < b->count && b->told != NULL; i++)
        if (lists(b->item[i].port) &&
            text_copy(b->told[b->tolds], sizeof b->told[0], span_of(b->item[i].port)) == 0)
            b->tolds++;
}

void devbus_exposed_news(struct devbus_backend *b, const struct devbus_news *news)
{
    for (size_t i = 0; i < b->tolds && b->is_known; i++)
        if (item_at(b, b->told[i]) == NULL)
            news->gone(news->arg, b, b->told[i]);
    for (size_t i = 0; i < b->count && b->is_known; i++)
        if (news->lists(b->item[i].port) && !was_told(b, b->item[i].port))
            news->came(news->arg, b, &b->item[i]);
    remember(b, news->lists);
    b->is_known = true;
}
