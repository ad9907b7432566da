/* SPDX-License-Identifier: MIT
 * Writing XML, pretty printed, into bounded text. No library. In every process that links this door. */
#include "doors/xml.h"

#include <assert.h>
#include <string.h>

/* The length of the valid UTF-8 sequence of an XML character at `at`, or 0. */
static size_t character(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char mask, mark;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t more = 0; more < COUNT(forms); more++) {
        if ((at[0] & forms[more].mask) != forms[more].mark)
            continue;
        uint32_t code = (uint32_t)(at[0] & (unsigned char)~forms[more].mask);
        if (more >= left)
            return 0;
        for (size_t i = 1; i <= more; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (at[i] & 0x3f);
        }
        bool is_text = code >= 0x20 || code == '\t' || code == '\n' || code == '\r';
        bool is_hole =
            (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff || code > 0x10ffff;
        return is_text && !is_hole && code >= forms[more].least ? more + 1 : 0;
    }
    return 0;
}

static const char *reference(char c, bool in_attribute)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '\r':
        return "&#13;";
    case '"':
        return in_attribute ? "&quot;" : NULL;
    case '\n':
        return in_attribute ? "&#10;" : NULL;
    case '\t':
        return in_attribute ? "&#9;" : NULL;
    default:
        return NULL;
    }
}

static void escape(struct text *to, struct span s, bool in_attribute)
{
    for (size_t i = 0; i < s.len && to->failed >= 0;) {
        size_t len = character((const unsigned char *)s.at + i, s.len - i);
        const char *name = len == 1 ? reference(s.at[i], in_attribute) : NULL;
        if (len == 0)
            to->failed = -ERR_BAD;
        else if (name != NULL)
            text_add(to, name);
        else
            text_append(to, (struct span){s.at + i, len});
        i += len;
    }
}

static void indent(struct xml_writer *w)
{
    for (size_t i = 0; i < w->depth; i++)
        text_add(w->to, "  ");
}

struct xml_writer xml_writer_to(struct text *to)
{
    return (struct xml_writer){.to = to};
}

void xml_open(struct xml_writer *w, const char *name)
{
    assert(w->depth < XML_DEPTH_MAX && !w->has_content);
    if (w->in_tag)
        text_add(w->to, ">\n");
    indent(w);
    text_byte(w->to, '<');
    text_add(w->to, name);
    w->open[w->depth++] = name;
    w->in_tag = true;
}

void xml_put(struct xml_writer *w, const char *attribute, struct span value)
{
    assert(w->in_tag);
    text_byte(w->to, ' ');
    text_add(w->to, attribute);
    text_add(w->to, "=\"");
    escape(w->to, value, true);
    text_byte(w->to, '"');
}

void xml_text(struct xml_writer *w, struct span content)
{
    assert(w->in_tag);
    text_byte(w->to, '>');
    escape(w->to, content, false);
    w->in_tag = false;
    w->has_content = true;
}

void xml_close(struct xml_writer *w)
{
    assert(w->depth > 0);
    const char *name = w->open[--w->depth];
    if (w->in_tag) {
        text_add(w->to, "/>\n");
    } else {
        if (!w->has_content)
            indent(w);
        text_add(w->to, "</");
        text_add(w->to, name);
        text_add(w->to, ">\n");
    }
    w->in_tag = w->has_content = false;
}
