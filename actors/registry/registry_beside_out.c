/* SPDX-License-Identifier: MIT
 * What the model holds into firewall.xml and notes.txt; in `registry`, on its worker thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actors/registry/registry_beside_inside.h"
#include "actors/registry/registry_file.h"
#include "model/long_text.h"

struct outgo {
    int dir;
    gid_t group;
    struct beside *b;
    enum beside_how how;
    unsigned left;
    bool *more, *changed;
    beside_problem *problem;
    void *self;
    struct fault *why;
    int result;
};

static int put_aside(int home, const char *file)
{
    char name[BESIDE_PATH];
    snprintf(name, sizeof name, "%s.replaced-%lld", file, (long long)time(NULL));
    return renameat(home, file, home, name);
}

/* Whose file is it: 1 ours or none, 0 somebody else's; `is` is what it holds now (empty: there is none). */
static int look(const struct outgo *o, const struct beside_entry *e, const char *path,
                const struct beside_sort *sort, const char *want, char is[DIGEST_TEXT], struct fault *why)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(BESIDE_FILE_MAX);
    int r = beside_get(o->dir, path, sort->file, &bytes, why);
    is[0] = '\0';
    if (r == -ERR_UNKNOWN)
        return 1;
    if (r < 0)
        return r;
    digest_sha256(text_span(&bytes), is);
    return strcmp(is, want) == 0 || (e != NULL && strcmp(is, e->have) == 0);
}

static void failed(struct outgo *o, int r, const struct fault *why)
{
    o->result = r;
    if (o->why != NULL)
        *o->why = *why;
}

static int write_file(const struct outgo *o, const char *path, const struct beside_sort *sort, bool foreign,
                      struct span bytes, struct fault *why)
{
    AUTO_FD home = beside_open(o->dir, path, true);
    if (home < 0)
        return fault_set(why, ERR_IO, "cannot open or make the directory of %s: %s", path, strerror(errno));
    if (foreign && put_aside(home, sort->file) < 0)
        return fault_set(why, ERR_IO, "cannot put %s aside: %s", path, strerror(errno));
    return registry_file_replace(home, sort->file, o->group, sort->mode, bytes, why);
}

/* The file is to hold these bytes. */
static void bring(struct outgo *o, uint32_t qid, const char *path, const struct beside_sort *sort,
                  struct span bytes)
{
    struct fault why = {0};
    char want[DIGEST_TEXT], is[DIGEST_TEXT];
    struct beside_entry *e = beside_find(o->b, path);
    digest_sha256(bytes, want);
    if (e != NULL)
        e->seen = true;
    if (e != NULL && strcmp(e->want, want) == 0 && o->how == BESIDE_WRITE)
        return;
    int ours = look(o, e, path, sort, want, is, &why);
    bool is_it =
        ours == 1 && (strcmp(is, want) == 0 || (e != NULL && strcmp(e->want, want) == 0 && is[0] != '\0'));
    if (ours == 0 && o->how != BESIDE_REPLACE) {
        (void)o->problem(o->self, qid, path, "it was changed by another program and is left alone");
        return;
    }
    if (o->how == BESIDE_LOOK || (is_it && e != NULL && strcmp(e->want, want) == 0))
        return;
    if (o->left == 0) {
        *o->more = true;
        return;
    }
    int r = ours < 0 ? ours : is_it ? 0 : write_file(o, path, sort, ours == 0, bytes, &why);
    o->left -= !is_it;
    e = r < 0 ? NULL : beside_find_or_add(o->b, path);
    if (e == NULL) {
        failed(o, r < 0 ? r : fault_set(&why, ERR_NOMEM, "no memory to export %s", path), &why);
        return;
    }
    e->seen = *o->changed = true;
    memcpy(e->want, want, sizeof want);
    memcpy(e->have, want, sizeof want);
}

/* What the file of the VM at *at holds, and its path; *at moves behind its changes. 0: a VM without a home.
 */
