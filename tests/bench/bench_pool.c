/* SPDX-License-Identifier: MIT
 * What a pool's copies cost: the clone of a sparse image of 10 GiB by shared blocks (xfs), and by copying
 * (ext4) beside `cp --sparse=always` and sync of the same file in the same run, taken in turns. bench_pool
 * DIRECTORY      loop devices and their images are made in it and removed; root */
#include <errno.h>
#include <time.h>

#include "tests/bench/client.h"
#include "tests/unit/doors/pool_bench.h"

enum { ROUNDS = 5, PIECES = 64, PIECE = 4 << 20 };
#define IMAGE ((uint64_t)10 << 30)

static char dir[256];

static void must(struct pool *p, enum pool_verb verb, const struct pool_errand *e)
{
    struct fault why = {0};
    if (pool_do(p, verb, e, NULL, &why) < 0) {
        fprintf(stderr, "%s: %s\n", pool_verb_name(verb), why.text);
        exit(1);
    }
}

/* 256 MiB of data that no zeros are in, over the whole of it. */
static void fill(const char *path)
{
    static char bytes[PIECE];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(1 + i % 251);
    for (off_t i = 0; i < PIECES; i++)
        if (pwrite(fd, bytes, sizeof bytes, i * (off_t)(IMAGE / PIECES)) != (ssize_t)sizeof bytes)
            exit(1);
    fsync(fd);
    close(fd);
}

static struct pool *pool_with_image(const char *type, struct volume *source)
{
    char parameters[300], path[600];
    snprintf(parameters, sizeof parameters, "dir_path=%s/pool\nsetup_check=False", dir);
    if (!mount_own(type, dir, 2048))
        return NULL;
    struct pool *p = pool_at("file-reflink", parameters, NULL);
    *source = volume_of(
        "root",
        "vid=vm-templates/t/root\nrevisions_to_keep=-1\nrw=True\nsave_on_stop=True\nsize=10737418240");
    must(p, POOL_setup, NULL);
    must(p, POOL_create, &(struct pool_errand){.volume = source});
    snprintf(path, sizeof path, "%s/pool/%s.img", dir, source->vid);
    fill(path);
    return p;
}

static void by_sharing(void)
{
    struct volume source,
        to = volume_of("root",
                       "vid=appvms/a/root\nrevisions_to_keep=1\nrw=True\nsave_on_stop=True\nsize=4096");
    double times[ROUNDS];
    struct pool *p = pool_with_image("xfs", &source);
    if (p == NULL) {
        printf("# no xfs on a loop device here: nothing to share blocks on\n");
        return;
    }
    for (int i = 0; i < ROUNDS; i++) {
        double began = now_us();
        must(p, POOL_clone, &(struct pool_errand){.volume = &to, .source = &source});
        times[i] = (now_us() - began) / 1e3;
    }
    sort_times(times, ROUNDS);
    print_row("clone of a 10 GiB image, shared blocks, p50", times[ROUNDS / 2], "ms", 0, AT_MOST, 100);
    pool_free(p);
    umount2(dir, MNT_DETACH);
}

static void by_copying(void)
{
    struct volume source,
        to = volume_of("root",
                       "vid=appvms/a/root\nrevisions_to_keep=-1\nrw=True\nsave_on_stop=True\nsize=4096");
    double ours[ROUNDS], theirs[ROUNDS];
    char path[600], line[1600];
    struct pool *p = pool_with_image("ext4", &source);
    if (p == NULL) {
        printf("# no ext4 on a loop device here\n");
        return;
    }
    snprintf(path, sizeof path, "%s/pool/%s.img", dir, source.vid);
    snprintf(line, sizeof line, "rm -f %s/copy && cp --sparse=always -- %s %s/copy && sync %s/copy", dir,
             path, dir, dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct pool_errand e = {.volume = &to, .fd = fd, .size = IMAGE};
    for (int i = 0; i < ROUNDS; i++) {
        double began = now_us();
        must(p, POOL_import_fd, &e);
        double between = now_us();
        if (!run_quietly(line))
            exit(1);
        ours[i] = PIECES * (double)PIECE / (between - began);
        theirs[i] = PIECES * (double)PIECE / (now_us() - between);
    }
    sort_times(ours, ROUNDS);
    sort_times(theirs, ROUNDS);
    print_row("copy of a 10 GiB image with 256 MiB of data, p50", ours[ROUNDS / 2], "MB/s",
              theirs[ROUNDS / 2], AT_LEAST, 0.9);
    close(fd);
    pool_free(p);
    umount2(dir, MNT_DETACH);
}

int main(int argc, char **argv)
{
    snprintf(dir, sizeof dir, "%s/bench-pool.XXXXXX", argc > 1 ? argv[1] : "/var/tmp");
    if (geteuid() != 0) {
        printf("# bench_pool needs root for its loop devices\n");
        return 0;
    }
    if (mkdtemp(dir) == NULL)
        return 1;
    by_sharing();
    by_copying();
    rmdir(dir);
    return 0;
}
