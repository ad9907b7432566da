/* SPDX-License-Identifier: MIT
 * An LVM of files: lvcreate, lvremove, lvrename, lvresize, lvchange, lvs and blkdiscard as the driver calls
 * them, thin volumes as files below a folder that stands in for /dev. One command may fail or be the last
 * before a crash. */
#ifndef TESTS_UNIT_DOORS_POOL_LVM_FAKE_H
#define TESTS_UNIT_DOORS_POOL_LVM_FAKE_H

#include <errno.h>

#include "tests/unit/doors/pool_bench.h"
#include "tests/unit/doors/pool_rows.h"

enum { FAKE_LVS = 64 };

static struct {
    char dev[64]; /* where volumes lie */
    struct {
        char name[128], origin[128];
        uint64_t size;
        unsigned number;
        bool inactive;
    } at[FAKE_LVS];
    size_t count;
    unsigned made, fail_at; /* commands that change something; 1: the first */
    bool after, dead;       /* it fails when it was done; all that follow fail, too */
    int64_t clock;          /* microseconds, a second further at each look */
    char said[8][300];      /* the last commands */
    unsigned numbers;       /* of thin devices; 1: the first */
    unsigned stuck;         /* the pool has this one and LVM tells it to make it, in every command */
} lvm_fake;

static inline int fake_find(const char *name)
{
    for (size_t i = 0; i < lvm_fake.count; i++)
        if (strcmp(lvm_fake.at[i].name, name) == 0)
            return (int)i;
    return -1;
}

static inline const char *fake_path(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof path[0], "%s/%s", lvm_fake.dev, name);
    return to;
}

static inline int complain(struct pool_output *out, const char *what, const char *name)
{
    out->err = TEXT_WITH_LIMIT(POOL_COMPLAINT_MOST);
    text_format(
        &out->err,
        "  WARNING: Sum of all thin volume sizes exceeds the size of thin pool.\n  %s \"vg/%s\" (100%%).\n",
        what, name);
    out->status = 5;
    return 0;
}

static inline const char *value_of(const char *const *argv, const char *option)
{
    for (; *argv != NULL; argv++)
        if (strncmp(*argv, option, strlen(option)) == 0)
            return *argv + strlen(option);
    return "";
}

static inline const char *bare(const char *vid)
{
    return strncmp(vid, "vg/", 3) == 0 ? vid + 3 : vid;
}

/* As lvcreate and lvresize take sizes: whole sectors. */
static inline bool fake_sized(const char *size, struct pool_output *out)
{
    unsigned long long bytes = strtoull(size, NULL, 10);
    if (bytes % 512 == 0)
        return true;
    complain(out, "Size is not a multiple of 512", size);
    out->status = 3;
    return false;
}

static inline int fake_create(const char *const *argv, const char *last, struct pool_output *out)
{
    const char *name = bare(value_of(argv, "--name="));
    int source = value_of(argv, "--virtualsize=")[0] == '\0' ? fake_find(bare(last)) : -2;
    char line[700];
    if (!fake_sized(value_of(argv, "--virtualsize="), out))
        return 0;
    for (const char *const *at = argv; source != -2 && *at != NULL; at++)
        if (strcmp(*at, "--snapshot") == 0)
            return complain(out, "snapshot: Required device-mapper target(s) not detected", last);
    if (fake_find(name) >= 0)
        return complain(out, "Logical Volume already exists", name);
    if (source == -1)
        return complain(out, "Failed to find logical volume", last);
    if (lvm_fake.count == FAKE_LVS)
        abort();
    size_t i = lvm_fake.count++;
    memset(&lvm_fake.at[i], 0, sizeof lvm_fake.at[i]);
    lvm_fake.at[i].number = ++lvm_fake.numbers;
    snprintf(lvm_fake.at[i].name, sizeof lvm_fake.at[i].name, "%s", name);
    if (source >= 0) {
        memcpy(lvm_fake.at[i].origin, lvm_fake.at[source].name, sizeof lvm_fake.at[i].origin);
        lvm_fake.at[i].size = lvm_fake.at[source].size;
        snprintf(line, sizeof line, "cp %s %s", fake_path(lvm_fake.at[source].name), fake_path(name));
    } else {
        lvm_fake.at[i].size = strtoull(value_of(argv, "--virtualsize="), NULL, 10);
        snprintf(line, sizeof line, "truncate -s %llu %s", (unsigned long long)lvm_fake.at[i].size,
                 fake_path(name));
    }
    return run_quietly(line) ? 0 : -1;
}

