/* SPDX-License-Identifier: MIT
 * `registry --offline`: the same tasks as the living registry's, one after the other; see registry_offline.h.
 */
#include "actors/registry/registry_offline.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "actors/registry/registry_beside.h"
#include "actors/registry/registry_file.h"
#include "actors/registry/registry_rules.h"
#include "actors/registry/registry_transfer.h"
#include "actors/registry/registry.h"
#include "model/plan.h"
#include "runtime/effects/effects.h"

enum { DOCUMENT_BYTES = 64 << 20 };

struct offline {
    struct store store;
    struct model *model;
    struct store_task *task; /* of the step at hand */
    bool may_begin;          /* a store is made where there is none */
    struct fault why;
};

static int open_store(struct store *s, struct fault *why)
{
    return db_sqlite_open(s->directory, &s->db, why);
}

/* A fresh task in the place of the last one; NULL: no memory. */
static struct store_task *begin(struct offline *o, enum store_what what)
{
    if (o->task != NULL)
        store_task_free_content(o->task);
    free(o->task);
    o->task = store_task_new(what);
    return o->task;
}

static int perform(struct offline *o)
{
    store_perform(&o->store, &o->task->task);
    o->why = o->task->task.why;
    return o->task->task.r;
}

/* A task that needs the whole model. */
static int perform_with_model(struct offline *o, enum store_what what, unsigned flags)
{
    int r = begin(o, what) == NULL ? -ERR_NOMEM : model_each(o->model, change_list_take, &o->task->changes);
    if (r < 0)
        return fault_set(&o->why, ERR_NOMEM, "out of memory");
    o->task->flags = flags;
    return perform(o);
}

/* The store's files must stay those of the registry that will serve them: root works as their owner. */
static int become_owner(const char *state, struct fault *why)
{
    struct stat st;
    uint32_t uid = 0;
    if (stat(state, &st) < 0)
        return fault_set(why, ERR_UNKNOWN, "%s: %s", state, strerror(errno));
    if (geteuid() != 0)
        return 0;
    int r = st.st_uid == 0 ? effects_uid(effects_table(), "registry", 0, &uid, why) : 0;
    if (r < 0)
        return r;
    uid = st.st_uid == 0 ? uid : st.st_uid;
    if ((st.st_uid == 0 && chown(state, uid, uid) < 0) || setgroups(0, NULL) < 0 || setgid(uid) < 0 ||
        setuid(uid) < 0)
        return fault_set(why, ERR_DENIED, "cannot work as the owner of %s: %s", state, strerror(errno));
    return 0;
}

