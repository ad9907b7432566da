/* SPDX-License-Identifier: MIT
 * The import as a whole, and how it tells its results. In `registry`, and in tests. */
#include "actors/registry/registry_import_own.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void import_emit(struct import *im, enum change_kind kind, uint32_t qid, struct span key, struct span value)
{
    if (im->line.failed < 0 && im->result >= 0)
        im->result = im->line.failed; /* a cut value is never told */
    if (im->result < 0)
        return;
    struct change change = {.kind = kind, .qid = qid, .key = key, .value = value};
    int r = im->to->change(im->to->self, &change);
    if (r < 0)
        im->result = r;
}

/* Problems are printed and sent to clients: printable ASCII without the percent sign. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~' || *text == '%')
            *text = '?';
}

static void remember(struct import *im, enum import_severity severity, struct import_vm *vm, const char *text)
{
    if (severity == IMPORT_NOTE)
        return;
    if (im->note.len > 0)
        text_byte(&im->note, '\n');
    text_add(&im->note, text);
    if (severity == IMPORT_DISABLES && vm->reason[0] == '\0')
        snprintf(vm->reason, sizeof vm->reason, "%s", text);
}

void import_tell(struct import *im, enum import_severity severity, const struct xml_element *at,
                 struct import_vm *vm, const char *format, ...)
{
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_plain(text);
    if (im->result < 0)
        return;
    if (severity == IMPORT_DISABLES && (vm == NULL || vm->qid == 0))
        severity = IMPORT_WARNING;
    if (vm != NULL)
        remember(im, severity, vm, text);
    struct import_problem problem = {severity, at != NULL ? xml_line(at) : 0, at != NULL ? xml_column(at) : 0,
                                     vm != NULL ? vm->qid : QID_GLOBAL, text};
    int r = im->to->problem(im->to->self, &problem);
    if (r < 0)
        im->result = r;
}

void *import_grow(struct import *im, void *array, size_t count, size_t size)
{
    if (im->result < 0)
        return NULL;
    if (count > 0 && (count & (count - 1)) != 0)
        return array; /* rooms are powers of two: only a full one is a power of two */
    void *grown = reallocarray(array, count > 0 ? count * 2 : 1, size);
    if (grown == NULL)
        im->result = -ERR_NOMEM;
    return grown;
}

int import_bool(struct span word)
{
    static const char *const words[2][4] = {{"0", "no", "false", "off"}, {"1", "yes", "true", "on"}};
    for (int truth = 0; truth < 2; truth++)
        for (size_t i = 0; i < 4; i++)
            if (word.len == strlen(words[truth][i]) && strncasecmp(word.at, words[truth][i], word.len) == 0)
                return truth;
    return -ERR_BAD;
}

bool import_is_line(struct span s)
{
    return s.len == 0 || memchr(s.at, '\n', s.len) == NULL;
}

struct span import_attribute(const struct xml_element *e, const char *name)
{
    struct span value = SPAN_LITERAL("");
    xml_attribute(e, name, &value);
    return value;
}

struct span import_value(const struct xml_element *property)
{
    struct span ref = import_attribute(property, "ref");
    return ref.len > 0 ? ref : xml_content(property);
}

const struct xml_element *import_find_property(const struct xml_element *e, const char *name)
{
    const struct xml_element *list = xml_child(e, "properties"), *found = NULL;
    const struct xml_element *at = list != NULL ? xml_child(list, "property") : NULL;
    for (; at != NULL; at = xml_next(at, "property"))
        if (span_is(import_attribute(at, "name"), name))
            found = at;
    return found;
}

/* Some classes have no devices or volumes: what the file gives them all the same is left out. */
static bool may_hold(struct import *im, struct import_vm *vm, const char *list, bool never)
{
    const struct xml_element *at = never ? xml_child(vm->at, list) : NULL;
    if (at != NULL && xml_child(at, NULL) != NULL)
        import_tell(im, IMPORT_WARNING, at, vm, "a %.*s has no %s: left out", SPAN_ARG(vm->class_name), list);
    return !never;
}

/* A VM with all that it holds; what was wrong with it comes last, when it is known. */
static void import_vm(struct import *im, struct import_vm *vm)
{
    text_clear(&im->line);
    text_format(&im->line, "1 %.*s", SPAN_ARG(vm->class_name));
    import_emit(im, CHANGE_VM, vm->qid, SPAN_LITERAL(""), text_span(&im->line));
    import_vm_properties(im, vm);
    if (vm->at != NULL) {
        import_features(im, vm);
        import_tags(im, vm);
        if (may_hold(im, vm, "devices", span_is(vm->class_name, "RemoteVM")))
            import_devices(im, vm);
        if (may_hold(im, vm, "volume-config",
                     span_is(vm->class_name, "RemoteVM") || span_is(vm->class_name, "AdminVM")))
            import_volumes(im, vm);
    }
    if (vm->reason[0] != '\0')
        import_emit(im, CHANGE_DISABLED, vm->qid, SPAN_LITERAL(""), span_of(vm->reason));
    if (im->note.len > 0)
        import_emit(im, CHANGE_NOTE, vm->qid, SPAN_LITERAL("import"), text_span(&im->note));
}

/* What the index found wrong with a VM came before its turn: its reason opens the note. */
static void import_vms(struct import *im)
{
    for (size_t i = 0; i < im->vm_count && im->result >= 0; i++) {
        text_clear(&im->note);
        text_add(&im->note, im->vms[i].reason);
        import_vm(im, &im->vms[i]);
    }
}

static int import_all(struct import *im, struct fault *why)
{
    import_labels(im);
    import_pools(im);
    import_index(im);
    import_vms(im);
    import_global_properties(im);
    if (im->result == -ERR_NOMEM)
        return fault_set(why, ERR_NOMEM, "qubes.xml: out of memory");
    if (im->result == -ERR_TOO_BIG)
        return fault_set(why, ERR_TOO_BIG, "qubes.xml: more domains or longer values than can be kept");
    return im->result;
}

int registry_import(struct span bytes, const struct import_rules *rules, const struct import_sink *to,
                    struct fault *why)
{
    AUTO(xml_doc)
    *doc = NULL;
    int r = xml_parse(bytes, &doc, why);
    if (r < 0)
        return r;
    struct import im = {.rules = rules,
                        .to = to,
                        .root = xml_root(doc),
                        .line = TEXT_WITH_LIMIT(XML_BYTES_MAX),
                        .note = TEXT_WITH_LIMIT(1 << 20)};
    if (!span_is(xml_name(im.root), "qubes"))
        return fault_set(why, ERR_BAD,
                         "XML line %u: this is no qubes.xml, its outermost element is not 'qubes'",
                         xml_line(im.root));
    r = import_all(&im, why);
    free(im.vms);
    free(im.by_name);
    free(im.pools);
    free(im.labels);
    free(im.volumes);
    text_free(&im.line);
    text_free(&im.note);
    return r < 0 ? r : 0;
}
