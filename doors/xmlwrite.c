/* SPDX-License-Identifier: MIT
 * XML documents through libxml2's writer; see xmlwrite.h. */
#include "doors/xmlwrite.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libxml/chvalid.h>
#include <libxml/xmlstring.h>
#include <libxml/xmlwriter.h>

struct xmlwrite {
    xmlBufferPtr buffer;
    xmlTextWriterPtr writer;
    unsigned depth; /* elements open */
    enum err failed;
    const char *where; /* the element or attribute of the first mistake */
    struct text scratch;
};

struct xmlwrite *xmlwrite_new(void)
{
    struct xmlwrite *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->scratch = TEXT_WITH_LIMIT(1 << 20);
    made->buffer = xmlBufferCreate();
    made->writer = made->buffer == NULL ? NULL : xmlNewTextWriterMemory(made->buffer, 0);
    if (made->writer == NULL) {
        xmlwrite_free(made);
        return NULL;
    }
    return made;
}

struct xmlwrite *xmlwrite_new_indented(void)
{
    struct xmlwrite *made = xmlwrite_new();
    if (made == NULL)
        return NULL;
    xmlTextWriterSetIndent(made->writer, 1);
    if (xmlTextWriterSetIndentString(made->writer, (const xmlChar *)"  ") >= 0)
        return made;
    xmlwrite_free(made);
    return NULL;
}

void xmlwrite_free(struct xmlwrite *w)
{
    if (w == NULL)
        return;
    if (w->writer != NULL)
        xmlFreeTextWriter(w->writer);
    if (w->buffer != NULL)
        xmlBufferFree(w->buffer);
    text_free(&w->scratch);
    free(w);
}

static bool ready(const struct xmlwrite *w)
{
    return w != NULL && w->failed == ERR_NONE;
}

static void mistake(struct xmlwrite *w, enum err failed, const char *where)
{
    w->failed = failed;
    w->where = where;
}

/* The writer fails for lack of memory alone: what could be wrong in a text was looked at before. */
static void wrote(struct xmlwrite *w, int r, const char *where)
{
    if (r < 0)
        mistake(w, ERR_NOMEM, where);
}

static bool is_writable(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        int len = 4; /* no character is longer */
        int character = xmlGetUTF8Char(at, &len);
        if (character < 0 || !xmlIsCharQ((unsigned)character))
            return false;
        at += len;
    }
    return true;
}

static bool may_write(struct xmlwrite *w, const char *text, const char *where)
{
    if (!ready(w))
        return false;
    if (text == NULL || !is_writable(text))
        mistake(w, ERR_RANGE, where);
    return w->failed == ERR_NONE;
}

void xmlwrite_open(struct xmlwrite *w, const char *element)
{
    if (!ready(w))
        return;
    w->depth++;
    wrote(w, xmlTextWriterStartElement(w->writer, (const xmlChar *)element), element);
}

void xmlwrite_attribute(struct xmlwrite *w, const char *name, const char *value)
{
    if (may_write(w, value, name))
        wrote(w, xmlTextWriterWriteAttribute(w->writer, (const xmlChar *)name, (const xmlChar *)value), name);
}

/* The span with a NUL behind it; NULL, which no value may be, when it holds one or is too long. */
static const char *terminated(struct xmlwrite *w, struct span s)
{
    if (w == NULL || (s.len > 0 && memchr(s.at, '\0', s.len) != NULL))
        return NULL;
    text_clear(&w->scratch);
    text_append(&w->scratch, s);
    return w->scratch.failed < 0 ? NULL : s.len > 0 ? w->scratch.at : "";
}

void xmlwrite_put(struct xmlwrite *w, const char *name, struct span value)
{
    xmlwrite_attribute(w, name, terminated(w, value));
}

void xmlwrite_content(struct xmlwrite *w, struct span text)
{
    xmlwrite_text(w, terminated(w, text));
}

void xmlwrite_print(struct xmlwrite *w, const char *name, const char *format, ...)
{
    char value[256];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    xmlwrite_attribute(w, name, len < 0 || (size_t)len >= sizeof value ? NULL : value);
}

void xmlwrite_text(struct xmlwrite *w, const char *text)
{
    if (may_write(w, text, "text"))
        wrote(w, xmlTextWriterWriteString(w->writer, (const xmlChar *)text), "text");
}

void xmlwrite_close(struct xmlwrite *w)
{
    if (!ready(w))
        return;
    if (w->depth == 0) {
        mistake(w, ERR_STATE, "nothing is open");
        return;
    }
    w->depth--;
    wrote(w, xmlTextWriterEndElement(w->writer), "the end of an element");
}

void xmlwrite_leaf(struct xmlwrite *w, const char *element, const char *text)
{
    if (!may_write(w, text, element))
        return;
    xmlwrite_open(w, element);
    xmlwrite_text(w, text);
    xmlwrite_close(w);
}

void xmlwrite_empty(struct xmlwrite *w, const char *element, const char *name, const char *value)
{
    xmlwrite_open(w, element);
    xmlwrite_attribute(w, name, value);
    xmlwrite_close(w);
}

int xmlwrite_failed(const struct xmlwrite *w)
{
    return w == NULL ? -ERR_NOMEM : -(int)w->failed;
}

static int told(const struct xmlwrite *w, struct fault *why)
{
    if (w->failed == ERR_RANGE)
        return fault_set(why, ERR_RANGE,
                         "a value for XML's '%s' is missing or holds characters that XML cannot", w->where);
    if (w->failed == ERR_STATE || w->depth > 0)
        return fault_set(why, ERR_STATE, "the XML document is not closed where it was opened");
    return fault_set(why, ERR_NOMEM, "no memory for an XML document");
}

int xmlwrite_finish(struct xmlwrite *w, struct text *out, struct fault *why)
{
    if (w == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for an XML document");
    if (w->failed != ERR_NONE || w->depth > 0 || xmlTextWriterFlush(w->writer) < 0)
        return told(w, why);
    text_append(out,
                (struct span){(const char *)xmlBufferContent(w->buffer), (size_t)xmlBufferLength(w->buffer)});
    if (out->failed < 0)
        return fault_set(why, (enum err) - out->failed, "an XML document larger than its limit");
    return 0;
}
