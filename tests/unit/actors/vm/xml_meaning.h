/* SPDX-License-Identifier: MIT
 * Whether two XML documents mean the same: the order of attributes and white space between
 * elements play no part. */
#ifndef TESTS_UNIT_ACTORS_VM_XML_MEANING_H
#define TESTS_UNIT_ACTORS_VM_XML_MEANING_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

static unsigned count_attributes(const xmlNode *node)
{
    unsigned count = 0;
    for (const xmlAttr *at = node->properties; at != NULL; at = at->next)
        count++;
    return count;
}

static bool same_attributes(const xmlNode *a, const xmlNode *b)
{
    for (const xmlAttr *at = a->properties; at != NULL; at = at->next) {
        xmlChar *of_a = xmlGetProp(a, at->name), *of_b = xmlGetProp(b, at->name);
        bool same = of_b != NULL && xmlStrEqual(of_a, of_b);
        if (!same)
            fprintf(stderr, "<%s %s>: '%s', '%s'\n", a->name, at->name, of_a,
                    of_b == NULL ? (xmlChar *)"none" : of_b);
        xmlFree(of_a);
        xmlFree(of_b);
        if (!same)
            return false;
    }
    return count_attributes(a) == count_attributes(b);
}

/* The next node that means something, from `at` on. */
static const xmlNode *meaningful(const xmlNode *at)
{
    while (at != NULL && (at->type == XML_COMMENT_NODE || xmlIsBlankNode(at)))
        at = at->next;
    return at;
}

static bool same_node(const xmlNode *a, const xmlNode *b)
{
    if (a->type != b->type || !xmlStrEqual(a->name, b->name)) {
        fprintf(stderr, "<%s> where <%s> was expected\n", a->name, b->name);
        return false;
    }
    if (a->type == XML_TEXT_NODE)
        return xmlStrEqual(a->content, b->content);
    if (!same_attributes(a, b))
        return false;
    const xmlNode *of_a = meaningful(a->children), *of_b = meaningful(b->children);
    for (; of_a != NULL && of_b != NULL; of_a = meaningful(of_a->next), of_b = meaningful(of_b->next))
        if (!same_node(of_a, of_b))
            return false;
    if (of_a != of_b)
        fprintf(stderr, "<%s> has more or fewer children than expected\n", a->name);
    return of_a == of_b;
}

static bool xml_means(const char *is, const char *should)
{
    xmlDoc *a = xmlReadMemory(is, (int)strlen(is), NULL, NULL, XML_PARSE_NONET);
    xmlDoc *b = xmlReadMemory(should, (int)strlen(should), NULL, NULL, XML_PARSE_NONET);
    bool same = a != NULL && b != NULL && same_node(xmlDocGetRootElement(a), xmlDocGetRootElement(b));
    xmlFreeDoc(a);
    xmlFreeDoc(b);
    return same;
}

#endif
