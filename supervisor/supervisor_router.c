/* SPDX-License-Identifier: MIT
 * What the router is told of the children, and what it says about them. */
#include "supervisor/supervisor.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"

/* The line takes a dozen records (net.unix.max_dgram_qlen), and a router that is not given the processor
 * takes none of them: what has no room waits here, and whether the router hangs is the watch's question
 * alone. */
static void send_record(struct supervisor *s, const struct control *c)
{
    if (s->router == NULL || s->router->control < 0)
        return; /* the next router is told everything anew */
    if (s->orders == NULL && control_send(s->router->control, c, NULL) != -ERR_BUSY)
        return;
    struct order *order = s->orders_count < ORDERS_MOST ? malloc(sizeof *order) : NULL;
    if (order == NULL) {
        log_line(LOG_ERROR, "the router does not take its orders; it is replaced");
        s->router->ended_by_us = true;
        child_kill(s->router);
        return;
    }
    order->record = *c;
    DL_APPEND(s->orders, order);
    if (s->orders_count++ == 0)
        watch_room(s, s->router, true);
}

static void drop_first(struct supervisor *s)
{
    struct order *first = s->orders;
    DL_DELETE(s->orders, first);
    s->orders_count--;
    free(first);
}

void router_forget_orders(struct supervisor *s)
{
    while (s->orders != NULL)
        drop_first(s);
}

void router_flush(struct supervisor *s)
{
    if (s->orders == NULL || s->router->control < 0)
        return;
    while (s->orders != NULL && control_send(s->router->control, &s->orders->record, NULL) != -ERR_BUSY)
        drop_first(s);
    if (s->orders == NULL)
        watch_room(s, s->router, false);
}

void router_ping(struct supervisor *s)
{
    if (s->router->heard >= s->router->sent)
        watch_heard(s, s->router);
    s->router->sent++;
    send_record(s, &(struct control){.what = CONTROL_PING, .number = s->router->sent});
}

void router_tell(struct supervisor *s, enum control_what what, const struct child *c, uint64_t number,
                 uint32_t value)
{
    struct control record = {
        .what = what,
        .kind = c->key.kind,
        .instance = c->key.instance,
        .generation = c->generation,
        .incarnation = c->incarnation,
        .number = number,
        .value = value,
    };
    send_record(s, &record);
}

void router_expect(struct supervisor *s, const struct child *c)
{
    router_tell(s, CONTROL_EXPECT, c, s->router->incarnation, c->uid);
}

/* A new router knows nobody: it is told of all, and each is told where to dial. */
void router_restarted(struct supervisor *s)
{
    struct child *c, *next;
    if (s->router->state != LIFE_STARTING)
        return; /* it is not there yet; this is called again when it is */
    HASH_ITER(hh, s->children, c, next)
    {
        if (c->state == LIFE_QUARANTINED) { /* else it would wait for ever for whom it wakes */
            router_expect(s, c);
            router_tell(s, CONTROL_ENDED, c, 0, 2);
        }
        if (c == s->router || c->pid == 0)
            continue;
        c->sent = c->heard = 0;
        watch_heard(s, c);
        router_expect(s, c);
        router_tell(s, CONTROL_PEER, c, (uint64_t)c->pid, 0);
        child_tell_bus(s, c);
    }
}

static void wake(struct supervisor *s, const struct control *r)
{
    struct address who = {(uint8_t)r->kind, r->instance};
    struct fault why;
    if (r->kind >= KINDS || r->instance >= kind_most(r->kind) || s->stopping)
        return;
    struct child *c = child_make(s, who, r->generation, &why);
    if (c == NULL)
        log_line(LOG_ERROR, "%s", why.text);
    else
        life_event(s, c, LIFE_WANTED);
}

static struct child *spoken_of(struct supervisor *s, const struct control *r)
{
    struct child *c = child_find(s, (struct address){(uint8_t)r->kind, r->instance});
    return c != NULL && c->incarnation == r->incarnation ? c : NULL;
}

static void accuse(struct supervisor *s, const struct control *r)
{
    char name[ADDRESS_TEXT];
    struct child *c = spoken_of(s, r);
    (void)s;
    if (c == NULL)
        return;
    log_line(LOG_ERROR, "%s is ended: it %.*s", address_print(child_address(c), name), (int)r->len, r->text);
    c->ended_by_us = true;
    child_kill(c);
}

void router_says(struct supervisor *s, const struct control *r)
{
    struct child *c;
    if (r->what == CONTROL_WAKE)
        wake(s, r);
    else if (r->what == CONTROL_ACCUSE)
        accuse(s, r);
    else if (r->what == CONTROL_DEPTH && (c = spoken_of(s, r)) != NULL) {
        if (c->heard >= c->sent)
            watch_heard(s, c); /* it had heard all until now */
        c->sent = r->number;
        c->waiting = r->more;
        status_show(s, c);
    }
}
