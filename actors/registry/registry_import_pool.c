/* SPDX-License-Identifier: MIT
 * Labels and pools. In `registry`, and in tests. */
#include "actors/registry/registry_import_own.h"

#include <string.h>

static const struct driver {
    const char *name, *needed, *kept;
} drivers[] = {
#define POOL_DRIVER(name, needed, kept) {name, needed, kept},
#include "actors/registry/registry_pool.def"
};

static bool is_colour(struct span s)
{
    if (s.len != 8 || memcmp(s.at, "0x", 2) != 0)
        return false;
    for (size_t i = 2; i < 8; i++)
        if (strchr("0123456789abcdefABCDEF", s.at[i]) == NULL)
            return false;
    return true;
}

bool import_has_label(const struct import *im, struct span name, uint64_t index)
{
    for (size_t i = 0; i < im->label_count; i++)
        if (im->labels[i].index == index || span_equal(im->labels[i].name, name))
            return true;
    return false;
}

static void import_label(struct import *im, const struct xml_element *at, bool *gray_seen)
{
    struct span id, name = xml_content(at), colour = span_trim(import_attribute(at, "color"));
    uint64_t index = 0;
    span_split(import_attribute(at, "id"), '-', &id);
    if (text_number(id, 1, UINT32_MAX, &index) < 0 || name.len == 0 || !is_colour(colour)) {
        import_tell(im, IMPORT_WARNING, at, NULL, "label '%.*s' left out: its id, name or color is not one",
                    SPAN_ARG(name));
        return;
    }
    if (import_has_label(im, name, index)) {
        import_tell(im, IMPORT_WARNING, at, NULL, "label '%.*s' left out: its name or id is there already",
                    SPAN_ARG(name));
        return;
    }
    if (!*gray_seen && span_is(colour, "0x555753")) {
        *gray_seen = true;
        colour = SPAN_LITERAL("0x555555");
        import_tell(im, IMPORT_NOTE, at, NULL, "label '%.*s': old gray replaced by 0x555555", SPAN_ARG(name));
    }
    struct import_label *grown = import_grow(im, im->labels, im->label_count, sizeof *grown);
    if (grown == NULL)
        return;
    im->labels = grown;
    im->labels[im->label_count++] = (struct import_label){name, index};
    text_clear(&im->line);
    text_format(&im->line, "%u %.*s", (unsigned)index, SPAN_ARG(colour));
    import_emit(im, CHANGE_LABEL, QID_GLOBAL, name, text_span(&im->line));
}

void import_labels(struct import *im)
{
    bool gray_seen = false;
    const struct xml_element *list = xml_child(im->root, "labels");
    const struct xml_element *at = list != NULL ? xml_child(list, "label") : NULL;
    for (; at != NULL && im->result >= 0; at = xml_next(at, "label"))
        import_label(im, at, &gray_seen);
}

const struct import_pool *import_find_pool(const struct import *im, struct span name)
{
    for (size_t i = 0; i < im->pool_count; i++)
        if (span_equal(im->pools[i].name, name))
            return &im->pools[i];
    return NULL;
}

static const struct driver *find_driver(struct span name)
{
    for (size_t i = 0; i < COUNT(drivers); i++)
        if (span_is(name, drivers[i].name))
            return &drivers[i];
    return NULL;
}

static bool is_word_of(struct span word, const char *words)
{
    for (struct span rest = span_of(words); rest.len > 0;)
        if (span_equal(span_split(rest, ' ', &rest), word))
            return true;
    return false;
}

/* True or False, or empty when the word is none. */
static struct span bool_text(struct span word)
{
    int truth = word.len == 0 ? 0 : import_bool(word);
    return truth < 0 ? SPAN_LITERAL("") : span_of(truth ? "True" : "False");
}

/* Appends 'key=value'; false with nothing to keep it by. */
static bool add_attribute(struct import *im, const struct xml_element *at, struct span key)
{
    char name[64];
    struct span value;
    if (text_copy(name, sizeof name, key) < 0 || !xml_attribute(at, name, &value))
        return true;
    if (strcmp(name, "ephemeral_volatile") == 0)
        value = bool_text(value);
    if (value.len == 0 || !import_is_line(value))
        return false;
    text_format(&im->line, "%s%s=%.*s", im->line.len > 0 ? "\n" : "", name, SPAN_ARG(value));
    return true;
}

/* Why the pool cannot be taken over; NULL with im->line filled when it can. */
static const char *read_pool(struct import *im, const struct xml_element *at, struct span name)
{
    const struct driver *driver = find_driver(import_attribute(at, "driver"));
    if (name.len == 0)
        return "it has no name";
    if (import_find_pool(im, name) != NULL)
        return "a pool of this name is there already";
    if (driver == NULL)
        return "its driver is not known";
    for (struct span rest = span_of(driver->needed); rest.len > 0;) {
        char needed[64];
        text_copy(needed, sizeof needed, span_split(rest, ' ', &rest));
        if (import_attribute(at, needed).len == 0)
            return "an attribute that its driver needs is missing";
    }
    text_clear(&im->line);
    for (struct span rest = span_of(driver->kept); rest.len > 0;)
        if (!add_attribute(im, at, span_split(rest, ' ', &rest)))
            return "the value of an attribute is not acceptable";
    return NULL;
}

static void tell_unknown_attributes(struct import *im, const struct xml_element *at, struct span pool)
{
    const struct driver *driver = find_driver(import_attribute(at, "driver"));
    struct span name, value;
    for (size_t i = 0; xml_attribute_at(at, i, &name, &value); i++)
        if (!is_word_of(name, "name setup_check") && !is_word_of(name, driver->kept))
            import_tell(im, IMPORT_WARNING, at, NULL, "pool '%.*s': unknown attribute '%.*s' left out",
                        SPAN_ARG(pool), SPAN_ARG(name));
}

static void import_pool(struct import *im, const struct xml_element *at)
{
    struct span name = import_attribute(at, "name");
    const char *refusal = read_pool(im, at, name);
    if (refusal != NULL) {
        import_tell(im, IMPORT_WARNING, at, NULL, "pool '%.*s' left out: %s", SPAN_ARG(name), refusal);
        return;
    }
    struct import_pool *grown = import_grow(im, im->pools, im->pool_count, sizeof *grown);
    if (grown == NULL)
        return;
    im->pools = grown;
    im->pools[im->pool_count++] = (struct import_pool){name, import_attribute(at, "driver")};
    tell_unknown_attributes(im, at, name);
    import_emit(im, CHANGE_POOL, QID_GLOBAL, name, text_span(&im->line));
}

void import_pools(struct import *im)
{
    const struct xml_element *list = xml_child(im->root, "pools");
    const struct xml_element *at = list != NULL ? xml_child(list, "pool") : NULL;
    for (; at != NULL && im->result >= 0; at = xml_next(at, "pool"))
        import_pool(im, at);
}
