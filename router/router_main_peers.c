/* SPDX-License-Identifier: MIT
 * The router's children as sockets; see router_peers.h. */
#include "router/router_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"

/* Messages taken from one peer before the others get their turn. */
enum { BURST = 64 };

static struct peer *find(struct router *r, struct address who)
{
    struct peer_key key = {who.kind, who.instance};
    struct peer *p;
    HASH_FIND(hh, r->peers, &key, sizeof key, p);
    return p;
}

static void socket_path(const struct router *r, const struct control *order, char *path, size_t size)
{
    snprintf(path, size, "%s/%s-%u/%llx.%llx", r->directory, kind_name(order->kind), order->instance,
             (unsigned long long)order->incarnation, (unsigned long long)order->number);
}

static void watch(struct router *r, struct peer *p, int fd, bool on)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
    (void)epoll_ctl(r->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &e);
}

static void close_peer(struct router *r, struct peer *p)
{
    if (p->dead)
        return;
    p->dead = true;
    watch(r, p, bus_fd(p->bus), false);
    watch(r, p, bus_peer_fd(p->bus), false);
    if (p->wants_room)
        watch(r, p, bus_send_fd(p->bus), false);
    HASH_DEL(r->peers, p);
    p->next_buried = r->buried;
    r->buried = p;
}

void peers_bury(struct router *r)
{
    while (r->buried != NULL) {
        struct peer *p = r->buried;
        r->buried = p->next_buried;
        bus_close(p->bus);
        free(p);
    }
}

void peer_expect(struct router *r, struct address who, const struct control *order)
{
    char path[512];
    struct fault why;
    struct peer *before = find(r, who), *p = calloc(1, sizeof *p);
    if (before != NULL)
        close_peer(r, before);
    if (p == NULL || order->kind >= KINDS) {
        free(p);
        return;
    }
    *p = (struct peer){
        .key = {who.kind, who.instance}, .who = who, .incarnation = order->incarnation, .uid = order->value};
    socket_path(r, order, path, sizeof path);
    if (bus_listen(path, 0660, &p->bus, &why) < 0) {
        log_line(LOG_ERROR, "%s", why.text);
        free(p);
        return;
    }
    HASH_ADD(hh, r->peers, key, sizeof p->key, p);
    watch(r, p, bus_fd(p->bus), true);
    watch(r, p, bus_peer_fd(p->bus), true);
    route_expect(r->route, who, order->generation, order->incarnation);
}

static void accuse(struct peer *p, const char *why)
{
    struct control c = control_text(CONTROL_ACCUSE, span_of(why));
    c.kind = p->who.kind;
    c.instance = p->who.instance;
    c.incarnation = p->incarnation;
    (void)control_send(CONTROL_FD, &c, NULL);
}

/* Whoever connected must be the process that the supervisor started. */
static bool is_itself(struct router *r, struct peer *p)
{
    struct bus_peer peer = bus_peer(p->bus);
    if (p->live || p->dead)
        return p->live && !p->dead;
    if (!peer.connected || p->pid == 0)
        return false;
    if (peer.uid != p->uid || peer.pid != p->pid) {
        log_line(LOG_ERROR,
                 "a process with uid %u and pid %lld came to the socket of %s/%u (uid %u, pid %lld)",
                 peer.uid, (long long)peer.pid, kind_name(p->who.kind), p->who.instance, p->uid,
                 (long long)p->pid);
        accuse(p, "is not who connected to its socket");
        return false;
    }
    p->live = true;
    route_live(r->route, p->who, p->incarnation, r->now);
    return true;
}

void peer_is(struct router *r, struct address who, uint64_t incarnation, int64_t pid)
{
    struct peer *p = find(r, who);
    if (p == NULL || p->incarnation != incarnation)
        return;
    p->pid = pid;
    if (is_itself(r, p))
        peer_ready(r, p);
}

void peer_close(struct router *r, struct address who, uint64_t incarnation)
{
    struct peer *p = find(r, who);
    if (p != NULL && p->incarnation == incarnation)
        close_peer(r, p);
}

static void want_room(struct router *r, struct peer *p, bool wanted)
{
    if (p->wants_room == wanted)
        return;
    p->wants_room = wanted;
    watch(r, p, bus_send_fd(p->bus), wanted);
}

int peer_send(struct router *r, struct address who, uint64_t incarnation, struct span bytes)
{
    struct peer *p = find(r, who);
    if (p == NULL || p->incarnation != incarnation || !p->live)
        return -ERR_CLOSED;
    int e = bus_send(p->bus, bytes);
    if (e == -ERR_BUSY)
        want_room(r, p, true);
    return e;
}

static void hear(struct router *r, struct peer *p)
{
    struct bus_message *m;
    for (int i = 0; i < BURST && !p->dead; i++) {
        if (bus_receive(p->bus, &m) != 1)
            return;
        struct span bytes = bus_message_bytes(m);
        route_hear(r->route, p->who, p->incarnation, (char *)bytes.at, bytes.len, r->now);
        bus_message_free(m);
    }
}

/* The end of a process is told by the supervisor; the loss of its line is seen first. */
void peers_check_lost(struct router *r)
{
    struct peer *p, *next;
    if (r->lost_at == 0 || r->now - r->lost_at < PEER_LOST_FOR)
        return;
    r->lost_at = 0;
    HASH_ITER(hh, r->peers, p, next)
    {
        if (p->lost_at != 0)
            accuse(p, "lost its line to the router, as an oversize message loses it");
    }
}

static void note_loss(struct router *r, struct peer *p)
{
    if (p->lost_at == 0 && p->live && bus_peer(p->bus).was_lost)
        p->lost_at = r->lost_at = r->now;
}

/* Which of its descriptors it was is asked of each: they are few and the answers are cheap. */
void peer_ready(struct router *r, struct peer *p)
{
    if (p->dead)
        return;
    bus_peer_changed(p->bus);
    note_loss(r, p);
    if (!is_itself(r, p))
        return;
    hear(r, p);
    if (!p->dead && p->wants_room) {
        want_room(r, p, false);
        route_writable(r->route, p->who);
    }
}
