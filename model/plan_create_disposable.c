/* SPDX-License-Identifier: MIT
 * Creating disposables: for who asks, or ahead of their use. Spec: admin-api-methods 4.2, vm-model 8.4. */
#include "model/plan_create_inside.h"

#include "model/ask.h"
#include "model/model_inside.h"
#include "model/preload.h"

static int tag_asker(struct doing *d, const struct vm *vm)
{
    int r = create_tag_creator(d, vm, "created-by-");
    return r < 0 ? r : create_tag_creator(d, vm, "disp-created-by-");
}

static int create_disposable(struct doing *d, struct wish *w, bool preload)
{
    struct vm vm = {0};
    uint32_t dispid;
    int r = create_draw_dispid(d, &dispid);
    if (r < 0)
        return r;
    w->name = plan_format(d->p, "disp%u", (unsigned)dispid);
    r = create_found(d, &vm, w);
    if (r < 0)
        return r;
    create_put(d, vm.qid, PROPERTY_dispid, (struct span){w->name.at + 4, w->name.len - 4});
    create_put(d, vm.qid, PROPERTY_auto_cleanup, SPAN_LITERAL("True"));
    r = create_furnish(d, &vm, w);
    if (r < 0)
        return r;
    struct span uuid = property_stored(&d->k, vm.qid, PROPERTY_uuid);
    d->p->result = plan_format(d->p, "%.*s %.*s", (int)w->name.len, w->name.at, (int)uuid.len, uuid.at);
    create_announce(d, &vm);
    if (preload)
        r = do_preload_mark(d, &vm, w->template);
    if (r >= 0)
        r = create_disk(d, &vm, w);
    if (r >= 0 && !preload)
        r = tag_asker(d, &vm);
    d->k.newborn = NULL; /* it ends with this call */
    return r;
}

/* The one that was named; of dom0, the one that the asker's disposables are based on. */
static const struct vm *disposable_template(const struct known *k, uint32_t actor, uint32_t qid)
{
    const struct vm *asker = ask_vm(k, actor), *t = ask_vm(k, qid);
    if (qid == 0)
        t = asker != NULL && property_applies(PROPERTY_default_dispvm, asker->class)
                ? property_vm(k, actor, PROPERTY_default_dispvm)
                : NULL;
    bool offers = t != NULL && property_applies(PROPERTY_template_for_dispvms, t->class) &&
                  property_true(k, t->qid, PROPERTY_template_for_dispvms);
    return offers ? t : NULL;
}

static int no_template(struct doing *d)
{
    return fault_set(d->why, ERR_QUBES,
                     "the VM does not offer itself for disposables; set its template_for_dispvms");
}

/* One that waits already, or a new one. */
static int give_disposable(struct doing *d, struct wish *w)
{
    const struct vm *used;
    int r = do_preload_use(d, w->template->qid, &used);
    if (r < 0 || used == NULL)
        return r < 0 ? r : create_disposable(d, w, false);
    return tag_asker(d, used);
}

int plan_disposable_create(const struct known *k, uint32_t actor, uint32_t template_qid, struct plan *p,
                           struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    struct wish w = {.class = CLASS_DispVM, .template = disposable_template(k, actor, template_qid)};
    return doing_end(&d, w.template != NULL ? give_disposable(&d, &w) : no_template(&d));
}

static int preload_more(struct doing *d, struct wish *w)
{
    uint32_t qid = w->template->qid;
    if (preload_count(preload_list(&d->k, qid)) >= preload_max(&d->k, qid))
        return fault_set(d->why, ERR_STATE, "'%s' has its preloaded disposables", vm_name(w->template));
    return create_disposable(d, w, true);
}

int plan_preload_create(const struct known *k, uint32_t template_qid, struct plan *p, struct fault *why)
{
    struct doing d = doing_begin(k, 0, p, why);
    struct wish w = {.class = CLASS_DispVM,
                     .template = template_qid != 0 ? disposable_template(k, 0, template_qid) : NULL};
    return doing_end(&d, w.template != NULL ? preload_more(&d, &w) : no_template(&d));
}

static int preload_start(struct doing *d, const struct vm *template)
{
    if (!preload_is_supported(&d->k, template->qid))
        return fault_set(d->why, ERR_VALUE, "'%s' does not offer the services that preloading waits for",
                         vm_name(template));
    preload_start_later(d, template->qid, "it was asked for");
    return 0;
}

int plan_preload_start(const struct known *k, uint32_t actor, uint32_t template_qid, struct plan *p,
                       struct fault *why)
{
    struct doing d = doing_begin(k, actor, p, why);
    const struct vm *template = disposable_template(k, actor, template_qid);
    return doing_end(&d, template != NULL ? preload_start(&d, template) : no_template(&d));
}
