/* SPDX-License-Identifier: MIT
 * See pool.h. */
#include "model/pool.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/ask.h"
#include "model/model_inside.h"
#include "model/plan_inside.h"

uint32_t pool_instance(struct span name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ (unsigned char)name.at[i]) * 16777619u;
    return (h ^ h >> 16) % POOL_INSTANCES;
}

int pool_known(const struct known *k, struct span name, struct span *lines)
{
    return known_item(k, CHANGE_POOL, QID_GLOBAL, name, lines);
}

int pool_at(const struct known *k, uint32_t instance, struct span *name, struct span *lines)
{
    for (const struct item *at = model_items(k->model, QID_GLOBAL, CHANGE_POOL); at != NULL; at = at->next) {
        *name = (struct span){at->key, at->key_len};
        *lines = (struct span){at->value, at->value_len};
        if (pool_instance(*name) == instance)
            return 1;
    }
    return 0;
}

static struct span attribute(struct span lines, const char *key)
{
    struct span value = {NULL, 0};
    ask_attribute(lines, key, &value);
    return value;
}

struct span pool_directory(struct span lines, bool *reads)
{
    struct span directory = attribute(lines, "dir_path");
    *reads = span_is(attribute(lines, "driver"), "linux-kernel");
    while (directory.len > 1 && directory.at[directory.len - 1] == '/')
        directory.len--;
    return directory;
}

int pool_whereabouts(struct span lines, char to[POOL_WHEREABOUTS + 1])
{
    bool reads;
    struct span driver = attribute(lines, "driver"), what = pool_directory(lines, &reads),
                thin = attribute(lines, "thin_pool");
    if (what.len == 0)
        what = attribute(lines, "conf_id");
    if (what.len == 0)
        what = attribute(lines, "volume_group");
    if (what.len == 0)
        what = attribute(lines, "container");
    int len = snprintf(to, POOL_WHEREABOUTS + 1, "%.*s%s%.*s%s%.*s", (int)driver.len, driver.at,
                       driver.len > 0 ? " " : "", (int)what.len, what.at, thin.len > 0 ? "/" : "",
                       (int)thin.len, thin.at);
    if (len >= 0 && len <= POOL_WHEREABOUTS)
        return 0;
    to[0] = '\0';
    return -ERR_RANGE;
}

/* Spec storage 10: the volume is of the kernel that the VM has at this moment. */
static struct span with_kernel(const struct known *k, uint32_t qid, struct span lines, struct text *made)
{
    struct property_value kernel;
    property_get(k, qid, PROPERTY_kernel, &kernel);
    for (struct span line, rest = lines; rest.len > 0;) {
        line = span_split(rest, '\n', &rest);
        if (line.len < 4 || memcmp(line.at, "vid=", 4) != 0)
            text_format(made, "%.*s\n", (int)line.len, line.at);
    }
    text_format(made, "vid=%.*s", kernel.is_set && !kernel.is_none ? (int)kernel.text.len : 0,
                kernel.text.at != NULL ? kernel.text.at : "");
    return text_span(made);
}

static bool used_in_place(struct span lines)
{
    return span_is(attribute(lines, "revisions_to_keep"), "-1") &&
           span_is(attribute(lines, "save_on_stop"), "True") &&
           !span_is(attribute(lines, "snap_on_start"), "True");
}

/* The volume up the templates that this one is a snapshot of. */
const struct vm *volume_source_in_place(const struct known *k, uint32_t qid, struct span name,
                                        struct span lines)
{
    struct span source = attribute(lines, "source"), of;
    for (const struct vm *t = ask_template(k, qid); source.len > 0 && t != NULL; t = ask_template(k, t->qid))
        if (known_item(k, CHANGE_VOLUME, t->qid, name, &of) && span_equal(attribute(of, "vid"), source))
            return used_in_place(of) ? t : NULL;
    return NULL;
}

int volume_known(const struct known *k, uint32_t qid, struct span name, struct text *made,
                 struct volume_known *v)
{
    struct span pool;
    *v = (struct volume_known){0};
    if (!known_item(k, CHANGE_VOLUME, qid, name, &v->lines))
        return 0;
    v->pool = attribute(v->lines, "pool");
    v->in_place = volume_source_in_place(k, qid, name, v->lines) != NULL;
    if (pool_known(k, v->pool, &pool) && span_is(attribute(pool, "driver"), "linux-kernel"))
        v->lines = with_kernel(k, qid, v->lines, made);
    return made->failed < 0 ? made->failed : 1;
}

const struct vm *pool_user(const struct known *k, struct span pool)
{
    for (size_t i = 0; i < model_vm_count(k->model); i++) {
        const struct vm *vm = model_vm_at(k->model, i);
        for (const struct item *at = model_items(k->model, vm->qid, CHANGE_VOLUME); at != NULL; at = at->next)
            if (span_equal(attribute((struct span){at->value, at->value_len}, "pool"), pool))
                return vm;
    }
    return NULL;
}

const char *pool_default_for(const struct known *k, struct span pool)
{
    static const enum property defaults[] = {PROPERTY_app_default_pool, PROPERTY_app_default_pool_private,
                                             PROPERTY_app_default_pool_kernel, PROPERTY_app_default_pool_root,
                                             PROPERTY_app_default_pool_volatile};
    struct property_value value;
    for (size_t i = 0; i < COUNT(defaults); i++) {
        property_get(k, QID_GLOBAL, defaults[i], &value);
        if (value.is_set && span_equal(value.text, pool))
            return property_name(defaults[i]);
    }
    return NULL;
}

bool volume_is_ephemeral(const struct known *k, struct span lines)
{
    struct span own, pool, word = {NULL, 0};
    if (ask_attribute(lines, "ephemeral", &own))
        return span_is(own, "True");
    bool fits = span_is(attribute(lines, "rw"), "True") &&
                !span_is(attribute(lines, "snap_on_start"), "True") &&
                !span_is(attribute(lines, "save_on_stop"), "True");
    if (!fits || !pool_known(k, attribute(lines, "pool"), &pool))
        return false;
    ask_attribute(pool, "ephemeral_volatile", &word);
    return span_is(word, "True") || span_is(word, "true") || span_is(word, "1") || span_is(word, "on");
}
