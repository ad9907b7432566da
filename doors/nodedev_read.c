/* SPDX-License-Identifier: MIT
 * One node device's XML as a PCI function, through libxml2: in devbus-pci. Entities stay
 * unexpanded, nothing is fetched, sizes are bounded. Spec: devbus-pci 3. */
#include "doors/nodedev.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "base/text.h"

static void free_document(xmlDoc **document)
{
    if (*document != NULL)
        xmlFreeDoc(*document);
}

static const xmlNode *child(const xmlNode *parent, const char *name)
{
    const xmlNode *at = parent == NULL ? NULL : parent->children;
    while (at != NULL && (at->type != XML_ELEMENT_NODE || strcmp((const char *)at->name, name) != 0))
        at = at->next;
    return at;
}

/* Cuts at a whole character: what a client gets stays UTF-8. */
static void copy_cut(char *to, size_t size, const char *from)
{
    size_t len = strnlen(from, size);
    if (len == size)
        for (len--; len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80; len--)
            ;
    memcpy(to, from, len);
    to[len] = '\0';
}

static void copy_text(char *to, size_t size, const xmlNode *element)
{
    xmlChar *text = element == NULL ? NULL : xmlNodeGetContent(element);
    to[0] = '\0';
    if (text == NULL)
        return;
    copy_cut(to, size, (const char *)text);
    xmlFree(text);
}

static void copy_id(char *to, size_t size, const xmlNode *element)
{
    xmlChar *id = element == NULL ? NULL : xmlGetProp(element, (const xmlChar *)"id");
    to[0] = '\0';
    if (id == NULL)
        return;
    copy_cut(to, size, (const char *)id);
    xmlFree(id);
}

/* A number below `most`, decimal or 0x hex as libvirt's versions write it. */
static int read_number(const xmlNode *element, unsigned long most, unsigned long *value)
{
    char text[24], *end;
    copy_text(text, sizeof text, element);
    if (text[0] < '0' || text[0] > '9')
        return -ERR_BAD;
    errno = 0;
    *value = strtoul(text, &end, 0);
    return errno != 0 || *end != '\0' || *value > most ? -ERR_BAD : 0;
}

static int read_address(const xmlNode *pci, struct pci_node *node)
{
    unsigned long segment, bus, slot, function;
    int r = read_number(child(pci, "domain"), UINT32_MAX, &segment);
    if (r >= 0)
        r = read_number(child(pci, "bus"), 255, &bus);
    if (r >= 0)
        r = read_number(child(pci, "slot"), 31, &slot);
    if (r >= 0)
        r = read_number(child(pci, "function"), 7, &function);
    if (r < 0)
        return r;
    node->segment = (uint32_t)segment;
    node->bus = (uint8_t)bus;
    node->slot = (uint8_t)slot;
    node->function = (uint8_t)function;
    return 0;
}

/* "0x060000" as "060000"; anything else is no class. */
static void read_class(const xmlNode *pci, char class_code[7])
{
    char text[12];
    copy_text(text, sizeof text, child(pci, "class"));
    bool good = strlen(text) == 8 && strncmp(text, "0x", 2) == 0 && strspn(text + 2, "0123456789abcdef") == 6;
    memcpy(class_code, good ? text + 2 : "", good ? 7 : 1);
}

static const xmlNode *pci_capability(const xmlNode *device)
{
    for (const xmlNode *at = device->children; at != NULL; at = at->next) {
        if (at->type != XML_ELEMENT_NODE || strcmp((const char *)at->name, "capability") != 0)
            continue;
        xmlChar *type = xmlGetProp(at, (const xmlChar *)"type");
        bool pci = type != NULL && strcmp((const char *)type, "pci") == 0;
        xmlFree(type);
        if (pci)
            return at;
    }
    return NULL;
}

static int read_device(const xmlNode *device, struct pci_node *node, struct fault *why)
{
    char name[NODEDEV_NAME_MAX + 2];
    struct pci_node read = {0};
    copy_text(name, sizeof name, child(device, "name"));
    const xmlNode *pci = pci_capability(device);
    if (pci == NULL)
        return fault_set(why, ERR_UNKNOWN, "'%s' is no PCI function", name);
    if (text_copy(read.name, sizeof read.name, span_of(name)) < 0 || name[0] == '\0')
        return fault_set(why, ERR_BAD, "a node device without a usable name: '%s'", name);
    if (read_address(pci, &read) < 0)
        return fault_set(why, ERR_BAD, "'%s' has no readable PCI address", name);
    read_class(pci, read.class_code);
    copy_id(read.vendor_id, sizeof read.vendor_id, child(pci, "vendor"));
    copy_id(read.product_id, sizeof read.product_id, child(pci, "product"));
    copy_text(read.vendor, sizeof read.vendor, child(pci, "vendor"));
    copy_text(read.product, sizeof read.product, child(pci, "product"));
    *node = read;
    return 0;
}

int nodedev_read(const char *xml, size_t len, struct pci_node *node, struct fault *why)
{
    if (len > NODEDEV_XML_MAX)
        return fault_set(why, ERR_TOO_BIG, "a node description of %zu bytes; %d is the limit", len,
                         NODEDEV_XML_MAX);
    __attribute__((cleanup(free_document))) xmlDoc *document =
        xmlReadMemory(xml, (int)len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (document == NULL)
        return fault_set(why, ERR_BAD, "a node description is not XML");
    if (document->intSubset != NULL) /* libvirt writes none; no entity is worth a risk */
        return fault_set(why, ERR_BAD, "a node description has a document type");
    const xmlNode *root = xmlDocGetRootElement(document);
    if (root == NULL || strcmp((const char *)root->name, "device") != 0)
        return fault_set(why, ERR_BAD, "a node description is no <device>");
    return read_device(root, node, why);
}
