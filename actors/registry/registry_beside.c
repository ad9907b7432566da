/* SPDX-License-Identifier: MIT
 * Each VM's firewall.xml and notes.txt; in `registry`, on its worker thread. See registry_beside.h. */
#include "actors/registry/registry_beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "actors/registry/registry_file.h"
#include "actors/registry/registry_firewall.h"
#include "actors/registry/registry_store.h"
#include "doors/digest.h"
#include "model/display.h"
#include "model/long_text.h"
#include "model/model.h"

enum { PATH_ROOM = 128, FILE_MAX = 8 << 20 };

/* Each kind of file: how it is read into what the model keeps, and back. */
static int read_notes(struct span bytes, uint64_t now, struct text *to, struct fault *why)
{
    (void)now;
    return display_safe(bytes, to, why);
}

static int write_notes(struct span kept, struct text *out, struct fault *why)
{
    text_append(out, kept);
    return out->failed < 0
               ? fault_set(why, (enum err) - out->failed, "notes.txt: %s", err_text((enum err) - out->failed))
               : 0;
}

static const struct sort {
    enum change_kind kind;
    const char *file;
    mode_t mode;
    int (*read)(struct span bytes, uint64_t now, struct text *to, struct fault *why);
    int (*write)(struct span kept, struct text *out, struct fault *why);
    const char
        *instead; /* what holds when the file cannot be read, and its VM is disabled; NULL: nothing is lost */
} sorts[] = {
    {CHANGE_FIREWALL, "firewall.xml", 0664, registry_firewall_read, registry_firewall_write, "action=drop\n"},
    {CHANGE_NOTES, "notes.txt", 0664, read_notes, write_notes, NULL},
};

struct entry {
    char path[PATH_ROOM], want[DIGEST_TEXT], have[DIGEST_TEXT];
    bool seen;
};

struct beside {
    struct entry *at; /* by path */
    size_t count, room;
};

struct beside *beside_new(void)
{
    return calloc(1, sizeof(struct beside));
}

void beside_free(struct beside *b)
{
    if (b != NULL)
        free(b->at);
    free(b);
}

