/* SPDX-License-Identifier: MIT
 * A file volume's names, its devices and its copy-on-write area; in storage. Spec: storage 8. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "doors/pool_file_inside.h"
#include "doors/pool_tool.h"

enum { HEADER = 256 * 1024 };

int file_names(struct file_files *n, const struct pool *p, const struct pool_hand *h, const struct volume *v)
{
    int r = reflink_files(&n->f, (const struct reflink *)p, h, v);
    if (r < 0)
        return r;
    if (volume_kind(v) == VOLUME_BOTH)
        return fault_set(h->why, ERR_NOT_IMPLEMENTED, "driver file cannot save a snapshot (volume %s)",
                         v->vid);
    n->keep = v->save_on_stop ? v->revisions_to_keep : 0;
    if (n->keep > 1)
        return fault_set(h->why, ERR_NOT_IMPLEMENTED, "driver file keeps at most one revision (volume %s)",
                         v->vid);
    snprintf(n->cow, sizeof n->cow, "%s-cow.img", n->f.base);
    snprintf(n->old, sizeof n->old, "%s-cow.img.old", n->f.base);
    snprintf(n->source_cow, sizeof n->source_cow, "%s/%s-cow.img", ((const struct reflink *)p)->dir,
             v->source);
    return 0;
}

/* ---- devices ---- */

static int append_id(const struct file_files *n, const char *path, char *to)
{
    struct stat st;
    int r = disk_stat(n->f.h, path, &st);
    if (r == 0)
        return fault_set(n->f.h->why, ERR_STORAGE, "Missing image file: %s", path);
    size_t len = strlen(to);
    if (r > 0)
        snprintf(to + len, FILE_DEVICE_MAX - len, "-%" PRIx64 ":%" PRIu64, (uint64_t)st.st_dev,
                 (uint64_t)st.st_ino);
    return r;
}

/* The device that its VM is given; "" when that is the file. */
static int device_name(const struct file_files *n, char to[FILE_DEVICE_MAX])
{
    int r;
    to[0] = '\0';
    if (volume_kind(n->f.v) == VOLUME_VOLATILE || volume_in_place(n->f.v))
        return 0;
    snprintf(to, FILE_DEVICE_MAX, "%s", n->f.v->snap_on_start ? "snapshot" : "origin");
    if (!n->f.v->snap_on_start)
        return append_id(n, n->f.clean, to);
    if ((r = append_id(n, n->f.source, to)) < 0 || (r = append_id(n, n->source_cow, to)) < 0)
        return r;
    return append_id(n, n->cow, to);
}

static const char make_file[] = "/usr/lib/qubes/create-snapshot",
                  drop_file[] = "/usr/lib/qubes/destroy-snapshot";

int file_can_make_device(const struct file_files *n)
{
    bool needed = volume_kind(n->f.v) != VOLUME_VOLATILE && !volume_in_place(n->f.v);
    const char *const files[] = {make_file, drop_file};
    for (size_t i = 0; needed && i < COUNT(files); i++) {
        int r = disk_stat(n->f.h, files[i], NULL);
        if (r < 0)
            return r;
        if (r == 0)
            return fault_set(n->f.h->why, ERR_STORAGE,
                             "a pool of driver file starts volume %s by %s, which is not there: install the "
                             "package of qubesd that has it, or clone the VM into a pool of driver "
                             "file-reflink or lvm_thin",
                             n->f.v->vid, files[i]);
    }
    return 0;
}

int file_make_device(const struct file_files *n)
{
    char name[FILE_DEVICE_MAX];
    bool snapshot = n->f.v->snap_on_start;
    int r = device_name(n, name);
    const char *argv[] = {make_file,
                          name,
                          snapshot ? n->f.source : n->f.clean,
                          snapshot ? n->source_cow : n->cow,
                          snapshot ? n->cow : NULL,
                          NULL};
    return r < 0 || name[0] == '\0' ? r : tool_run(n->f.h, argv, NULL, NULL);
}

