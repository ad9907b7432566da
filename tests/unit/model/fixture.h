/* SPDX-License-Identifier: MIT
 * A small system to try the model on: dom0, a template, qubes, a world that tests may change;
 * and the plan of an operation as lines of text. */
#ifndef TESTS_UNIT_MODEL_FIXTURE_H
#define TESTS_UNIT_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "model/plan_storage.h"
#include "model/ask.h"
#include "model/plan.h"

struct scene {
    struct model *m;
    struct world w;
    struct known k;
    struct plan plan;
    struct fault why;
    char text[65536]; /* the last plan's events */
    const char *hypervisor, *stubdom, *power[64], *xid[64];
    uint32_t draws;
    uint64_t seconds;
};

static inline const char *scene_fact(void *arg, uint32_t qid, enum fact fact)
{
    struct scene *s = arg;
    if (fact == FACT_host_hypervisor)
        return s->hypervisor;
    if (fact == FACT_host_memory_kib)
        return "16777216";
    if (fact == FACT_stubdom_xid || fact == FACT_stubdom_uuid)
        return s->stubdom;
    if (fact == FACT_host_cpus)
        return "8";
    if (fact == FACT_xid)
        return qid < COUNT(s->xid) ? s->xid[qid] : NULL;
    return fact == FACT_power_state && qid < COUNT(s->power) ? s->power[qid] : NULL;
}

static inline enum kernel_state scene_kernel(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "broken") == 0)
        return KERNEL_BROKEN;
    return strcmp(name, "6.12.1") == 0 || strcmp(name, "6.6.9") == 0 ? KERNEL_INSTALLED : KERNEL_ABSENT;
}

static inline uint32_t scene_random(void *arg)
{
    struct scene *s = arg;
    return ++s->draws * 2654435761u;
}

static inline uint64_t scene_seconds(void *arg)
{
    struct scene *s = arg;
    return s->seconds;
}

static inline void scene_time(void *arg, char text[WORLD_TIME])
{
    (void)arg;
    memcpy(text, "2026-01-31 23:59:58", WORLD_TIME);
}

static inline void put(struct scene *s, enum change_kind kind, uint32_t qid, const char *key,
                       const char *value)
{
    struct change c = {.kind = kind, .qid = qid, .key = span_of(key), .value = span_of(value)};
    assert_int_equal(model_apply(s->m, &c, &s->why), 0);
}

static inline uint32_t qid_of(struct scene *s, const char *name)
{
    const struct vm *vm = model_named(s->m, span_of(name));
    if (name[0] == '\0')
        return QID_GLOBAL;
    assert_non_null(vm);
    return vm_qid(vm);
}

/* "subject event key=value,key=value" lines; '|' stands where the commit is. */
static inline void scene_describe(struct scene *s)
{
    size_t at = 0;
    s->text[0] = '\0';
    for (size_t i = 0; i <= s->plan.events; i++) {
        if (i == s->plan.commit_at && s->plan.changes > 0)
            at += (size_t)snprintf(s->text + at, sizeof s->text - at, "|\n");
        if (i == s->plan.events)
            break;
        const struct plan_event *e = &s->plan.event[i];
        const struct vm *vm = e->subject == QID_GLOBAL ? NULL : model_vm(s->m, e->subject);
        at += (size_t)snprintf(s->text + at, sizeof s->text - at, "%s %s",
                               vm != NULL                 ? vm_name(vm)
                               : e->subject == QID_GLOBAL ? ""
                                                          : "new",
                               e->name.at);
        for (unsigned j = 0; j < e->pair_count; j++)
            at += (size_t)snprintf(s->text + at, sizeof s->text - at, "%s%s=%s", j == 0 ? " " : ",",
                                   e->pair[j].key, e->pair[j].value.at);
        at += (size_t)snprintf(s->text + at, sizeof s->text - at, "\n");
        assert_true(at < sizeof s->text);
    }
}

/* Describes, applies and hands r on. */
static inline int done(struct scene *s, int r)
{
    scene_describe(s);
    if (r < 0) {
        assert_int_equal(r, -(int)s->why.code);
        assert_int_equal(s->plan.changes, 0);
        assert_true(s->why.text[0] != '\0');
    }
    for (size_t i = 0; i < s->plan.changes; i++)
        assert_int_equal(model_apply(s->m, &s->plan.change[i], &s->why), 0);
    return r;
}

static inline int set(struct scene *s, const char *vm, const char *property, const char *value)
{
    return done(
        s, plan_property_set(&s->k, 0, qid_of(s, vm), span_of(property), span_of(value), &s->plan, &s->why));
}

static inline int reset(struct scene *s, const char *vm, const char *property)
{
    return done(s, plan_property_reset(&s->k, 0, qid_of(s, vm), span_of(property), &s->plan, &s->why));
}

static inline int feature(struct scene *s, const char *vm, const char *name, const char *value)
{
    return done(s,
                plan_feature_set(&s->k, 0, qid_of(s, vm), span_of(name), span_of(value), &s->plan, &s->why));
}

