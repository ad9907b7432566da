/* SPDX-License-Identifier: MIT
 * See devbus_named.h: in the core of a bus whose devices VMs expose. */
#include "actors/devbus/devbus_named.h"

#include <stdlib.h>
#include <string.h>

#include "actors/devbus/devbus_tags.h"
#include "base/log.h"
#include "runtime/post.h"

/* One that has just begun reads its store, and says so. */
#define AGAIN (250 * MILLISECONDS)
enum { TRIES = 20, DOUBLINGS = 6 };

static void ask(struct devbus_names *n, struct out *out, struct devbus_name *d)
{
    d->waits = n->asked == DEVBUS_NAMES_AT_ONCE;
    d->again_at = 0;
    if (d->waits)
        return;
    n->asked++;
    struct context context = {.deadline = out->now + DEVBUS_REGISTRY_WITHIN};
    struct vm_named m = {.name = ""};
    memcpy(m.name, d->name, sizeof m.name);
    d->tag = devbus_tag(TAGS_BACKEND_NAMES, &n->last_tag);
    (void)ASK(out, vm_named, ((struct address){KIND_REGISTRY, 0}), &context, d->tag, &m);
}

static bool is_open(const struct devbus_name *d)
{
    return d->tag != 0 || d->again_at != 0 || d->waits;
}

static void ask_those_who_wait(struct devbus_names *n, struct out *out)
{
    for (size_t i = 0; i < n->used && n->asked < DEVBUS_NAMES_AT_ONCE; i++)
        if (n->at[i].waits)
            ask(n, out, &n->at[i]);
}

bool devbus_names_are_open(const struct devbus_names *n)
{
    for (size_t i = 0; i < n->used; i++)
        if (is_open(&n->at[i]))
            return true;
    return false;
}

static struct devbus_name *room(struct devbus_names *n)
{
    if (n->used == n->room && n->room < DEVBUS_NAMES_MAX) {
        size_t room = n->room < 16 ? 16 : 2 * n->room;
        struct devbus_name *more = realloc(n->at, room * sizeof *more);
        if (more == NULL)
            return NULL;
        n->at = more;
        n->room = room;
    }
    return n->used < n->room ? &n->at[n->used++] : NULL;
}

void devbus_names_free(struct devbus_names *n)
{
    free(n->at);
    n->at = NULL;
    n->used = n->room = 0;
}

static struct devbus_name *of_vm(struct devbus_names *n, struct subject vm)
{
    for (size_t i = 0; i < n->used; i++)
        if (n->at[i].vm.instance == vm.instance)
            return &n->at[i];
    struct devbus_name *d = room(n);
    if (d != NULL)
        *d = (struct devbus_name){.vm = vm};
    return d;
}

enum devbus_word devbus_name_is(struct devbus_names *n, struct out *out, struct subject vm, const char *name)
{
    struct devbus_name *d = of_vm(n, vm);
    if (d == NULL)
        return DEVBUS_ANOTHERS;
    bool lives_on = d->vm.generation == vm.generation;
    if (lives_on && d->name[0] != '\0' && strcmp(d->name, name) == 0)
        return d->word;
    if (lives_on && is_open(d)) /* one question at a time, whatever it says meanwhile */
        return DEVBUS_ASKED;
    n->asked -= d->tag != 0;
    *d = (struct devbus_name){.vm = vm,
                              .word = DEVBUS_ASKED,
                              .accused = lives_on && d->accused,
                              .changed = lives_on && d->changed,
                              .had_none = lives_on && d->had_none};
    (void)text_copy(d->name, sizeof d->name, span_of(name));
    ask(n, out, d);
    return DEVBUS_ASKED;
}

bool devbus_believes(struct devbus_names *n, struct out *out, struct subject vm, const struct bus_exposed *m,
                     bool *changed)
{
    enum devbus_word word = devbus_name_is(n, out, vm, m->name);
    if (word == DEVBUS_ANOTHERS)
        return false;
    struct devbus_name *d = of_vm(n, vm);
    d->changed = d->changed || m->changed != 0;
    d->had_none = d->had_none || m->devices.count == 0;
    if (word == DEVBUS_ASKED)
        return false;
    *changed = d->changed || d->had_none;
    d->changed = false;
    return true;
}

static void settle(struct out *out, struct devbus_name *d, const struct vm_named_reply *m)
{
    struct context context = {.deadline = 0};
    bool own = m->found != 0 && m->qid == d->vm.instance && m->generation == d->vm.generation;
    d->word = own ? DEVBUS_ITS_OWN : DEVBUS_ANOTHERS;
    if (own)
        (void)EVENT(out, guest_tell, ((struct address){KIND_GUEST, d->vm.instance}), &context,
                    NO_MESSAGE(guest_tell));
    else if (!d->accused)
        log_line(
            LOG_WARN,
            "the guest of qid %u says that it is called %s, which is another's name: nothing of it is taken",
            (unsigned)d->vm.instance, d->name);
    d->accused = d->accused || !own;
}

static void set_timer(const struct devbus_names *n, struct out *out)
{
    uint64_t next = 0;
    for (size_t i = 0; i < n->used; i++) {
        uint64_t at = n->at[i].again_at;
        if (at != 0 && (next == 0 || at < next))
            next = at;
    }
    out_timer(out, n->timer, next);
}

static void later(struct devbus_names *n, struct out *out, struct devbus_name *d)
{
    d->again_at = out->now + (AGAIN << (d->tries < DOUBLINGS ? d->tries : DOUBLINGS));
    d->tries++;
    set_timer(n, out);
}

void devbus_names_ring(struct devbus_names *n, struct out *out)
{
    for (size_t i = 0; i < n->used; i++)
        if (n->at[i].again_at != 0 && n->at[i].again_at <= out->now)
            ask(n, out, &n->at[i]);
    set_timer(n, out);
}

bool devbus_named(struct devbus_names *n, struct out *out, const struct answer *a,
                  const struct devbus_name **decided)
{
    struct vm_named_reply m;
    struct devbus_name *d = NULL;
    for (size_t i = 0; i < n->used && d == NULL && a->tag != 0; i++)
        d = n->at[i].tag == a->tag ? &n->at[i] : NULL;
    if (d == NULL)
        return false;
    d->tag = 0;
    n->asked--;
    int r = a->r < 0 ? a->r : vm_named_reply_decode(&m, a->e->body);
    if (r == 0)
        settle(out, d, &m);
    else
        later(n, out, d);
    if (r == 0 || d->tries > TRIES)
        *decided = d;
    ask_those_who_wait(n, out);
    return true;
}
