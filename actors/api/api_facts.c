/* SPDX-License-Identifier: MIT
 * The replica of the facts: what each VM's process and host have said last, and when; in api. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/api/api_inside.h"

static struct facts_of *facts_of(struct api *self, uint32_t qid, uint32_t generation)
{
    struct facts_of **at = &self->facts[qid];
    if (*at != NULL && (*at)->generation != generation)
        api_facts_forget(self, qid);
    if (*at == NULL && (*at = calloc(1, sizeof **at)) != NULL)
        (*at)->generation = generation;
    return *at;
}

struct facts_of *api_facts_for(struct api *self, const struct envelope *e)
{
    if (e->subject_kind != KIND_VM)
        return &self->host;
    if (e->subject_instance > QID_MAX)
        return NULL;
    return facts_of(self, e->subject_instance, e->subject_generation);
}

static void set(struct facts_of *f, const struct fact_item *item, uint64_t now)
{
    if (item->fact >= FACTS)
        return; /* of a newer build */
    char *text = item->value[0] != '\0' ? strdup(item->value) : NULL;
    free(f->text[item->fact]);
    f->text[item->fact] = text;
    f->at[item->fact] = now;
}

void api_facts_take(struct api *self, const struct envelope *e, const struct facts *m, uint64_t now)
{
    struct fact_item item;
    struct facts_of *f = api_facts_for(self, e);
    struct reader in = list_reader(&m->facts);
    if (f == NULL)
        return;
    f->unowned = false;
    while (fact_item_next(&in, &item) == 1)
        set(f, &item, now);
    if (f->text[FACT_power_state] != NULL && strcmp(f->text[FACT_power_state], "Halted") == 0)
        api_attached_clear(f);
    api_changed(self);
}

static void clear(struct facts_of *f)
{
    for (size_t i = 0; i < FACTS; i++)
        free(f->text[i]);
    api_attached_clear(f);
    *f = (struct facts_of){0};
}

void api_facts_forget(struct api *self, uint32_t qid)
{
    if (qid > QID_MAX || self->facts[qid] == NULL)
        return;
    clear(self->facts[qid]);
    free(self->facts[qid]);
    self->facts[qid] = NULL;
}

void api_facts_quarantined(struct api *self, uint32_t qid)
{
    const struct vm *vm = qid <= QID_MAX ? model_vm(self->model, qid) : NULL;
    struct facts_of *f = vm != NULL ? facts_of(self, qid, vm_generation(vm)) : NULL;
    if (f != NULL)
        f->unowned = true;
}

/* host's word on a VM that runs, where its own process gives none. Whether it is usable only that one knows;
 * it is taken for usable, as most are that run. */
static void take_running(struct api *self, const struct vm *vm, const struct domain_item *domain)
{
    const char *state = power_state_name(domain->state);
    struct fact_item power = {.fact = FACT_power_state}, xid = {.fact = FACT_xid};
    struct facts_of *f = facts_of(self, vm_qid(vm), vm_generation(vm));
    if (f == NULL || (f->text[FACT_power_state] != NULL && !f->unowned))
        return;
    (void)text_copy(power.value, sizeof power.value, span_of(state != NULL ? state : "Running"));
    snprintf(xid.value, sizeof xid.value, "%u", domain->domid);
    set(f, &power, self->now);
    set(f, &xid, self->now);
    f->unowned = true;
}

static void take_list(struct api *self, const struct running_all *m, bool runs[QID_MAX + 1])
{
    struct domain_item domain;
    struct reader in = list_reader(&m->domains);
    while (domain_item_next(&in, &domain) == 1) {
        const struct vm *vm = model_by_uuid(self->model, span_of(domain.uuid));
        if (vm == NULL || vm_qid(vm) > QID_MAX)
            continue;
        runs[vm_qid(vm)] = true;
        take_running(self, vm, &domain);
    }
}

void api_facts_settle(struct api *self, const struct running_all *m, uint64_t since)
{
    bool runs[QID_MAX + 1] = {false};
    take_list(self, m, runs);
    for (uint32_t qid = 0; qid <= QID_MAX; qid++) {
        const struct facts_of *f = self->facts[qid];
        if (f != NULL && !runs[qid] && (f->unowned || f->at[FACT_power_state] < since))
            api_facts_forget(self, qid);
    }
    api_changed(self);
}

void api_facts_free(struct api *self)
{
    for (uint32_t qid = 0; qid <= QID_MAX; qid++)
        api_facts_forget(self, qid);
    clear(&self->host);
}

const char *api_fact(const struct api *self, uint32_t qid, enum fact fact, uint64_t *age)
{
    const struct facts_of *f = qid == QID_GLOBAL ? &self->host : qid <= QID_MAX ? self->facts[qid] : NULL;
    const struct vm *vm = qid != QID_GLOBAL ? model_vm(self->model, qid) : NULL;
    if (f == NULL || (unsigned)fact >= FACTS || (vm != NULL && vm_generation(vm) != f->generation))
        return NULL;
    if (age != NULL)
        *age = self->now - f->at[fact];
    return f->text[fact];
}

static const char *world_fact_of(void *arg, uint32_t qid, enum fact fact)
{
    return api_fact(arg, qid, fact, NULL);
}

static enum kernel_state kernel_of(void *arg, const char *name)
{
    const struct api *self = arg;
    return self->ops->kernel != NULL ? self->ops->kernel(self->ops_arg, name) : KERNEL_ABSENT;
}

static const char *kernel_file_of(void *arg, const char *kernel, const char *file)
{
    const struct api *self = arg;
    return self->ops->kernel_file != NULL ? self->ops->kernel_file(self->ops_arg, kernel, file) : NULL;
}

struct world api_world(struct api *self)
{
    return (struct world){
        .arg = self, .fact = world_fact_of, .kernel = kernel_of, .kernel_file = kernel_file_of};
}
