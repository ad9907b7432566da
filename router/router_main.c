/* SPDX-License-Identifier: MIT
 * The router's process: one pair socket per child, the rules of route.c between them, and the
 * supervisor's orders. It never looks into a body. */
#include "router/router_peers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "runtime/control/exits.h"
#include "runtime/jail/jail.h"

/* How often the supervisor hears of the mailboxes. */
#define DEPTH_EVERY UINT64_C(200000000)

static void say(enum control_what what, struct address who, uint64_t incarnation, const struct control *more)
{
    struct control c = more != NULL ? *more : (struct control){0};
    c.what = what;
    c.kind = who.kind;
    c.instance = who.instance;
    c.incarnation = incarnation;
    (void)control_send(CONTROL_FD, &c, NULL);
}

static int op_deliver(void *arg, struct address to, uint64_t incarnation, struct span bytes)
{
    return peer_send(arg, to, incarnation, bytes);
}

static void op_wake(void *arg, struct address who, uint32_t generation)
{
    (void)arg;
    say(CONTROL_WAKE, who, 0, &(struct control){.generation = generation});
}

static void op_accuse(void *arg, struct address who, uint64_t incarnation, const char *why)
{
    (void)arg;
    struct control c = control_text(CONTROL_ACCUSE, span_of(why));
    say(CONTROL_ACCUSE, who, incarnation, &c);
}

static void op_close(void *arg, struct address who, uint64_t incarnation)
{
    peer_close(arg, who, incarnation);
}

static void take_order(struct router *r, const struct control *c)
{
    struct address who = {(uint8_t)c->kind, c->instance};
    switch (c->what) {
    case CONTROL_EXPECT:
        peer_expect(r, who, c);
        break;
    case CONTROL_PEER:
        peer_is(r, who, c->incarnation, (int64_t)c->number);
        break;
    case CONTROL_ENDED:
        peer_close(r, who, c->incarnation);
        route_ended(r->route, who, c->incarnation, (enum ending)(c->value <= 2 ? c->value : 0), r->now);
        break;
    case CONTROL_PING:
        say(CONTROL_HEARD, who, 0, &(struct control){.number = c->number});
        break;
    case CONTROL_STOP:
        r->ending = true;
        break;
    default:
        break;
    }
}

/* Every order that waits; the line blocks, so each is asked for first. */
static void hear_supervisor(struct router *r)
{
    struct pollfd line = {CONTROL_FD, POLLIN, 0};
    struct control c;
    while (!r->ending && poll(&line, 1, 0) > 0) {
        int got = control_receive(CONTROL_FD, &c, NULL);
        if (got == 1)
            take_order(r, &c);
        else if (got == -ERR_CLOSED)
            r->ending = true;
    }
}

static void tell_depths(struct router *r)
{
    struct peer *p, *next;
    if (r->now - r->told_at < DEPTH_EVERY)
        return;
    r->told_at = r->now;
    HASH_ITER(hh, r->peers, p, next)
    {
        struct control c = {0};
        if (!route_depth(r->route, p->who, &c.number, &c.more) ||
            (c.number == p->told && c.more == p->told_waiting))
            continue;
        p->told = c.number;
        p->told_waiting = c.more;
        say(CONTROL_DEPTH, p->who, p->incarnation, &c);
    }
}

static int patience(const struct router *r, uint64_t late)
{
    int most = r->busy || r->lost_at != 0 ? (int)(DEPTH_EVERY / 1000000) : -1;
    if (late == 0)
        return most;
    uint64_t now = clock_now();
    int wait = late <= now ? 0 : (int)((late - now) / 1000000 + 1);
    return most >= 0 && most < wait ? most : wait;
}

static void serve(struct router *r)
{
    struct epoll_event events[64];
    uint64_t late = 0;
    while (!r->ending) {
        int count = epoll_wait(r->epoll, events, COUNT(events), patience(r, late));
        r->now = clock_now();
        r->busy = count > 0;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                hear_supervisor(r);
            else
                peer_ready(r, events[i].data.ptr);
        }
        peers_bury(r);
        late = route_due(r->route, r->now);
        peers_check_lost(r);
        tell_depths(r);
    }
}

static const char *bus_place(int argc, char **argv)
{
    static const char key[] = "place.bus=";
    for (int i = 4; i < argc; i++)
        if (strncmp(argv[i], key, sizeof key - 1) == 0)
            return argv[i] + sizeof key - 1;
    return NULL;
}

static bool is_required(int argc, char **argv)
{
    for (int i = 4; i < argc; i++)
        if (strcmp(argv[i], "jail=require") == 0)
            return true;
    return false;
}

static int open_all(struct router *r, int argc, char **argv, struct jail_report *report, struct fault *why)
{
    static const int keep[] = {STDOUT_FILENO, STDERR_FILENO, CONTROL_FD};
    struct route_ops ops = {op_deliver, op_wake, op_accuse, op_close, r};
    struct jail_order order = {.kind = "router",
                               .mode = is_required(argc, argv) ? JAIL_REQUIRE : JAIL_BEST,
                               .keep = keep,
                               .keep_count = COUNT(keep)};
    uint64_t epoch;
    order.places[PLACE_BUS] = r->directory = bus_place(argc, argv);
    if (r->directory == NULL || text_number(span_of(argv[3]), 1, UINT64_MAX, &epoch) < 0)
        return fault_set(why, ERR_BAD, "started by hand? bulkhead-supervisor does it");
    int e = jail_enter(&order, report, why);
    if (e < 0)
        return e;
    r->route = route_new(&ops, epoch);
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event line = {.events = EPOLLIN, .data.ptr = NULL};
    if (r->route == NULL || r->epoll < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, CONTROL_FD, &line) < 0)
        return fault_set(why, ERR_NOMEM, "no memory for the router");
    return jail_seal(&order, report, why);
}

int main(int argc, char **argv)
{
    static struct router router;
    struct jail_report report = {0};
    struct fault why;
    log_open("router", LOG_INFO);
    router.now = clock_now();
    if (argc < 5 || open_all(&router, argc, argv, &report, &why) < 0) {
        log_line(LOG_ERROR, "%s", argc < 5 ? "started by hand? bulkhead-supervisor does it" : why.text);
        return EXIT_CANNOT_START;
    }
    say(CONTROL_READY, (struct address){KIND_ROUTER, 0}, 0, &(struct control){.number = report.in_force});
    serve(&router);
    fflush(NULL);
    _exit(EXIT_RETIRED);
}
