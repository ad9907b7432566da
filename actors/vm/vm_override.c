/* SPDX-License-Identifier: MIT
 * Stylesheets over the domain's XML; see vm_override.h. */
#include "actors/vm/vm_override.h"

#include "actors/vm/vm_xml.h"
#include "base/own.h"
#include "doors/xml.h"
#include "doors/xslt.h"

enum { PATH_MOST = 1024 };

/* Where a word may stand, the most particular place first. %T, %N, %C: type, name, class of the VM. */
struct place {
    const char *path;
    bool foreign; /* a template of qubesd's, which is not read */
};
static const struct place places[] = {
    {"libvirt/%T/by-name/%N.xsl", false},  {"libvirt/%T/by-name/%N.xml", true},
    {"libvirt/%T/by-class/%C.xsl", false}, {"libvirt/%T.xsl", false},
    {"libvirt/%T-user.xml", true},
};

static void add_word(struct text *path, char letter, const char *domain_type, const struct vm_view *view)
{
    text_add(path, letter == 'T' ? domain_type : letter == 'N' ? view->name : view->class);
}

static void make_path(struct text *path, const char *folder, const char *pattern, const char *domain_type,
                      const struct vm_view *view)
{
    text_clear(path);
    text_add(path, folder);
    text_byte(path, '/');
    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c == '%')
            add_word(path, *++c, domain_type, view);
        else
            text_byte(path, *c);
    }
    text_byte(path, '\0');
}

static bool says(const struct xml_element *root, const char *element, const char *expected)
{
    const struct xml_element *found = xml_child(root, element);
    return found != NULL && span_is(xml_content(found), expected);
}

/* A VM's process speaks of its own domain, whatever a stylesheet says. */
static int check(struct span made, const char *domain_type, const struct vm_view *view, struct fault *why)
{
    AUTO(xml_doc) *doc = NULL;
    struct span type;
    int r = xml_parse(made, &doc, why);
    if (r < 0)
        return r;
    const struct xml_element *root = xml_root(doc);
    if (!span_is(xml_name(root), "domain") || !xml_attribute(root, "type", &type) ||
        !span_is(type, domain_type))
        return fault_set(why, ERR_BAD, "it makes no <domain type='%s'>", domain_type);
    if (!says(root, "name", view->name) || !says(root, "uuid", view->uuid))
        return fault_set(why, ERR_BAD, "it changes the name or the uuid, which it must not");
    return 0;
}

static int apply(struct span sheet, const char *domain_type, const struct vm_view *view, struct text *xml,
                 struct fault *why)
{
    AUTO_TEXT made = TEXT_WITH_LIMIT(VM_XML_MAX);
    int r = xslt_apply(sheet, text_span(xml), &made, why);
    if (r == 0)
        r = check(text_span(&made), domain_type, view, why);
    if (r < 0)
        return r;
    struct text before = *xml;
    *xml = made;
    made = before;
    text_byte(xml, '\0');
    xml->len--;
    return xml->failed;
}

static int refuse_foreign(const char *path, struct fault *why)
{
    return fault_set(
        why, ERR_QUBES,
        "%s is an override for qubesd, which is not read here: convert it to a stylesheet beside it "
        "(.xsl), or move it away",
        path);
}

int vm_override(const char *folder, const char *domain_type, const struct vm_view *view, struct text *xml,
                struct fault *why)
{
    for (size_t i = 0; folder != NULL && i < COUNT(places); i++) {
        AUTO_TEXT path = TEXT_WITH_LIMIT(PATH_MOST);
        AUTO_TEXT sheet = TEXT_WITH_LIMIT(XSLT_BYTES_MAX + 4096);
        struct fault cause = {0};
        make_path(&path, folder, places[i].path, domain_type, view);
        if (path.failed < 0)
            return fault_set(why, ERR_TOO_BIG, "the path of an override is too long");
        int r = xslt_read(path.at, &sheet, &cause);
        if (r == -ERR_UNKNOWN)
            continue;
        if (places[i].foreign)
            return refuse_foreign(path.at, why);
        if (r == 0)
            r = apply(text_span(&sheet), domain_type, view, xml, &cause);
        return r == 0 ? 0
                      : fault_set(why, ERR_QUBES,
                                  "the override %s cannot be used: %.300s; correct it or move it away",
                                  path.at, cause.text);
    }
    return 0;
}
