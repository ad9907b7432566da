/* SPDX-License-Identifier: MIT
 * The driver linux-kernel: a read-only volume with a kernel's modules; its vid is the kernel's name, "" for
 * none. In storage. Spec: storage 10. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_disk.h"

struct kernel_pool {
    struct pool pool;
    char dir[512];
};

static struct pool *kernel_open(struct span lines, const struct pool_calls *calls, struct fault *why)
{
    struct kernel_pool *p = calloc(1, sizeof *p);
    (void)calls;
    if (p != NULL && pool_parameter(lines, "dir_path", p->dir, sizeof p->dir, why) < 0)
        p = (free(p), NULL);
    return p != NULL ? &p->pool : NULL;
}

static void kernel_free(struct pool *p)
{
    free(p);
}

static int file_of(const struct pool *pool, const struct pool_hand *h, const char *kernel, const char *file,
                   char path[POOL_PATH_MAX + 1])
{
    const struct kernel_pool *p = (const struct kernel_pool *)pool;
    if (strchr(kernel, '/') != NULL)
        return fault_set(h->why, ERR_STORAGE, "%s is no kernel's name", kernel);
    snprintf(path, POOL_PATH_MAX + 1, "%s/%s/%s", p->dir, kernel, file);
    return 0;
}

static int do_create(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    (void)p, (void)ret;
    if (e->volume->rw)
        return fault_set(h->why, ERR_STORAGE, "a kernel volume is read-only; set rw to False");
    if (e->volume->save_on_stop)
        return fault_set(h->why, ERR_NOT_IMPLEMENTED, "a kernel volume cannot be saved at stop");
    return 0;
}

static int do_verify(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    char path[POOL_PATH_MAX + 1];
    (void)ret;
    if (e->volume->vid[0] == '\0')
        return 0;
    int r = file_of(p, h, e->volume->vid, "vmlinuz", path);
    if (r >= 0 && (r = disk_stat(h, path, NULL)) == 0)
        return fault_set(h->why, ERR_STORAGE, "Missing file: %s", path);
    return r < 0 ? r : 0;
}

static int do_look(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    char path[POOL_PATH_MAX + 1];
    if (e->volume->vid[0] == '\0')
        return 0;
    int r = file_of(p, h, e->volume->vid, "modules.img", path);
    if (r < 0 || (r = text_copy(ret->own, sizeof ret->own, span_of(path))) < 0 ||
        (r = disk_stat(h, path, NULL)) <= 0)
        return r;
    ret->has_data = true;
    return text_copy(ret->path, sizeof ret->path, span_of(path));
}

static int do_export(struct pool *p, const struct pool_hand *h, const struct pool_errand *e,
                     struct pool_outcome *ret)
{
    struct pool_outcome seen = {0};
    int r = do_look(p, h, e, &seen);
    if (r >= 0 && !seen.has_data)
        return fault_set(h->why, ERR_STORAGE, "kernel %s has no modules.img", e->volume->vid);
    return r < 0 ? r : text_copy(ret->path, sizeof ret->path, span_of(seen.path));
}

static int do_list_entry(void *self, const char *entry)
{
    struct text *list = self;
    text_format(list, "vid=%s\n", entry);
    return 0;
}

static int do_list(struct pool *pool, const struct pool_hand *h, const struct pool_errand *e,
                   struct pool_outcome *ret)
{
    const struct kernel_pool *p = (const struct kernel_pool *)pool;
    (void)e;
    ret->list = TEXT_WITH_LIMIT(1 << 20);
    return h->call->entries(p->dir, do_list_entry, &ret->list) < 0 ? pool_broken(h, "list", p->dir) : 0;
}

const struct pool_driver pool_kernel = {
    .open = kernel_open,
    .free = kernel_free,
    .verb =
        {
            [POOL_setup] = pool_nothing,
            [POOL_destroy] = pool_nothing,
            [POOL_usage] = pool_nothing,
            [POOL_list] = do_list,
            [POOL_create] = do_create,
            [POOL_remove] = pool_nothing,
            [POOL_verify] = do_verify,
            [POOL_start] = pool_nothing,
            [POOL_stop] = pool_nothing,
            [POOL_look] = do_look,
            [POOL_revisions] = pool_nothing,
            [POOL_export] = do_export,
            [POOL_export_end] = pool_nothing,
            [POOL_clone] = pool_nothing,
            [POOL_tidy] = pool_nothing,
        },
};
