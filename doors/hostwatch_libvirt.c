/* SPDX-License-Identifier: MIT
 * The one ear for libvirt's events, in `host`. Calls run on its worker thread, the ears
 * on libvirt's event thread. */
#include "doors/hostwatch_libvirt.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "doors/virt.h"

enum { FOR_WATCH = 1, FOR_EVENTS = 2, FOR_CLOSE = 4 };

/* What libvirt's thread calls. It outlives the watch until libvirt lets go of it, and its lock
 * is what makes sure that no ear is called after hostwatch_free. */
struct listener {
    pthread_mutex_t lock;
    unsigned held; /* who still points here */
    bool deaf;
    struct hostwatch_ears ears;
};

struct libvirt_watch {
    struct hostwatch watch; /* first: the watch is this struct */
    virConnectPtr link;
    struct listener *listener;
    int callback; /* of the events; -1: none */
    bool hears_close;
};

static struct listener *listener_new(const struct hostwatch_ears *ears)
{
    struct listener *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    pthread_mutex_init(&made->lock, NULL);
    made->ears = *ears;
    made->held = FOR_WATCH;
    return made;
}

static void listener_hold(struct listener *listener, unsigned holder)
{
    pthread_mutex_lock(&listener->lock);
    listener->held |= holder;
    pthread_mutex_unlock(&listener->lock);
}

static void listener_let_go(struct listener *listener, unsigned holder)
{
    pthread_mutex_lock(&listener->lock);
    listener->held &= ~holder;
    bool last = listener->held == 0;
    pthread_mutex_unlock(&listener->lock);
    if (last) {
        pthread_mutex_destroy(&listener->lock);
        free(listener);
    }
}

static void events_done(void *user)
{
    listener_let_go(user, FOR_EVENTS);
}

static void close_done(void *user)
{
    listener_let_go(user, FOR_CLOSE);
}

static int on_event(virConnectPtr link, virDomainPtr domain, int what, int detail, void *user)
{
    struct listener *listener = user;
    struct hostwatch_event event = {.what = (enum virt_event)what, .detail = detail};
    unsigned domid = virDomainGetID(domain);
    (void)link;
    event.domid = domid == (unsigned)-1 ? VIRT_NO_DOMID : (int)domid;
    if (virDomainGetUUIDString(domain, event.uuid) < 0)
        return 0;
    snprintf(event.name, sizeof event.name, "%s", virDomainGetName(domain));
    pthread_mutex_lock(&listener->lock);
    if (!listener->deaf)
        listener->ears.event(listener->ears.user, &event);
    pthread_mutex_unlock(&listener->lock);
    return 0;
}

static void on_close(virConnectPtr link, int reason, void *user)
{
    struct listener *listener = user;
    (void)link;
    (void)reason;
    pthread_mutex_lock(&listener->lock);
    if (!listener->deaf)
        listener->ears.closed(listener->ears.user);
    pthread_mutex_unlock(&listener->lock);
}

/* 1 with *row, 0 when it has gone meanwhile or is dom0 itself, or -ERR_. */
static int describe(virDomainPtr domain, struct hostwatch_domain *row, struct fault *why)
{
    int state, reason;
    unsigned domid = virDomainGetID(domain);
    if (domid == 0)
        return 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? 0 : virt_fault(why, "read a domain's state");
    if (virDomainGetUUIDString(domain, row->uuid) < 0)
        return virt_fault(why, "read a domain's UUID");
    snprintf(row->name, sizeof row->name, "%s", virDomainGetName(domain));
    row->domid = domid == (unsigned)-1 ? VIRT_NO_DOMID : (int)domid;
    row->state = (enum virt_state)state;
    row->reason = reason;
    return 1;
}

static int fill(virDomainPtr *domains, size_t found, struct hostwatch_domain *rows, size_t room,
                size_t *count, struct fault *why)
{
    size_t used = 0;
    for (size_t i = 0; i < found; i++) {
        struct hostwatch_domain row;
        int r = describe(domains[i], &row, why);
        if (r < 0)
            return r;
        if (r > 0 && used++ < room)
            rows[used - 1] = row;
    }
    *count = used;
    if (used > room)
        return fault_set(why, ERR_TOO_BIG, "%zu domains run, there is room for %zu", used, room);
    return 0;
}

