/* SPDX-License-Identifier: MIT
 * A disk that fails when a test says so: a layer of our own between SQLite and the system. */
#ifndef TESTS_UNIT_DOORS_FAILING_DISK_H
#define TESTS_UNIT_DOORS_FAILING_DISK_H

#include <stdlib.h>

#include <sqlite3.h>

/* Counts down through write-like calls; the one that reaches 0 fails with `code`, and with `lasting` all
 * after it. */
static struct {
    int left, code, lasting, failed;
} disk;

struct bad_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static int broken(void)
{
    if (disk.left > 0 && --disk.left == 0) {
        disk.failed++;
        disk.left = disk.lasting ? 1 : 0;
        return disk.code;
    }
    return SQLITE_OK;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct bad_file *)f)->real;
}

static int bad_write(sqlite3_file *f, const void *at, int count, sqlite3_int64 where)
{
    int code = broken();
    return code != SQLITE_OK ? code : real_of(f)->pMethods->xWrite(real_of(f), at, count, where);
}

static int bad_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int code = broken();
    return code != SQLITE_OK ? code : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int bad_sync(sqlite3_file *f, int flags)
{
    int code = broken();
    return code != SQLITE_OK ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int pass_close(sqlite3_file *f)
{
    int code = real_of(f)->pMethods->xClose(real_of(f));
    free(real_of(f));
    return code;
}
static int pass_read(sqlite3_file *f, void *at, int count, sqlite3_int64 where)
{
    return real_of(f)->pMethods->xRead(real_of(f), at, count, where);
}
static int pass_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}
static int pass_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int pass_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int pass_check(sqlite3_file *f, int *held)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), held);
}
static int pass_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int pass_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int pass_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}
static int pass_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **at)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, at);
}
static int pass_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}
static void pass_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}
static int pass_shm_unmap(sqlite3_file *f, int erase)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), erase);
}

static const sqlite3_io_methods bad_methods = {
    2,           pass_close,   pass_read,     bad_write,        bad_truncate,   bad_sync,
    pass_size,   pass_lock,    pass_unlock,   pass_check,       pass_control,   pass_sector,
    pass_traits, pass_shm_map, pass_shm_lock, pass_shm_barrier, pass_shm_unmap, NULL,
    NULL,
};

static sqlite3_vfs *system_vfs;

static int bad_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct bad_file *file = (struct bad_file *)f;
    file->base.pMethods = NULL;
    file->real = calloc(1, (size_t)system_vfs->szOsFile);
    int code = system_vfs->xOpen(system_vfs, name, file->real, flags, out);
    if (code == SQLITE_OK)
        file->base.pMethods = &bad_methods;
    else
        free(file->real);
    return code;
}

static int install_bad_disk(void **state)
{
    (void)state;
    static sqlite3_vfs vfs;
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.szOsFile = sizeof(struct bad_file);
    vfs.zName = "bad";
    vfs.xOpen = bad_open;
    vfs.pNext = NULL;
    return sqlite3_vfs_register(&vfs, 1);
}

#endif
