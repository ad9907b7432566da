/* SPDX-License-Identifier: MIT
 * See vm_block.h: in vm/<qid>. */
#include "actors/vm/vm_block.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "model/device_wire.h"

/* ---- names ---- */

void vm_block_source(const struct vm_block *b, char to[272])
{
    snprintf(to, 272, "/dev/%s", b->port);
    for (char *c = to + strlen("/dev/"); *c != '\0'; c++)
        if (*c == '_')
            *c = '/';
}

static int port_of(struct span source, char to[256])
{
    if (span_starts(source, "/dev/"))
        source = (struct span){source.at + 5, source.len - 5};
    int r = text_copy(to, 256, source);
    for (char *c = to; r == 0 && *c != '\0'; c++)
        if (*c == '/')
            *c = '_';
    return r < 0 || to[0] == '\0' ? -ERR_RANGE : 0;
}

struct vm_disk vm_block_disk(const struct vm_block *b, const char *source)
{
    bool is_dom0 = strcmp(b->backend, "dom0") == 0;
    return (struct vm_disk){.source = source,
                            .target = b->target[0] != '\0' ? b->target : NULL,
                            .devtype = b->devtype[0] != '\0' ? b->devtype : NULL,
                            .backend_domain = is_dom0 ? NULL : b->backend,
                            .read_only = b->read_only,
                            .has_script = b->script || is_dom0};
}

/* ---- options ---- */

void vm_block_options(struct vm_block *b, struct span lines)
{
    struct span name, value;
    while (assignment_option(&lines, &name, &value)) {
        if (span_is(name, "read-only"))
            b->read_only = span_is(value, "yes");
        else if (span_is(name, "frontend-dev"))
            (void)text_copy(b->target, sizeof b->target, value);
        else if (span_is(name, "devtype") && span_is(value, "cdrom"))
            (void)text_copy(b->devtype, sizeof b->devtype, value);
    }
}

void vm_block_lines(const struct vm_block *b, struct text *lines)
{
    assignment_option_write(lines, SPAN_LITERAL("read-only"), span_of(b->read_only ? "yes" : "no"));
    if (b->target[0] != '\0')
        assignment_option_write(lines, SPAN_LITERAL("frontend-dev"), span_of(b->target));
    if (b->devtype[0] != '\0')
        assignment_option_write(lines, SPAN_LITERAL("devtype"), span_of(b->devtype));
}

/* ---- the live domain ---- */

const struct vm_block *vm_block_find(const struct vm_block_list *list, const char *backend, const char *port)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->block[i].backend, backend) == 0 && strcmp(list->block[i].port, port) == 0)
            return &list->block[i];
    return NULL;
}

static bool is_used(const struct vm_block_list *list, const char *target)
{
    for (size_t i = 0; i < list->targets; i++)
        if (strcmp(list->used[i], target) == 0)
            return true;
    return false;
}

static void use(struct vm_block_list *list, const char *target)
{
    if (list->targets < COUNT(list->used) && !is_used(list, target))
        (void)text_copy(list->used[list->targets++], sizeof list->used[0], span_of(target));
}

static void keep(struct vm_block_list *list, const struct vm_block *b)
{
    if (list->count < VM_BLOCKS_MAX && vm_block_find(list, b->backend, b->port) == NULL)
        list->block[list->count++] = *b;
}

static void drop(struct vm_block_list *list, const struct vm_block *b)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->block[i].backend, b->backend) == 0 && strcmp(list->block[i].port, b->port) == 0)
            list->block[i] = list->block[--list->count];
    for (size_t i = 0; i < list->targets; i++)
        if (strcmp(list->used[i], b->target) == 0)
            memcpy(list->used[i], list->used[--list->targets], sizeof list->used[0]);
}

static bool is_systems(const char *target, bool has_kernel)
{
    return strcmp(target, "xvda") == 0 || strcmp(target, "xvdb") == 0 || strcmp(target, "xvdc") == 0 ||
           (has_kernel && strcmp(target, "xvdd") == 0);
}

static bool attribute_of(const struct xml_element *e, const char *name, char *to, size_t size)
{
    struct span value;
    return e != NULL && xml_attribute(e, name, &value) && value.len > 0 && text_copy(to, size, value) == 0;
}

