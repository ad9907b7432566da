/* SPDX-License-Identifier: MIT
 * What `zfs list` prints, read strictly; in storage. */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_zfs_inside.h"

enum { COLUMNS = 9 };

/* "-": it has none. */
static bool number(struct span s, uint64_t *ret)
{
    return span_is(s, "-") || text_number(s, 0, INT64_MAX, ret) == 0;
}

static bool truth(struct span s, bool *ret)
{
    *ret = span_is(s, "on");
    return *ret || span_is(s, "off") || span_is(s, "-");
}

/* The container, what is below it, and snapshots of either. */
static bool is_ours(const char *name, const char *container)
{
    size_t len = strlen(container);
    return strncmp(name, container, len) == 0 &&
           (name[len] == '\0' || ((name[len] == '/' || name[len] == '@') && name[len + 1] != '\0'));
}

/* name volsize volblocksize logicalreferenced createtxg origin defer_destroy readonly org.qubes:dirty */
static bool read_row(struct span line, const char *container, struct zfs_row *row)
{
    struct span word[COLUMNS];
    size_t tabs = 0;
    for (size_t i = 0; i < line.len; i++)
        tabs += line.at[i] == '\t';
    if (tabs != COLUMNS - 1)
        return false;
    for (size_t i = 0; i < COLUMNS; i++)
        word[i] = span_split(line, '\t', &line);
    *row = (struct zfs_row){.volume = !span_is(word[1], "-")};
    if (text_copy(row->name, sizeof row->name, word[0]) < 0 || !is_ours(row->name, container) ||
        !number(word[1], &row->size) || !number(word[2], &row->block) || !number(word[3], &row->usage) ||
        text_number(word[4], 1, INT64_MAX, &row->txg) < 0 ||
        (!span_is(word[5], "-") && text_copy(row->origin, sizeof row->origin, word[5]) < 0) ||
        !truth(word[6], &row->deferred) || !truth(word[7], &row->readonly) || !truth(word[8], &row->dirty))
        return false;
    row->snapshot = strchr(row->name, '@') != NULL;
    row->volume = row->volume && !row->snapshot;
    return true;
}

int zfs_report_read(struct span text, const char *container, struct zfs_row **ret, size_t *count,
                    struct fault *why)
{
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < text.len; i++)
        all += text.at[i] == '\n';
    if (all == 0 || all > ZFS_ROWS_MOST || text.at[text.len - 1] != '\n')
        return fault_set(why, ERR_STORAGE, "zfs printed no list of datasets");
    AUTO_MEMORY struct zfs_row *rows = calloc(all, sizeof *rows);
    if (rows == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for what zfs printed");
    for (; text.len > 0; kept++)
        if (!read_row(span_split(text, '\n', &text), container, &rows[kept]))
            return fault_set(why, ERR_STORAGE, "row %zu of what zfs printed makes no sense", kept + 1);
    if (strcmp(rows[0].name, container) != 0)
        return fault_set(why, ERR_STORAGE, "zfs printed another list than that of %s", container);
    *ret = TAKE(rows);
    *count = kept;
    return 0;
}
