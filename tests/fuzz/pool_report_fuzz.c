/* SPDX-License-Identifier: MIT
 * Fuzzes what tools of pools print: a list of any bytes is taken or refused, never ends the process, and each
 * row that is taken is the pool's own and whole. The first byte says whether lvs or zfs has printed it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_lvm_inside.h"
#include "doors/pool_zfs_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends(const char *text, size_t room)
{
    return memchr(text, '\0', room) != NULL;
}

static void lvs_printed(struct span text)
{
    AUTO_MEMORY struct lv *at = NULL;
    size_t count = 0;
    struct fault why;
    if (lvm_report_read(text, "vg", &at, &count, &why) < 0) {
        assert(at == NULL && count == 0 && why.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < count; i++) {
        assert(ends(at[i].name, sizeof at[i].name) && ends(at[i].pool, sizeof at[i].pool));
        assert(ends(at[i].origin, sizeof at[i].origin) && ends(at[i].attr, sizeof at[i].attr));
        assert(at[i].name[0] != '\0' && strlen(at[i].attr) >= 5);
        assert(at[i].size <= INT64_MAX && at[i].number <= UINT32_MAX);
    }
}

static void zfs_printed(struct span text)
{
    AUTO_MEMORY struct zfs_row *at = NULL;
    size_t count = 0;
    struct fault why;
    if (zfs_report_read(text, "tank/q", &at, &count, &why) < 0) {
        assert(at == NULL && count == 0 && why.text[0] != '\0');
        return;
    }
    assert(count > 0 && strcmp(at[0].name, "tank/q") == 0);
    for (size_t i = 0; i < count; i++) {
        assert(ends(at[i].name, sizeof at[i].name) && ends(at[i].origin, sizeof at[i].origin));
        assert(strncmp(at[i].name, "tank/q", 6) == 0 && at[i].txg > 0);
        assert(!(at[i].volume && at[i].snapshot) && at[i].size <= INT64_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    (data[0] == 'l' ? lvs_printed : zfs_printed)((struct span){(const char *)data + 1, size - 1});
    return 0;
}
