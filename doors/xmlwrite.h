/* SPDX-License-Identifier: MIT
 * Writes an XML document through libxml2. Mistakes are sticky: after the first one every call
 * does nothing and xmlwrite_finish tells it. Text must be UTF-8 of characters that XML allows;
 * anything else, and NULL, is ERR_RANGE, never a broken document. Does not block. */
#ifndef DOORS_XMLWRITE_H
#define DOORS_XMLWRITE_H

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

struct xmlwrite;

/* NULL when there is no memory: every call below accepts that, and finish says so. The second indents with
 * two spaces, an element a line. */
struct xmlwrite *xmlwrite_new(void);
struct xmlwrite *xmlwrite_new_indented(void);
void xmlwrite_free(struct xmlwrite *w);
DEFINE_AUTO(xmlwrite)

/* Element and attribute names are ours: string literals. */
void xmlwrite_open(struct xmlwrite *w, const char *element);
void xmlwrite_attribute(struct xmlwrite *w, const char *name, const char *value);
/* The same for bytes that end where the span does. */
void xmlwrite_put(struct xmlwrite *w, const char *name, struct span value);
void xmlwrite_content(struct xmlwrite *w, struct span text);
/* The same, printed: at most 255 bytes, else ERR_RANGE. */
void xmlwrite_print(struct xmlwrite *w, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void xmlwrite_text(struct xmlwrite *w, const char *text);
void xmlwrite_close(struct xmlwrite *w);
/* <element>text</element>, and <element name="value"/>. */
void xmlwrite_leaf(struct xmlwrite *w, const char *element, const char *text);
void xmlwrite_empty(struct xmlwrite *w, const char *element, const char *name, const char *value);

/* 0, or the -ERR_ that finish would tell by now. */
int xmlwrite_failed(const struct xmlwrite *w);

/* Ends the document and appends it, without an XML declaration, to *out. 0, -ERR_RANGE, -ERR_NOMEM,
 * -ERR_STATE (elements left open), -ERR_TOO_BIG (the limit of *out). */
int xmlwrite_finish(struct xmlwrite *w, struct text *out, struct fault *why);

#endif
