/* SPDX-License-Identifier: MIT
 * The registry's core: what it does with each message of its mailbox. */
#include "actors/registry/registry.h"

#include <stdio.h>

#include "actors/registry/registry_life.h"
#include "actors/registry/registry_storage.h"
#include "actors/registry/registry_view.h"
#include "proto/registry_values.h"

/* Before the store is read the question waits: asking again costs the asker a pause. */
static void tell_or_keep(struct registry *r, struct out *out, const struct envelope *e)
{
    struct request request = request_of(e);
    if (r->loaded)
        registry_tell(r, out, &request);
    else if (r->early_count < REGISTRY_EARLY_MAX)
        r->early[r->early_count++] = request;
    else
        reply_error(out, &request, -ERR_BUSY, NULL);
}

static void on_snapshot(struct registry *r, struct out *out, const struct envelope *e,
                        const struct snapshot *m)
{
    (void)m;
    tell_or_keep(r, out, e);
}

static void on_operate(struct registry *r, struct out *out, const struct envelope *e, const struct operate *m)
{
    operate_begin(r, out, e, m);
}

static void on_claim(struct registry *r, struct out *out, const struct envelope *e, const struct claim *m)
{
    struct request request = request_of(e);
    claims_begin(r, out, &request, m->purpose == CLAIM_TO_LIVE);
}

static void on_release(struct registry *r, struct out *out, const struct envelope *e, const struct release *m)
{
    struct request request = request_of(e);
    bool lived;
    if (!r->loaded)
        reply_error(out, &request, -ERR_BUSY,
                    NULL); /* whose life it was is not known yet: asked again, it is */
    else if (claims_release(r, &request, &lived)) {
        netvm_forget(r, out, e->subject_instance);
        chore_life_ended(r, out, &request, m->after, lived);
    } else
        (void)REPLY(out, release, &request, (&(struct release_reply){.removed = 1}));
}

static void on_calls_hang(struct registry *r, struct out *out, const struct envelope *e,
                          const struct calls_hang *m)
{
    struct request about = request_of(e);
    if (claims_subject(r, &about.context) == NULL)
        return;
    r->claims[e->subject_instance].hanging = (uint8_t)m->count;
    registry_hang_count(r, out);
}

static void on_observed_all(struct registry *r, struct out *out, const struct envelope *e,
                            const struct observed_all *m)
{
    struct reader in = list_reader(&m->domains);
    struct domain_item domain;
    (void)e;
    while (domain_item_next(&in, &domain) == 1) {
        const struct vm *vm = model_by_uuid(r->model, span_of(domain.uuid));
        if (vm != NULL && vm_qid(vm) >= 1 && !r->claims[vm_qid(vm)].told)
            r->claims[vm_qid(vm)].living = true;
    }
    chore_host_is_heard(r, out);
    registry_settle(r, out);
}

static void on_host_facts(struct registry *r, struct out *out, const struct envelope *e,
                          const struct host_facts *m)
{
    struct reader in = list_reader(&m->facts);
    struct fact_item item;
    (void)out, (void)e;
    while (fact_item_next(&in, &item) == 1) {
        if (item.fact >= FACTS)
            continue;
        snprintf(r->host_fact[item.fact], REGISTRY_FACT_TEXT, "%s", item.value);
        r->host_fact_known[item.fact] = item.value[0] != '\0';
    }
}

static void on_roster(struct registry *r, struct out *out, const struct envelope *e, const struct roster *m)
{
    (void)m;
    tell_or_keep(r, out, e);
}

static void on_daemons(struct registry *r, struct out *out, const struct envelope *e, const struct daemons *m)
{
    struct request request = request_of(e);
    struct daemons_reply reply = {0};
    struct fault why;
    const struct vm *vm = claims_subject(r, &request.context);
    (void)m;
    if (vm == NULL) {
        fault_set(&why, ERR_VM_NOT_FOUND, "No such domain: it is being removed");
        reply_error(out, &request, -ERR_VM_NOT_FOUND, &why);
        return;
    }
    view_daemons(r, vm_qid(vm), &reply);
    (void)REPLY(out, daemons, &request, &reply);
}

static void on_host_sleep(struct registry *r, struct out *out, const struct envelope *e,
                          const struct host_sleep *m)
{
    sleep_begin(r, out, e, m);
}

static void on_transfer(struct registry *r, struct out *out, const struct envelope *e,
                        const struct transfer *m)
{
    transfer_begin(r, out, e, m);
}

static void on_guest_words(struct registry *r, struct out *out, const struct envelope *e,
                           const struct guest_words *m)
{
    guest_said_words(r, out, e, m);
}

static void on_guest_count(struct registry *r, struct out *out, const struct envelope *e,
                           const struct guest_count *m)
{
    guest_said_count(r, out, e, m);
}

static void on_guest_changed(struct registry *r, struct out *out, const struct envelope *e,
                             const struct guest_changed *m)
{
    guest_said_changed(r, out, e, m);
}

static void on_netvm_due(struct registry *r, struct out *out, const struct envelope *e,
                         const struct netvm_due *m)
{
    struct context about = context_of(e);
    (void)m;
    netvm_due(r, out, &about);
}

static void on_lives_as(struct registry *r, struct out *out, const struct envelope *e,
                        const struct lives_as *m)
{
    claims_lives(r, out, e, m);
}

static void on_qdb_entries(struct registry *r, struct out *out, const struct envelope *e,
                           const struct qdb_entries *m)
{
    qubesdb_asked(r, out, e, m);
}

static void on_logbook(struct registry *r, struct out *out, const struct envelope *e, const struct logbook *m)
{
    history_ask(r, out, e, m);
}

static void on_pool_tell(struct registry *r, struct out *out, const struct envelope *e,
                         const struct pool_tell *m)
{
    (void)m;
    tell_or_keep(r, out, e);
}

static void on_volume_tell(struct registry *r, struct out *out, const struct envelope *e,
                           const struct volume_tell *m)
{
    volume_tell_to(r, out, e, m);
}

static void on_pool_volumes(struct registry *r, struct out *out, const struct envelope *e,
                            const struct pool_volumes *m)
{
    struct request request = request_of(e);
    pool_volumes_tell(r, out, &request, m);
}

#define MAILBOX "proto/registry.def"
#define SELF    struct registry
#include "runtime/dispatch.h"

static void hear(void *arg, struct out *out, const struct envelope *e)
{
    struct registry *r = arg;
    if (e->class != CLASS_CANCEL)
        dispatch(r, out, e, &r->refused_messages);
}

const struct actor registry_actor = {
    .name = "registry",
    .kind = KIND_REGISTRY,
    .size = sizeof(struct registry),
    .begin = registry_begin,
    .hello = registry_hello,
    .hear = hear,
    .answered = registry_answered,
    .done = registry_done,
    .timer = registry_due,
    .stop = registry_stop,
    .end = registry_end,
    .perform = store_perform,
};
