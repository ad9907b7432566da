/* SPDX-License-Identifier: MIT
 * Plans of volumes; see plan_storage.h. */
#include "model/plan_storage.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/plan_storage_inside.h"

struct span storage_attribute(struct span lines, const char *key)
{
    struct span value = {NULL, 0};
    ask_attribute(lines, key, &value);
    return value;
}

bool storage_is(struct span lines, const char *key)
{
    return span_is(storage_attribute(lines, key), "True");
}

int storage_number(struct span s, uint64_t *number, struct fault *why)
{
    int64_t n = 0;
    int r = number_parse(s, false, &n, why);
    if (r >= 0)
        *number = (uint64_t)n;
    return r;
}

int storage_bool(struct span s, bool *value, struct fault *why)
{
    return bool_parse(s, value, why) < 0 ? fault_set(why, ERR_PROTOCOL, "say True or False") : 0;
}

/* `lines` with one attribute of another value; at its place, or at the end. */
struct span storage_with(struct doing *d, struct span lines, const char *key, struct span value)
{
    struct span made = SPAN_LITERAL(""), rest = lines;
    bool found = false;
    while (rest.len > 0) {
        struct span line = span_split(rest, '\n', &rest), is, name = span_split(line, '=', &is);
        bool this = span_is(name, key);
        found = found || this;
        made = plan_format(d->p, "%.*s%s%.*s%s%.*s", (int)made.len, made.at, made.len > 0 ? "\n" : "",
                           this ? (int)name.len : (int)line.len, line.at, this ? "=" : "",
                           this ? (int)value.len : 0, this && value.at != NULL ? value.at : "");
    }
    if (!found)
        made = plan_format(d->p, "%.*s\n%s=%.*s", (int)made.len, made.at, key, (int)value.len, value.at);
    return made;
}

/* Room in the plan for a struct: texts leave it anywhere. */
static void *aligned_room(struct plan *p, size_t bytes)
{
    const size_t step = _Alignof(max_align_t);
    char *at = plan_room(p, bytes + step);
    return at != NULL ? at + (step - (uintptr_t)at % step) : NULL;
}

