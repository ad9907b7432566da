/* SPDX-License-Identifier: MIT
 * Steps on files that a crash cannot split: a name holds its old file or its new one, and after the call it
 * is on the disk. Only doors/pool_*.c include this. All block; errors as in doors/pool.h. Spec: storage 6.2.
 */
#ifndef DOORS_POOL_DISK_H
#define DOORS_POOL_DISK_H

#include "doors/pool_driver.h"

/* Whether it is there, with its *st (which may be NULL): 1, 0, or an error. */
int disk_stat(const struct pool_hand *h, const char *path, struct stat *st);

/* The directory is on the disk afterwards; one that is there is fine. Its parent must be there. 1: it was
 * made. */
int disk_make_directory(const struct pool_hand *h, const char *path, unsigned mode);
/* Of the directory `path`, or of the one that `path` lies in. */
int disk_sync_directory(const struct pool_hand *h, const char *path);
int disk_sync_parent(const struct pool_hand *h, const char *path);
int disk_sync_file(const struct pool_hand *h, const char *path);

int disk_rename(const struct pool_hand *h, const char *from, const char *to);
int disk_remove(const struct pool_hand *h, const char *path); /* what is not there is fine */
int disk_link(const struct pool_hand *h, const char *from, const char *to);
/* The directory goes if it is empty. */
int disk_remove_directory(const struct pool_hand *h, const char *path);

/* An empty file of `size` bytes takes the name; its directory is made. */
int disk_create(const struct pool_hand *h, const char *path, uint64_t size, unsigned mode);
/* A copy of `from` takes the name `to`, sharing blocks where the file system can, holes stay holes. */
struct disk_copy {
    bool resize; /* to `size` bytes; 0: nothing is copied at all */
    uint64_t size;
    bool keep_time; /* of the last change, to the nanosecond */
};
int disk_copy(const struct pool_hand *h, const char *from, const char *to, struct disk_copy how);
/* As disk_copy, from a descriptor: of at least `size` bytes, else an error. */
int disk_copy_fd(const struct pool_hand *h, int from, const char *to, uint64_t size);
int disk_resize(const struct pool_hand *h, const char *path, uint64_t size);

/* The bytes of `from`, up to `size`, into an open file or device that reads as zeros. Progress is watched. */
int disk_pour(const struct pool_hand *h, int from, int to, uint64_t size);
/* As disk_pour, from a caller's descriptor: a file of fewer bytes is an error, as a pipe of fewer is. */
int disk_pour_fd(const struct pool_hand *h, int from, int to, uint64_t size);
int disk_write(const struct pool_hand *h, int to, struct span data, uint64_t at, const char *path);
/* Both into a device that is there; of `size` bytes, and what goes beyond them is refused. */
int disk_write_device(const struct pool_hand *h, const char *path, uint64_t size, struct span data,
                      uint64_t at);
int disk_pour_device(const struct pool_hand *h, int from, const char *path, uint64_t size);

/* Whether files in the directory can share blocks: 1, 0, or an error. */
int disk_can_share(const struct pool_hand *h, const char *directory);

#endif