static size_t place_of(const struct beside *b, const char *path)
{
    size_t lo = 0, hi = b->count;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (strcmp(b->at[middle].path, path) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static struct entry *find(const struct beside *b, const char *path)
{
    size_t i = place_of(b, path);
    return i < b->count && strcmp(b->at[i].path, path) == 0 ? &b->at[i] : NULL;
}

static struct entry *find_or_add(struct beside *b, const char *path)
{
    struct entry *there = find(b, path);
    if (there != NULL)
        return there;
    if (b->count == b->room) {
        size_t room = b->room == 0 ? 64 : b->room * 2;
        struct entry *at = reallocarray(b->at, room, sizeof *at);
        if (at == NULL)
            return NULL;
        b->at = at;
        b->room = room;
    }
    size_t i = place_of(b, path);
    memmove(b->at + i + 1, b->at + i, (b->count++ - i) * sizeof *b->at);
    b->at[i] = (struct entry){.seen = false};
    snprintf(b->at[i].path, PATH_ROOM, "%s", path);
    return &b->at[i];
}

static void drop(struct beside *b, struct entry *e)
{
    size_t i = (size_t)(e - b->at);
    memmove(e, e + 1, (--b->count - i) * sizeof *e);
}

int beside_read(struct beside *b, struct span text)
{
    while (text.len > 0) {
        struct span have, path, line = span_split(text, '\n', &text), want = span_split(line, ' ', &have);
        char name[PATH_ROOM];
        have = span_split(have, ' ', &path);
        if (want.len >= DIGEST_TEXT || have.len >= DIGEST_TEXT || path.len == 0 ||
            text_copy(name, sizeof name, path) < 0)
            continue;
        struct entry *e = find_or_add(b, name);
        if (e == NULL)
            return -ERR_NOMEM;
        (void)text_copy(e->want, sizeof e->want, want);
        (void)text_copy(e->have, sizeof e->have, have);
    }
    return 0;
}

void beside_write(const struct beside *b, struct text *text)
{
    for (size_t i = 0; i < b->count; i++)
        text_format(text, "%s %s %s\n", b->at[i].want, b->at[i].have, b->at[i].path);
}

/* ---- whose directory ---- */

/* A VM of a list of changes: where its files lie. */
struct home {
    uint32_t qid;
    const char *folder;
    struct span name;
};

/* A name becomes a part of a path: only what qubesd would call a VM. */
static bool is_plain(struct span name)
{
    if (name.len == 0 || name.len > 31 || name.at[0] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && strchr("-_.", c) == NULL)
            return false;
    }
    return true;
}

static const char *folder_of(struct span value)
{
    struct span class_text;
    enum vm_class class;
    span_split(value, ' ', &class_text);
    return class_parse(class_text, &class) == 0 ? class_folder(class) : "";
}

static int by_qid(const void *a, const void *b)
{
    const struct home *x = a, *y = b;
    return (x->qid > y->qid) - (x->qid < y->qid);
}

/* The homes of all VMs that have one, by qid; NULL: no memory. */
static struct home *homes_of(const struct change *changes, size_t count, size_t *homes)
{
    struct home *at = calloc(QID_MAX + 2, sizeof *at);
    *homes = 0;
    for (size_t i = 0; at != NULL && i < count && *homes <= QID_MAX; i++)
        if (changes[i].kind == CHANGE_VM && folder_of(changes[i].value)[0] != '\0')
            at[(*homes)++] = (struct home){changes[i].qid, folder_of(changes[i].value), {NULL, 0}};
    if (at == NULL)
        return NULL;
    qsort(at, *homes, sizeof *at, by_qid);
    for (size_t i = 0; i < count; i++) {
        struct home wanted = {.qid = changes[i].qid};
        if (changes[i].kind != CHANGE_PROPERTY || !span_is(changes[i].key, "name") ||
            !is_plain(changes[i].value))
            continue;
        struct home *h = bsearch(&wanted, at, *homes, sizeof *at, by_qid);
        if (h != NULL)
            h->name = changes[i].value;
    }
    return at;
}

static void path_of(const struct home *h, const struct sort *sort, char path[PATH_ROOM])
{
    snprintf(path, PATH_ROOM, "%s/%.*s/%s", h->folder, (int)h->name.len, h->name.at, sort->file);
}

static int open_dir(int at, const char *name, bool make)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !make)
        return fd;
    if (mkdirat(at, name, 0775) < 0 && errno != EEXIST)
        return -1;
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The VM's directory: a descriptor, or -1 with errno. */
static int open_home(int dir, const char *path, bool make)
{
    char folder[PATH_ROOM], name[PATH_ROOM];
    struct span rest, first = span_split(span_of(path), '/', &rest), second = span_split(rest, '/', &rest);
    if (text_copy(folder, sizeof folder, first) < 0 || text_copy(name, sizeof name, second) < 0)
        return -1;
    AUTO_FD outer = open_dir(dir, folder, make);
    return outer < 0 ? -1 : open_dir(outer, name, make);
}

/* Appends the file's bytes: 0, -ERR_UNKNOWN (not there), or another error. */
static int read_file(int dir, const char *path, const char *file, struct text *bytes, struct fault *why)
{
    AUTO_FD home = open_home(dir, path, false);
    if (home < 0 && (errno == ENOENT || errno == ENOTDIR))
        return fault_set(why, ERR_UNKNOWN, "there is no %s", path);
    if (home < 0)
        return fault_set(why, ERR_IO, "cannot open the directory of %s: %s", path, strerror(errno));
    return registry_file_read(home, file, bytes, why);
}

/* ---- in ---- */

struct intake {
    struct change_list *list;
    size_t bytes; /* of all long texts */
};

static int take(void *arg, const struct change *c)
{
    return change_list_add(arg, c);
}

static int take_text(struct intake *in, enum change_kind kind, uint32_t qid, struct span text,
                     struct fault *why)
{
    in->bytes += text.len;
    if (text.len > LONG_TEXT_MAX || in->bytes > LONG_TEXTS_MAX)
        return fault_set(why, ERR_TOO_BIG, "it, or all such files together, are longer than can be kept");
    return long_text_changes(kind, qid, text, 0, take, in->list);
}

