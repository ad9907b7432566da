/* SPDX-License-Identifier: MIT
 * The status page; see runtime/control/status.h. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"

uint64_t boot_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

/* Made aside and then put in its place: whoever looks finds the former page or a whole one. */
int status_open(struct supervisor *s, struct fault *why)
{
    char path[PATH_ROOM], made[PATH_ROOM];
    snprintf(path, sizeof path, "%.480s/status", s->settings.run);
    snprintf(made, sizeof made, "%.480s/status~", s->settings.run);
    unlink(made);
    AUTO_FD fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof(struct status_page)) < 0)
        return fault_set(why, ERR_IO, "cannot make %s: %s", made, strerror(errno));
    void *at = mmap(NULL, sizeof(struct status_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return fault_set(why, ERR_NOMEM, "cannot map %s: %s", made, strerror(errno));
    s->status = at;
    s->status->version = STATUS_VERSION;
    s->status->supervisor_pid = getpid();
    s->status->started_at = boot_time();
    __atomic_store_n(&s->status->magic, STATUS_MAGIC, __ATOMIC_RELEASE);
    return rename(made, path) < 0 ? fault_set(why, ERR_IO, "cannot make %s: %s", path, strerror(errno)) : 0;
}

void status_supervisor(struct supervisor *s, const char *state)
{
    snprintf(s->status->supervisor_state, sizeof s->status->supervisor_state, "%s", state);
}

static void fill(struct status_entry *e, const struct child *c)
{
    e->used = 1;
    e->kind = c->key.kind;
    e->instance = c->key.instance;
    e->uid = c->uid;
    e->pid = c->pid;
    snprintf(e->state, sizeof e->state, "%s", life_name(c->state));
    snprintf(e->title, sizeof e->title, "%s", c->title);
    e->layers = c->layers;
    e->incarnation = c->incarnation;
    e->restarts = c->restarts;
    e->depth = c->waiting + (c->sent > c->heard ? c->sent - c->heard : 0);
}

void status_show(struct supervisor *s, const struct child *c)
{
    struct status_entry *e = &s->status->entry[c->slot];
    bool fresh = e->incarnation != c->incarnation;
    __atomic_store_n(&e->turn, e->turn | 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    fill(e, c);
    if (fresh)
        e->started_at = boot_time();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&e->turn, (e->turn | 1) + 1, __ATOMIC_RELEASE);
    if (c->slot >= s->status->count)
        __atomic_store_n(&s->status->count, c->slot + 1, __ATOMIC_RELEASE);
}
