/* SPDX-License-Identifier: MIT
 * Reading XML with libxml2, closed and bounded: the only file that includes it for reading bytes of others.
 * In every process that links this door. */
#include "doors/xml.h"

#include <errno.h>
#include <string.h>

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

/* An xml_doc is libxml2's xmlDoc and an xml_element its xmlNode under names of ours. */
static const xmlNode *node_of(const struct xml_element *e)
{
    return (const xmlNode *)e;
}

static const struct xml_element *element_of(const xmlNode *node)
{
    return (const struct xml_element *)node;
}

static struct span span_of_xml(const xmlChar *text)
{
    return text != NULL ? span_of((const char *)text) : SPAN_LITERAL("");
}

/* What our own refusals left behind while libxml2 was parsing. */
struct refusal {
    const char *text;
    int line;
};

static void refuse(xmlParserCtxtPtr parser, const char *text)
{
    struct refusal *refusal = parser->_private;
    if (refusal->text == NULL) {
        refusal->text = text;
        refusal->line = parser->input != NULL ? parser->input->line : 0;
    }
    xmlStopParser(parser);
}

static void on_doctype(void *self, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    refuse(self, "a DOCTYPE is not accepted; remove it and the entities that it declares");
}

/* How far back a column is counted: who writes longer lines does not look for columns. */
enum { COLUMN_MAX = 2048 };

/* Where the tag began that the parser has read, as what xml_line and xml_column need: its column (0 when that
 * is far), and above 32 bits over how many lines it goes. Attributes hold no '<'. */
static uint64_t begin_of(const xmlParserInput *input)
{
    const xmlChar *at = input->cur, *least = at - input->base > COLUMN_MAX ? at - COLUMN_MAX : input->base;
    uint64_t lines = 0;
    for (; at > least && *at != '<'; at--)
        lines += *at == '\n';
    const xmlChar *line = at;
    while (line > least && line[-1] != '\n')
        line--;
    bool found = line == input->base || line[-1] == '\n';
    return lines << 32 | (found && *at == '<' ? (uint64_t)(at - line) + 1 : 0);
}

static void on_element(void *self, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                       int namespaces, const xmlChar **namespace, int attributes, int defaulted,
                       const xmlChar **attribute)
{
    xmlParserCtxtPtr parser = self;
    if (parser->nodeNr >= XML_DEPTH_MAX)
        refuse(parser, "elements are nested too deep");
    else
        xmlSAX2StartElementNs(parser, name, prefix, uri, namespaces, namespace, attributes, defaulted,
                              attribute);
    if (parser->node != NULL && parser->node->type == XML_ELEMENT_NODE && parser->input != NULL &&
        parser->node->_private == NULL)
        parser->node->_private = (void *)(uintptr_t)begin_of(parser->input); /* NOLINT: a number */
}

/* libxml2 would print errors on its own; ours travel in the fault. */
static void on_message(void *self, xmlErrorPtr error)
{
    (void)self, (void)error;
}

static int parse_fault(xmlParserCtxtPtr parser, const struct refusal *refusal, struct fault *why)
{
    if (refusal->text != NULL)
        return fault_set(why, ERR_BAD, "XML line %d: %s", refusal->line, refusal->text);
    xmlErrorPtr error = xmlCtxtGetLastError(parser);
    if (error == NULL)
        return fault_set(why, ERR_BAD, "XML: no document");
    if (error->code == XML_ERR_NO_MEMORY)
        return fault_set(why, ERR_NOMEM, "XML: out of memory");
    const char *text = error->message != NULL ? error->message : "not well-formed";
    int len = (int)strcspn(text, "\n");
    return fault_set(why, ERR_BAD, "XML line %d, column %d: %.*s", error->line, error->int2, len, text);
}

static xmlDocPtr parse_with(xmlParserCtxtPtr parser, struct span bytes)
{
    /* NOENT replaces the five predefined entities only: without DOCTYPE there are no others. */
    int options =
        XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES | XML_PARSE_COMPACT;
    parser->sax->internalSubset = on_doctype;
    parser->sax->startElementNs = on_element;
    parser->sax->serror = on_message;
    return xmlCtxtReadMemory(parser, bytes.at, (int)bytes.len, NULL, NULL, options);
}