static void read_disk(struct vm_block_list *list, const struct xml_element *disk, bool has_kernel)
{
    struct vm_block b = {.read_only = xml_child(disk, "readonly") != NULL};
    const struct xml_element *backend = xml_child(disk, "backenddomain");
    char type[16], source[256], devtype[16];
    if (!attribute_of(xml_child(disk, "target"), "dev", b.target, sizeof b.target))
        return;
    use(list, b.target);
    if (!attribute_of(disk, "type", type, sizeof type) || strcmp(type, "block") != 0 ||
        !attribute_of(xml_child(disk, "source"), "dev", source, sizeof source) ||
        is_systems(b.target, has_kernel) || port_of(span_of(source), b.port) < 0)
        return;
    if (!attribute_of(backend, "name", b.backend, sizeof b.backend))
        strcpy(b.backend, "dom0");
    if (attribute_of(disk, "device", devtype, sizeof devtype) && strcmp(devtype, "disk") != 0)
        (void)text_copy(b.devtype, sizeof b.devtype, span_of(devtype));
    keep(list, &b);
}

/* doors/domain.h, attach: what came and went under a driver without hot-plug.
 * "disk:BACKEND:xvdi:r:disk:/dev/sda" */
static bool read_word(struct span word, struct vm_block *b)
{
    struct span rest, part = span_split(word, ':', &rest);
    *b = (struct vm_block){.read_only = false};
    if (!span_is(part, "disk"))
        return false;
    part = span_split(rest, ':', &rest);
    if (text_copy(b->backend, sizeof b->backend, part) < 0)
        return false;
    part = span_split(rest, ':', &rest);
    if (text_copy(b->target, sizeof b->target, part) < 0)
        return false;
    b->read_only = span_is(span_split(rest, ':', &rest), "r");
    part = span_split(rest, ':', &rest);
    if (!span_is(part, "disk") && text_copy(b->devtype, sizeof b->devtype, part) < 0)
        return false;
    return port_of(rest, b->port) == 0;
}

static void read_words(struct vm_block_list *list, struct span words)
{
    struct vm_block b;
    while (words.len > 0) {
        struct span word = span_trim(span_split(words, ' ', &words));
        bool went = span_starts(word, "-");
        if (went)
            word = (struct span){word.at + 1, word.len - 1};
        if (!read_word(word, &b))
            continue;
        if (went) {
            drop(list, &b);
        } else {
            use(list, b.target);
            keep(list, &b);
        }
    }
}

void vm_block_list_read(struct vm_block_list *list, const struct xml_element *domain, bool has_kernel)
{
    const struct xml_element *devices = xml_child(domain, "devices"),
                             *metadata = xml_child(domain, "metadata");
    list->count = list->targets = 0;
    const struct xml_element *e = devices == NULL ? NULL : xml_child(devices, "disk");
    for (; e != NULL; e = xml_next(e, "disk"))
        read_disk(list, e, has_kernel);
    for (e = metadata == NULL ? NULL : xml_child(metadata, NULL); e != NULL; e = xml_next(e, NULL))
        if (span_is(xml_name(e), "attached"))
            read_words(list, xml_content(e));
}

/* ---- a target ---- */

/* xvdi to xvdz, xvdaa to xvdzz, xvda to xvdh, in this order. */
static void name_of(unsigned i, char name[16])
{
    unsigned two = i - 18, last = two - 26 * 26;
    if (i < 18)
        snprintf(name, 16, "xvd%c", 'i' + i);
    else if (two < 26 * 26)
        snprintf(name, 16, "xvd%c%c", 'a' + two / 26, 'a' + two % 26);
    else
        snprintf(name, 16, "xvd%c", 'a' + last % 8);
}

int vm_block_choose(struct vm_block *b, const struct vm_block_list *live, struct fault *why)
{
    if (b->target[0] != '\0')
        return 0;
    if (b->devtype[0] != '\0' && !is_used(live, "xvdd")) {
        strcpy(b->target, "xvdd");
        return 0;
    }
    for (unsigned i = 0; i < 18 + 26 * 26 + 8; i++) {
        name_of(i, b->target);
        if (!is_used(live, b->target))
            return 0;
    }
    b->target[0] = '\0';
    return fault_set(why, ERR_QUBES, "every name that a disk of the VM can have is taken");
}