static int render(const struct beside_home *homes, size_t home_count, const struct beside_sort *sort,
                  const struct change *changes, size_t count, size_t *at, char path[BESIDE_PATH],
                  struct text *bytes, struct fault *why)
{
    AUTO_TEXT kept = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    uint32_t qid = changes[*at].qid;
    const struct beside_home *h = beside_home_of(homes, home_count, qid);
    for (; *at < count && changes[*at].kind == sort->kind && changes[*at].qid == qid; ++*at)
        text_append(&kept, changes[*at].value);
    if (h == NULL || h->name.len == 0)
        return 0;
    beside_path(h, sort, path);
    int r = kept.failed < 0 ? fault_set(why, ERR_TOO_BIG, "%s is too long", path)
                            : sort->write(text_span(&kept), bytes, why);
    return r < 0 ? r : 1;
}

int beside_each(const struct change *changes, size_t count, struct text *to, struct fault *why)
{
    size_t homes, i = 0;
    AUTO_MEMORY struct beside_home *home = beside_homes(changes, count, &homes);
    int r = home == NULL ? fault_set(why, ERR_NOMEM, "no memory to export") : 0;
    while (r >= 0 && i < count) {
        AUTO_TEXT bytes = TEXT_WITH_LIMIT(BESIDE_FILE_MAX);
        char path[BESIDE_PATH];
        const struct beside_sort *sort = beside_sort_of(changes[i].kind);
        if (sort == NULL) {
            i++;
            continue;
        }
        r = render(home, homes, sort, changes, count, &i, path, &bytes, why);
        if (r == 1) {
            text_format(to, "%s\n%zu\n", path, bytes.len);
            text_append(to, text_span(&bytes));
        }
    }
    return r < 0 ? r : 0;
}

/* Whose VM is gone: the file goes, if it is ours, and the directory if that leaves it empty. */
static void clean(struct outgo *o)
{
    for (size_t i = 0; i < o->b->count;) {
        struct beside_entry *e = &o->b->at[i];
        struct fault why = {0};
        char is[DIGEST_TEXT];
        const char *file = strrchr(e->path, '/');
        const struct beside_sort *sort = beside_sort_at(e->path);
        if (e->seen) {
            i++;
            continue;
        }
        int ours = look(o, e, e->path, sort, e->want, is, &why);
        AUTO_FD home = ours == 1 && is[0] != '\0' ? beside_open(o->dir, e->path, false) : -1;
        if (home >= 0)
            (void)unlinkat(home, sort->file, 0);
        if (home >= 0 && file != NULL) {
            *strrchr(e->path, '/') = '\0';
            (void)unlinkat(o->dir, e->path, AT_REMOVEDIR); /* fails where more lies there: it is not ours */
        }
        *o->changed = true;
        beside_drop(o->b, e);
    }
}

int beside_export(int dir, gid_t group, const struct change *changes, size_t count, struct beside *b,
                  enum beside_how how, unsigned most, bool *more, bool *changed, beside_problem *problem,
                  void *self, struct fault *why)
{
    struct outgo o = {.dir = dir,
                      .group = group,
                      .b = b,
                      .how = how,
                      .left = most,
                      .more = more,
                      .changed = changed,
                      .problem = problem,
                      .self = self,
                      .why = why};
    size_t homes;
    AUTO_MEMORY struct beside_home *home = beside_homes(changes, count, &homes);
    *more = *changed = false;
    if (home == NULL)
        return fault_set(why, ERR_NOMEM, "no memory to export");
    for (size_t i = 0; i < b->count; i++)
        b->at[i].seen = false;
    for (size_t i = 0; i < count;) {
        AUTO_TEXT bytes = TEXT_WITH_LIMIT(BESIDE_FILE_MAX);
        struct fault inner = {0};
        char path[BESIDE_PATH];
        const struct beside_sort *sort = beside_sort_of(changes[i].kind);
        uint32_t qid = changes[i].qid;
        int r = sort != NULL ? render(home, homes, sort, changes, count, &i, path, &bytes, &inner) : 0;
        i += sort == NULL;
        if (r == 1)
            bring(&o, qid, path, sort, text_span(&bytes));
        else if (r < 0)
            failed(&o, r, &inner);
    }
    if (how != BESIDE_LOOK)
        clean(&o);
    return o.result;
}
