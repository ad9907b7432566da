/* SPDX-License-Identifier: MIT
 * Defaults of what a VM starts with: mode, memory, kernel options, boot mode. Spec: vm-model
 * 4.10 to 4.12. */
#include "model/property_inside.h"

#include <stdio.h>
#include <string.h>

#include "model/model_inside.h"

void dflt_virt_mode(struct asking *a)
{
    if (ask_has_pci(a->k, a->qid))
        say_text(a, "hvm");
    else if (!say_template(a))
        say_text(a, "pvh");
}

static bool names_services(const struct known *k, const struct vm *vm)
{
    for (; vm != NULL; vm = ask_template(k, vm->qid))
        for (const struct item *at = model_items(k->model, vm->qid, CHANGE_FEATURE); at != NULL;
             at = at->next)
            if (strncmp(at->key, "supported-service.", 18) == 0)
                return true;
    return false;
}

static bool is_xen(const struct asking *a)
{
    const char *hypervisor = world_fact(a->k->world, QID_GLOBAL, FACT_host_hypervisor);
    return hypervisor != NULL && strcmp(hypervisor, "xen") == 0;
}

static bool can_be_balanced(const struct asking *a)
{
    if (!is_xen(a) || ask_has_pci(a->k, a->qid))
        return false;
    if (!property_text_is(a->k, a->qid, PROPERTY_virt_mode, "hvm"))
        return true;
    return ask_feature_true(a->k, a->qid, CHAIN_TEMPLATE, "qrexec") &&
           (!names_services(a->k, a->vm) ||
            ask_feature_true(a->k, a->qid, CHAIN_TEMPLATE, "supported-service.meminfo-writer"));
}

static void say_balanced(struct asking *a)
{
    struct span os;
    bool linux_inside = ask_feature(a->k, a->qid, CHAIN_OWN, span_of("os"), &os) && span_is(os, "Linux");
    int64_t memory = property_number(a->k, a->qid, PROPERTY_memory, 400);
    uint64_t cap = 4000, kib = UINT64_MAX;
    const char *host = world_fact(a->k->world, QID_GLOBAL, FACT_host_memory_kib);
    if (linux_inside)
        cap = memory > INT64_MAX / 10 ? INT64_MAX : (uint64_t)memory * 10;
    if (host != NULL)
        text_number(span_of(host), 0, UINT64_MAX, &kib);
    if (cap > kib / 1024 / 2)
        cap = kib / 1024 / 2;
    say_format(a, "%llu", (unsigned long long)cap);
}

void dflt_maxmem(struct asking *a)
{
    const char *dom0 = world_fact(a->k->world, QID_GLOBAL, FACT_dom0_maxmem_mib);
    if (a->vm->class == CLASS_AdminVM)
        say_text(a, dom0 != NULL ? dom0 : "4096");
    else if (!can_be_balanced(a))
        say_text(a, "0");
    else if (!say_template(a))
        say_balanced(a);
}

void dflt_kernelopts(struct asking *a)
{
    struct property_value kernel;
    char name[PROPERTY_SCRATCH];
    property_get(a->k, a->qid, PROPERTY_kernel, &kernel);
    bool pci = ask_has_pci(a->k, a->qid);
    if (!kernel.is_set)
        return; /* a kernel that nobody named has no options either */
    if (kernel.text.len == 0 || text_copy(name, sizeof name, kernel.text) < 0) {
        say_text(a, "");
        return;
    }
    if (!pci && say_template(a))
        return;
    const char *content = world_kernel_file(
        a->k->world, name, pci ? "default-kernelopts-pci.txt" : "default-kernelopts-nopci.txt");
    struct span own = span_trim(span_of(content != NULL ? content : pci ? "" : "swiotlb=2048"));
    if (pci && ask_feature_true(a->k, 0, CHAIN_OWN, "suspend-s0ix"))
        say_format(a, "%.*s qubes_exp_pm_use_suspend=1", (int)own.len, own.at);
    else
        say_span(a, own);
}

/* Does some VM up the template chain say which options this boot mode means? */
static bool has_options(const struct known *k, uint32_t qid, struct span mode)
{
    char name[PROPERTY_SCRATCH];
    struct span value;
    int len = snprintf(name, sizeof name, "boot-mode.kernelopts.%.*s", (int)mode.len, mode.at);
    return len > 0 && (size_t)len < sizeof name && ask_feature(k, qid, CHAIN_TEMPLATE, span_of(name), &value);
}

/* The mode that the templates choose for a VM: walks up and stops at the first usable word. */
static bool say_inherited_mode(struct asking *a)
{
    uint32_t qid = a->qid;
    for (const struct vm *t = ask_template(a->k, qid); t != NULL; qid = t->qid, t = ask_template(a->k, qid)) {
        if (!property_applies(PROPERTY_appvm_default_bootmode, t->class))
            continue;
        property_get(a->k, t->qid, PROPERTY_appvm_default_bootmode, a->out);
        a->out->is_default = true;
        if (span_is(a->out->text, "default") || has_options(a->k, qid, a->out->text))
            return true;
    }
    return false;
}

void dflt_bootmode(struct asking *a)
{
    struct span active;
    if (ask_feature(a->k, a->qid, CHAIN_OWN, span_of("boot-mode.active"), &active) &&
        (span_is(active, "default") || has_options(a->k, a->qid, active)))
        say_span(a, active);
    else if (!say_inherited_mode(a))
        say_text(a, "default");
}

void dflt_appvm_default_bootmode(struct asking *a)
{
    struct span value;
    if (ask_feature(a->k, a->qid, CHAIN_OWN, span_of("boot-mode.appvm-default"), &value))
        say_span(a, value);
    else
        say_text(a, "default");
}