static inline int fake_rename(const char *from, const char *to, struct pool_output *out)
{
    int i = fake_find(from);
    if (i < 0 || fake_find(to) >= 0)
        return complain(out, "Cannot rename", from);
    for (size_t k = 0; k < lvm_fake.count; k++)
        if (strcmp(lvm_fake.at[k].origin, from) == 0)
            snprintf(lvm_fake.at[k].origin, sizeof lvm_fake.at[k].origin, "%s", to);
    snprintf(lvm_fake.at[i].name, sizeof lvm_fake.at[i].name, "%s", to);
    return rename(fake_path(from), fake_path(to));
}

static inline int fake_remove(const char *name, struct pool_output *out)
{
    int i = fake_find(name);
    if (i < 0)
        return complain(out, "Failed to find logical volume", name);
    for (size_t k = 0; k < lvm_fake.count; k++)
        if (strcmp(lvm_fake.at[k].origin, name) == 0)
            lvm_fake.at[k].origin[0] = '\0';
    lvm_fake.at[i] = lvm_fake.at[--lvm_fake.count];
    return unlink(fake_path(name));
}

/* What was written is gone, as on a disk. */
static inline int fake_discard(const char *path, struct pool_output *out)
{
    char line[300];
    int i = fake_find(path + strlen("/dev/vg/"));
    if (i < 0)
        return complain(out, "cannot open", path);
    snprintf(line, sizeof line, "truncate -s 0 %s && truncate -s %llu %s", fake_path(lvm_fake.at[i].name),
             (unsigned long long)lvm_fake.at[i].size, fake_path(lvm_fake.at[i].name));
    return run_quietly(line) ? 0 : -1;
}

static inline int fake_report(struct pool_output *out)
{
    out->out = TEXT_WITH_LIMIT(1 << 20);
    text_add(&out->out, "  {\"report\":[{\"lv\":[\n"
                        "{\"vg_name\":\"other\",\"pool_lv\":\"\",\"lv_name\":\"root\",\"lv_size\":\"4096B\","
                        "\"lv_attr\":\"-wi-ao----\"},\n"
                        "{\"vg_name\":\"vg\",\"pool_lv\":\"\",\"lv_name\":\"pool\",\"lv_size\":\"1000000B\","
                        "\"data_percent\":\"12.50\","
                        "\"lv_attr\":\"twi-aotz--\",\"origin\":\"\",\"lv_metadata_size\":\"4096B\","
                        "\"metadata_percent\":\"50.00\"}");
    for (size_t i = 0; i < lvm_fake.count; i++)
        text_format(&out->out,
                    ",\n{\"vg_name\":\"vg\",\"pool_lv\":\"pool\",\"lv_name\":\"%s\",\"lv_size\":\"%lluB\","
                    "\"data_percent\":\"25.00\","
                    "\"lv_attr\":\"Vwi-%c-tz--\",\"thin_id\":\"%u\",\"origin\":\"%s\",\"lv_metadata_size\":"
                    "\"\",\"metadata_"
                    "percent\":\"\"}",
                    lvm_fake.at[i].name, (unsigned long long)lvm_fake.at[i].size,
                    lvm_fake.at[i].inactive ? '-' : 'a', lvm_fake.at[i].number, lvm_fake.at[i].origin);
    text_add(&out->out, "]}]}\n");
    return 0;
}

static inline int fake_resize(size_t i, const char *text, struct pool_output *out)
{
    uint64_t size = strtoull(text, NULL, 10);
    if (!fake_sized(text, out))
        return 0;
    if (lvm_fake.at[i].size == size)
        return complain(out, "New size matches existing size", lvm_fake.at[i].name);
    if (lvm_fake.at[i].size > size)
        return complain(out, "Not reduced: nobody answers its question", lvm_fake.at[i].name);
    lvm_fake.at[i].size = size;
    return truncate(fake_path(lvm_fake.at[i].name), (off_t)size);
}

