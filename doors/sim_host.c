/* SPDX-License-Identifier: MIT
 * The door of host to the simulated hypervisor. */
#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"

/* ---- hostwatch ---- */

static struct hostwatch_domain row_of(const struct sim_domain *domain)
{
    struct hostwatch_domain row = {.domid = domain->domid, .state = domain->state, .reason = domain->reason};
    memcpy(row.uuid, domain->uuid, sizeof row.uuid);
    memcpy(row.name, domain->name, sizeof row.name);
    return row;
}

static int list_active(const struct sim_hypervisor *sim, struct hostwatch_domain *rows, size_t room,
                       size_t *count, struct fault *why)
{
    size_t used = 0;
    for (size_t i = 0; i < sim->top; i++) {
        const struct sim_domain *domain = &sim->domains[i];
        if (domain->xml == NULL || domain->domid == VIRT_NO_DOMID)
            continue;
        if (used++ < room)
            rows[used - 1] = row_of(domain);
    }
    *count = used;
    if (used > room)
        return fault_set(why, ERR_TOO_BIG, "%zu domains run, there is room for %zu", used, room);
    return 0;
}

static int watch_list(struct hostwatch *watch, struct hostwatch_domain *rows, size_t room, size_t *count,
                      struct fault *why)
{
    struct sim_link *link = &((struct sim_watch *)watch)->link;
    int r = sim_enter(link, why);
    return r < 0 ? r : sim_leave(link, list_active(link->sim, rows, room, count, why), why);
}

static int watch_figures(struct hostwatch *watch, struct hostwatch_figures *figures, struct fault *why)
{
    struct sim_link *link = &((struct sim_watch *)watch)->link;
    int r = sim_enter(link, why);
    if (r >= 0)
        r = sim_leave(link, 0, why);
    if (r >= 0)
        *figures = (struct hostwatch_figures){.driver = "SIM", .memory_kib = 16 << 20, .cpus = 8};
    return r;
}

static void watch_close(struct hostwatch *watch)
{
    struct sim_watch *self = (struct sim_watch *)watch;
    struct sim_watch **at = &self->link.sim->watches;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    free(self);
}

static int watch_samples(struct hostwatch *watch, struct hostwatch_sample *rows, size_t room, size_t *count,
                         struct fault *why)
{
    struct sim_link *link = &((struct sim_watch *)watch)->link;
    int r = sim_enter(link, why);
    if (r < 0)
        return r;
    *count = 0;
    for (size_t i = 0; i < link->sim->top && *count < room; i++) {
        const struct sim_domain *d = &link->sim->domains[i];
        if (d->xml == NULL || d->domid == VIRT_NO_DOMID)
            continue;
        struct hostwatch_sample *row = &rows[(*count)++];
        *row = (struct hostwatch_sample){
            .domid = d->domid, .memory_kib = d->memory_kib, .memory_max_kib = d->memory_kib, .vcpus = 1};
        memcpy(row->uuid, d->uuid, sizeof row->uuid);
    }
    return sim_leave(link, 0, why);
}

static const struct hostwatch_ops watch_ops = {
    .close = watch_close, .list = watch_list, .figures = watch_figures, .samples = watch_samples};

int hostwatch_open_sim(struct sim_hypervisor *sim, const struct hostwatch_ears *ears, struct hostwatch **ret,
                       struct fault *why)
{
    struct sim_watch *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection");
    made->watch.ops = &watch_ops;
    made->ears = *ears;
    int r = sim_connect(sim, &made->link, why);
    if (r < 0) {
        free(made);
        return r;
    }
    made->next = sim->watches;
    sim->watches = made;
    *ret = &made->watch;
    return 0;
}
