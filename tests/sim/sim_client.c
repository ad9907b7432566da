/* SPDX-License-Identifier: MIT
 * Clients of the Admin API: each asks one thing after the other and keeps what it was told. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No request may be open for longer: the longest deadline of a life, twice over. */
#define ANSWER_MOST (400 * SECONDS)

struct wish {
    char header[128], payload[200], identity[SIM_IDENTITY];
};

typedef void wisher(struct sim *s, struct wish *w, unsigned vm);

static void create(struct sim *s, struct wish *w, unsigned vm)
{
    bool app = vm % 4 != 0 && sim_chance(s, 500);
    snprintf(w->header, sizeof w->header, "admin.vm.Create.%s dom0 name dom0",
             vm % 4 == 0 ? "TemplateVM"
             : app       ? "AppVM+vm0"
                         : "StandaloneVM");
    snprintf(w->payload, sizeof w->payload, "name=vm%u label=red", vm);
    snprintf(w->identity, sizeof w->identity, "N vm%u", vm);
}

static void destroy(struct sim *s, struct wish *w, unsigned vm)
{
    (void)s;
    snprintf(w->header, sizeof w->header, "admin.vm.Remove dom0 name vm%u", vm);
    snprintf(w->identity, sizeof w->identity, "R vm%u", vm);
}

static void set_feature(struct sim *s, struct wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.feature.Set+f%llu dom0 name vm%u", n % 7, vm);
    snprintf(w->payload, sizeof w->payload, "u%llu", n);
    snprintf(w->identity, sizeof w->identity, "F f%llu=u%llu", n % 7, n);
}

static void set_tag(struct sim *s, struct wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.tag.Set+t%llu dom0 name vm%u", n, vm);
    snprintf(w->identity, sizeof w->identity, "T t%llu", n);
}

static void assign(struct sim *s, struct wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.device.block.Assign+dom0+u%llu dom0 name vm%u", n, vm);
    snprintf(w->payload, sizeof w->payload, "mode='auto-attach' _read-only='yes'");
    snprintf(w->identity, sizeof w->identity, "D block dom0 u%llu *", n);
}

static void set_kernelopts(struct sim *s, struct wish *w, unsigned vm)
{
    unsigned long long n = ++s->unique;
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+kernelopts dom0 name vm%u", vm);
    snprintf(w->payload, sizeof w->payload, "u%llu", n);
    snprintf(w->identity, sizeof w->identity, "P kernelopts=u%llu", n);
}

static void set_netvm(struct sim *s, struct wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+netvm dom0 name vm%u", vm);
    if (sim_chance(s, 700))
        snprintf(w->payload, sizeof w->payload, "vm%u", (unsigned)sim_random(s, s->options.vms));
}

static void set_network(struct sim *s, struct wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+provides_network dom0 name vm%u", vm);
    strcpy(w->payload, sim_chance(s, 700) ? "True" : "False");
}

static void offer(struct sim *s, struct wish *w, unsigned vm)
{
    snprintf(w->header, sizeof w->header, "admin.vm.property.Set+template_for_dispvms dom0 name vm%u", vm);
    strcpy(w->payload, sim_chance(s, 900) ? "True" : "False");
}

static void dispose(struct sim *s, struct wish *w, unsigned vm)
{
    (void)s;
    snprintf(w->header, sizeof w->header, "admin.vm.CreateDisposable dom0 name vm%u", vm);
}

static void life(struct sim *s, struct wish *w, unsigned vm)
{
    static const char *const methods[] = {
        "admin.vm.Start",        "admin.vm.Start",   "admin.vm.Start",
        "admin.vm.Kill",         "admin.vm.Pause",   "admin.vm.Unpause",
        "admin.vm.Shutdown",     "admin.vm.Unpause", "admin.vm.Shutdown+force+wait",
        "admin.vm.CurrentState", "admin.vm.Kill",    "admin.vm.property.GetAll"};
    const char *method = methods[sim_random(s, COUNT(methods))];
    if (s->disposable[0] != '\0' && sim_chance(s, 250))
        snprintf(w->header, sizeof w->header, "%s dom0 name %s", method, s->disposable);
    else
        snprintf(w->header, sizeof w->header, "%s dom0 name vm%u", method, vm);
}

static void look(struct sim *s, struct wish *w, unsigned vm)
{
    static const char *const methods[] = {"admin.vm.List", "admin.vm.device.pci.Available"};
    (void)vm;
    snprintf(w->header, sizeof w->header, "%s dom0 name dom0", methods[sim_random(s, COUNT(methods))]);
}

static void begin_or_end(struct sim *s, struct wish *w, unsigned vm)
{
    static const char *const methods[] = {"admin.vm.Start", "admin.vm.Start", "admin.vm.Kill",
                                          "admin.vm.Shutdown+force"};
    snprintf(w->header, sizeof w->header, "%s dom0 name vm%u", methods[sim_random(s, COUNT(methods))], vm);
}

static const struct {
    wisher *make;
    unsigned weight[2]; /* as a rule; in a lively seed */
} wishes[] = {{create, {12, 12}},       {destroy, {5, 3}},   {set_feature, {14, 2}}, {set_tag, {8, 1}},
              {set_kernelopts, {8, 1}}, {set_netvm, {5, 2}}, {set_network, {3, 2}},  {assign, {6, 2}},
              {life, {45, 20}},         {look, {4, 0}},      {offer, {4, 2}},        {dispose, {8, 8}},
              {begin_or_end, {0, 100}}};

static void next_wish(struct sim *s, struct wish *w)
{
    unsigned all = 0, column = s->options.lively;
    *w = (struct wish){0};
    for (size_t i = 0; i < COUNT(wishes); i++)
        all += wishes[i].weight[column];
    unsigned choice = (unsigned)sim_random(s, all);
    size_t i = 0;
    for (; choice >= wishes[i].weight[column]; i++)
        choice -= wishes[i].weight[column];
    wishes[i].make(s, w, (unsigned)sim_random(s, s->options.vms));
}

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
    struct wish w;
    next_wish(s, &w);
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
    api_hear_client(api->core, &api->out, c->conn, SOCKET_ADMIN, (struct span){c->request, c->request_len});
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
