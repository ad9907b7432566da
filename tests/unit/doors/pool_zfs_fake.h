/* SPDX-License-Identifier: MIT
 * A ZFS of files: zfs and zpool as the driver calls them, with what their manual says of snapshots, clones,
 * deferred destruction and promotion; each dataset and snapshot is a file. One command may fail or be the
 * last before a crash. */
#ifndef TESTS_UNIT_DOORS_POOL_ZFS_FAKE_H
#define TESTS_UNIT_DOORS_POOL_ZFS_FAKE_H

#include "tests/unit/doors/pool_rows.h"
#include "tests/unit/doors/pool_zfs_rows.h"

/* ---- commands: what zfs's manual says of each ---- */

static inline int zf_create(const char *const *argv, const char *last, struct pool_output *out)
{
    uint64_t size = 0;
    for (const char *const *at = argv; *at != NULL; at++)
        if (strcmp(*at, "-V") == 0)
            size = (strtoull(at[1], NULL, 10) + FAKE_BLOCK - 1) / FAKE_BLOCK * FAKE_BLOCK;
    if (zf_find(last) != NULL)
        return zf_complain(out, "create", last, "dataset already exists");
    zf_parents(last);
    zf_add(last, size)->marked = size == 0;
    return 0;
}

static inline int zf_clone(const char *from, const char *to, struct pool_output *out)
{
    if (zf_find(from) == NULL || strchr(from, '@') == NULL)
        return zf_complain(out, "open", from, "dataset does not exist");
    if (zf_find(to) != NULL)
        return zf_complain(out, "create", to, "dataset already exists");
    zf_parents(to);
    struct fake_row *row = zf_add(to, zf_find(from)->size);
    snprintf(row->origin, sizeof row->origin, "%s", from);
    zf_copy(zf_find(from), row);
    return 0;
}

static inline int zf_snap(const char *whole, struct pool_output *out)
{
    char name[FAKE_NAME];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(whole, "@"), whole);
    if (zf_find(name) == NULL)
        return zf_complain(out, "open", name, "dataset does not exist");
    if (zf_find(whole) != NULL)
        return zf_complain(out, "create snapshot", whole, "dataset already exists");
    struct fake_row *row = zf_add(whole, zf_find(name)->size);
    zf_copy(zf_find(name), row);
    return 0;
}

static inline void zf_renamed(char name[FAKE_NAME], const char *from, const char *to)
{
    char tail[FAKE_NAME];
    if (!zf_in(name, from))
        return;
    snprintf(tail, sizeof tail, "%s", name + strlen(from));
    if (snprintf(name, FAKE_NAME, "%s%s", to, tail) >= FAKE_NAME)
        abort();
}

static inline int zf_rename(const char *from, const char *to, struct pool_output *out)
{
    if (zf_find(from) == NULL)
        return zf_complain(out, "open", from, "dataset does not exist");
    if (zf_find(to) != NULL)
        return zf_complain(out, "rename", from, "a dataset with that name already exists");
    zf_parents(to);
    for (size_t i = 0; i < zf.count; i++) {
        zf_renamed(zf.at[i].name, from, to);
        zf_renamed(zf.at[i].origin, from, to);
    }
    return 0;
}

static inline int zf_rollback(const char *whole, struct pool_output *out)
{
    char name[FAKE_NAME];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(whole, "@"), whole);
    struct fake_row *state = zf_find(whole);
    if (state == NULL)
        return zf_complain(out, "open", whole, "snapshot does not exist");
    uint64_t txg = state->txg;
    for (size_t i = 0; i < zf.count; i++)
        if (zf_snapshot_of(&zf.at[i], name) && zf.at[i].txg > txg && zf_has_clones(zf.at[i].name))
            return zf_complain(out, "rollback to", whole, "clones of previous snapshots exist");
    for (size_t i = zf.count; i > 0; i--)
        if (zf_snapshot_of(&zf.at[i - 1], name) && zf.at[i - 1].txg > txg)
            zf_take_away(&zf.at[i - 1]);
    if (zf.dead && zf.half)
        return 0;
    zf_find(name)->size = zf_find(whole)->size;
    zf_copy(zf_find(whole), zf_find(name));
    return 0;
}

static inline int zf_destroy_state(const char *whole, struct pool_output *out)
{
    struct fake_row *row = zf_find(whole);
    if (row == NULL)
        return zf_complain(out, "destroy", whole, "could not find any snapshots to destroy");
    row->deferred = true;
    zf_sweep();
    return 0;
}

