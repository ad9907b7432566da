/* SPDX-License-Identifier: MIT
 * What the model's driver prints: events, and the whole state as a client can see it. */
#include "tests/secondmodel/driver.h"

#include <inttypes.h>

#include "model/device_wire.h"
#include "model/firewall.h"
#include "model/long_text.h"

void show_field(struct span s)
{
    putchar('\t');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c <= ' ' || c >= 0x7f || c == '%')
            printf("%%%02x", c);
        else
            putchar(c);
    }
}

static void show_holder(const struct known *k, const struct plan *p, uint32_t qid)
{
    const struct vm *vm = qid == QID_GLOBAL ? NULL : model_vm(k->model, qid);
    const char *name = vm != NULL ? vm_name(vm) : qid == QID_GLOBAL ? "" : "?";
    for (size_t i = 0; vm == NULL && i < p->changes; i++) /* one that this very plan makes */
        if (p->change[i].kind == CHANGE_PROPERTY && p->change[i].qid == qid &&
            span_is(p->change[i].key, "name")) {
            show_field(p->change[i].value);
            return;
        }
    show_field(span_of(name));
}

void show_event(const struct known *k, const struct plan *p, const struct plan_event *e)
{
    printf("event");
    show_holder(k, p, e->subject);
    show_field(e->name);
    for (unsigned i = 0; i < e->pair_count; i++) {
        show_field(span_of(e->pair[i].key));
        show_field(e->pair[i].value);
    }
    putchar('\n');
}

static void show_value(const struct property_value *v)
{
    printf("\t%d%d%d", v->is_default, v->is_set, v->is_none);
    show_field(v->text);
}

static void show_properties(const struct known *k, uint32_t qid)
{
    enum property list[PROPERTIES];
    size_t n = property_list(k, qid, list);
    for (size_t i = 0; i < n; i++) {
        struct property_value v;
        printf("property\t%" PRIu32 "\t%s\t%s", qid, property_name(list[i]), property_wire_type(list[i]));
        property_get(k, qid, list[i], &v);
        show_value(&v);
        property_default(k, qid, list[i], &v);
        show_value(&v);
        putchar('\n');
    }
}

static void show_devices(const struct known *k, uint32_t qid)
{
    for (const struct item *i = model_items(k->model, qid, CHANGE_DEVICE); i != NULL; i = i->next) {
        AUTO_TEXT options = TEXT_WITH_LIMIT(1 << 20);
        struct assignment a;
        printf("device\t%" PRIu32, qid);
        show_field((struct span){i->key, i->key_len});
        if (assignment_read((struct span){i->key, i->key_len}, (struct span){i->value, i->value_len}, &a) < 0)
            printf("\tunreadable");
        else
            options_text(&options, a.options);
        show_field(span_of(device_mode_name(a.mode)));
        show_field(a.frontend);
        show_field(text_span(&options));
        putchar('\n');
    }
}

static void show_volumes(const struct known *k, uint32_t qid)
{
    static const char *const shown[] = {"pool",          "vid",    "rw",  "save_on_stop",
                                        "snap_on_start", "source", "size"};
    for (const struct item *i = model_items(k->model, qid, CHANGE_VOLUME); i != NULL; i = i->next) {
        printf("volume\t%" PRIu32, qid);
        show_field((struct span){i->key, i->key_len});
        for (size_t n = 0; n < COUNT(shown); n++) {
            struct span value = SPAN_LITERAL("");
            (void)ask_attribute((struct span){i->value, i->value_len}, shown[n], &value);
            show_field(value);
        }
        putchar('\n');
    }
}

/* As the Admin API answers them. */
static void show_texts(const struct known *k, uint32_t qid)
{
    AUTO_TEXT notes = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    AUTO_TEXT list = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    AUTO_TEXT rules = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct firewall_rule rule;
    unsigned place = 0, at = 0;
    (void)long_text_known(k, CHANGE_NOTES, qid, &notes);
    printf("texts\t%" PRIu32 "\t%d", qid, firewall_known(k, qid, &list));
    struct span rest = text_span(&list);
    while (firewall_list_next(&rest, &place, &at, &rule) == 1) {
        text_format(&rules, "%u ", at);
        firewall_rule_print(&rule, &rules);
        text_byte(&rules, '\n');
    }
    show_field(text_span(&rules));
    show_field(text_span(&notes));
    putchar('\n');
}

static void show_vm(const struct known *k, const struct vm *vm)
{
    uint32_t qid = vm_qid(vm);
    const char *tags[256];
    struct system_info info;
    printf("vm\t%" PRIu32 "\t%s\t%s", qid, class_name(vm_class(vm)), vm_name(vm));
    ask_system_info(k, qid, &info);
    show_field(span_of(info.icon));
    show_field(span_of(info.colour));
    putchar('\n');
    show_properties(k, qid);
    for (const struct item *i = model_items(k->model, qid, CHANGE_FEATURE); i != NULL; i = i->next) {
        printf("feature\t%" PRIu32, qid);
        show_field((struct span){i->key, i->key_len});
        show_field((struct span){i->value, i->value_len});
        putchar('\n');
    }
    size_t n = ask_tags_sorted(k, qid, tags, COUNT(tags));
    for (size_t i = 0; i < n && i < COUNT(tags); i++)
        printf("tag\t%" PRIu32 "\t%s\n", qid, tags[i]);
    const struct vm *clients[DRIVER_QIDS];
    n = ask_connected(k, qid, clients, COUNT(clients));
    for (size_t i = 0; i < n && i < COUNT(clients); i++)
        printf("client\t%" PRIu32 "\t%s\n", qid, vm_name(clients[i]));
    show_devices(k, qid);
    show_volumes(k, qid);
    show_texts(k, qid);
}

void show_all(const struct known *k)
{
    struct label label;
    for (size_t i = 0; i < model_vm_count(k->model); i++)
        show_vm(k, model_vm_at(k->model, i));
    show_properties(k, QID_GLOBAL);
    for (size_t i = 0; ask_label_at(k, i, &label) == 0; i++)
        printf("label\t%s\t%u\t%s\n", label.name, label.index, label.colour);
}

static int raw_line(void *arg, const struct change *c)
{
    struct text *out = arg;
    text_format(out, "%s %" PRIu32 " ", change_kind_name(c->kind), c->qid);
    text_append(out, c->key);
    text_byte(out, '\0');
    text_append(out, c->value);
    text_byte(out, '\n');
    return out->failed;
}

int show_raw(const struct model *m, struct text *out)
{
    return model_each(m, raw_line, out);
}
