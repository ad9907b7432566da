/* SPDX-License-Identifier: MIT
 * The parts of the file driver, which shares its directories with file-reflink; only doors/pool_file*.c
 * include this. Spec: storage 8. */
#ifndef DOORS_POOL_FILE_INSIDE_H
#define DOORS_POOL_FILE_INSIDE_H

#include "doors/pool_reflink_inside.h"

enum { FILE_DEVICE_MAX = 160 };

/* Names of one volume: its image is f.clean, an import f.import, its source's image f.source. */
struct file_files {
    struct reflink_files f;
    int64_t keep;
    char cow[POOL_PATH_MAX + 1], old[POOL_PATH_MAX + 1], source_cow[POOL_PATH_MAX + 1];
};

int file_names(struct file_files *n, const struct pool *p, const struct pool_hand *h, const struct volume *v);

#define FILE_FILES(n, p, h, e)                                                                               \
    struct file_files n;                                                                                     \
    int r = file_names(&n, p, h, (e)->volume);                                                               \
    if (r < 0)                                                                                               \
    return r

/* The device mapper's device of a volume that is copied on write; one that is not has none, and that is fine.
 * Each is a tool's run, but for _has: 1 and its name when it is there. */
int file_make_device(const struct file_files *n);
/* Whether the tools for that are there, for a volume that gets one: 0, or -ERR_STORAGE. */
int file_can_make_device(const struct file_files *n);
int file_has_device(const struct file_files *n, char name[FILE_DEVICE_MAX]);
int file_drop_device(const struct file_files *n);
int file_stretch_device(const struct file_files *n, uint64_t size);

/* Whether the area holds anything but the header of an empty one: 1, 0, or an error. */
int file_cow_has_data(const struct file_files *n);
/* As large as `image`; none if it is there. */
int file_make_cow(const struct file_files *n, const char *path, const char *image);
/* The data are in the image already; what was there before goes, or becomes the revision. */
int file_commit(const struct file_files *n);

#endif
