/* SPDX-License-Identifier: MIT
 * See usbids.h: in devbus-usb. */
#include "doors/usbids.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/char.h"
#include "base/grow.h"
#include "base/text.h"

enum { FILE_MOST = 8 << 20, PRODUCTS_MOST = 1 << 18 };

struct product {
    uint32_t ids; /* the vendor's above the product's */
    struct span vendor, product;
};

struct usbids {
    char *bytes;
    struct product *product; /* by ids; spans point into bytes */
    size_t count, room;
};

/* Four hex digits at the front, then two spaces. */
static bool take_id(struct span *line, uint32_t *id)
{
    uint32_t n = 0;
    if (line->len < 6 || line->at[4] != ' ' || line->at[5] != ' ')
        return false;
    for (size_t i = 0; i < 4; i++) {
        int digit = char_hex(line->at[i]);
        if (digit < 0)
            return false;
        n = n * 16 + (uint32_t)digit;
    }
    *line = span_trim((struct span){line->at + 6, line->len - 6});
    *id = n;
    return true;
}

static int add(struct usbids *ids, const struct product *p)
{
    if (ids->count == PRODUCTS_MOST)
        return -ERR_TOO_BIG;
    if (GROW(ids->product, ids->count, ids->room, 1024) < 0)
        return -ERR_NOMEM;
    ids->product[ids->count++] = *p;
    return 0;
}

static int by_ids(const void *a_, const void *b_)
{
    const struct product *a = a_, *b = b_;
    return a->ids < b->ids ? -1 : a->ids > b->ids;
}

/* Vendors and their products come first; what follows the first class is of other kinds. */
static int read_lines(struct usbids *ids, struct span rest)
{
    struct product p = {0};
    bool has_vendor = false;
    int r = 0;
    while (r == 0 && rest.len > 0) {
        struct span line = span_split(rest, '\n', &rest);
        uint32_t id;
        if (span_starts(line, "C "))
            break;
        bool is_product = span_starts(line, "\t");
        if (is_product)
            line = (struct span){line.at + 1, line.len - 1};
        if (!take_id(&line, &id))
            continue;
        if (is_product && has_vendor) {
            struct product found = {p.ids << 16 | id, p.vendor, line};
            r = add(ids, &found);
        } else if (!is_product) {
            p = (struct product){.ids = id, .vendor = line};
            has_vendor = true;
        }
    }
    if (ids->count > 0)
        qsort(ids->product, ids->count, sizeof *ids->product, by_ids);
    return r;
}

int usbids_read(const char *bytes, size_t len, struct usbids **ret)
{
    AUTO(usbids) *ids = calloc(1, sizeof *ids);
    if (ids == NULL || (ids->bytes = malloc(len + 1)) == NULL)
        return -ERR_NOMEM;
    if (len > 0)
        memcpy(ids->bytes, bytes, len);
    int r = read_lines(ids, (struct span){ids->bytes, len});
    if (r == 0)
        *ret = TAKE(ids);
    return r;
}

int usbids_open(const char *file, struct usbids **ret, struct fault *why)
{
    FILE *in = fopen(file, "re");
    if (in == NULL)
        return fault_set(why, ERR_IO, "%s cannot be read", file);
    AUTO_MEMORY char *bytes = malloc(FILE_MOST + 1);
    size_t len = bytes != NULL ? fread(bytes, 1, FILE_MOST + 1, in) : 0;
    bool failed = ferror(in) != 0;
    fclose(in);
    if (bytes == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for %s", file);
    if (failed)
        return fault_set(why, ERR_IO, "%s cannot be read", file);
    int r = len > FILE_MOST ? -ERR_TOO_BIG : usbids_read(bytes, len, ret);
    return r < 0 ? fault_set(why, (enum err) - r, "%s is too long for a list of names", file) : 0;
}

void usbids_free(struct usbids *ids)
{
    if (ids != NULL) {
        free(ids->product);
        free(ids->bytes);
    }
    free(ids);
}

static void copy(char *to, size_t size, struct span from)
{
    size_t len = from.len < size - 1 ? from.len : size - 1;
    for (size_t i = 0; i < len; i++)
        to[i] = (char)(from.at[i] >= ' ' && from.at[i] < 0x7f ? from.at[i] : '_');
    to[len] = '\0';
}

static uint32_t number(const char *id)
{
    char digits[10] = "";
    memcpy(digits, id, 4);
    memcpy(digits + 4, id + 5, 4);
    return (uint32_t)strtoul(digits, NULL, 16);
}

void usbids_name(const struct usbids *ids, const char *id, char *vendor, size_t vendor_size, char *product,
                 size_t product_size)
{
    bool is_one = ids != NULL && ids->count > 0 && strlen(id) >= 9 && id[4] == ':';
    struct product key = {.ids = is_one ? number(id) : 0};
    const struct product *p = is_one ? bsearch(&key, ids->product, ids->count, sizeof key, by_ids) : NULL;
    copy(vendor, vendor_size, p != NULL ? p->vendor : SPAN_LITERAL("unknown"));
    copy(product, product_size, p != NULL ? p->product : SPAN_LITERAL("unknown"));
}