static inline int zf_destroy(const char *name, bool all, struct pool_output *out)
{
    if (zf_find(name) == NULL)
        return zf_complain(out, "open", name, "dataset does not exist");
    for (size_t i = 0; i < zf.count; i++) {
        if (!all && zf_in(zf.at[i].name, name) && strcmp(zf.at[i].name, name) != 0)
            return zf_complain(out, "destroy", name, "filesystem has children");
        if (zf_in(zf.at[i].origin, name) && !zf_in(zf.at[i].name, name))
            return zf_complain(out, "destroy", name, "volume has dependent clones");
    }
    if (zf.busy > 0 && zf.busy-- > 0)
        return zf_complain(out, "destroy", name, "dataset is busy");
    for (size_t i = zf.count; i > 0; i--)
        if (zf_in(zf.at[i - 1].name, name) &&
            (strchr(zf.at[i - 1].name, '@') != NULL || !zf.dead || !zf.half))
            zf_take_away(&zf.at[i - 1]);
    zf_sweep();
    return 0;
}

static inline int zf_promote(const char *name, struct pool_output *out)
{
    char state[FAKE_NAME], parent[FAKE_NAME], above[FAKE_NAME], moved[FAKE_NAME], whole[FAKE_NAME];
    struct fake_row *row = zf_find(name);
    if (row == NULL || row->origin[0] == '\0')
        return zf_complain(out, "promote", name, "not a cloned filesystem");
    memcpy(state, row->origin, sizeof state);
    snprintf(parent, sizeof parent, "%.*s", (int)strcspn(state, "@"), state);
    memcpy(above, zf_find(parent)->origin, sizeof above);
    uint64_t txg = zf_find(state)->txg;
    for (size_t i = 0; i < zf.count; i++) {
        if (!zf_snapshot_of(&zf.at[i], parent) || zf.at[i].txg > txg)
            continue;
        memcpy(whole, zf.at[i].name, sizeof whole);
        if (snprintf(moved, sizeof moved, "%.*s%s", 120, name, strchr(whole, '@')) >= FAKE_NAME ||
            zf_find(moved) != NULL)
            return zf_complain(out, "promote", name, "snapshot name conflicts");
        for (size_t k = 0; k < zf.count; k++)
            if (strcmp(zf.at[k].origin, whole) == 0)
                memcpy(zf.at[k].origin, moved, sizeof moved);
        memcpy(zf.at[i].name, moved, sizeof moved);
        if (strcmp(whole, state) == 0)
            memcpy(zf_find(parent)->origin, moved, sizeof moved);
    }
    memcpy(zf_find(name)->origin, above, sizeof above);
    return 0;
}

static inline int zf_set(const char *what, const char *name, struct pool_output *out)
{
    struct fake_row *row = zf_find(name);
    if (row == NULL)
        return zf_complain(out, "open", name, "dataset does not exist");
    bool on = strcmp(strchr(what, '=') + 1, "on") == 0;
    if (strncmp(what, "org.qubes:dirty=", 16) == 0)
        row->dirty = on ? '1' : '0';
    else if (strncmp(what, "readonly=", 9) == 0)
        row->readonly = on;
    else if (strncmp(what, "volsize=", 8) == 0) {
        row->size = strtoull(what + 8, NULL, 10);
        if (row->size == 0 || row->size % FAKE_BLOCK != 0)
            return zf_complain(out, "set property for", name,
                               "'volsize' must be a multiple of volume block size");
        return truncate(zf_file(row), (off_t)row->size);
    } else
        row->marked = true;
    return 0;
}

static inline const char *zf_truth(bool known, bool yes)
{
    return !known ? "-" : yes ? "on" : "off";
}

static inline int zf_list(const char *const *argv, const char *last, struct pool_output *out)
{
    out->out = TEXT_WITH_LIMIT(1 << 20);
    if (zf_find(last) == NULL)
        return zf_complain(out, "open", last, "dataset does not exist");
    if (strcmp(argv[3], "-o") == 0) {
        text_add(&out->out, zf_find(last)->marked ? "true\n" : "-\n");
        return 0;
    }
    for (size_t i = 0; i < zf.count; i++) {
        const struct fake_row *row = &zf.at[i];
        bool state = strchr(row->name, '@') != NULL;
        if (!zf_in(row->name, last))
            continue;
        text_format(&out->out, "%s\t", row->name);
        if (row->size > 0)
            text_format(&out->out, "%llu\t%s\t", (unsigned long long)row->size, state ? "-" : "8192");
        else
            text_add(&out->out, "-\t-\t");
        text_format(&out->out, "1000\t%llu\t%s\t%s\t%s\t%s\n", (unsigned long long)row->txg,
                    row->origin[0] != '\0' ? row->origin : "-", zf_truth(state, row->deferred),
                    zf_truth(!state, row->readonly), zf_truth(row->dirty != '-', row->dirty == '1'));
    }
    return 0;
}

