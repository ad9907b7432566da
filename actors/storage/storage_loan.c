/* SPDX-License-Identifier: MIT
 * A volume that is cloned into another pool: this process opens the last committed state and lends it,
 * through the supervisor, to that pool's process alone; or it is lent one; in storage. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/storage/storage.h"
#include "base/own.h"
#include "doors/pool_call.h"

/* Who borrowed it has ended, or registry forgot it. */
#define LENT_MOST (UINT64_C(6) * 3600 * SECONDS)

static struct storage_loan *find(struct storage *s, uint32_t number)
{
    for (size_t i = 0; i < COUNT(s->loan); i++)
        if (s->loan[i].number == number)
            return &s->loan[i];
    return NULL;
}

bool loan_begin(struct storage *s, struct out *out, struct volume_job *job)
{
    struct fault why;
    bool lends = job->verb == POOL_export;
    if (job->verb != POOL_import_fd && job->verb != POOL_export_end && !lends)
        return true;
    if (job->loan == 0 || s->lend == NULL || (lends && find(s, job->loan) == NULL && find(s, 0) == NULL)) {
        fault_set(&why, ERR_BUSY, "too many volumes of pool %s are being cloned; try again later", s->name);
        job_refuse(s, out, job, -(int)why.code, &why);
        return false;
    }
    if (job->verb == POOL_import_fd) {
        job->state = JOB_ASKS;
        out_door(out, job->loan);
    }
    if (job->verb == POOL_export_end)
        s->lend(s->lend_arg, job->loan, 0, -1);
    return true;
}

static void lent(struct out *out, struct storage *s, struct volume_job *job)
{
    struct volume_change_reply m = {.size = job->size};
    (void)REPLY(out, volume_change, &job->request, &m);
    job_end(s, job);
}

void loan_exported(struct storage *s, struct out *out, struct volume_job *job, struct storage_task *t)
{
    struct storage_loan *loan = find(s, job->loan);
    if (loan == NULL)
        loan = find(s, 0);
    s->working--;
    job->state = JOB_LENDS;
    job->size = t->outcome.size;
    job->fd = take_fd(&t->fd);
    if (loan != NULL) { /* the same export again ends as one */
        *loan = (struct storage_loan){.number = job->loan, .since = out->now, .volume = job->volume};
        memcpy(loan->path, t->outcome.path, sizeof loan->path);
    }
    s->lend(s->lend_arg, job->loan, job->borrower, job->fd);
    close_file(&job->fd);
}

/* The question that this answers: what is lent under one number is lent or borrowed here, never both. */
static struct volume_job *asker(struct storage *s, uint32_t loan)
{
    struct volume_job *job = s->jobs;
    while (job != NULL && (job->loan != loan || (job->state != JOB_LENDS && job->state != JOB_ASKS)))
        job = job->next;
    return job;
}

void storage_handed(void *self, struct out *out, uint32_t loan, int fd)
{
    struct storage *s = self;
    struct fault why;
    struct volume_job *job = loan != 0 ? asker(s, loan) : NULL;
    if (job == NULL || job->state == JOB_LENDS) {
        close_file(&fd);
        if (job != NULL)
            lent(out, s, job);
    } else if (fd < 0) {
        fault_set(&why, ERR_STORAGE, "the data to be cloned were lost on their way; clone the volume again");
        job_refuse(s, out, job, -ERR_STORAGE, &why);
    } else {
        job->fd = fd;
        job->state = JOB_WAITS;
    }
    jobs_go_on(s, out);
}

bool loans_are_out(struct storage *s, uint64_t now)
{
    bool out = false;
    for (size_t i = 0; i < COUNT(s->loan); i++) {
        if (s->loan[i].number != 0 && now - s->loan[i].since > LENT_MOST)
            s->loan[i].number = 0;
        out = out || s->loan[i].number != 0;
    }
    return out;
}

void loan_take_path(struct storage *s, const struct volume_job *job, struct storage_task *t)
{
    struct storage_loan *loan = job->verb == POOL_export_end ? find(s, job->loan) : NULL;
    if (loan == NULL)
        return;
    memcpy(t->path, loan->path, sizeof t->path);
    *loan = (struct storage_loan){.number = 0};
}

/* ---- on the worker's thread ---- */

int loan_open(const struct storage_doors *d, const struct pool_errand *e, struct storage_task *t)
{
    const struct pool_calls *calls = d->calls != NULL ? d->calls : &pool_calls_real;
    struct pool *p = d->pool;
    int r = pool_do(p, POOL_export, e, &t->outcome, &t->task.why);
    if (r < 0)
        return r;
    t->fd = calls->open(t->outcome.path, O_RDONLY | O_NONBLOCK, 0);
    if (t->fd >= 0)
        return r;
    r = fault_set(&t->task.why, ERR_STORAGE, "open %s: %s", t->outcome.path, strerror(errno));
    struct pool_errand end = *e;
    end.path = t->outcome.path;
    (void)pool_do(p, POOL_export_end, &end, NULL, NULL);
    return r;
}

/* Another process says that these are data: what could block or be written is none. */
int loan_check(const struct storage_task *t, struct fault *why)
{
    struct stat st;
    int flags = t->fd >= 0 ? fcntl(t->fd, F_GETFL) : -1;
    if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || fstat(t->fd, &st) < 0 ||
        (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
        return fault_set(why, ERR_STORAGE, "what the other pool lends is no file that is open to be read");
    return 0;
}
