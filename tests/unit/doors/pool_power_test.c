/* SPDX-License-Identifier: MIT
 * The power is cut at any instant of a verb: on each disk that may be found then (pool_film.h) the next
 * process must find the old state or the new one. */
#include <ftw.h>

#include "tests/unit/doors/pool_film.h"

/* ---- from the first disk to all that may follow ---- */

static int first_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)where;
    assert_true(film.base_count < FILES);
    struct file *f = &film.base[film.base_count++];
    snprintf(f->path, PATH, "%s", path);
    f->inode = FOLDER;
    if (type == FTW_D)
        return 0;
    if ((f->inode = inode_of(st->st_ino)) < 0) {
        AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
        int version = keep_version(fd, false);
        /* what a VM or an importer wrote has not reached the disk yet */
        bool late = strstr(path, "v-m/private-dirty") != NULL || strstr(path, "v-m/private-import") != NULL;
        f->inode = new_inode(st->st_ino, version, late ? keep_version(fd, true) : version);
    }
    return 0;
}

static void lay_out(const struct disk *d)
{
    int made[INODES];
    char line[128];
    snprintf(line, sizeof line, "%s/pool", dir);
    memset(made, -1, sizeof made);
    snprintf(line, sizeof line, "rm -rf %s/pool", dir);
    assert_true(run_quietly(line));
    for (unsigned i = 0; i < d->count; i++) {
        const struct file *f = &d->files[i];
        if (f->inode == FOLDER) {
            mkdir(f->path, 0755);
            continue;
        }
        if (made[f->inode] >= 0) {
            (void)!link(d->files[made[f->inode]].path, f->path);
            continue;
        }
        const struct version *v = &film.versions[f->version];
        AUTO_FD fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            continue; /* its directory was not durable either */
        assert_int_equal(write(fd, v->bytes, v->size), (ssize_t)v->size);
        struct timespec times[2] = {v->changed, v->changed};
        assert_int_equal(futimens(fd, times), 0);
        made[f->inode] = (int)i;
    }
}

static void forget(void)
{
    for (unsigned i = 0; i < film.version_count; i++)
        free(film.versions[i].bytes);
    struct disk *disks = film.disks;
    memset(&film, 0, sizeof film);
    film.disks = disks;
}

static void power_is_cut_during(const struct trial *t)
{
    struct scene s;
    char root[128];
    forget();
    prepare(&s, t);
    film.below = really();
    snprintf(root, sizeof root, "%s/pool", dir);
    assert_int_equal(nftw(root, first_file, 8, FTW_PHYS), 0);
    struct pool_calls calls = filmed();
    AUTO(pool) *p = open_pool(&calls);
    film.on = true;
    cut();
    must(p, t->verb, &s.e);
    film.done = true;
    cut();
    film.on = false;
    for (unsigned i = 0; i < film.disk_count; i++) {
        lay_out(&film.disks[i]);
        is_old_or_new(&s, film.disks[i].done, "power cut, disk after", i);
    }
    print_message("# %s: %u changes of names, %u disks\n", t->name, film.op_count, film.disk_count);
    assert_true(film.disk_count > film.op_count);
}

static void the_power_may_be_cut_at_any_instant(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(trials); i++)
        power_is_cut_during(&trials[i]);
}

static int all(const char *name)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_power_may_be_cut_at_any_instant)};
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    film.disks = calloc(DISKS, sizeof *film.disks);
    if (film.disks == NULL || !begin_trials())
        return 1;
    int r = all("copying");
    sharing = true;
    r += all("sharing blocks");
    forget();
    free(film.disks);
    return end_trials() ? r : 1;
}
