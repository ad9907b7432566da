/* SPDX-License-Identifier: MIT
 * What a store begins with: an import of qubes.xml, or the initial store (spec: store 6). */
#include "actors/registry/registry_store.h"

#include <stdio.h>

#include "actors/registry/registry_beside.h"
#include "actors/registry/registry_transfer.h"
#include "base/log.h"

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

/* file-reflink needs no tool: where its file system shares no blocks, it copies. */
static int add_pools(struct change_list *list, const char *directory)
{
    char value[1024];
    snprintf(
        value, sizeof value,
        "dir_path=%s\ndriver=file-reflink\nrevisions_to_keep=1\nephemeral_volatile=False\nsetup_check=False",
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

/* What an import had to say goes to the log, a line each. */
static void log_report(struct span report)
{
    while (report.len > 0) {
        struct span rest, line = span_split(report, '\n', &report), severity = span_split(line, '\t', &rest);
        struct span whom = span_split(rest, '\t', &rest), row = span_split(rest, '\t', &rest);
        span_split(rest, '\t', &rest);
        (void)whom;
        log_line(span_is(severity, "note") ? LOG_NOTE : LOG_WARN, "import, line %.*s: %.*s: %.*s",
                 (int)row.len, row.at, (int)severity.len, severity.at, (int)rest.len, rest.at);
    }
}

int store_first(struct store *s, struct store_task *t, struct fault *why)
{
    AUTO(beside)
    *b = beside_new();
    if (b == NULL)
        return fault_set(why, ERR_NOMEM, "no memory to import");
    int r = s->qubes_lib < 0 ? -ERR_UNKNOWN : transfer_take_in(s->qubes_lib, &t->changes, b, &t->report, why);
    log_report(text_span(&t->report));
    if (r == -ERR_UNKNOWN)
        return initial(&t->changes, s->pool_dir);
    if (r >= 0)
        r = transfer_adopt(s, why);
    beside_free(s->beside);
    s->beside = r < 0 ? NULL : TAKE(b);
    return r;
}
