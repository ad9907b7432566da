/* SPDX-License-Identifier: MIT
 * XML as it is read, bounded and closed: at most XML_BYTES_MAX bytes and XML_DEPTH_MAX levels, no
 * DOCTYPE, hence no entities but the five, nothing fetched from anywhere. Nothing here blocks, except
 * xml_parse_fd on its descriptor. */
#ifndef DOORS_XML_H
#define DOORS_XML_H

#include <stddef.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

enum { XML_BYTES_MAX = 64 << 20, XML_DEPTH_MAX = 64 };

/* A parsed document; its elements and every span got from them live as long as it. */
struct xml_doc;
struct xml_element;

/* Parses UTF-8 (or what an XML declaration names). ERR_BAD: not well-formed, a DOCTYPE or too deep, with
 * line and column in the text; ERR_TOO_BIG; ERR_NOMEM; ERR_IO (xml_parse_fd). */
int xml_parse(struct span bytes, struct xml_doc **ret, struct fault *why);
int xml_parse_fd(int fd, struct xml_doc **ret, struct fault *why);
void xml_doc_free(struct xml_doc *doc);
DEFINE_AUTO(xml_doc)

/* Walking. `name` NULL means any element; an element in a namespace has no name but its local one and is
 * found by NULL only. NULL: there is none. */
const struct xml_element *xml_root(const struct xml_doc *doc);
const struct xml_element *xml_child(const struct xml_element *of, const char *name);
const struct xml_element *xml_next(const struct xml_element *after, const char *name);
const struct xml_element *xml_path(const struct xml_element *from,
                                   const char *slashed); /* "a/b", first each */

struct span xml_name(const struct xml_element *e);
/* Where its tag begins, from 1; a column counts bytes. 0: not known. */
unsigned xml_line(const struct xml_element *e);
unsigned xml_column(const struct xml_element *e);
/* The text before the first child or comment, references resolved; empty when there is none. */
struct span xml_content(const struct xml_element *e);
/* true with *value (which may be empty) where the attribute is present. `value` may be NULL. */
bool xml_attribute(const struct xml_element *e, const char *name, struct span *value);
/* The attribute at place `index` in document order; false past the last. */
bool xml_attribute_at(const struct xml_element *e, size_t index, struct span *name, struct span *value);

#endif
