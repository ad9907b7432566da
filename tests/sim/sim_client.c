/* SPDX-License-Identifier: MIT
 * Clients of the Admin API: each asks one thing after the other and keeps what it was told. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No request may be open for longer: the longest deadline of a life, twice over. */
#define ANSWER_MOST (400 * SECONDS)

static size_t new_op(struct sim *s, const char *identity)
{
    if (s->op_count == s->op_room) {
        s->op_room = s->op_room * 2 + 256;
        s->ops = realloc(s->ops, s->op_room * sizeof *s->ops);
        if (s->ops == NULL)
            abort();
    }
    struct op_record *op = &s->ops[s->op_count];
    *op = (struct op_record){.at = s->now};
    (void)text_copy(op->identity, sizeof op->identity, span_of(identity));
    return s->op_count++;
}

static struct client *client_of(struct sim *s, uint64_t conn)
{
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].conn == conn)
            return &s->clients[i];
    return NULL;
}

static void next(struct sim *s, struct sim_event *e);

static void next_later(struct sim *s, struct client *c, uint64_t least, uint64_t most)
{
    sim_at(s, s->now + sim_between(s, least, most) * MILLISECONDS, next)->number = (uint64_t)(c - s->clients);
}

/* What its asker knows of an operation whose answer is this. */
static enum op_fate fate_of(const struct client *c)
{
    static const enum err unsure[] = {ERR_GONE, ERR_LATE, ERR_TIMEOUT, ERR_NOMEM, ERR_BUSY};
    if (c->got.at[0] == '0')
        return FATE_DONE;
    const char *text = c->got.at + 2 + strlen(c->got.at + 2) + 2;
    for (size_t i = 0; i < COUNT(unsure); i++)
        if (strcmp(text, err_text(unsure[i])) == 0)
            return FATE_UNKNOWN;
    return FATE_REFUSED;
}

void client_finish(struct sim *s, struct client *c, bool answered)
{
    struct op_record *op = &s->ops[c->op];
    bool whole = c->got.len >= 2 && (c->got.at[0] == '0' || c->got.at[0] == '2') && c->got.at[1] == '\0';
    if (answered && !whole)
        sim_broken(s, "an answer of %zu bytes that is none, to %s", c->got.len, c->request);
    op->fate = answered && whole ? fate_of(c) : FATE_UNKNOWN;
    s->acknowledged += op->fate == FATE_DONE;
    if (op->fate == FATE_DONE && strncmp(c->request, "admin.vm.CreateDisposable ", 26) == 0)
        (void)text_copy(s->disposable, sizeof s->disposable, (struct span){c->got.at + 2, c->got.len - 2});
    if (op->fate == FATE_DONE)
        sim_check_usb_done(s, c);
    if (s->options.verbose)
        fprintf(stderr, "%.6f %s -> %.*s\n", (double)s->now / 1e9, c->request, answered ? 60 : 6,
                answered ? c->got.at[0] == '2' ? c->got.at + 3 + strlen(c->got.at + 2) + 1 : "ok" : "closed");
    sim_trace(s, 0xc1, c->op, op->fate);
    c->conn = 0;
    text_clear(&c->got);
    next_later(s, c, 1, 400);
}

static void goes_away(struct sim *s, struct sim_event *e)
{
    struct client *c = client_of(s, e->number);
    struct proc *api = proc_find(s, (struct address){KIND_API, 0});
    if (c == NULL || !api->running)
        return;
    client_finish(s, c, false);
    api->out.now = s->now;
    api_client_gone(api->core, &api->out, e->number);
    proc_after(api);
}

static void is_late(struct sim *s, struct sim_event *e)
{
    struct client *c = client_of(s, e->number);
    if (c != NULL)
        sim_broken(s, "no answer within 400 s to: %s", c->request);
}

static void ask(struct sim *s, struct client *c, struct proc *api)
{
    struct sim_wish w;
    wish_make(s, &w);
    size_t header = strlen(w.header), payload = strlen(w.payload);
    memcpy(c->request, w.header, header + 1);
    memcpy(c->request + header + 1, w.payload, payload);
    c->request_len = header + 1 + payload;
    c->conn = ++s->last_conn;
    c->asked_at = s->now;
    c->op = new_op(s, w.identity);
    s->requests++;
    sim_at(s, s->now + ANSWER_MOST, is_late)->number = c->conn;
    if (s->options.faults && sim_chance(s, 20))
        sim_at(s, s->now + sim_between(s, 1, 500) * MILLISECONDS, goes_away)->number = c->conn;
    api->out.now = s->now;
    api_hear_client(api->core, &api->out, c->conn,
                    strncmp(c->request, "bulkhead.", 9) == 0 ? SOCKET_OWN : SOCKET_ADMIN,
                    (struct span){c->request, c->request_len});
    proc_after(api);
}

static void next(struct sim *s, struct sim_event *e)
{
    struct client *c = &s->clients[e->number];
    struct proc *api = proc_find(s, (struct address){KIND_API, 0});
    if (s->calm)
        return;
    if (!api->running || api->cut == 0)
        next_later(s, c, 10, 60);
    else
        ask(s, c, api);
}

void clients_api_died(struct sim *s)
{
    for (size_t i = 0; i < SIM_CLIENTS; i++)
        if (s->clients[i].conn != 0)
            client_finish(s, &s->clients[i], false);
    listener_closed(s);
}

void clients_start(struct sim *s)
{
    for (size_t i = 0; i < SIM_CLIENTS; i++) {
        s->clients[i].got = TEXT_WITH_LIMIT(1 << 20);
        next_later(s, &s->clients[i], 100, 500);
    }
}

/* ---- what api does with connections ---- */

static int ops_send(void *arg, uint64_t conn, struct span bytes)
{
    const struct proc *api = arg;
    struct sim *s = api->sim;
    struct client *c = client_of(s, conn);
    if (api->cut == 0)
        return 0;
    if (conn == s->listener.conn && conn != 0)
        listener_hears(s, bytes);
    else if (c != NULL)
        text_append(&c->got, bytes);
    else
        return -ERR_CLOSED;
    return 0;
}

static void ops_finish(void *arg, uint64_t conn)
{
    const struct proc *api = arg;
    struct client *c = client_of(api->sim, conn);
    if (api->cut == 0)
        return;
    if (conn == api->sim->listener.conn)
        listener_closed(api->sim);
    else if (c != NULL)
        client_finish(api->sim, c, true);
}

static void ops_stream(void *arg, uint64_t conn)
{
    (void)arg, (void)conn;
}

static const char *ops_peer(void *arg, uint64_t conn)
{
    (void)arg, (void)conn;
    return "a simulated client";
}

static void ops_random(void *arg, void *to, size_t len)
{
    const struct proc *api = arg;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)to)[i] = (unsigned char)sim_random(api->sim, 256);
}

static enum kernel_state ops_kernel(void *arg, const char *name)
{
    (void)arg, (void)name;
    return KERNEL_INSTALLED;
}

const struct api_ops sim_api_ops = {.send = ops_send,
                                    .finish = ops_finish,
                                    .stream = ops_stream,
                                    .peer = ops_peer,
                                    .random = ops_random,
                                    .kernel = ops_kernel};
