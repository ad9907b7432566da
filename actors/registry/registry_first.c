/* SPDX-License-Identifier: MIT
 * What a store begins with: an import of qubes.xml, or the initial store (spec: store 6). */
#include "actors/registry/registry_store.h"

#include <stdio.h>

#include "actors/registry/registry_file.h"
#include "actors/registry/registry_rules.h"
#include "base/log.h"

enum { DOCUMENT_BYTES = 64 << 20 };

static int take_change(void *self, const struct change *c)
{
    return change_list_add(self, c);
}

static int take_problem(void *self, const struct import_problem *problem)
{
    static const char *const words[] = {"note", "warning", "this VM is disabled"};
    (void)self;
    log_line(problem->severity == IMPORT_NOTE ? LOG_NOTE : LOG_WARN, "qubes.xml line %u: %s: %s",
             problem->line, words[problem->severity], problem->text);
    return 0;
}

static int add(struct change_list *list, enum change_kind kind, uint32_t qid, const char *key,
               const char *value)
{
    return change_list_add(list, &(struct change){kind, qid, span_of(key), span_of(value), 0});
}

static int add_labels(struct change_list *list)
{
    static const struct {
        const char *name, *value;
    } labels[] = {{"red", "1 0xcc0000"},    {"orange", "2 0xf57900"}, {"yellow", "3 0xedd400"},
                  {"green", "4 0x73d216"},  {"gray", "5 0x555555"},   {"blue", "6 0x3465a4"},
                  {"purple", "7 0x75507b"}, {"black", "8 0x000000"}};
    int r = 0;
    for (size_t i = 0; i < COUNT(labels) && r == 0; i++)
        r = add(list, CHANGE_LABEL, QID_GLOBAL, labels[i].name, labels[i].value);
    return r;
}

static int add_pools(struct change_list *list, const char *directory)
{
    char value[1024];
    snprintf(value, sizeof value, "dir_path=%s\ndriver=file\nrevisions_to_keep=1\nephemeral_volatile=False",
             directory);
    int r = add(list, CHANGE_POOL, QID_GLOBAL, "varlibqubes", value);
    snprintf(value, sizeof value, "dir_path=%s/vm-kernels\ndriver=linux-kernel", directory);
    return r < 0 ? r : add(list, CHANGE_POOL, QID_GLOBAL, "linux-kernel", value);
}

static int initial(struct change_list *list, const char *pool_dir)
{
    int r = add_labels(list);
    if (r == 0)
        r = add_pools(list, pool_dir);
    if (r == 0)
        r = add(list, CHANGE_PROPERTY, QID_GLOBAL, "default_pool_kernel", "linux-kernel");
    if (r == 0)
        r = add(list, CHANGE_VM, 0, "", "1 AdminVM");
    return r < 0 ? r : add(list, CHANGE_PROPERTY, 0, "label", "black");
}

int store_first(struct store *s, struct change_list *list, struct fault *why)
{
    AUTO_TEXT document = TEXT_WITH_LIMIT(DOCUMENT_BYTES);
    struct import_sink sink = {list, take_change, take_problem};
    int r = s->qubes_lib < 0 ? -ERR_UNKNOWN : registry_file_read(s->qubes_lib, "qubes.xml", &document, why);
    if (r == -ERR_UNKNOWN)
        r = initial(list, s->pool_dir);
    else if (r == 0)
        r = registry_import(text_span(&document), registry_import_rules(), &sink, why);
    return r;
}