int xml_parse(struct span bytes, struct xml_doc **ret, struct fault *why)
{
    if (bytes.len > XML_BYTES_MAX)
        return fault_set(why, ERR_TOO_BIG, "XML of %zu bytes; at most %d are read", bytes.len, XML_BYTES_MAX);
    if (bytes.len == 0)
        return fault_set(why, ERR_BAD, "XML line 1: the document is empty");
    struct refusal refusal = {NULL, 0};
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    if (parser == NULL)
        return fault_set(why, ERR_NOMEM, "XML: out of memory");
    parser->_private = &refusal;
    xmlDocPtr doc = parse_with(parser, bytes);
    int r = 0;
    if (doc == NULL || refusal.text != NULL || xmlDocGetRootElement(doc) == NULL) {
        r = parse_fault(parser, &refusal, why);
        xmlFreeDoc(doc);
    } else {
        *ret = (struct xml_doc *)doc;
    }
    xmlFreeParserCtxt(parser);
    return r;
}

int xml_parse_fd(int fd, struct xml_doc **ret, struct fault *why)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(XML_BYTES_MAX);
    char part[16384];
    ssize_t got;
    while ((got = read(fd, part, sizeof part)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_set(why, ERR_IO, "XML: cannot read: %s", strerror(errno));
        text_append(&bytes, (struct span){part, (size_t)got});
        if (bytes.failed < 0)
            return fault_set(why, (enum err) - bytes.failed, "XML of more than %d bytes", XML_BYTES_MAX);
    }
    return xml_parse(text_span(&bytes), ret, why);
}

void xml_doc_free(struct xml_doc *doc)
{
    if (doc != NULL)
        xmlFreeDoc((xmlDocPtr)doc);
}

static bool is_named(const xmlNode *node, const char *name)
{
    if (node->type != XML_ELEMENT_NODE)
        return false;
    return name == NULL || (node->ns == NULL && strcmp((const char *)node->name, name) == 0);
}

static const struct xml_element *first_named(const xmlNode *node, const char *name)
{
    while (node != NULL && !is_named(node, name))
        node = node->next;
    return element_of(node);
}

const struct xml_element *xml_root(const struct xml_doc *doc)
{
    return element_of(xmlDocGetRootElement((const xmlDoc *)doc));
}

const struct xml_element *xml_child(const struct xml_element *of, const char *name)
{
    return first_named(node_of(of)->children, name);
}

const struct xml_element *xml_next(const struct xml_element *after, const char *name)
{
    return first_named(node_of(after)->next, name);
}

const struct xml_element *xml_path(const struct xml_element *from, const char *slashed)
{
    struct span rest = span_of(slashed);
    while (from != NULL && rest.len > 0) {
        char name[64];
        if (text_copy(name, sizeof name, span_split(rest, '/', &rest)) < 0)
            return NULL;
        from = xml_child(from, name);
    }
    return from;
}

struct span xml_name(const struct xml_element *e)
{
    return span_of_xml(node_of(e)->name);
}

unsigned xml_line(const struct xml_element *e)
{
    long line = xmlGetLineNo(node_of(e)) - (long)((uint64_t)(uintptr_t)node_of(e)->_private >> 32);
    return line > 0 ? (unsigned)line : 0;
}

unsigned xml_column(const struct xml_element *e)
{
    return (unsigned)((uint64_t)(uintptr_t)node_of(e)->_private & UINT32_MAX);
}

struct span xml_content(const struct xml_element *e)
{
    const xmlNode *first = node_of(e)->children;
    return first != NULL && first->type == XML_TEXT_NODE ? span_of_xml(first->content) : SPAN_LITERAL("");
}

static struct span attribute_value(const xmlAttr *attribute)
{
    return attribute->children != NULL ? span_of_xml(attribute->children->content) : SPAN_LITERAL("");
}

bool xml_attribute(const struct xml_element *e, const char *name, struct span *value)
{
    const xmlAttr *at = node_of(e)->properties;
    while (at != NULL && (at->ns != NULL || strcmp((const char *)at->name, name) != 0))
        at = at->next;
    if (at != NULL && value != NULL)
        *value = attribute_value(at);
    return at != NULL;
}

bool xml_attribute_at(const struct xml_element *e, size_t index, struct span *name, struct span *value)
{
    const xmlAttr *at = node_of(e)->properties;
    while (at != NULL && index-- > 0)
        at = at->next;
    if (at == NULL)
        return false;
    *name = span_of_xml(at->name);
    *value = attribute_value(at);
    return true;
}