int file_has_device(const struct file_files *n, char name[FILE_DEVICE_MAX])
{
    char path[FILE_DEVICE_MAX + 16];
    struct fault quiet;
    struct pool_hand hand = *n->f.h;
    struct file_files asked = *n;
    hand.why = &quiet;
    asked.f.h = &hand;
    if (device_name(&asked, name) < 0 || name[0] == '\0')
        return 0; /* without its files it has no name */
    snprintf(path, sizeof path, "/dev/mapper/%s", name);
    return disk_stat(n->f.h, path, NULL);
}

int file_drop_device(const struct file_files *n)
{
    char name[FILE_DEVICE_MAX];
    const char *argv[] = {drop_file, name, NULL};
    int r = file_has_device(n, name);
    return r <= 0 ? r : tool_run(n->f.h, argv, NULL, NULL);
}

/* "0 64 snapshot-origin 7:0" with another length. */
int file_stretch_device(const struct file_files *n, uint64_t size)
{
    char name[FILE_DEVICE_MAX], table[128];
    AUTO_TEXT said = {0};
    struct span rest, kind;
    const char *ask[] = {"dmsetup", "table", name, NULL},
               *load[] = {"dmsetup", "load", name, "--table", table, NULL},
               *resume[] = {"dmsetup", "resume", name, NULL};
    int r = file_has_device(n, name);
    if (r <= 0 || (r = tool_run(n->f.h, ask, NULL, &said)) < 0)
        return r;
    span_split(span_trim(text_span(&said)), ' ', &rest); /* its start */
    span_split(rest, ' ', &rest);                        /* its length */
    kind = span_split(rest, ' ', &rest);
    if (!span_is(kind, "snapshot-origin") || rest.len == 0 || rest.len > 40)
        return fault_set(n->f.h->why, ERR_STORAGE, "the device of %s is no snapshot-origin", n->f.v->vid);
    snprintf(table, sizeof table, "0 %" PRIu64 " snapshot-origin %.*s", size / 512, (int)rest.len, rest.at);
    return (r = tool_run(n->f.h, load, NULL, NULL)) < 0 ? r : tool_run(n->f.h, resume, NULL, NULL);
}

/* ---- the copy-on-write area ---- */

static bool is_empty_header(const char *at, size_t len)
{
    static const unsigned char head[16] = {'S', 'n', 'A', 'p', 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0};
    size_t from = len >= sizeof head && memcmp(at, head, sizeof head) == 0 ? sizeof head : 0;
    for (; from < len; from++)
        if (at[from] != 0)
            return false;
    return true;
}

int file_cow_has_data(const struct file_files *n)
{
    int fd = n->f.h->call->open(n->cow, O_RDONLY, 0);
    if (fd < 0)
        return errno == ENOENT ? 0 : pool_broken(n->f.h, "open", n->cow);
    AUTO_MEMORY char *bytes = malloc(HEADER);
    int r = bytes == NULL ? fault_set(n->f.h->why, ERR_NOMEM, "no memory to look into %s", n->cow) : 0;
    if (r >= 0 && n->f.h->call->lseek(fd, HEADER, SEEK_DATA) >= 0)
        r = 1;
    else if (r >= 0) {
        ssize_t len = n->f.h->call->pread(fd, bytes, HEADER, 0);
        r = len < 0 ? pool_broken(n->f.h, "read", n->cow) : !is_empty_header(bytes, (size_t)len);
    }
    n->f.h->call->close(fd);
    return r;
}

int file_make_cow(const struct file_files *n, const char *path, const char *image)
{
    struct stat st;
    int r = disk_stat(n->f.h, path, NULL);
    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = disk_stat(n->f.h, image, &st)) == 0)
        return fault_set(n->f.h->why, ERR_STORAGE, "Missing image file: %s", image);
    return r < 0 ? r : disk_create(n->f.h, path, (uint64_t)st.st_size, 0664);
}

int file_commit(const struct file_files *n)
{
    int r = disk_stat(n->f.h, n->cow, NULL);
    if (r > 0 && n->keep == 1)
        r = disk_rename(n->f.h, n->cow, n->old);
    else if (r > 0)
        r = disk_remove(n->f.h, n->cow);
    return r < 0 ? r : file_make_cow(n, n->cow, n->f.clean);
}
