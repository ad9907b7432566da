/* SPDX-License-Identifier: MIT
 * A VM's device assignments. In `registry`, and in tests. spec: store 2.3 */
#include "actors/registry/registry_import_own.h"

#include <string.h>

/* The buses that have an actor. */
static const char *const classes[] = {"pci", "block", "usb", "mic"};

/* One assignment as it is read. */
struct assignment {
    struct import *im;
    struct import_vm *vm;
    const struct xml_element *at;
    struct span class_name, backend, port, identity, mode;
    struct text path; /* where `port` points when it was converted */
};

static bool is_mode(struct span mode)
{
    return span_is(mode, "required") || span_is(mode, "auto-attach") || span_is(mode, "ask-to-attach");
}

/* false: the entry is left out, or (told as disabling) cannot be meant. */
static bool read_mode(struct assignment *a)
{
    struct span legacy;
    a->mode = SPAN_LITERAL("required");
    if (xml_attribute(a->at, "required", &legacy)) {
        int truth = import_bool(legacy);
        if (truth < 0)
            import_tell(a->im, IMPORT_DISABLES, a->at, a->vm,
                        "device left out: 'required' is neither true nor false");
        if (truth == 0)
            a->mode = SPAN_LITERAL("auto-attach");
        return truth >= 0;
    }
    if (!xml_attribute(a->at, "mode", &a->mode) || is_mode(a->mode))
        return true;
    import_tell(a->im, span_is(a->mode, "manual") ? IMPORT_DISABLES : IMPORT_WARNING, a->at, a->vm,
                "device left out: mode '%.*s' cannot be stored", SPAN_ARG(a->mode));
    return false;
}

/* '*' means any backend, as it is written; qubesd fails to find it when it reads, which is a defect. */
static bool read_backend(struct assignment *a)
{
    a->backend = import_attribute(a->at, "backend-domain");
    if (a->backend.len == 0)
        a->backend = SPAN_LITERAL("*");
    if (span_is(a->backend, "*") || import_find_vm(a->im, a->backend) != NULL)
        return true;
    import_tell(a->im, IMPORT_WARNING, a->at, a->vm, "device of '%.*s' left out: no such VM",
                SPAN_ARG(a->backend));
    return false;
}

static bool read_port(struct assignment *a)
{
    a->port = import_attribute(a->at, "id");
    if (a->port.len == 0)
        a->port = SPAN_LITERAL("*");
    bool is_word = memchr(a->port.at, ' ', a->port.len) == NULL && import_is_line(a->port);
    if (is_word && span_is(a->class_name, "pci") && !span_is(a->port, "*") &&
        a->im->rules->pci_path != NULL) {
        int r = a->im->rules->pci_path(a->im->rules->self, a->port, &a->path);
        if (r >= 0)
            a->port = text_span(&a->path);
        is_word = r >= 0 || r == -ERR_UNKNOWN;
    }
    if (!is_word)
        import_tell(a->im, IMPORT_DISABLES, a->at, a->vm, "device left out: '%.*s' is no port of bus %.*s",
                    SPAN_ARG(a->port), SPAN_ARG(a->class_name));
    return is_word;
}

static struct span option_value(const struct xml_element *option)
{
    struct span value = xml_content(option);
    return value.len > 0 ? value : SPAN_LITERAL("None");
}

/* An option named identity is the old way to say it. */
static bool read_identity(struct assignment *a)
{
    a->identity = import_attribute(a->at, "identity");
    const struct xml_element *option = xml_child(a->at, "option");
    for (; option != NULL; option = xml_next(option, "option"))
        if (span_is(import_attribute(option, "name"), "identity"))
            a->identity = option_value(option);
    if (a->identity.len == 0)
        a->identity = SPAN_LITERAL("*");
    if (!import_is_line(a->identity))
        import_tell(a->im, IMPORT_DISABLES, a->at, a->vm, "device left out: a line break in its identity");
    return import_is_line(a->identity);
}

/* The value's lines; false when an option cannot be kept, since less strict options are another assignment.
 */
static bool add_options(struct assignment *a)
{
    struct text *line = &a->im->line;
    text_clear(line);
    text_format(line, "mode=%.*s", SPAN_ARG(a->mode));
    const struct xml_element *option = xml_child(a->at, "option");
    for (; option != NULL; option = xml_next(option, "option")) {
        struct span name = import_attribute(option, "name"), value = option_value(option);
        if (span_is(name, "identity"))
            continue;
        if (name.len == 0 || memchr(name.at, '=', name.len) != NULL || !import_is_line(name) ||
            !import_is_line(value)) {
            import_tell(a->im, IMPORT_DISABLES, option, a->vm,
                        "device left out: its option '%.*s' cannot be kept", SPAN_ARG(name));
            return false;
        }
        text_format(line, "\noption:%.*s=%.*s", SPAN_ARG(name), SPAN_ARG(value));
    }
    return true;
}

static bool has_key(struct span key, const struct text *keys)
{
    for (struct span rest = text_span(keys); rest.len > 0;)
        if (span_equal(span_split(rest, '\n', &rest), key))
            return true;
    return false;
}

/* `keys` holds the keys of this VM so far, one a line. */
static void import_device(struct assignment *a, struct text *keys)
{
    if (!read_mode(a) || !read_backend(a) || !read_port(a) || !read_identity(a) || !add_options(a))
        return;
    AUTO_TEXT key = TEXT_WITH_LIMIT(XML_BYTES_MAX);
    text_format(&key, "%.*s %.*s %.*s %.*s", SPAN_ARG(a->class_name), SPAN_ARG(a->backend), SPAN_ARG(a->port),
                SPAN_ARG(a->identity));
    if (has_key(text_span(&key), keys)) {
        import_tell(a->im, IMPORT_DISABLES, a->at, a->vm, "a second assignment of '%s' left out", key.at);
        return;
    }
    text_append(keys, text_span(&key));
    text_byte(keys, '\n');
    if (key.failed < 0 || keys->failed < 0)
        a->im->result = -ERR_NOMEM;
    import_emit(a->im, CHANGE_DEVICE, a->vm->qid, text_span(&key), text_span(&a->im->line));
}

static bool is_class(struct span name)
{
    for (size_t i = 0; i < COUNT(classes); i++)
        if (span_is(name, classes[i]))
            return true;
    return false;
}

static void import_bus(struct import *im, struct import_vm *vm, const struct xml_element *list,
                       struct text *keys)
{
    struct span class_name = import_attribute(list, "class");
    if (!is_class(class_name)) {
        import_tell(im, IMPORT_WARNING, list, vm, "devices of unknown class '%.*s' left out",
                    SPAN_ARG(class_name));
        return;
    }
    const struct xml_element *at = xml_child(list, "device");
    for (; at != NULL && im->result >= 0; at = xml_next(at, "device")) {
        struct assignment a = {
            .im = im, .vm = vm, .at = at, .class_name = class_name, .path = TEXT_WITH_LIMIT(4096)};
        import_device(&a, keys);
        text_free(&a.path);
    }
}

void import_devices(struct import *im, struct import_vm *vm)
{
    AUTO_TEXT keys = TEXT_WITH_LIMIT(XML_BYTES_MAX);
    const struct xml_element *list = xml_child(vm->at, "devices");
    for (; list != NULL && im->result >= 0; list = xml_next(list, "devices"))
        import_bus(im, vm, list, &keys);
}