static inline int fake_stuck(struct pool_output *out)
{
    out->err = TEXT_WITH_LIMIT(POOL_COMPLAINT_MOST);
    text_format(&out->err,
                "  device-mapper: message ioctl on  (253:3) failed: File exists\n"
                "  Failed to process message \"create_snap %u 5\".\n",
                lvm_fake.stuck);
    out->status = 5;
    return 0;
}

/* dmsetup message vg-pool-tpool 0 "delete 6" */
static inline int fake_message(const char *const *argv, struct pool_output *out)
{
    if (strcmp(argv[2], "vg-pool-tpool") != 0 || strncmp(argv[4], "delete ", 7) != 0 ||
        strtoul(argv[4] + 7, NULL, 10) != lvm_fake.stuck)
        return complain(out, "No such device", argv[4]);
    lvm_fake.stuck = 0;
    return 0;
}

static inline int fake_do(const char *const *argv, struct pool_output *out)
{
    const char *last = argv[0], *before = argv[0];
    for (const char *const *at = argv; *at != NULL; at++) {
        before = last;
        last = *at;
    }
    if (lvm_fake.stuck != 0 && (strcmp(argv[1], "lvcreate") == 0 || strcmp(argv[1], "lvremove") == 0))
        return fake_stuck(out);
    if (strcmp(argv[1], "lvcreate") == 0)
        return fake_create(argv, last, out);
    if (strcmp(argv[1], "lvrename") == 0)
        return fake_rename(bare(before), bare(last), out);
    if (strcmp(argv[1], "lvremove") == 0)
        return fake_remove(bare(last), out);
    int i = fake_find(bare(last));
    if (i < 0)
        return complain(out, "Failed to find logical volume", last);
    if (strcmp(argv[1], "lvchange") == 0)
        lvm_fake.at[i].inactive = false;
    else if (strcmp(argv[1], "lvresize") == 0)
        return fake_resize((size_t)i, value_of(argv, "--size="), out);
    else
        abort();
    return truncate(fake_path(bare(last)), (off_t)lvm_fake.at[i].size);
}

static inline int fake_run(const struct pool_program *program, struct pool_output *out)
{
    static const struct tool_pool ours = {.group = "vg", .thin = "pool"};
    *out = (struct pool_output){0};
    must_fit_a_row(program, &ours);
    if (lvm_fake.dead) {
        errno = EIO;
        return -1;
    }
    if (strcmp(program->argv[0], "blkdiscard") == 0)
        return fake_discard(program->argv[3], out);
    if (strcmp(program->argv[0], "dmsetup") == 0)
        return fake_message(program->argv, out);
    if (strcmp(program->argv[0], "lvm") != 0)
        abort();
    if (strcmp(program->argv[1], "lvs") == 0)
        return fake_report(out);
    bool now = ++lvm_fake.made == lvm_fake.fail_at;
    char *line = lvm_fake.said[(lvm_fake.made - 1) % 8];
    line[0] = '\0';
    for (const char *const *at = program->argv + 1; *at != NULL; at++)
        if (strncmp(*at, "--config=", 9) != 0) /* the same in each, and its row's */
            snprintf(line + strlen(line), sizeof lvm_fake.said[0] - strlen(line), "%s%s",
                     line[0] != '\0' ? " " : "", *at);
    if (now)
        lvm_fake.dead = true;
    if (now && !lvm_fake.after) {
        errno = EIO;
        return -1;
    }
    int r = fake_do(program->argv, out);
    if (now) {
        errno = EIO;
        return -1;
    }
    return r;
}

static inline int fake_open(const char *path, int flags, unsigned mode)
{
    return pool_calls_real.open(strncmp(path, "/dev/vg/", 8) == 0 ? fake_path(path + 8) : path, flags, mode);
}

static inline int64_t fake_now(void)
{
    return lvm_fake.clock += 1000000;
}

static inline struct pool_calls lvm_fake_calls(void)
{
    struct pool_calls calls = pool_calls_real;
    calls.run = fake_run;
    calls.open = fake_open;
    calls.now = fake_now;
    return calls;
}

#endif