static int load(struct offline *o, const char *state, const char *lib)
{
    char path[512];
    snprintf(path, sizeof path, "%s/store.sqlite", state);
    if (!o->may_begin && access(path, F_OK) < 0)
        return fault_set(&o->why, ERR_UNKNOWN, "%s: there is no store", state);
    int owner = become_owner(state, &o->why);
    if (owner < 0)
        return owner;
    if (lib != NULL && strcmp(lib, "-") == 0)
        lib = NULL;
    o->store = (struct store){.open = open_store,
                              .directory = state,
                              .qubes_lib = -1,
                              .group = registry_file_group(),
                              .pool_dir = "/var/lib/qubes",
                              .lib_path = lib};
    if (lib != NULL && (o->store.qubes_lib = open(lib, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return fault_set(&o->why, ERR_IO, "%s: %s", lib, strerror(errno));
    o->model = model_new();
    if (o->model == NULL || begin(o, STORE_LOAD) == NULL)
        return fault_set(&o->why, ERR_NOMEM, "out of memory");
    int r = perform(o);
    for (size_t i = 0; i < o->task->changes.count && r >= 0; i++)
        r = model_apply(o->model, &o->task->changes.at[i], &o->why);
    return r;
}

static void print_report(const struct offline *o)
{
    if (o->task->report.at != NULL)
        fputs(o->task->report.at, stdout);
}

static void print_known(const struct offline *o)
{
    AUTO_TEXT report = TEXT_WITH_LIMIT(1 << 20);
    transfer_report_model(o->model, &report);
    if (report.at != NULL)
        fputs(report.at, stdout);
}

static int check(struct offline *o, char **argv)
{
    int r = load(o, argv[0], argv[1]);
    if (r >= 0)
        r = perform_with_model(o, STORE_CHECK, 0);
    if (r >= 0) {
        print_report(o);
        print_known(o);
    }
    return r;
}

static int export_all(struct offline *o, unsigned flags)
{
    int r;
    do {
        r = perform_with_model(o, STORE_EXPORT, flags);
        flags &= ~(unsigned)TRANSFER_IMPORTED;
        print_report(o);
    } while (r >= 0 && o->task->more);
    return r;
}

static int export_store(struct offline *o, char **argv)
{
    int r = load(o, argv[0], argv[1]);
    return r < 0 ? r : export_all(o, 0);
}

static int force(struct offline *o, char **argv)
{
    int r = load(o, argv[0], argv[1]);
    return r < 0 ? r : export_all(o, TRANSFER_FORCE);
}

static int document(struct offline *o, char **argv)
{
    int r = load(o, argv[0], NULL);
    if (r >= 0)
        r = perform_with_model(o, STORE_DOCUMENT, 0);
    if (r >= 0)
        fwrite(o->task->document.at, 1, o->task->document.len, stdout);
    return r;
}

static int commit(struct offline *o, const struct plan *p)
{
    struct op_id op;
    struct store_task *t = begin(o, STORE_COMMIT);
    struct store_write *w = t != NULL && getrandom(&op, sizeof op, 0) > 0 ? store_write_new(1, op) : NULL;
    if (w == NULL)
        return fault_set(&o->why, ERR_NOMEM, "out of memory");
    store_task_add(t, w);
    int r = 0;
    for (size_t i = 0; i < p->changes && r >= 0; i++)
        r = change_list_add(&w->changes, &p->change[i]);
    if (r < 0)
        return fault_set(&o->why, ERR_NOMEM, "out of memory");
    change_list_done(&w->changes);
    text_add(&w->caller, "0");
    text_add(&w->method, "bulkhead.Import");
    text_add(&w->subject, "-1");
    publish_encode(p, 0, 0, &w->events);
    r = perform(o);
    for (size_t i = 0; i < p->changes && r >= 0; i++)
        r = model_apply(o->model, &p->change[i], &o->why);
    return r;
}

static int import_folder(struct offline *o, char **argv)
{
    AUTO_PLAN plan = {0};
    o->may_begin = true;
    int r = load(o, argv[0], argv[1]);
    if (r >= 0 && begin(o, STORE_READ) == NULL)
        return fault_set(&o->why, ERR_NOMEM, "out of memory");
    if (r >= 0) {
        text_add(&o->task->path, argv[2]);
        r = perform(o);
    }
    if (r >= 0) {
        print_report(o);
        r = plan_replace(&KNOWN(o->model, NULL), o->task->changes.at, o->task->changes.count, &plan, &o->why);
    }
    if (r >= 0)
        r = commit(o, &plan);
    return r < 0 ? r : export_all(o, TRANSFER_IMPORTED);
}

static int check_file(struct offline *o, char **argv)
{
    AUTO_TEXT report = TEXT_WITH_LIMIT(64 << 20);
    struct change_list list = {0};
    AUTO(beside)
    *b = beside_new();
    AUTO_FD dir = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;
    if (b == NULL)
        return fault_set(&o->why, ERR_NOMEM, "out of memory");
    if (dir >= 0)
        r = transfer_take_in(dir, &list, b, &report, &o->why);
    else
        r = transfer_take_file(argv[0], &list, &report, &o->why);
    change_list_free(&list);
    if (report.at != NULL)
        fputs(report.at, stdout);
    return r;
}

int registry_offline(int argc, char **argv)
{
    static const struct {
        const char *verb;
        int arguments;
        int (*run)(struct offline *o, char **argv);
    } verbs[] = {{"check-file", 1, check_file}, {"check", 2, check}, {"import", 3, import_folder},
                 {"export", 2, export_store},   {"force", 2, force}, {"document", 1, document}};
    struct offline o = {.store.qubes_lib = -1};
    int r = fault_set(&o.why, ERR_BAD, "this is the registry's program; see bulkhead --help");
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (argc > 2 && strcmp(argv[2], verbs[i].verb) == 0 && argc == verbs[i].arguments + 3)
            r = verbs[i].run(&o, argv + 3);
    if (r < 0)
        fprintf(stderr, "%s\n", o.why.text);
    if (o.task != NULL)
        store_task_free_content(o.task);
    free(o.task);
    model_free(o.model);
    beside_free(o.store.beside);
    beside_free(o.store.read);
    db_free(o.store.db);
    if (o.store.qubes_lib >= 0)
        close(o.store.qubes_lib);
    return r < 0;
}
