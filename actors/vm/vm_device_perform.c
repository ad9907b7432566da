/* SPDX-License-Identifier: MIT
 * The calls about devices, on the worker thread of vm/<qid>: may block. What libvirt shows of the live domain
 * is the truth about what it has (devbus-pci 6), and each call looks at it first: done twice it is as done
 * once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/vm/vm.h"
#include "actors/vm/vm_task.h"
#include "actors/vm/vm_xml.h"
#include "doors/xml.h"

enum { LIVE_XML_MAX = 1 << 20 };

static unsigned number(const struct xml_element *address, const char *name)
{
    char text[16];
    struct span value;
    if (!xml_attribute(address, name, &value) || text_copy(text, sizeof text, value) < 0)
        return 0;
    return (unsigned)strtoul(text, NULL, 0);
}

static size_t place_of(const struct vm_task *t, struct span sbdf)
{
    size_t i = 0;
    while (i < t->has_count && !span_is(sbdf, t->has[i]))
        i++;
    return i;
}

static void keep(struct vm_task *t, struct span sbdf)
{
    if (place_of(t, sbdf) == t->has_count && t->has_count < VM_PCI_MAX &&
        text_copy(t->has[t->has_count], VM_SBDF_TEXT, sbdf) == 0)
        t->has_count++;
}

static void drop(struct vm_task *t, struct span sbdf)
{
    size_t i = place_of(t, sbdf);
    if (i < t->has_count)
        memmove(t->has[i], t->has[--t->has_count], VM_SBDF_TEXT);
}

static void take_hostdev(struct vm_task *t, const struct xml_element *hostdev)
{
    struct span type;
    char sbdf[VM_SBDF_TEXT];
    const struct xml_element *address = xml_path(hostdev, "source/address");
    if (address == NULL || !xml_attribute(hostdev, "type", &type) || !span_is(type, "pci"))
        return;
    snprintf(sbdf, sizeof sbdf, "%04x:%02x:%02x.%x", number(address, "domain") & 0xffff,
             number(address, "bus") & 0xff, number(address, "slot") & 0x1f, number(address, "function") & 7);
    keep(t, span_of(sbdf));
}

/* doors/domain.h, attach: what came and went under a driver without hot-plug. */
static void take_words(struct vm_task *t, struct span words)
{
    while (words.len > 0) {
        struct span word = span_trim(span_split(words, ' ', &words));
        if (span_starts(word, "disk:") || span_starts(word, "-disk:"))
            continue;
        if (span_starts(word, "-"))
            drop(t, (struct span){word.at + 1, word.len - 1});
        else if (word.len > 0)
            keep(t, word);
    }
}

static void take_all(struct vm_task *t, const struct xml_element *domain)
{
    const struct xml_element *devices = xml_child(domain, "devices"),
                             *metadata = xml_child(domain, "metadata");
    t->has_count = 0;
    const struct xml_element *e = devices == NULL ? NULL : xml_child(devices, "hostdev");
    for (; e != NULL; e = xml_next(e, "hostdev"))
        take_hostdev(t, e);
    for (e = metadata == NULL ? NULL : xml_child(metadata, NULL); e != NULL; e = xml_next(e, NULL))
        if (span_is(xml_name(e), "attached"))
            take_words(t, xml_content(e));
    vm_block_list_read(&t->live, domain, t->has_kernel);
}

int vm_perform_devices(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(LIVE_XML_MAX);
    AUTO(xml_doc) *doc = NULL;
    int r = doors->door->ops->xml(doors->door, t->uuid, &xml, why);
    if (r == 0)
        r = xml_parse(text_span(&xml), &doc, why);
    if (r == 0)
        take_all(t, xml_root(doc));
    return r;
}

/* 1: the domain has the device. A disk is then as the domain shows it. */
static int has_it(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    char sbdf[24];
    const struct vm_pci *p = &t->pci[0];
    int r = vm_perform_devices(doors, t, why);
    if (r < 0)
        return r;
    if (t->is_block) {
        const struct vm_block *found = vm_block_find(&t->live, t->block.backend, t->block.port);
        bool script = t->block.script;
        if (found != NULL)
            t->block = *found;
        t->block.script = script;
        return found != NULL;
    }
    snprintf(sbdf, sizeof sbdf, "%04x:%02x:%02x.%x", p->segment, p->bus, p->slot, p->function);
    return place_of(t, span_of(sbdf)) < t->has_count;
}

static int render(struct vm_doors *doors, struct vm_task *t, struct text *xml, struct fault *why)
{
    char source[272];
    if (!t->is_block)
        return vm_xml_pci(&t->pci[0], xml, why);
    vm_block_source(&t->block, source);
    struct vm_disk disk = vm_block_disk(&t->block, source);
    /* A driver that plugs nothing is told in words, which name the backend: as Xen is. */
    const char *type = doors->door->can->hotplug ? doors->door->can->domain_type : "xen";
    return vm_xml_block(&disk, type, xml, why);
}

/* What a process that died had asked of libvirt may have been done between the look and the call, which is
 * then refused. */
static int judge(struct vm_doors *doors, struct vm_task *t, int r)
{
    struct fault ignored;
    if (r == 0 || vm_is_uncertain(r))
        return r;
    int has = has_it(doors, t, &ignored);
    t->is_open = has < 0;
    return has == 1 ? 0 : r;
}

int vm_perform_plug(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    int has = has_it(doors, t, why);
    t->is_open = has != 0;
    int r = has == 0 && t->is_block ? vm_block_choose(&t->block, &t->live, why) : has < 0 ? has : 0;
    if (r == 0 && has == 0)
        r = render(doors, t, &xml, why);
    if (r < 0 || has == 1)
        return r;
    return judge(doors, t, doors->door->ops->attach(doors->door, t->uuid, xml.at, why));
}

int vm_perform_unplug(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    int has = has_it(doors, t, why);
    int r = has == 1 ? render(doors, t, &xml, why) : has < 0 ? has : 0;
    return r < 0 || has == 0 ? r : doors->door->ops->detach(doors->door, t->uuid, xml.at, why);
}