struct plan_job *storage_job(struct doing *d, const char *verb, struct span pool)
{
    struct plan_job *job = aligned_room(d->p, sizeof *job);
    struct plan_job **end = &d->p->job;
    if (job == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *job = (struct plan_job){.verb = verb, .qid = QID_GLOBAL, .pool = plan_keep(d->p, pool)};
    return *end = job;
}

/* The volume of this name, kept for the life of the plan. */
int storage_find(struct doing *d, uint32_t qid, struct span name, struct volume_known *v)
{
    struct text made = TEXT_WITH_LIMIT(4096);
    int r = volume_known(&d->k, qid, name, &made, v);
    if (r == 1) {
        v->pool = plan_keep(d->p, v->pool);
        v->lines = plan_keep(d->p, v->lines);
    }
    text_free(&made);
    if (r == 0)
        return fault_set(d->why, ERR_PERMISSION, "the VM has no such volume");
    return r < 0 ? fault_set(d->why, ERR_NOMEM, "no memory for a volume") : 0;
}

int storage_volume_job(struct doing *d, const char *verb, uint32_t qid, struct span name,
                       struct plan_job **ret)
{
    struct volume_known v;
    int r = storage_find(d, qid, name, &v);
    struct plan_job *job = r >= 0 ? storage_job(d, verb, v.pool) : NULL;
    if (job == NULL)
        return r < 0 ? r : -ERR_NOMEM;
    job->qid = qid;
    job->volume = plan_keep(d->p, name);
    job->lines = v.lines;
    job->in_place = v.in_place;
    *ret = job;
    return 0;
}

void storage_put(struct doing *d, uint32_t qid, struct span volume, const char *key, struct span value)
{
    struct span lines = {NULL, 0};
    if (known_item(&d->k, CHANGE_VOLUME, qid, volume, &lines))
        plan_change(d->p, CHANGE_VOLUME, qid, volume, storage_with(d, lines, key, value));
}

static int check_halted(struct doing *d, uint32_t qid)
{
    if (world_is_halted(d->k.world, qid))
        return 0;
    return fault_set(d->why, ERR_VM_NOT_HALTED, "shut the VM down first");
}

uint64_t storage_size(struct span lines)
{
    uint64_t size;
    return text_number(storage_attribute(lines, "size"), 0, INT64_MAX, &size) == 0 ? size : 0;
}

int plan_volume_resize(const struct known *k, uint32_t qid, struct span volume, struct span size,
                       struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct plan_job *job = NULL;
    uint64_t bytes;
    int r = storage_number(size, &bytes, why);
    if (r >= 0)
        r = storage_volume_job(&d, "resize", qid, volume, &job);
    if (r >= 0) {
        job->size = bytes;
        storage_put(&d, qid, volume, "size", size);
    }
    return doing_end(&d, r);
}

void storage_sized(struct doing *d, uint32_t qid, struct span volume, struct span size)
{
    struct span lines, now = {NULL, 0};
    if (size.len == 0 || !known_item(&d->k, CHANGE_VOLUME, qid, volume, &lines) ||
        !storage_is(lines, "save_on_stop"))
        return; /* of what is thrown away the next one is made as is configured */
    ask_attribute(lines, "size", &now);
    if (!span_equal(now, size))
        storage_put(d, qid, volume, "size", size);
}

int plan_volume_revert(const struct known *k, uint32_t qid, struct span volume, struct span revision,
                       struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct plan_job *job = NULL;
    struct span size, name = span_split(revision, ' ', &size);
    int r = storage_volume_job(&d, "revert", qid, volume, &job);
    if (r >= 0) {
        job->revision = plan_keep(p, name);
        storage_sized(&d, qid, volume, size);
    }
    return doing_end(&d, r);
}

/* What is configured, until storage has said what is. */
static struct span size_now(struct doing *d, struct span size, struct span lines)
{
    return size.len > 0 ? size : plan_format(d->p, "%" PRIu64, storage_size(lines));
}

static void say_begin(struct doing *d, uint32_t qid, struct span volume, struct span size)
{
    struct plan_pair pair[2] = {{"volume", volume}, {"size", size}};
    plan_event(d->p, qid, "domain-volume-import-begin", SPAN_LITERAL(""), 2, pair);
}

static void say_end(struct doing *d, uint32_t qid, struct span volume, bool success)
{
    struct plan_pair pair[2] = {{"volume", volume}, {"success", span_of(success ? "True" : "False")}};
    plan_event(d->p, qid, "domain-volume-import-end", SPAN_LITERAL(""), 2, pair);
}

int plan_volume_clear(const struct known *k, uint32_t qid, struct span volume, struct span size,
                      struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct plan_job *job = NULL;
    int r = storage_volume_job(&d, "clear", qid, volume, &job);
    if (r >= 0) {
        storage_sized(&d, qid, volume, size);
        say_begin(&d, qid, volume, size_now(&d, size, job->lines));
        say_end(&d, qid, volume, true);
    }
    return doing_end(&d, r);
}

bool storage_in_place(struct span lines)
{
    return span_is(storage_attribute(lines, "revisions_to_keep"), "-1") &&
           storage_is(lines, "save_on_stop") && !storage_is(lines, "snap_on_start");
}

bool storage_has_driver(struct doing *d, struct span lines, const char *driver)
{
    struct span pool;
    return pool_known(&d->k, storage_attribute(lines, "pool"), &pool) &&
           span_is(storage_attribute(pool, "driver"), driver);
}

bool storage_is_kernel(struct doing *d, struct span lines)
{
    return storage_has_driver(d, lines, "linux-kernel");
}

int plan_import_begin(const struct known *k, uint32_t qid, struct span volume, struct span size,
                      struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct plan_job *job = NULL;
    uint64_t bytes = 0;
    int r = check_halted(&d, qid);
    if (r >= 0 && size.len > 0)
        r = storage_number(size, &bytes, why);
    if (r >= 0)
        r = storage_volume_job(&d, size.len > 0 ? "import_begin" : "import_same", qid, volume, &job);
    if (r >= 0) {
        job->size = bytes;
        p->result = size_now(&d, plan_keep(p, size), job->lines);
        say_begin(&d, qid, volume, p->result);
    }
    return doing_end(&d, r);
}

int plan_import_end(const struct known *k, uint32_t qid, struct span volume, struct span word, struct plan *p,
                    struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct plan_job *job = NULL;
    struct span size, verdict = span_split(word, ' ', &size);
    int r = storage_volume_job(&d, "import_end", qid, volume, &job);
    if (r >= 0) {
        job->success = span_is(verdict, "ok");
        if (job->success)
            storage_sized(&d, qid, volume, size);
        say_end(&d, qid, volume, job->success);
    }
    return doing_end(&d, r);
}

int plan_import_failed(const struct known *k, uint32_t qid, struct span volume, struct plan *p,
                       struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    say_end(&d, qid, volume, false);
    return doing_end(&d, 0);
}

/* A disposable of an AppVM lives on the AppVM's volumes. */
static int check_disposables(struct doing *d, uint32_t qid)
{
    const struct vm *vm = ask_vm(&d->k, qid);
    int r = check_halted(d, qid);
    for (size_t i = 0; r >= 0 && vm->class == CLASS_AppVM && i < model_vm_count(d->k.model); i++) {
        const struct vm *other = model_vm_at(d->k.model, i);
        if (other->class == CLASS_DispVM && ask_template(&d->k, other->qid) == vm)
            r = check_halted(d, other->qid);
    }
    return r;
}

/* A kernel is nobody's to make or to remove. */
static int job_unless_kernel(struct doing *d, const char *verb, uint32_t qid, struct span name,
                             struct span lines)
{
    struct plan_job *job;
    return storage_is_kernel(d, lines) ? 0 : storage_volume_job(d, verb, qid, name, &job);
}

/* Those of a newborn stand in the plan only. */
static int jobs_of_newborn(struct doing *d, uint32_t qid, const char *verb)
{
    int r = 0;
    for (size_t i = 0, count = d->p->changes; i < count && r >= 0; i++) {
        struct change c = d->p->change[i];
        if (c.kind == CHANGE_VOLUME && c.qid == qid && !c.gone)
            r = job_unless_kernel(d, verb, qid, c.key, c.value);
    }
    return r;
}

int do_volume_jobs(struct doing *d, uint32_t qid, const char *verb)
{
    int r = 0;
    if (d->k.newborn != NULL && d->k.newborn->qid == qid)
        return jobs_of_newborn(d, qid, verb);
    for (const struct item *at = model_items(d->k.model, qid, CHANGE_VOLUME); at != NULL && r >= 0;
         at = at->next)
        r = job_unless_kernel(d, verb, qid, (struct span){at->key, at->key_len},
                              (struct span){at->value, at->value_len});
    return r;
}

int plan_volume_keep(const struct known *k, uint32_t qid, struct span volume, struct span number,
                     struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct volume_known v;
    int64_t keep = 0;
    int r = number_parse(number, true, &keep, why);
    if (r >= 0 && keep < -1)
        r = fault_set(why, ERR_VALUE, "revisions_to_keep is -1, 0 or more");
    if (r >= 0)
        r = storage_find(&d, qid, volume, &v);
    if (r < 0)
        return doing_end(&d, r);
    bool was = span_is(storage_attribute(v.lines, "revisions_to_keep"), "-1");
    if (storage_is_kernel(&d, v.lines) && keep != 0)
        r = fault_set(why, ERR_VALUE, "a kernel volume keeps no revisions");
    else if (keep > 1 && storage_has_driver(&d, v.lines, "file"))
        r = fault_set(why, ERR_NOT_IMPLEMENTED, "the file driver keeps one revision at most");
    else if (was != (keep == -1))
        r = check_disposables(&d, qid);
    if (r >= 0)
        storage_put(&d, qid, volume, "revisions_to_keep", plan_format(p, "%" PRId64, keep));
    return doing_end(&d, r);
}

int plan_volume_rw(const struct known *k, uint32_t qid, struct span volume, struct span word, struct plan *p,
                   struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct volume_known v;
    bool rw = false;
    int r = storage_bool(word, &rw, why);
    if (r >= 0)
        r = check_halted(&d, qid);
    if (r >= 0)
        r = storage_find(&d, qid, volume, &v);
    if (r >= 0 && rw && storage_is_kernel(&d, v.lines))
        r = fault_set(why, ERR_VALUE, "a kernel volume is read-only");
    if (r >= 0)
        storage_put(&d, qid, volume, "rw", span_of(rw ? "True" : "False"));
    return doing_end(&d, r);
}

int plan_volume_ephemeral(const struct known *k, uint32_t qid, struct span volume, struct span word,
                          struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct volume_known v;
    bool ephemeral = false;
    int r = storage_bool(word, &ephemeral, why);
    if (r >= 0)
        r = storage_find(&d, qid, volume, &v);
    if (r >= 0 && ephemeral &&
        (storage_is(v.lines, "snap_on_start") || storage_is(v.lines, "save_on_stop") ||
         !storage_is(v.lines, "rw")))
        r = fault_set(why, ERR_VALUE, "only a volume that is writable and thrown away can be ephemeral");
    if (r >= 0)
        storage_put(&d, qid, volume, "ephemeral", span_of(ephemeral ? "True" : "False"));
    return doing_end(&d, r);
}