static int watch_list(struct hostwatch *watch, struct hostwatch_domain *rows, size_t room, size_t *count,
                      struct fault *why)
{
    struct libvirt_watch *self = (struct libvirt_watch *)watch;
    virDomainPtr *domains = NULL;
    int found = virConnectListAllDomains(self->link, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (found < 0)
        return virt_fault(why, "list the domains");
    int r = fill(domains, (size_t)found, rows, room, count, why);
    for (int i = 0; i < found; i++)
        virDomainFree(domains[i]);
    free(domains);
    return r;
}

/* dom0 is a domain of Xen's alone; elsewhere domid 0 is nobody. */
static uint64_t dom0_memory(virConnectPtr link)
{
    virDomainInfo info = {0};
    virDomainPtr dom0 = virDomainLookupByID(link, 0);
    if (dom0 == NULL)
        return 0;
    int r = virDomainGetInfo(dom0, &info);
    virDomainFree(dom0);
    return r < 0 ? 0 : info.memory;
}

static int watch_figures(struct hostwatch *watch, struct hostwatch_figures *figures, struct fault *why)
{
    struct libvirt_watch *self = (struct libvirt_watch *)watch;
    virNodeInfo node;
    const char *driver = virConnectGetType(self->link);
    if (driver == NULL || virNodeGetInfo(self->link, &node) < 0)
        return virt_fault(why, "read the host's figures");
    struct hostwatch_figures read = {.memory_kib = node.memory, .cpus = node.cpus};
    snprintf(read.driver, sizeof read.driver, "%s", driver);
    read.dom0_memory_kib = dom0_memory(self->link);
    *figures = read;
    return 0;
}

static void watch_close(struct hostwatch *watch)
{
    struct libvirt_watch *self = (struct libvirt_watch *)watch;
    pthread_mutex_lock(&self->listener->lock);
    self->listener->deaf = true;
    pthread_mutex_unlock(&self->listener->lock);
    if (self->callback >= 0)
        virConnectDomainEventDeregisterAny(self->link, self->callback);
    if (self->hears_close)
        virConnectUnregisterCloseCallback(self->link, on_close);
    if (self->link != NULL)
        virConnectClose(self->link);
    listener_let_go(self->listener, FOR_WATCH);
    free(self);
}

static int watch_samples(struct hostwatch *watch, struct hostwatch_sample *rows, size_t room, size_t *count,
                         struct fault *why)
{
    return hostwatch_libvirt_samples(((struct libvirt_watch *)watch)->link, rows, room, count, why);
}

static const struct hostwatch_ops ops = {
    .close = watch_close, .list = watch_list, .figures = watch_figures, .samples = watch_samples};

static int listen_to(struct libvirt_watch *self, struct fault *why)
{
    listener_hold(self->listener, FOR_EVENTS);
    self->callback =
        virConnectDomainEventRegisterAny(self->link, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_event), self->listener, events_done);
    if (self->callback < 0) {
        listener_let_go(self->listener, FOR_EVENTS);
        return virt_fault(why, "listen to the domains' events");
    }
    listener_hold(self->listener, FOR_CLOSE);
    self->hears_close =
        virConnectRegisterCloseCallback(self->link, on_close, self->listener, close_done) == 0;
    if (!self->hears_close) {
        listener_let_go(self->listener, FOR_CLOSE);
        if (virGetLastErrorCode() != VIR_ERR_NO_SUPPORT) /* an in-process driver never goes away */
            return virt_fault(why, "listen to the connection's end");
    }
    return 0;
}

static struct libvirt_watch *watch_new(const struct hostwatch_ears *ears)
{
    struct libvirt_watch *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->watch.ops = &ops;
    made->callback = -1;
    made->listener = listener_new(ears);
    if (made->listener == NULL) {
        free(made);
        return NULL;
    }
    return made;
}

int hostwatch_open_libvirt(const char *uri, const struct hostwatch_ears *ears, struct hostwatch **ret,
                           struct fault *why)
{
    struct libvirt_watch *made = watch_new(ears);
    if (made == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a connection to libvirt");
    int r = virt_open(uri, VIRT_OPEN_RO, &made->link, why);
    if (r >= 0)
        r = listen_to(made, why);
    if (r < 0) {
        watch_close(&made->watch);
        return r;
    }
    *ret = &made->watch;
    return 0;
}
