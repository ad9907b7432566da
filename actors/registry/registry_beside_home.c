/* SPDX-License-Identifier: MIT
 * Which files lie in a VM's directory, and where that is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actors/registry/registry_beside_inside.h"
#include "actors/registry/registry_file.h"
#include "actors/registry/registry_firewall.h"
#include "model/display.h"

/* Each kind of file: how it is read into what the model keeps, and back. */
static int read_notes(struct span bytes, uint64_t now, struct text *to, struct fault *why)
{
    (void)now;
    return display_safe(bytes, to, why);
}

static int write_notes(struct span kept, struct text *out, struct fault *why)
{
    text_append(out, kept);
    return out->failed < 0
               ? fault_set(why, (enum err) - out->failed, "notes.txt: %s", err_text((enum err) - out->failed))
               : 0;
}

const struct beside_sort beside_sorts[BESIDE_SORTS] = {
    {CHANGE_FIREWALL, "firewall.xml", 0664, registry_firewall_read, registry_firewall_write, "action=drop\n"},
    {CHANGE_NOTES, "notes.txt", 0664, read_notes, write_notes, NULL},
};

const struct beside_sort *beside_sort_of(enum change_kind kind)
{
    for (size_t k = 0; k < BESIDE_SORTS; k++)
        if (beside_sorts[k].kind == kind)
            return &beside_sorts[k];
    return NULL;
}

const struct beside_sort *beside_sort_at(const char *path)
{
    const char *file = strrchr(path, '/');
    for (size_t k = 1; file != NULL && k < BESIDE_SORTS; k++)
        if (strcmp(file + 1, beside_sorts[k].file) == 0)
            return &beside_sorts[k];
    return &beside_sorts[0];
}

/* A name becomes a part of a path: only what qubesd would call a VM. */
static bool is_plain(struct span name)
{
    return name.len > 0 && name.len <= 31 && name.at[0] != '.' && span_is_plain(name, "-_.");
}

static const char *folder_of(struct span value)
{
    struct span class_text;
    enum vm_class class;
    span_split(value, ' ', &class_text);
    return class_parse(class_text, &class) == 0 ? class_folder(class) : "";
}

static int by_qid(const void *a, const void *b)
{
    const struct beside_home *x = a, *y = b;
    return (x->qid > y->qid) - (x->qid < y->qid);
}

struct beside_home *beside_homes(const struct change *changes, size_t count, size_t *homes)
{
    struct beside_home *at = calloc(QID_MAX + 2, sizeof *at);
    *homes = 0;
    for (size_t i = 0; at != NULL && i < count && *homes <= QID_MAX; i++)
        if (changes[i].kind == CHANGE_VM && folder_of(changes[i].value)[0] != '\0')
            at[(*homes)++] = (struct beside_home){changes[i].qid, folder_of(changes[i].value), {NULL, 0}};
    if (at == NULL)
        return NULL;
    qsort(at, *homes, sizeof *at, by_qid);
    for (size_t i = 0; i < count; i++) {
        struct beside_home wanted = {.qid = changes[i].qid};
        if (changes[i].kind != CHANGE_PROPERTY || !span_is(changes[i].key, "name") ||
            !is_plain(changes[i].value))
            continue;
        struct beside_home *h = bsearch(&wanted, at, *homes, sizeof *at, by_qid);
        if (h != NULL)
            h->name = changes[i].value;
    }
    return at;
}

void beside_path(const struct beside_home *h, const struct beside_sort *sort, char path[BESIDE_PATH])
{
    snprintf(path, BESIDE_PATH, "%s/%.*s/%s", h->folder, (int)h->name.len, h->name.at, sort->file);
}

static int open_dir(int at, const char *name, bool make)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !make)
        return fd;
    if (mkdirat(at, name, 0775) < 0 && errno != EEXIST)
        return -1;
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int beside_open(int dir, const char *path, bool make)
{
    char folder[BESIDE_PATH], name[BESIDE_PATH];
    struct span rest, first = span_split(span_of(path), '/', &rest), second = span_split(rest, '/', &rest);
    if (text_copy(folder, sizeof folder, first) < 0 || text_copy(name, sizeof name, second) < 0)
        return -1;
    AUTO_FD outer = open_dir(dir, folder, make);
    return outer < 0 ? -1 : open_dir(outer, name, make);
}

int beside_get(int dir, const char *path, const char *file, struct text *bytes, struct fault *why)
{
    AUTO_FD home = beside_open(dir, path, false);
    if (home < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fault_set(why, ERR_UNKNOWN, "there is no %s", path);
    if (home < 0)
        return fault_set(why, ERR_IO, "cannot open the directory of %s: %s", path, strerror(errno));
    return registry_file_read(home, file, bytes, why);
}

const struct beside_home *beside_home_of(const struct beside_home *homes, size_t count, uint32_t qid)
{
    struct beside_home wanted = {.qid = qid};
    return bsearch(&wanted, homes, count, sizeof *homes, by_qid);
}