static inline int zf_do(const char *const *argv, const char *before, const char *last,
                        struct pool_output *out)
{
    const char *verb = argv[1];
    if (strcmp(verb, "create") == 0)
        return zf_create(argv, last, out);
    if (strcmp(verb, "clone") == 0)
        return zf_clone(before, last, out);
    if (strcmp(verb, "snapshot") == 0)
        return zf_snap(last, out);
    if (strcmp(verb, "rename") == 0)
        return zf_rename(before, last, out);
    if (strcmp(verb, "rollback") == 0)
        return zf_rollback(last, out);
    if (strcmp(verb, "destroy") == 0 && strchr(last, '@') != NULL)
        return zf_destroy_state(last, out);
    if (strcmp(verb, "destroy") == 0)
        return zf_destroy(last, strcmp(before, "-r") == 0, out);
    if (strcmp(verb, "promote") == 0)
        return zf_promote(last, out);
    if (strcmp(verb, "set") == 0)
        return zf_set(before, last, out);
    abort();
}

static inline int zf_zpool(const char *const *argv, struct pool_output *out)
{
    out->out = TEXT_WITH_LIMIT(1 << 20);
    if (strcmp(argv[5], "tank") != 0)
        return zf_complain(out, "open", argv[5], "no such pool");
    text_add(&out->out, strcmp(argv[4], "size") == 0 ? "1000000\n" : "875000\n");
    return 0;
}

static inline void zf_note(const char *const *argv)
{
    char *line = zf.said[(zf.made - 1) % COUNT(zf.said)];
    line[0] = '\0';
    for (argv++; *argv != NULL; argv++)
        snprintf(line + strlen(line), sizeof zf.said[0] - strlen(line), "%s%s", line[0] != '\0' ? " " : "",
                 *argv);
}

static inline int zf_run(const struct pool_program *program, struct pool_output *out)
{
    static const struct tool_pool ours = {.container = "tank/qubes"};
    const char *last = program->argv[0], *before = last;
    *out = (struct pool_output){0};
    must_fit_a_row(program, &ours);
    errno = EIO;
    if (zf.dead)
        return -1;
    for (const char *const *at = program->argv; *at != NULL; at++) {
        before = last;
        last = *at;
    }
    if (strcmp(program->argv[0], "zpool") == 0)
        return zf_zpool(program->argv, out);
    if (strcmp(program->argv[1], "list") == 0)
        return zf_list(program->argv, last, out);
    zf.dead = ++zf.made == zf.fail_at;
    zf_note(program->argv);
    if (zf.dead && !zf.after && !zf.half)
        return -1;
    bool splits = strcmp(program->argv[1], "destroy") == 0 || strcmp(program->argv[1], "rollback") == 0;
    int r = zf.dead && zf.half && !splits ? 0 : zf_do(program->argv, before, last, out);
    errno = EIO;
    return zf.dead ? -1 : r;
}

/* ---- nodes ---- */

static inline bool zf_is_node(const char *path)
{
    return strncmp(path, "/dev/zvol/", 10) == 0;
}

static inline int zf_open(const char *path, int flags, unsigned mode)
{
    const struct fake_row *row = zf_is_node(path) ? zf_find(path + 10) : NULL;
    errno = EROFS;
    if (row != NULL && row->readonly && (flags & O_ACCMODE) != O_RDONLY)
        return -1;
    return pool_calls_real.open(zf_is_node(path) ? zf_at(path) : path, flags, mode);
}

static inline int zf_stat(const char *path, struct stat *ret)
{
    errno = ENOENT;
    if (zf_is_node(path) && zf.late > 0 && zf.late-- > 0)
        return -1;
    return pool_calls_real.stat(zf_is_node(path) ? zf_at(path) : path, ret);
}

static inline ssize_t zf_write(int fd, const void *from, size_t len, off_t at)
{
    errno = ENOSPC;
    return at + (off_t)len > FAKE_ROOM ? -1 : pool_calls_real.pwrite(fd, from, len, at);
}

static inline int64_t zf_now(void)
{
    return zf.clock += 1000000;
}

static inline int zf_pause(unsigned ms)
{
    zf.paused += ms;
    return 0;
}

static inline struct pool_calls zf_calls(void)
{
    struct pool_calls calls = pool_calls_real;
    calls.run = zf_run;
    calls.open = zf_open;
    calls.stat = zf_stat;
    calls.pwrite = zf_write;
    calls.now = zf_now;
    calls.pause = zf_pause;
    return calls;
}

/* A zpool `tank` with the container, in a directory of its own. */
static inline bool zf_begin(void)
{
    memset(&zf, 0, sizeof zf);
    snprintf(zf.dir, sizeof zf.dir, "/dev/shm/pool-zfs-test.XXXXXX");
    zf.clock = INT64_C(1521065904123456);
    zf_add("tank", 0);
    return mkdtemp(zf.dir) != NULL;
}

static inline bool zf_end(void)
{
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", zf.dir);
    return run_quietly(line);
}

#endif
