/* SPDX-License-Identifier: MIT
 * The interface in a domain's live XML, out of it and into it; see vm_plug.h. */
#include "actors/vm/vm_plug.h"

#include "actors/vm/vm_render.h"
#include "actors/vm/vm_xml.h"
#include "base/log.h"
#include "doors/xml.h"
#include "doors/xmlwrite.h"
#include "proto/messages.h"

enum { LIVE_XML_MAX = 1 << 20, NAME_ROOM = 64, VALUE_ROOM = 1024 };

static bool plugs(struct vm_doors *doors)
{
    if (!doors->door->can->hotplug && !doors->told_no_plug) {
        doors->told_no_plug = true;
        log_line(LOG_WARN,
                 "libvirt's %s driver plugs no interfaces: changes of the netvm reach this VM when it "
                 "is started again",
                 doors->door->can->driver);
    }
    return doors->door->can->hotplug;
}

static int live(struct vm_doors *doors, const char *uuid, struct xml_doc **doc, struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(LIVE_XML_MAX);
    int r = doors->door->ops->xml(doors->door, uuid, &xml, why);
    return r < 0 ? r : xml_parse(text_span(&xml), doc, why);
}

static const struct xml_element *find(const struct xml_doc *doc)
{
    const struct xml_element *at = xml_path(xml_root(doc), "devices/interface");
    struct span type;
    while (at != NULL && !(xml_attribute(at, "type", &type) && span_is(type, "ethernet")))
        at = xml_next(at, "interface");
    return at;
}

/* As it stands in the live XML. */
static void copy(struct xmlwrite *w, const struct xml_element *e)
{
    char name[NAME_ROOM], value[VALUE_ROOM];
    struct span n, v;
    if (text_copy(name, sizeof name, xml_name(e)) < 0)
        return;
    xmlwrite_open(w, name);
    for (size_t i = 0; xml_attribute_at(e, i, &n, &v); i++)
        if (text_copy(name, sizeof name, n) == 0 && text_copy(value, sizeof value, v) == 0)
            xmlwrite_attribute(w, name, value);
    const struct xml_element *child = xml_child(e, NULL);
    if (child == NULL && xml_content(e).len > 0)
        xmlwrite_content(w, xml_content(e));
    for (; child != NULL; child = xml_next(child, NULL))
        copy(w, child);
    xmlwrite_close(w);
}

static int unplug(struct vm_doors *doors, const char *uuid, const struct xml_element *found,
                  struct fault *why)
{
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    AUTO(xmlwrite) *w = xmlwrite_new();
    copy(w, found);
    int r = xmlwrite_finish(w, &xml, why);
    return r < 0 ? r : doors->door->ops->detach(doors->door, uuid, xml.at, why);
}

int vm_unplug_net(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO(xml_doc) *doc = NULL;
    if (!plugs(doors))
        return 0;
    int r = live(doors, t->uuid, &doc, why);
    const struct xml_element *found = r == 0 ? find(doc) : NULL;
    return found == NULL ? r : unplug(doors, t->uuid, found, why);
}

static bool is_of(const struct xml_element *found, const struct vm_view *view)
{
    struct reader in = list_reader(&view->netvm);
    struct view_peer netvm;
    struct span name;
    const struct xml_element *backend = xml_child(found, "backenddomain");
    return backend != NULL && xml_attribute(backend, "name", &name) && view_peer_next(&in, &netvm) == 1 &&
           span_is(name, netvm.name);
}

int vm_plug_net(struct vm_doors *doors, struct vm_task *t, struct fault *why)
{
    AUTO(xml_doc) *doc = NULL;
    AUTO_TEXT xml = TEXT_WITH_LIMIT(VM_XML_MAX);
    struct vm_view view;
    if (!plugs(doors))
        return 0;
    if (vm_view_decode(&view, (struct span){t->view, t->view_len}) < 0)
        return fault_set(why, ERR_BAD, "the VM's view is malformed");
    int r = live(doors, t->uuid, &doc, why);
    const struct xml_element *found = r == 0 ? find(doc) : NULL;
    if (r < 0 || (found != NULL && is_of(found, &view)))
        return r;
    if (found != NULL)
        r = unplug(doors, t->uuid, found, why);
    if (r == 0)
        r = vm_render_interface(&view, &xml, why);
    return r < 0 || xml.len == 0 ? r : doors->door->ops->attach(doors->door, t->uuid, xml.at, why);
}
