/* SPDX-License-Identifier: MIT
 * Plans of pools, and of volumes that belong to no VM; see plan_storage.h. */
#include <inttypes.h>
#include <stdio.h>

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/names.h"
#include "model/plan_storage_inside.h"

enum { DIRECTORY_MOST = 230 };

static void say(struct doing *d, const char *event, struct span name)
{
    struct plan_pair pair = {"pool", name};
    plan_event(d->p, QID_GLOBAL, event, SPAN_LITERAL(""), 1, &pair);
}

/* Not said, or said in the one way that is kept. */
static bool is_truth(struct span lines, const char *key)
{
    struct span word = storage_attribute(lines, key);
    return word.at == NULL || span_is(word, "True") || span_is(word, "False");
}

static int check_new(struct doing *d, struct span name, struct span lines)
{
    struct span other, other_lines;
    bool reads;
    if (pool_known(&d->k, name, &other_lines))
        return fault_set(d->why, ERR_POOL_IN_USE, "there is a pool %.*s already", (int)name.len, name.at);
    if (pool_at(&d->k, pool_instance(name), &other, &other_lines))
        return fault_set(d->why, ERR_QUBES,
                         "the names %.*s and %.*s cannot be used side by side; choose another", (int)name.len,
                         name.at, (int)other.len, other.at);
    int64_t keep = 0;
    struct span number = storage_attribute(lines, "revisions_to_keep");
    if (number.len > 0 && (number_parse(number, true, &keep, d->why) < 0 || keep < -1))
        return fault_set(d->why, ERR_VALUE, "revisions_to_keep is -1, 0 or more");
    if (keep > 1 && span_is(storage_attribute(lines, "driver"), "file"))
        return fault_set(d->why, ERR_NOT_IMPLEMENTED, "the file driver keeps one revision at most");
    if (!is_truth(lines, "ephemeral_volatile"))
        return fault_set(d->why, ERR_VALUE, "ephemeral_volatile is True, 1, on, False, 0 or off");
    if (pool_directory(lines, &reads).len > DIRECTORY_MOST)
        return fault_set(d->why, ERR_QUBES, "the path of the pool's directory is longer than %d bytes",
                         DIRECTORY_MOST);
    return 0;
}

/* Whether its setup is checked is for its setup only. */
static struct span to_store(struct doing *d, struct span lines)
{
    struct span made = SPAN_LITERAL("");
    for (struct span line; lines.len > 0;) {
        line = span_split(lines, '\n', &lines);
        if (!span_starts(line, "setup_check="))
            made = plan_format(d->p, "%.*s%s%.*s", (int)made.len, made.at, made.len > 0 ? "\n" : "",
                               (int)line.len, line.at);
    }
    return made;
}

int plan_pool_add(const struct known *k, struct span name, struct span lines, struct plan *p,
                  struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    int r = check_new(&d, name, lines);
    struct plan_job *job = r >= 0 ? storage_job(&d, "setup", name) : NULL;
    if (job != NULL) {
        job->lines = plan_keep(p, lines);
        plan_change(p, CHANGE_POOL, QID_GLOBAL, name, to_store(&d, lines));
        say(&d, "pool-add", name);
    }
    return doing_end(&d, r);
}

static int find_pool(struct doing *d, struct span name, struct span *lines)
{
    if (pool_known(&d->k, name, lines))
        return 0;
    return fault_set(d->why, ERR_PERMISSION, "there is no such pool");
}

int plan_pool_remove(const struct known *k, struct span name, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct span lines;
    int r = find_pool(&d, name, &lines);
    const struct vm *user = r >= 0 ? pool_user(k, name) : NULL;
    const char *property = r >= 0 ? pool_default_for(k, name) : NULL;
    if (user != NULL)
        r = fault_set(why, ERR_POOL_IN_USE, "'%s' has a volume in the pool", vm_name(user));
    else if (property != NULL)
        r = fault_set(why, ERR_POOL_IN_USE, "the pool is the system's %s", property);
    if (r >= 0) {
        say(&d, "pool-pre-delete", name);
        plan_gone(p, CHANGE_POOL, QID_GLOBAL, name);
        say(&d, "pool-delete", name);
    }
    return doing_end(&d, r);
}

static int put(struct doing *d, struct span name, struct span lines, const char *key, struct span value)
{
    plan_change(d->p, CHANGE_POOL, QID_GLOBAL, name, storage_with(d, lines, key, value));
    return 0;
}

