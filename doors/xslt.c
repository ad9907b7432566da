/* SPDX-License-Identifier: MIT
 * XSLT through libxslt; see xslt.h. */
#include "doors/xslt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxslt/documents.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/xsltutils.h>

#include "base/own.h"

enum { DEPTH_MOST = 200, VARIABLES_MOST = 2000, STEPS_MOST = 1000000 };
enum { PARSE = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING };

/* OWNED(type, call): AUTO_OF(type) declares a pointer that the call frees with its scope. */
#define OWNED(type, call)                                                                                    \
    static void end_##type(type **at)                                                                        \
    {                                                                                                        \
        if (*at != NULL)                                                                                     \
            call(*at);                                                                                       \
    }
OWNED(xmlDoc, xmlFreeDoc)
OWNED(xmlBuffer, xmlBufferFree)
OWNED(xsltStylesheet, xsltFreeStylesheet)
OWNED(xsltTransformContext, xsltFreeTransformContext)
OWNED(xsltSecurityPrefs, xsltFreeSecurityPrefs)
#define AUTO_OF(type) __attribute__((cleanup(end_##type))) type

/* The first complaint is the cause; the others follow from it. */
struct complaint {
    char text[256];
    int line;
};

static void complain(void *arg, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* libxslt gives a message in pieces. */
static void complain(void *arg, const char *format, ...)
{
    struct complaint *c = arg;
    size_t len = strlen(c->text);
    va_list args;
    if (len > 0 && c->text[len - 1] == '\n')
        return;
    va_start(args, format);
    vsnprintf(c->text + len, sizeof c->text - len, format, args);
    va_end(args);
}

/* What came with libxml2's own errors: XPath, well-formedness. */
static void complain_structured(void *arg, xmlErrorPtr error)
{
    struct complaint *c = arg;
    if (c->line == 0)
        c->line = error->line;
    if (c->text[0] == '\0' && error->message != NULL)
        snprintf(c->text, sizeof c->text, "%s", error->message);
}

static int tell(const struct complaint *c, struct fault *why, const char *what)
{
    char text[sizeof c->text];
    size_t n = 0;
    for (const char *at = c->text; *at != '\0'; at++)
        if (*at != '%' && *at != '\n')
            text[n++] = *at;
    text[n] = '\0';
    return fault_set(why, ERR_BAD, "%s (line %d): %s", what, c->line, n > 0 ? text : "no reason is given");
}

/* Whatever a stylesheet names, by import, include or document(): it is not there. */
static xmlDocPtr load_nothing(const xmlChar *uri, xmlDictPtr dict, int options, void *context,
                              xsltLoadType type)
{
    (void)uri, (void)dict, (void)options, (void)context, (void)type;
    return NULL;
}

static xsltSecurityPrefs *forbid_all(void)
{
    static const xsltSecurityOption options[] = {XSLT_SECPREF_READ_FILE, XSLT_SECPREF_WRITE_FILE,
                                                 XSLT_SECPREF_CREATE_DIRECTORY, XSLT_SECPREF_READ_NETWORK,
                                                 XSLT_SECPREF_WRITE_NETWORK};
    xsltSecurityPrefs *prefs = xsltNewSecurityPrefs();
    for (size_t i = 0; prefs != NULL && i < COUNT(options); i++) {
        if (xsltSetSecurityPrefs(prefs, options[i], xsltSecurityForbid) < 0) {
            xsltFreeSecurityPrefs(prefs);
            return NULL;
        }
    }
    return prefs;
}

static int parse(struct span bytes, const char *name, xmlDoc **ret, struct complaint *c, struct fault *why)
{
    if (bytes.len > XSLT_BYTES_MAX)
        return fault_set(why, ERR_TOO_BIG, "%s is longer than %d bytes", name, XSLT_BYTES_MAX);
    AUTO_OF(xmlDoc) *doc = xmlReadMemory(bytes.at != NULL ? bytes.at : "", (int)bytes.len, NULL, NULL, PARSE);
    if (doc == NULL)
        return tell(c, why, name);
    if (doc->intSubset != NULL || doc->extSubset != NULL)
        return fault_set(why, ERR_BAD, "%s has a DOCTYPE, which is not read; remove it", name);
    *ret = TAKE(doc);
    return 0;
}

static int compile(struct span bytes, xsltStylesheet **ret, struct complaint *c, struct fault *why)
{
    xmlDoc *doc = NULL;
    int r = parse(bytes, "the stylesheet", &doc, c, why);
    if (r < 0)
        return r;
    xsltStylesheet *sheet = xsltParseStylesheetDoc(doc);
    if (sheet == NULL) {
        xmlFreeDoc(doc); /* a stylesheet would own it */
        return tell(c, why, "the stylesheet does not compile");
    }
    if (sheet->errors > 0 || c->text[0] != '\0') {
        xsltFreeStylesheet(sheet);
        return tell(c, why, "the stylesheet does not compile");
    }
    *ret = sheet;
    return 0;
}

static int prepare(xsltTransformContext *t, xsltSecurityPrefs *prefs, struct complaint *c)
{
    xsltSetTransformErrorFunc(t, c, complain);
    t->maxTemplateDepth = DEPTH_MOST;
    t->maxTemplateVars = VARIABLES_MOST;
    t->opLimit = STEPS_MOST;
    t->xpathCtxt->opLimit = STEPS_MOST;
    return xsltSetCtxtSecurityPrefs(prefs, t);
}

/* As XML whatever output method the stylesheet asks for: libvirt reads nothing else. */
static int save(xmlDoc *result, struct text *out, struct fault *why)
{
    xmlNode *root = xmlDocGetRootElement(result);
    if (root == NULL)
        return fault_set(why, ERR_BAD, "the stylesheet makes no element");
    AUTO_OF(xmlBuffer) *buffer = xmlBufferCreate();
    if (buffer == NULL || xmlNodeDump(buffer, result, root, 0, 0) < 0)
        return fault_set(why, ERR_NOMEM, "no memory for what the stylesheet makes");
    text_append(out, (struct span){(const char *)xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer)});
    return out->failed < 0 ? fault_set(why, (enum err) - out->failed, "what the stylesheet makes is too long")
                           : 0;
}