static inline int unfeature(struct scene *s, const char *vm, const char *name)
{
    return done(s, plan_feature_remove(&s->k, 0, qid_of(s, vm), span_of(name), &s->plan, &s->why));
}

static inline int tag(struct scene *s, const char *vm, const char *name)
{
    return done(s, plan_tag_set(&s->k, 0, qid_of(s, vm), span_of(name), &s->plan, &s->why));
}

static inline int untag(struct scene *s, const char *vm, const char *name)
{
    return done(s, plan_tag_remove(&s->k, 0, qid_of(s, vm), span_of(name), &s->plan, &s->why));
}

static inline int create(struct scene *s, enum vm_class class, const char *template, const char *payload)
{
    return done(
        s, plan_vm_create(&s->k, 0, class, span_of(template), span_of(payload), true, &s->plan, &s->why));
}

static inline int take_out(struct scene *s, const char *vm)
{
    int r = done(s, plan_vm_remove(&s->k, 0, qid_of(s, vm), &s->plan, &s->why));
    const struct item *left; /* what storage does then; the text stays the removal's */
    while (r >= 0 && (left = model_items(s->m, QID_GLOBAL, CHANGE_LEFTOVER)) != NULL) {
        AUTO_PLAN plan = {0};
        assert_int_equal(plan_leftover_remove(&s->k, (struct span){left->key, left->key_len}, &plan, &s->why),
                         0);
        for (size_t i = 0; i < plan.changes; i++)
            assert_int_equal(model_apply(s->m, &plan.change[i], &s->why), 0);
    }
    return r;
}

/* "default=True type=int 400", as the API prints it; in a buffer of this call's own. */
static inline const char *get(struct scene *s, const char *vm, const char *name)
{
    static char text[2048];
    struct property_value v;
    enum property p;
    if (property_find(&s->k, qid_of(s, vm), span_of(name), &p, &s->why) < 0)
        return "no such property";
    property_get(&s->k, qid_of(s, vm), p, &v);
    snprintf(text, sizeof text, "default=%s type=%s %.*s", v.is_default ? "True" : "False",
             property_wire_type(p), (int)v.text.len, v.text.at);
    return text;
}

static inline void put_labels_and_pools(struct scene *s)
{
    static const char *const labels[][2] = {
        {"red", "1 0xcc0000"},  {"orange", "2 0xf57900"}, {"yellow", "3 0xedd400"}, {"green", "4 0x73d216"},
        {"gray", "5 0x555555"}, {"blue", "6 0x3465a4"},   {"purple", "7 0x75507b"}, {"black", "8 0x000000"}};
    for (size_t i = 0; i < COUNT(labels); i++)
        put(s, CHANGE_LABEL, QID_GLOBAL, labels[i][0], labels[i][1]);
    put(s, CHANGE_POOL, QID_GLOBAL, "varlibqubes",
        "dir_path=/var/lib/qubes\ndriver=file\nrevisions_to_keep=1");
    put(s, CHANGE_POOL, QID_GLOBAL, "linux-kernel",
        "dir_path=/var/lib/qubes/vm-kernels\ndriver=linux-kernel");
    put(s, CHANGE_PROPERTY, QID_GLOBAL, "default_kernel", "6.12.1");
    put(s, CHANGE_PROPERTY, QID_GLOBAL, "default_pool_kernel", "linux-kernel");
}

static inline int scene_open(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->m = model_new();
    s->w = (struct world){.arg = s,
                          .fact = scene_fact,
                          .kernel = scene_kernel,
                          .random = scene_random,
                          .seconds = scene_seconds,
                          .local_time = scene_time};
    s->k = KNOWN(s->m, &s->w);
    put_labels_and_pools(s);
    put(s, CHANGE_VM, 0, "", "1 AdminVM");
    put(s, CHANGE_PROPERTY, 0, "label", "black");
    assert_int_equal(create(s, CLASS_TemplateVM, "", "name=tmpl label=black"), 0);
    assert_int_equal(set(s, "", "default_template", "tmpl"), 0);
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=work label=red"), 0);
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=net label=blue"), 0);
    assert_int_equal(set(s, "net", "provides_network", "True"), 0);
    assert_int_equal(create(s, CLASS_StandaloneVM, "", "name=hvm label=green"), 0);
    assert_int_equal(set(s, "hvm", "virt_mode", "hvm"), 0);
    assert_int_equal(set(s, "hvm", "kernel", ""), 0);
    assert_int_equal(create(s, CLASS_AppVM, "tmpl", "name=dvm label=red"), 0);
    assert_int_equal(set(s, "dvm", "template_for_dispvms", "True"), 0);
    *state = s;
    return 0;
}

static inline int scene_close(void **state)
{
    struct scene *s = *state;
    plan_free(&s->plan);
    model_free(s->m);
    free(s);
    return 0;
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, scene_open, scene_close)

#endif
