/* SPDX-License-Identifier: MIT
 * The boot modes that a guest offers: taken as a whole or not at all. Spec: vm-model 5.2, 4.11. */
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/names.h"
#include "model/plan_guest.h"
#include "model/plan_guest_inside.h"

#define OPTIONS "boot-mode.kernelopts."
#define NAME    "boot-mode.name."
#define USER    "boot-mode.default-user."

enum { ENTRIES_MOST = 64 };

static struct span after(struct span key, const char *prefix)
{
    size_t len = strlen(prefix);
    return span_starts(key, prefix) ? (struct span){key.at + len, key.len - len} : (struct span){NULL, 0};
}

static bool is_mode(struct span mode)
{
    return mode.len > 0 && memchr(mode.at, '.', mode.len) == NULL && !span_is(mode, "default");
}

static bool offers(struct span lines, struct span mode)
{
    struct span key, value;
    while (guest_line_next(&lines, &key, &value)) {
        struct span offered = after(key, OPTIONS);
        if (offered.at != NULL && span_equal(offered, mode))
            return is_mode(mode);
    }
    return false;
}

/* Is this word part of what the guest offers? */
static bool is_entry(struct span lines, struct span key)
{
    struct fault ignored;
    struct span options = after(key, OPTIONS), name = after(key, NAME), user = after(key, USER);
    if (feature_name_check(key, &ignored) < 0)
        return false;
    if (options.at != NULL)
        return is_mode(options);
    if (name.at != NULL)
        return span_is(name, "default") || offers(lines, name);
    return user.at != NULL && offers(lines, user);
}

/* Two modes of one name, or one user for two. */
static bool is_doubled(struct span lines, const char *prefix)
{
    struct span key, value;
    while (guest_line_next(&lines, &key, &value)) {
        struct span rest = lines, other, again;
        while (span_starts(key, prefix) && guest_line_next(&rest, &other, &again))
            if (span_starts(other, prefix) && span_equal(value, again))
                return true;
    }
    return false;
}

static size_t count(struct span lines)
{
    struct span rest = lines, key, value;
    size_t n = 0;
    while (guest_line_next(&rest, &key, &value))
        n += is_entry(lines, key);
    return n;
}

static bool is_ours(struct span key)
{
    return span_starts(key, OPTIONS) || span_starts(key, NAME) || span_starts(key, USER);
}

static bool is_listed(struct span lines, struct span name)
{
    struct span rest = lines, key, value;
    while (guest_line_next(&rest, &key, &value))
        if (span_equal(key, name) && is_entry(lines, key))
            return true;
    return false;
}

static int replace(struct doing *d, uint32_t qid, struct span lines)
{
    struct span rest = lines, key, value;
    int r = 0;
    while (r >= 0 && guest_line_next(&rest, &key, &value))
        if (is_entry(lines, key))
            r = do_feature_set(d, qid, key, value);
    const struct item *item = model_items(d->k.model, qid, CHANGE_FEATURE);
    for (; r >= 0 && item != NULL; item = item->next) {
        struct span name = {item->key, item->key_len};
        if (is_ours(name) && !is_listed(lines, name))
            r = do_feature_remove(d, qid, name);
    }
    return r;
}

/* A choice among the modes that are there now. */
static int choose(struct doing *d, uint32_t qid, struct span lines, const char *feature)
{
    struct span mode, options;
    if (!word_find(lines, feature, &mode))
        return 0;
    struct span key = plan_format(d->p, OPTIONS "%.*s", (int)mode.len, mode.at);
    if (!span_is(mode, "default") && !has_feature(d, qid, key, &options))
        return 0;
    return do_feature_set(d, qid, span_of(feature), mode);
}

int take_boot_modes(struct doing *d, uint32_t qid, struct span lines)
{
    size_t entries = count(lines);
    int r = 0;
    if (entries >= 1 && entries <= ENTRIES_MOST && !is_doubled(lines, NAME) && !is_doubled(lines, USER))
        r = replace(d, qid, lines);
    if (r >= 0)
        r = choose(d, qid, lines, "boot-mode.active");
    if (r >= 0)
        r = choose(d, qid, lines, "boot-mode.standalone-default");
    if (r >= 0 && property_applies(PROPERTY_appvm_default_bootmode, vm_class(ask_vm(&d->k, qid))))
        r = choose(d, qid, lines, "boot-mode.appvm-default");
    return r;
}
