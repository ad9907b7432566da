/* SPDX-License-Identifier: MIT
 * A subscriber of bulkhead.Events that resumes after its token whenever its connection has ended, and keeps
 * what it hears: nothing twice, nothing out of order, and nothing missing unless it is told so. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct proc *api_of(struct sim *s)
{
    return proc_find(s, (struct address){KIND_API, 0});
}

static void comes(struct sim *s, struct sim_event *e)
{
    struct listener *l = &s->listener;
    struct proc *api = api_of(s);
    char request[160];
    (void)e;
    if (l->conn != 0)
        return;
    if (!api->running || api->cut == 0) {
        (void)sim_at(s, s->now + 30 * MILLISECONDS, comes);
        return;
    }
    int len = snprintf(request, sizeof request, "bulkhead.Events%s%s dom0 name dom0",
                       l->token[0] != '\0' ? "+" : "", l->token);
    l->conn = l->last_conn = ++s->last_conn;
    l->last_arrival = s->now;
    api->out.now = s->now;
    api_hear_client(api->core, &api->out, l->conn, SOCKET_OWN, (struct span){request, (size_t)len + 1});
    proc_after(api);
}

/* From api's side, or its death. */
void listener_closed(struct sim *s)
{
    if (s->listener.conn == 0)
        return;
    s->listener.conn = 0;
    (void)sim_at(s, s->now + sim_between(s, 5, 200) * MILLISECONDS, comes);
}

static void leave(struct sim *s, struct sim_event *e)
{
    struct proc *api = api_of(s);
    uint64_t conn = s->listener.conn;
    (void)e;
    if (s->calm)
        return;
    if (conn != 0 && api->running) {
        listener_closed(s);
        api->out.now = s->now;
        api_client_gone(api->core, &api->out, conn);
        proc_after(api);
    }
    (void)sim_at(s, s->now + sim_between(s, 200, 6000) * MILLISECONDS, leave);
}

/* ---- a record ---- */

struct record_text {
    const char *subject, *event, *value, *newvalue, *token, *vm;
};

static const char *next_text(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static struct record_text read_record(const char *bytes)
{
    struct record_text r = {0};
    const char *at = bytes + 2;
    r.subject = next_text(&at);
    r.event = next_text(&at);
    while (*at != '\0') {
        const char *key = next_text(&at), *value = next_text(&at);
        if (strcmp(key, "value") == 0)
            r.value = value;
        if (strcmp(key, "vm") == 0)
            r.vm = value;
        if (strcmp(key, "newvalue") == 0)
            r.newvalue = value;
        if (strcmp(key, "number") == 0)
            r.token = value;
    }
    return r;
}

static void keep(struct sim *s, const struct record_text *r)
{
    struct listener *l = &s->listener;
    struct heard_event h = {.at = s->now, .era = l->era};
    const char *name = strchr(r->event, ':');
    if (strncmp(r->event, "domain-feature-set:", 19) == 0 && r->value != NULL)
        snprintf(h.identity, sizeof h.identity, "F %s=%s", name + 1, r->value);
    else if (strncmp(r->event, "domain-tag-add:t", 16) == 0)
        snprintf(h.identity, sizeof h.identity, "T %s", name + 1);
    else if (strcmp(r->event, "property-set:kernelopts") == 0 && r->newvalue != NULL)
        snprintf(h.identity, sizeof h.identity, "P kernelopts=%s", r->newvalue);
    else if ((strcmp(r->event, "domain-add") == 0 || strcmp(r->event, "domain-delete") == 0) && r->vm != NULL)
        snprintf(h.identity, sizeof h.identity, "A %s", r->vm);
    else if (strcmp(r->event, "domain-spawn") == 0 && strncmp(r->subject, "disp", 4) == 0)
        snprintf(h.identity, sizeof h.identity, "S %s", r->subject);
    else
        return;
    if (l->count == l->room) {
        l->room = l->room * 2 + 64;
        l->heard = realloc(l->heard, l->room * sizeof *l->heard);
        if (l->heard == NULL)
            abort();
    }
    l->heard[l->count++] = h;
}

/* "epoch.number.index": always further on, within one epoch. */
static void take_token(struct sim *s, const struct record_text *r)
{
    struct listener *l = &s->listener;
    struct span rest, number, epoch = span_split(span_of(r->token), '.', &rest);
    uint64_t n = 0, index = 0;
    number = span_split(rest, '.', &rest);
    if (text_number(number, 0, UINT64_MAX, &n) < 0 || text_number(rest, 0, UINT32_MAX, &index) < 0)
        sim_broken(s, "the subscriber got the token %s", r->token);
    bool same = span_is(epoch, l->epoch);
    bool established = strcmp(r->event, "connection-established") == 0;
    if (same && !established &&
        (n < l->number || (n == l->number && index <= l->index && l->index != UINT32_MAX)))
        sim_broken(s, "the subscriber hears %s after %s.%llu.%u: twice or out of order", r->token, l->epoch,
                   (unsigned long long)l->number, l->index);
    if (!same && l->token[0] != '\0')
        sim_broken(s, "the subscriber hears %s after %s and was not told of the new epoch", r->token,
                   l->token);
    (void)text_copy(l->epoch, sizeof l->epoch, epoch);
    (void)text_copy(l->token, sizeof l->token, span_of(r->token));
    l->number = n;
    l->index = (uint32_t)index;
}

static void told_of_gap(struct sim *s)
{
    struct listener *l = &s->listener;
    l->token[0] = '\0';
    l->epoch[0] = '\0';
    l->era++;
    if (l->gap_open)
        return;
    l->gap_open = true;
    l->gaps = realloc(l->gaps, (l->gap_count + 1) * sizeof *l->gaps);
    if (l->gaps == NULL)
        abort();
    l->gaps[l->gap_count++] = (struct told_gap){l->last_heard, UINT64_MAX};
}

static void arrives(struct sim *s, struct sim_event *e)
{
    struct listener *l = &s->listener;
    if (l->last_conn != e->number)
        return; /* of a connection that it has left */
    const char *bytes = e->data;
    if (bytes[0] == '2') {
        sim_broken(s, "the subscriber is refused: %s", bytes + 3 + strlen(bytes + 2) + 1);
        return;
    }
    struct record_text r = read_record(bytes);
    if (s->options.verbose)
        fprintf(stderr, "%.6f event %s %s %s\n", (double)s->now / 1e9, r.subject, r.event,
                r.token != NULL ? r.token : "");
    if (strcmp(r.event, "epoch-changed") == 0 || strcmp(r.event, "gap") == 0) {
        told_of_gap(s);
        return;
    }
    if (r.token != NULL)
        take_token(s, &r);
    if (l->gap_open)
        l->gaps[l->gap_count - 1].to = s->now;
    l->gap_open = false;
    l->established = true;
    l->last_heard = s->now;
    keep(s, &r);
}

void listener_hears(struct sim *s, struct span record)
{
    struct listener *l = &s->listener;
    uint64_t at = s->now + sim_between(s, 1, 30) * MILLISECONDS;
    l->last_arrival = at > l->last_arrival ? at : l->last_arrival;
    char *copy = sim_alloc(record.len + 1);
    memcpy(copy, record.at, record.len);
    struct sim_event *e = sim_at(s, l->last_arrival, arrives);
    e->number = l->conn;
    e->data = copy;
    e->len = record.len;
}

void listener_start(struct sim *s)
{
    told_of_gap(s); /* what happens before it listens it need not hear */
    (void)sim_at(s, s->now + 200 * MILLISECONDS, comes);
    (void)sim_at(s, s->now + 3 * SECONDS, leave);
}
