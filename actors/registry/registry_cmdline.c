/* SPDX-License-Identifier: MIT
 * The kernel command line of a VM (spec: libvirt-xml 3). */
#include "actors/registry/registry_view.h"

#include <string.h>

#include "model/ask.h"
#include "proto/record_values.h"

static const char builtin[] =
    "root=/dev/mapper/dmroot ro nomodeset console=hvc0 rd_NO_PLYMOUTH rd.plymouth.enable=0 "
    "plymouth.enable=0 xen_privcmd.unrestricted ";

static bool chain_true(struct registry *r, uint32_t qid, const char *name)
{
    return ask_feature_true(&r->known, qid, CHAIN_TEMPLATE, name);
}

static bool chain_is(struct registry *r, uint32_t qid, const char *name, const char *wanted)
{
    struct span value;
    return ask_feature(&r->known, qid, CHAIN_TEMPLATE, span_of(name), &value) == 1 && span_is(value, wanted);
}

static void add_common(struct registry *r, uint32_t qid, const char *kernel, struct text *line)
{
    const char *file = world_kernel_file(&r->world, kernel, "default-kernelopts-common.txt");
    if (chain_is(r, qid, "os", "Linux")) {
        text_add(line, "systemd.machine_id=");
        for (const char *c = vm_uuid(model_vm(r->model, qid)); *c != '\0'; c++)
            if (*c != '-')
                text_byte(line, *c);
        text_byte(line, ' ');
    }
    text_add(line, file != NULL ? file : builtin);
}

/* The options of a boot mode; false: it has none, or nobody knows it any more. */
static bool add_mode(struct registry *r, uint32_t qid, const struct property_value *mode, struct text *line)
{
    struct span options;
    AUTO_TEXT feature = TEXT_WITH_LIMIT(512);
    if (!mode->is_set)
        return false;
    text_format(&feature, "boot-mode.kernelopts.%.*s", (int)mode->text.len, mode->text.at);
    if (ask_feature(&r->known, qid, CHAIN_TEMPLATE, text_span(&feature), &options) != 1)
        return false;
    text_byte(line, ' ');
    text_append(line, options);
    return true;
}

/* Where the mode that was chosen has gone with an update, the VM boots as if none had been. */
static void add_boot_mode(struct registry *r, uint32_t qid, struct text *line)
{
    struct property_value mode;
    property_get(&r->known, qid, PROPERTY_bootmode, &mode);
    if (mode.is_set && span_is(mode.text, "default"))
        return;
    if (add_mode(r, qid, &mode, line))
        return;
    property_default(&r->known, qid, PROPERTY_bootmode, &mode);
    if (mode.is_set && !span_is(mode.text, "default"))
        (void)add_mode(r, qid, &mode, line);
}

/* Whether the VM sets the mode of a screen that it has: as it says itself, or if it has one. */
static enum view_modeset modeset(struct registry *r, uint32_t qid)
{
    struct span value;
    if (ask_feature(&r->known, qid, CHAIN_TEMPLATE, SPAN_LITERAL("no-nomodeset"), &value) != 1)
        return NOMODESET_GOES_FOR_A_SCREEN;
    return value.len > 0 ? NOMODESET_GOES : NOMODESET_STAYS;
}

void view_cmdline(struct registry *r, uint32_t qid, struct vm_view *view, struct text *line)
{
    struct property_value value;
    char kernel[256];
    property_get(&r->known, qid, PROPERTY_kernel, &value);
    if (!value.is_set || value.text.len == 0 || text_copy(kernel, sizeof kernel, value.text) < 0)
        return;
    bool plain = chain_true(r, qid, "no-default-kernelopts");
    if (!plain)
        add_common(r, qid, kernel, line);
    view->common_len = line->failed < 0 ? 0 : (uint32_t)line->len;
    view->modeset = modeset(r, qid);
    property_get(&r->known, qid, PROPERTY_kernelopts, &value);
    if (value.is_set)
        text_append(line, value.text);
    if (!plain && chain_is(r, qid, "apparmor", "1"))
        text_add(line, " apparmor=1 security=apparmor");
    else if (!plain && chain_is(r, qid, "selinux", "1"))
        text_add(line, " selinux=1 security=selinux");
    add_boot_mode(r, qid, line);
}
