/* SPDX-License-Identifier: MIT
 * What lvs prints, read strictly; in storage. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/own.h"
#include "doors/pool_lvm_inside.h"

static void json_free(struct json_t **at)
{
    json_decref(*at);
}

static struct span word(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? span_of(text) : (struct span){"", 0};
}

/* "4096B". */
static bool bytes(struct span s, uint64_t *ret)
{
    return s.len > 1 && s.at[s.len - 1] == 'B' &&
           text_number((struct span){s.at, s.len - 1}, 0, INT64_MAX, ret) == 0;
}

/* "12.34" of `whole`; "" is nothing. */
static bool percent(struct span s, uint64_t whole, uint64_t *ret)
{
    struct span fraction, integer = span_split(s, '.', &fraction);
    uint64_t hundreds = 0, parts = 0;
    *ret = 0;
    if (s.len == 0)
        return true;
    if (fraction.len > 4 || text_number(integer, 0, 100, &hundreds) < 0 ||
        (fraction.len > 0 && text_number(fraction, 0, 9999, &parts) < 0))
        return false;
    for (size_t i = fraction.len; i < 4; i++)
        parts *= 10;
    *ret = (uint64_t)((double)whole / 1e6 * (double)(hundreds * 10000 + parts));
    return true;
}

/* 1, 0 for a row that is none of ours, -1 for one that makes no sense. */
static int read_row(const json_t *row, const char *group, struct lv *lv)
{
    struct span metadata = word(row, "lv_metadata_size"), size = word(row, "lv_size"),
                extent = word(row, "vg_extent_size"), number = word(row, "thin_id");
    if (!json_is_object(row))
        return -1;
    if (!span_is(word(row, "vg_name"), group) || word(row, "lv_name").len == 0 || size.len == 0)
        return 0;
    *lv = (struct lv){0};
    if (text_copy(lv->name, sizeof lv->name, word(row, "lv_name")) < 0 ||
        text_copy(lv->pool, sizeof lv->pool, word(row, "pool_lv")) < 0 ||
        text_copy(lv->origin, sizeof lv->origin, word(row, "origin")) < 0 ||
        text_copy(lv->attr, sizeof lv->attr, word(row, "lv_attr")) < 0 || strlen(lv->attr) < 5 ||
        !bytes(size, &lv->size) || !percent(word(row, "data_percent"), lv->size, &lv->usage) ||
        (extent.len > 0 && !bytes(extent, &lv->extent)) ||
        (number.len > 0 && text_number(number, 0, UINT32_MAX, &lv->number) < 0) ||
        (metadata.len > 0 && !bytes(metadata, &lv->metadata_size)) ||
        !percent(word(row, "metadata_percent"), lv->metadata_size, &lv->metadata_usage))
        return -1;
    return 1;
}

int lvm_report_read(struct span text, const char *group, struct lv **ret, size_t *count, struct fault *why)
{
    __attribute__((cleanup(json_free))) json_t *whole =
        json_loadb(text.at != NULL ? text.at : "", text.len, 0, NULL);
    const json_t *rows = json_object_get(json_array_get(json_object_get(whole, "report"), 0), "lv");
    size_t all = json_array_size(rows), kept = 0;
    if (!json_is_array(rows) || all > LVS_MOST)
        return fault_set(why, ERR_STORAGE, "lvs printed no report of logical volumes");
    AUTO_MEMORY struct lv *lvs = calloc(all + 1, sizeof *lvs);
    if (lvs == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for what lvs printed");
    for (size_t i = 0; i < all; i++) {
        int r = read_row(json_array_get(rows, i), group, &lvs[kept]);
        if (r < 0)
            return fault_set(why, ERR_STORAGE, "row %zu of what lvs printed makes no sense", i + 1);
        kept += (size_t)r;
    }
    *ret = TAKE(lvs);
    *count = kept;
    return 0;
}