int plan_pool_keep(const struct known *k, struct span name, struct span number, struct plan *p,
                   struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct span lines = {NULL, 0};
    int64_t keep = 0;
    int r = find_pool(&d, name, &lines);
    if (r >= 0)
        r = number_parse(number, true, &keep, why);
    if (r >= 0 && keep < -1)
        r = fault_set(why, ERR_PROTOCOL, "revisions_to_keep is -1, 0 or more");
    struct span driver = storage_attribute(lines, "driver");
    if (r >= 0 && span_is(driver, "linux-kernel") && keep != 0)
        r = fault_set(why, ERR_VALUE, "kernel volumes keep no revisions");
    else if (r >= 0 && span_is(driver, "file") && keep > 1)
        r = fault_set(why, ERR_NOT_IMPLEMENTED, "the file driver keeps one revision at most");
    if (r >= 0)
        r = put(&d, name, lines, "revisions_to_keep", plan_format(p, "%" PRId64, keep));
    return doing_end(&d, r);
}

int plan_pool_ephemeral(const struct known *k, struct span name, struct span word, struct plan *p,
                        struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct span lines = {NULL, 0};
    bool value = false;
    int r = find_pool(&d, name, &lines);
    if (r >= 0)
        r = storage_bool(word, &value, why);
    if (r >= 0)
        r = put(&d, name, lines, "ephemeral_volatile", span_of(value ? "True" : "False"));
    return doing_end(&d, r);
}

/* ---- what belongs to no VM ---- */

/* "<pool> <vid>"; names of pools have no blanks. */
static struct span leftover_key(struct plan *p, const struct plan_job *job)
{
    struct span vid = storage_attribute(job->lines, "vid");
    return plan_format(p, "%.*s %.*s", (int)job->pool.len, job->pool.at, (int)vid.len,
                       vid.at != NULL ? vid.at : "");
}

bool job_is_of_its_volume(const struct plan_job *job)
{
    return job->stage == STAGE_LEND && job->borrower.len == 0;
}

static bool is_kept(const struct plan_job *job)
{
    return job_is_of_its_volume(job) && job->volume.len > 0 && storage_attribute(job->lines, "vid").len > 0;
}

void plan_leftovers(struct plan *p, const struct plan_job *jobs, bool gone)
{
    for (const struct plan_job *job = jobs; job != NULL; job = job->next) {
        if (!is_kept(job) || (gone && job->stays))
            continue;
        struct span key = leftover_key(p, job);
        if (gone)
            plan_gone(p, CHANGE_LEFTOVER, QID_GLOBAL, key);
        else
            plan_change(p, CHANGE_LEFTOVER, QID_GLOBAL, key,
                        plan_format(p, "name=%.*s\n%.*s", (int)job->volume.len, job->volume.at,
                                    (int)job->lines.len, job->lines.at));
    }
}

void plan_result_path(struct plan *p, const char *path)
{
    p->result = plan_format(p, "%.*s %s", (int)p->result.len, p->result.at, path);
}

bool leftover_is(const struct known *k, const struct plan_job *job)
{
    char key[512];
    struct span vid = storage_attribute(job->lines, "vid"), value;
    int len = snprintf(key, sizeof key, "%.*s %.*s", (int)job->pool.len, job->pool.at, (int)vid.len,
                       vid.at != NULL ? vid.at : "");
    return is_kept(job) && len > 0 && (size_t)len < sizeof key &&
           known_item(k, CHANGE_LEFTOVER, QID_GLOBAL, (struct span){key, (size_t)len}, &value);
}

bool leftover_key_is(const struct plan_job *job, struct span key)
{
    struct span vid, pool = span_split(key, ' ', &vid);
    return is_kept(job) && span_equal(pool, job->pool) &&
           span_equal(vid, storage_attribute(job->lines, "vid"));
}

int plan_leftover_remove(const struct known *k, struct span key, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct span value, rest, pool = span_split(key, ' ', &rest);
    if (!known_item(k, CHANGE_LEFTOVER, QID_GLOBAL, key, &value))
        return doing_end(&d, fault_set(why, ERR_STATE, "that volume is gone"));
    struct plan_job *job = storage_job(&d, "remove", pool);
    if (job != NULL) {
        struct span first = span_split(value, '\n', &rest), name;
        span_split(first, '=', &name);
        job->volume = plan_keep(p, name);
        job->lines = plan_keep(p, rest);
        plan_gone(p, CHANGE_LEFTOVER, QID_GLOBAL, key);
    }
    return doing_end(&d, 0);
}
