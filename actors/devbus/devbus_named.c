/* SPDX-License-Identifier: MIT
 * See devbus_named.h: in the core of a bus whose devices VMs expose. */
#include "actors/devbus/devbus_named.h"

#include <string.h>

#include "base/log.h"
#include "runtime/post.h"

/* Registry answers at once; this is for one that is being replaced. */
#define ASK_WITHIN (10 * SECONDS)
enum { TRIES = 20 };
/* Tags of these questions, beside those of listings, of each bus, of settlings (3) and of offers (4). */
#define NAMED_TAGS (UINT64_C(5) << 32)

static void ask(struct devbus_names *n, struct out *out, struct devbus_name *d)
{
    struct context context = {.deadline = out->now + ASK_WITHIN};
    struct vm_named m = {.name = ""};
    memcpy(m.name, d->name, sizeof m.name);
    d->tag = NAMED_TAGS | (uint32_t)++n->last_tag;
    (void)ASK(out, vm_named, ((struct address){KIND_REGISTRY, 0}), &context, d->tag, &m);
}

static struct devbus_name *of_vm(struct devbus_names *n, struct subject vm)
{
    for (size_t i = 0; i < n->used; i++)
        if (n->at[i].vm.instance == vm.instance)
            return &n->at[i];
    struct devbus_name *d = &n->at[n->next];
    n->next = (n->next + 1) % DEVBUS_BACKENDS_MAX;
    n->used += n->used < DEVBUS_BACKENDS_MAX;
    *d = (struct devbus_name){.vm = vm};
    return d;
}

enum devbus_word devbus_name_is(struct devbus_names *n, struct out *out, struct subject vm, const char *name)
{
    struct devbus_name *d = of_vm(n, vm);
    bool same = d->name[0] != '\0' && d->vm.generation == vm.generation && strcmp(d->name, name) == 0;
    if (same)
        return d->word;
    bool waits = d->word == DEVBUS_ASKED && d->tag != 0 && d->vm.generation == vm.generation;
    if (waits) /* one question at a time, whatever it says meanwhile */
        return DEVBUS_ASKED;
    bool accused = d->accused && d->vm.generation == vm.generation;
    *d = (struct devbus_name){.vm = vm, .word = DEVBUS_ASKED, .accused = accused};
    (void)text_copy(d->name, sizeof d->name, span_of(name));
    ask(n, out, d);
    return DEVBUS_ASKED;
}

bool devbus_believes(struct devbus_names *n, struct out *out, struct subject vm, const struct bus_exposed *m,
                     bool *changed)
{
    enum devbus_word word = devbus_name_is(n, out, vm, m->name);
    struct devbus_name *d = of_vm(n, vm);
    *changed = m->changed != 0;
    if (word == DEVBUS_ASKED)
        d->changed = d->changed || *changed;
    if (word != DEVBUS_ITS_OWN)
        return false;
    *changed = *changed || d->changed;
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

const struct devbus_name *devbus_named(struct devbus_names *n, struct out *out, const struct answer *a)
{
    struct vm_named_reply m;
    struct devbus_name *d = NULL;
    for (size_t i = 0; i < n->used && d == NULL; i++)
        d = n->at[i].tag == a->tag ? &n->at[i] : NULL;
    if (d == NULL || a->tag == 0)
        return NULL;
    int r = a->r < 0 ? a->r : vm_named_reply_decode(&m, a->e->body);
    if (r < 0 && ++d->tries < TRIES) {
        ask(n, out, d);
        return NULL;
    }
    d->tag = 0;
    if (r == 0)
        settle(out, d, &m);
    else
        d->name[0] = '\0'; /* it is asked anew when it is heard again */
    return d;
}