static int remember(struct beside *b, const char *path, const struct sort *sort, struct span bytes,
                    struct span kept)
{
    AUTO_TEXT again = TEXT_WITH_LIMIT(FILE_MAX);
    struct entry *e = find_or_add(b, path);
    if (e == NULL)
        return -ERR_NOMEM;
    digest_sha256(bytes, e->have);
    if (sort->write(kept, &again, NULL) == 0)
        digest_sha256(text_span(&again), e->want);
    return again.failed;
}

static int disable(struct intake *in, const struct sort *sort, uint32_t qid, const char *text,
                   struct fault *why)
{
    struct change c = {.kind = CHANGE_DISABLED, .qid = qid, .key = SPAN_LITERAL(""), .value = span_of(text)};
    int r = take_text(in, sort->kind, qid, span_of(sort->instead), why);
    return r < 0 ? r : take(in->list, &c);
}

static int import_one(int dir, uint64_t now, const struct home *h, const struct sort *sort, struct intake *in,
                      struct beside *b, beside_problem *problem, void *self, struct fault *why)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(FILE_MAX);
    AUTO_TEXT kept = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct fault inner;
    char path[PATH_ROOM], text[PATH_ROOM + 320];
    path_of(h, sort, path);
    int r = read_file(dir, path, sort->file, &bytes, &inner);
    if (r == -ERR_UNKNOWN)
        return 0;
    if (r >= 0)
        r = sort->read(text_span(&bytes), now, &kept, &inner);
    if (r >= 0)
        r = take_text(in, sort->kind, h->qid, text_span(&kept), &inner);
    if (r >= 0)
        return remember(b, path, sort, text_span(&bytes), text_span(&kept));
    snprintf(text, sizeof text, "%s: %.300s", path, inner.text);
    r = sort->instead != NULL ? disable(in, sort, h->qid, text, why) : 0;
    return r < 0 ? r : problem(self, h->qid, path, inner.text);
}

int beside_import(int dir, uint64_t now, struct change_list *list, struct beside *b, beside_problem *problem,
                  void *self, struct fault *why)
{
    struct intake in = {.list = list};
    size_t homes, before = list->count;
    AUTO_TEXT names = TEXT_WITH_LIMIT(1 << 20);
    change_list_done(list);
    AUTO_MEMORY struct home *at = homes_of(list->at, before, &homes);
    int r = at == NULL ? -ERR_NOMEM : 0;
    for (size_t i = 0; i < homes && r >= 0; i++) { /* the list's bytes move while it grows */
        size_t len = names.len;
        text_append(&names, at[i].name);
        at[i].name.at = (const char *)len;
        r = names.failed;
    }
    for (size_t i = 0; i < homes && r >= 0; i++) {
        at[i].name.at = names.at + (size_t)at[i].name.at;
        for (size_t k = 0; k < COUNT(sorts) && r >= 0 && at[i].name.len > 0; k++)
            r = import_one(dir, now, &at[i], &sorts[k], &in, b, problem, self, why);
    }
    change_list_done(list);
    if (r == -ERR_NOMEM)
        return fault_set(why, ERR_NOMEM, "no memory to read the VMs' firewall.xml and notes.txt");
    return r < 0 ? r : 0;
}

/* ---- out ---- */

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
    char name[PATH_ROOM];
    snprintf(name, sizeof name, "%s.replaced-%lld", file, (long long)time(NULL));
    return renameat(home, file, home, name);
}

/* Whose file is it: 1 ours or none, 0 somebody else's; `is` is what it holds now (empty: there is none). */
static int look(const struct outgo *o, const struct entry *e, const char *path, const struct sort *sort,
                const char *want, char is[DIGEST_TEXT], struct fault *why)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(FILE_MAX);
    int r = read_file(o->dir, path, sort->file, &bytes, why);
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