static int transform(xsltStylesheet *sheet, xmlDoc *document, struct complaint *c, struct text *out,
                     struct fault *why)
{
    AUTO_OF(xsltSecurityPrefs) *prefs = forbid_all();
    AUTO_OF(xsltTransformContext) *t = prefs != NULL ? xsltNewTransformContext(sheet, document) : NULL;
    if (t == NULL || prepare(t, prefs, c) < 0)
        return fault_set(why, ERR_NOMEM, "no memory to apply the stylesheet");
    AUTO_OF(xmlDoc) *result = xsltApplyStylesheetUser(sheet, document, NULL, NULL, NULL, t);
    if (result == NULL || t->state != XSLT_STATE_OK || c->text[0] != '\0')
        return tell(c, why, "the stylesheet fails");
    return save(result, out, why);
}

static int apply(struct span stylesheet, struct span document, struct complaint *c, struct text *out,
                 struct fault *why)
{
    AUTO_OF(xsltStylesheet) *sheet = NULL;
    AUTO_OF(xmlDoc) *doc = NULL;
    int r = compile(stylesheet, &sheet, c, why);
    if (r == 0)
        r = parse(document, "the domain's XML", &doc, c, why);
    return r < 0 ? r : transform(sheet, doc, c, out, why);
}

int xslt_apply(struct span stylesheet, struct span document, struct text *out, struct fault *why)
{
    struct complaint c = {.line = 0};
    xsltSetLoaderFunc(load_nothing);
    xsltSetGenericErrorFunc(&c, complain);
    xmlSetGenericErrorFunc(&c, complain);
    xmlSetStructuredErrorFunc(&c, complain_structured);
    int r = apply(stylesheet, document, &c, out, why);
    xsltSetGenericErrorFunc(NULL, NULL);
    xmlSetGenericErrorFunc(NULL, NULL);
    xmlSetStructuredErrorFunc(NULL, NULL);
    return r;
}

int xslt_read(const char *path, struct text *bytes, struct fault *why)
{
    char part[4096];
    ssize_t len;
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return -ERR_UNKNOWN;
    if (fd < 0)
        return fault_set(why, ERR_IO, "%s cannot be opened: %s", path, strerror(errno));
    while ((len = read(fd, part, sizeof part)) > 0) {
        text_append(bytes, (struct span){part, (size_t)len});
        if (bytes->failed < 0 || bytes->len > XSLT_BYTES_MAX)
            return fault_set(why, ERR_TOO_BIG, "%s is longer than %d bytes", path, XSLT_BYTES_MAX);
    }
    return len == 0 ? 0 : fault_set(why, ERR_IO, "%s cannot be read: %s", path, strerror(errno));
}
