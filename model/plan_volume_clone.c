/* SPDX-License-Identifier: MIT
 * The plan of a volume that gets another one's contents: one job within a pool, a loan between two. */
#include "model/ask.h"
#include "model/plan_storage_inside.h"

static int read_source(struct doing *d, struct span text, uint32_t *qid, struct volume_known *v,
                       struct span *name, struct span *size)
{
    uint64_t number;
    struct span first = span_split(text, ' ', &text);
    *name = span_split(text, ' ', size);
    if (text_number(first, 0, QID_MAX, &number) < 0 || ask_vm(&d->k, (uint32_t)number) == NULL)
        return fault_set(d->why, ERR_VM_NOT_FOUND, "the VM that is to be cloned from is gone");
    *qid = (uint32_t)number;
    return storage_find(d, *qid, *name, v);
}

static int lend(struct doing *d, enum plan_stage stage, const char *verb, struct span volume,
                const struct volume_known *from, const struct plan_job *to)
{
    struct plan_job *job = storage_job(d, verb, from->pool);
    if (job == NULL)
        return -ERR_NOMEM;
    job->stage = stage;
    job->volume = plan_keep(d->p, volume);
    job->lines = from->lines;
    job->borrower = to->pool;
    return 0;
}

/* Neither pool's process sees the other pool: the data pass as an open file. A volume of which no copy is
 * made while it is used stays at rest meanwhile. 1: there is nothing to be done. */
static int clone_between_pools(struct doing *d, uint32_t from_qid, const struct volume_known *from,
                               struct span name, struct plan_job *job)
{
    if (storage_is_kernel(d, from->lines) && storage_is_kernel(d, job->lines))
        return 1; /* a kernel is what the VM's kernel is */
    if (storage_is_kernel(d, from->lines) || storage_is_kernel(d, job->lines))
        return fault_set(d->why, ERR_STORAGE, "a kernel volume takes its data from its VM's kernel only");
    if (!storage_is(job->lines, "save_on_stop"))
        return 1; /* nothing of it would be kept */
    if (storage_in_place(from->lines) || storage_has_driver(d, from->lines, "file"))
        (void)world_is_halted(d->k.world, from_qid);
    job->verb = "import_fd";
    job->stage = STAGE_TAKE;
    int r = lend(d, STAGE_LEND, "export", name, from, job);
    return r < 0 ? r : lend(d, STAGE_GIVE_BACK, "export_end", name, from, job);
}

/* Makes the job one that takes its volume's contents from there. 1: there is nothing to be done. */
static int take_from(struct doing *d, uint32_t from_qid, const struct volume_known *from, struct span name,
                     struct plan_job *job)
{
    if (storage_in_place(from->lines) && !world_is_halted(d->k.world, from_qid))
        return fault_set(d->why, ERR_STORAGE, "Volume %.*s must be stopped before importing its data",
                         (int)storage_attribute(from->lines, "vid").len,
                         storage_attribute(from->lines, "vid").at);
    if (!span_equal(from->pool, job->pool))
        return clone_between_pools(d, from_qid, from, name, job);
    job->source = from->lines;
    return 0;
}

int plan_volume_clone(const struct known *k, uint32_t qid, struct span volume, struct span source,
                      struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct plan_job *job = NULL;
    struct volume_known from;
    struct span name, size = {NULL, 0};
    uint32_t from_qid = 0;
    int r = read_source(&d, source, &from_qid, &from, &name, &size);
    if (r >= 0)
        r = storage_volume_job(&d, "clone", qid, volume, &job);
    if (r >= 0 && (r = take_from(&d, from_qid, &from, name, job)) == 1)
        p->job = NULL;
    if (r < 0)
        return doing_end(&d, r);
    storage_sized(&d, qid, volume, size);
    struct plan_pair pair[2] = {{"name", volume}, {"source", storage_attribute(from.lines, "vid")}};
    plan_event(p, qid, "domain-import-volume", SPAN_LITERAL(""), 2, pair);
    r = span_is(volume, "root") ? do_root_imported(&d, qid) : 0;
    return doing_end(&d, r);
}

int do_volume_from(struct doing *d, uint32_t qid, struct span volume, uint32_t from_qid)
{
    struct volume_known from;
    struct plan_job *job = NULL;
    int r = storage_find(d, from_qid, volume, &from);
    if (r >= 0 && storage_size(from.lines) > 0)
        storage_put(d, qid, volume, "size", storage_attribute(from.lines, "size"));
    if (r >= 0)
        r = storage_volume_job(d, "clone", qid, volume, &job);
    if (r < 0)
        return r;
    job->stage = STAGE_TAKE; /* when it is made */
    r = take_from(d, from_qid, &from, volume, job);
    return r < 0 ? r : 0;
}
