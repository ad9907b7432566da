/* SPDX-License-Identifier: MIT
 * Host's tasks, on its worker's thread: connect and listen, look at every domain. */
#include "actors/host/host.h"

#include <stdlib.h>

static int look(struct host_doors *d, struct host_task *t, struct fault *why)
{
    size_t room = 256;
    int r = -ERR_TOO_BIG;
    while (r == -ERR_TOO_BIG && room <= HOST_DOMAINS_MAX) {
        free(t->domains);
        t->domains = calloc(room, sizeof *t->domains);
        if (t->domains == NULL)
            return fault_set(why, ERR_NOMEM, "no memory for %zu domains", room);
        r = d->watch->ops->list(d->watch, t->domains, room, &t->count, why);
        room = t->count > room * 2 ? t->count + 64 : room * 2;
    }
    return r;
}

static int sample(struct host_doors *d, struct host_task *t, struct fault *why)
{
    size_t room = 256;
    int r = -ERR_TOO_BIG;
    while (r == -ERR_TOO_BIG && room <= HOST_DOMAINS_MAX) {
        free(t->samples);
        t->samples = calloc(room, sizeof *t->samples);
        if (t->samples == NULL)
            return fault_set(why, ERR_NOMEM, "no memory for %zu domains", room);
        r = d->watch->ops->samples(d->watch, t->samples, room, &t->sample_count, why);
        room = t->sample_count > room * 2 ? t->sample_count + 64 : room * 2;
    }
    return r < 0 ? r : host_words_read(d, t, why);
}

/* The machine's figures: its own, or those of the test host that a file describes. */
static int take_figures(struct host_doors *d, struct host_task *t, struct fault *why)
{
    AUTO(hostwatch) *described = NULL;
    int r = d->figures_arg != NULL ? d->open(d->figures_arg, &described, why) : 0;
    struct hostwatch *from = described != NULL ? described : d->watch;
    return r < 0 ? r : from->ops->figures(from, &t->figures, why);
}

static int connect_and_look(struct host_doors *d, struct host_task *t, struct fault *why)
{
    hostwatch_free(d->watch);
    d->watch = NULL;
    int r = d->open(d->arg, &d->watch, why);
    if (r == 0)
        r = take_figures(d, t, why);
    return r < 0 ? r : look(d, t, why);
}

void host_perform(void *doors, struct task *task)
{
    struct host_doors *d = doors;
    struct host_task *t = (struct host_task *)task;
    if (task->what == HOST_CONNECT)
        task->r = connect_and_look(d, t, &task->why);
    else if (d->watch == NULL)
        task->r = fault_set(&task->why, ERR_NO_CONNECTION, "there is no connection to look through");
    else if (task->what == HOST_SAMPLE)
        task->r = sample(d, t, &task->why);
    else
        task->r = look(d, t, &task->why);
}