static int write_file(const struct outgo *o, const char *path, const struct sort *sort, bool foreign,
                      struct span bytes, struct fault *why)
{
    AUTO_FD home = open_home(o->dir, path, true);
    if (home < 0)
        return fault_set(why, ERR_IO, "cannot open or make the directory of %s: %s", path, strerror(errno));
    if (foreign && put_aside(home, sort->file) < 0)
        return fault_set(why, ERR_IO, "cannot put %s aside: %s", path, strerror(errno));
    return registry_file_replace(home, sort->file, o->group, sort->mode, bytes, why);
}

/* The file is to hold these bytes. */
static void bring(struct outgo *o, uint32_t qid, const char *path, const struct sort *sort, struct span bytes)
{
    struct fault why = {0};
    char want[DIGEST_TEXT], is[DIGEST_TEXT];
    struct entry *e = find(o->b, path);
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
    e = r < 0 ? NULL : find_or_add(o->b, path);
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
static int render(const struct home *homes, size_t home_count, const struct sort *sort,
                  const struct change *changes, size_t count, size_t *at, char path[PATH_ROOM],
                  struct text *bytes, struct fault *why)
{
    AUTO_TEXT kept = TEXT_WITH_LIMIT(LONG_TEXT_MAX);
    struct home wanted = {.qid = changes[*at].qid};
    const struct home *h = bsearch(&wanted, homes, home_count, sizeof *homes, by_qid);
    for (; *at < count && changes[*at].kind == sort->kind && changes[*at].qid == wanted.qid; ++*at)
        text_append(&kept, changes[*at].value);
    if (h == NULL || h->name.len == 0)
        return 0;
    path_of(h, sort, path);
    int r = kept.failed < 0 ? fault_set(why, ERR_TOO_BIG, "%s is too long", path)
                            : sort->write(text_span(&kept), bytes, why);
    return r < 0 ? r : 1;
}

static const struct sort *sort_of(enum change_kind kind)
{
    for (size_t k = 0; k < COUNT(sorts); k++)
        if (sorts[k].kind == kind)
            return &sorts[k];
    return NULL;
}

int beside_each(const struct change *changes, size_t count, struct text *to, struct fault *why)
{
    size_t homes, i = 0;
    AUTO_MEMORY struct home *home = homes_of(changes, count, &homes);
    int r = home == NULL ? fault_set(why, ERR_NOMEM, "no memory to export") : 0;
    while (r >= 0 && i < count) {
        AUTO_TEXT bytes = TEXT_WITH_LIMIT(FILE_MAX);
        char path[PATH_ROOM];
        const struct sort *sort = sort_of(changes[i].kind);
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
        struct entry *e = &o->b->at[i];
        struct fault why = {0};
        char is[DIGEST_TEXT];
        const char *file = strrchr(e->path, '/');
        const struct sort *sort =
            file != NULL && strcmp(file + 1, sorts[0].file) == 0 ? &sorts[0] : &sorts[1];
        if (e->seen) {
            i++;
            continue;
        }
        int ours = look(o, e, e->path, sort, e->want, is, &why);
        AUTO_FD home = ours == 1 && is[0] != '\0' ? open_home(o->dir, e->path, false) : -1;
        if (home >= 0)
            (void)unlinkat(home, sort->file, 0);
        if (home >= 0 && file != NULL) {
            *strrchr(e->path, '/') = '\0';
            (void)unlinkat(o->dir, e->path, AT_REMOVEDIR); /* fails where more lies there: it is not ours */
        }
        *o->changed = true;
        drop(o->b, e);
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
    AUTO_MEMORY struct home *home = homes_of(changes, count, &homes);
    *more = *changed = false;
    if (home == NULL)
        return fault_set(why, ERR_NOMEM, "no memory to export");
    for (size_t i = 0; i < b->count; i++)
        b->at[i].seen = false;
    for (size_t i = 0; i < count;) {
        AUTO_TEXT bytes = TEXT_WITH_LIMIT(FILE_MAX);
        struct fault inner = {0};
        char path[PATH_ROOM];
        const struct sort *sort = sort_of(changes[i].kind);
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
