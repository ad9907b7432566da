/* SPDX-License-Identifier: MIT
 * The suite of every driver on what it really lies on: file systems on loop devices, and a thin pool where
 * the kernel has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/doors/pool_suite.h"
#include "tests/unit/doors/pool_thin.h"

static const struct ground grounds[] = {
    {"lvm_thin", "lvm_thin", THIN_GROUP "/vm-V-N", NULL, 96, .copies = true, .rounds = true},
    {"file-reflink on btrfs", "file-reflink", "appvms/V/N", "btrfs", 128, .copies = true},
    {"file-reflink on xfs", "file-reflink", "appvms/V/N", "xfs", 320, .copies = true},
    {"file-reflink on ext4", "file-reflink", "appvms/V/N", "ext4", 96, .copies = true},
    {"callback over file-reflink", "callback", "appvms/V/N", "ext4", 96, .copies = true},
    {"file", "file", "appvms/V/N", "ext4", 96, .copies = false},
};

static char dir[64] = "/tmp/pool-drivers-test.XXXXXX";
static struct pool_calls calls;

static int open_own(const char *path, int flags, unsigned mode)
{
    char configuration[128];
    snprintf(configuration, sizeof configuration, "%s/callback.json", dir);
    return pool_calls_real.open(strcmp(path, "/etc/qubes_callback.json") == 0 ? configuration : path, flags,
                                mode);
}

/* The scripts of the driver file, which no verb of the suite runs. */
static int stat_own(const char *path, struct stat *ret)
{
    return pool_calls_real.stat(strncmp(path, "/usr/lib/qubes/", 15) == 0 ? "/bin/sh" : path, ret);
}

static void write_configuration(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/callback.json", dir);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        abort();
    fprintf(f,
            "{\"one\": {\"bdriver\": \"file-reflink\", \"bdriver_args\": {\"dir_path\": \"%s/pool\", "
            "\"setup_check\": false}, \"cmd\": \"true\"}}",
            dir);
    fclose(f);
}

static bool stand_on(const struct ground *g)
{
    char parameters[256];
    ground = g;
    calls = pool_calls_real;
    calls.open = open_own;
    calls.stat = stat_own;
    snprintf(parameters, sizeof parameters, "dir_path=%s/pool%s", dir,
             strcmp(g->driver, "file") == 0 ? "\nrevisions_to_keep=1" : "\nsetup_check=False");
    if (g->type == NULL) {
        if (!thin_there())
            return false;
        if (!thin_make(g->mib))
            abort();
        snprintf(parameters, sizeof parameters, "volume_group=" THIN_GROUP "\nthin_pool=pool");
    } else if (!mount_own(g->type, dir, g->mib))
        return false;
    if (strcmp(g->driver, "callback") == 0) {
        write_configuration();
        snprintf(parameters, sizeof parameters, "conf_id=one");
    }
    pool = pool_at(g->driver, parameters, &calls);
    if (pool_do(pool, POOL_setup, NULL, NULL, &why) < 0)
        print_error("setup: %s\n", why.text);
    return true;
}

static int on(const struct ground *g)
{
    if (!stand_on(g)) {
        printf("1..0 # SKIP %s: %s\n", g->name,
               g->type == NULL ? "no thin pools in this kernel"
                               : "no such file system on a loop device here");
        return 0;
    }
    int r = run_suite();
    pool_free(pool);
    if (g->type == NULL)
        r += !thin_end();
    else
        umount2(dir, MNT_DETACH);
    return r;
}

/* pool_drivers_test [GROUND]: on that one only. */
int main(int argc, char **argv)
{
    int r = 0;
    if (mkdtemp(dir) == NULL)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < COUNT(grounds); i++)
        if (argc < 2 || strcmp(argv[1], grounds[i].name) == 0)
            r += on(&grounds[i]);
    rmdir(dir);
    return r;
}
