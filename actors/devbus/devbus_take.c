/* SPDX-License-Identifier: MIT
 * See devbus_take.h: in the core of a bus on demand. */
#include "actors/devbus/devbus_take.h"

#include <string.h>

int devbus_is_attached(const char *backend, const char *port, const char *device_id, const char *holder,
                       struct fault *why)
{
    return fault_set(why, ERR_DEVICE_ATTACHED, "'Device %s:%.60s:%.100s already attached to %s'", backend,
                     port, device_id, holder[0] != '\0' ? holder : "another VM");
}

static bool is_meant(const struct devbus_wish *w, const struct device_item *item)
{
    return w->device_id[0] == '\0' || strcmp(w->device_id, "*") == 0 ||
           strcmp(w->device_id, item->device_id) == 0;
}

int devbus_wished(const struct devbus *bus, const struct devbus_wish *w, const struct device_item **item,
                  struct fault *why)
{
    const struct device_item *found = devbus_exposed_find(&bus->listing.exposed, w->backend, w->port);
    if (found == NULL || !is_meant(w, found))
        return fault_set(why, ERR_DEVICE_UNRECOGNIZED, "%s exposes no %s device %.60s %.100s now", w->backend,
                         bus->kind->device_class, w->port, w->device_id);
    *item = found;
    return 0;
}

static int check_free(const struct devbus_wish *w, const struct devbus_device *d,
                      const struct device_item *item, struct fault *why)
{
    bool has = d != NULL && d->qid == w->vm.instance;
    bool is_its = w->again && strcmp(item->attachment, w->name) == 0;
    if (d != NULL && (!has || (d->state == DEVBUS_ATTACHED && !w->again)))
        return devbus_is_attached(w->backend, w->port, item->device_id, d->name, why);
    if (d == NULL && item->attachment[0] != '\0' && !is_its)
        return devbus_is_attached(w->backend, w->port, item->device_id, item->attachment, why);
    return 0;
}

static void hold(struct devbus *bus, struct out *out, const struct devbus_wish *w, struct devbus_device *d,
                 struct span options, const struct device_item *item)
{
    d->qid = w->vm.instance;
    d->generation = w->vm.generation;
    devbus_hold(d, out->now, !w->starts);
    (void)text_copy(d->name, sizeof d->name, span_of(w->name));
    (void)text_copy(d->backend, sizeof d->backend, span_of(w->backend));
    (void)text_copy(d->port, sizeof d->port, span_of(w->port));
    (void)text_copy(d->device_id, sizeof d->device_id, span_of(item->device_id));
    (void)text_copy(d->options, sizeof d->options, options);
    if (devbus_happens(&bus->table, out, d, DEVBUS_WANTED) == DEVBUS_BIND)
        (void)devbus_happens(&bus->table, out, d, DEVBUS_BOUND);
}

int devbus_take(struct devbus *bus, struct out *out, const struct devbus_wish *w, struct span options,
                const struct device_item *item, struct fault *why)
{
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key(w->backend, w->port, key);
    struct devbus_device *d = devbus_find(&bus->table, key);
    int r = check_free(w, d, item, why);
    if (r < 0 || (w->only_checks && d != NULL))
        return r;
    if (d == NULL && !devbus_has_room(&bus->table, key))
        return fault_set(why, ERR_BUSY, "too many %s devices are on their way to VMs; try again",
                         bus->kind->device_class);
    if (w->only_checks)
        return 0;
    d = devbus_add(&bus->table, key);
    if (d == NULL)
        return fault_set(why, ERR_BUSY, "VMs have too many %s devices", bus->kind->device_class);
    hold(bus, out, w, d, options, item);
    return 0;
}

void devbus_let_go(struct devbus *bus, struct out *out, const struct envelope *e, const struct bus_release *m)
{
    char key[DEVBUS_KEY_MAX + 1];
    devbus_key(m->backend, m->port, key);
    struct devbus_device *d = devbus_find(&bus->table, key);
    if (d != NULL && d->qid == e->subject_instance)
        (void)devbus_happens(&bus->table, out, d, DEVBUS_GIVEN_UP);
}
