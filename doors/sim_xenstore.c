/* SPDX-License-Identifier: MIT
 * The part of xenstore that says which PCI functions the simulated hypervisor's domains have. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/sim_inside.h"

struct sim_store {
    struct xenstore_door door; /* first: the door is this struct */
    struct sim_hypervisor *sim;
};

void sim_xenstore_lags(struct sim_hypervisor *sim, unsigned pauses)
{
    sim->hides = pauses;
    for (size_t i = 0; pauses == 0 && i < sim->top; i++)
        for (size_t k = 0; k < SIM_ATTACHED_MAX; k++)
            sim->domains[i].plugged[k].hidden = 0;
}

void sim_pause(struct sim_hypervisor *sim)
{
    for (size_t i = 0; i < sim->top; i++)
        for (size_t k = 0; k < SIM_ATTACHED_MAX; k++)
            if (sim->domains[i].plugged[k].hidden > 0)
                sim->domains[i].plugged[k].hidden--;
}

static bool shows(const struct sim_domain *d, size_t place)
{
    return d->plugged[place].xml != NULL && d->plugged[place].sbdf[0] != '\0' &&
           d->plugged[place].hidden == 0;
}

static bool has_any(const struct sim_domain *d)
{
    bool any = false;
    for (size_t k = 0; d->xml != NULL && d->domid != VIRT_NO_DOMID && k < SIM_ATTACHED_MAX; k++)
        any = any || shows(d, k);
    return any;
}

static int list(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *names,
                struct fault *why)
{
    const struct sim_hypervisor *sim = ((struct sim_store *)x)->sim;
    (void)tx, (void)why;
    if (strcmp(path, "backend/pci") != 0)
        text_add(names, "0\n");
    for (size_t i = 0; strcmp(path, "backend/pci") == 0 && i < sim->top; i++)
        if (has_any(&sim->domains[i]))
            text_format(names, "%d\n", sim->domains[i].domid);
    return names->failed;
}

static const struct sim_domain *of_domid(const struct sim_hypervisor *sim, int domid)
{
    for (size_t i = 0; i < sim->top; i++)
        if (sim->domains[i].xml != NULL && sim->domains[i].domid == domid)
            return &sim->domains[i];
    return NULL;
}

static int read_key(const struct sim_domain *d, const char *key, struct text *value)
{
    unsigned place = SIM_ATTACHED_MAX;
    bool guest = sscanf(key, "vdev-%u", &place) == 1;
    if (strcmp(key, "domain") == 0)
        text_add(value, d->name);
    else if (strcmp(key, "num_devs") == 0)
        text_format(value, "%d", SIM_ATTACHED_MAX);
    else if ((!guest && sscanf(key, "dev-%u", &place) != 1) || place >= SIM_ATTACHED_MAX || !shows(d, place))
        return -ERR_UNKNOWN;
    else if (guest)
        text_format(value, "0000:00:%02x.00", place & 31);
    else
        text_add(value, d->plugged[place].sbdf);
    return value->failed;
}

static int read_path(struct xenstore_door *x, xenstore_tx tx, const char *path, struct text *value,
                     struct fault *why)
{
    int domid = VIRT_NO_DOMID, len = 0;
    (void)tx;
    if (sscanf(path, "/local/domain/%d", &domid) == 1 &&
        of_domid(((struct sim_store *)x)->sim, domid) != NULL)
        return 0;
    bool known = sscanf(path, "backend/pci/%d/0/%n", &domid, &len) == 1 && len > 0;
    const struct sim_domain *d = known ? of_domid(((struct sim_store *)x)->sim, domid) : NULL;
    int r = d == NULL ? -ERR_UNKNOWN : read_key(d, path + len, value);
    return r < 0 ? fault_set(why, (enum err) - r, "xenstore has no %s", path) : 0;
}

static int begin(struct xenstore_door *x, xenstore_tx *tx, struct fault *why)
{
    (void)x, (void)why;
    *tx = 1;
    return 0;
}

static int commit(struct xenstore_door *x, xenstore_tx tx, struct fault *why)
{
    (void)x, (void)tx, (void)why;
    return 0;
}

static void abort_it(struct xenstore_door *x, xenstore_tx tx)
{
    (void)x, (void)tx;
}

static void close_it(struct xenstore_door *x)
{
    free(x);
}

static const struct xenstore_ops store_ops = {
    .close = close_it, .list = list, .read = read_path, .begin = begin, .commit = commit, .abort = abort_it};

int xenstore_open_sim(struct sim_hypervisor *sim, struct xenstore_door **ret, struct fault *why)
{
    struct sim_store *made = calloc(1, sizeof *made);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection");
    made->door.ops = &store_ops;
    made->sim = sim;
    *ret = &made->door;
    return 0;
}
