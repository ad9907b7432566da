/* SPDX-License-Identifier: MIT
 * All VMs follow the host into sleep and out of it (spec lifecycle 5.1), phase by phase; in each phase all
 * are asked at once, and each has its own deadline: one that hangs delays the next phase by that, and no
 * other VM. Preloaded disposables end before, and are made again afterwards. */
#include "actors/registry/registry.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "model/ask.h"
#include "model/preload.h"

#define DROPS_MOST (5 * SECONDS)

/* How long a VM may take: a service of its guest, and what libvirt needs. */
static const uint64_t phase_most[] = {
    [HOST_WARNS] = 80 * SECONDS,
    [HOST_SLEEPS] = 120 * SECONDS,
    [HOST_WAKES] = 120 * SECONDS,
    [HOST_TELLS] = 80 * SECONDS,
};

static void next(struct registry *r, struct out *out);

static void answered_by(struct registry *r, uint32_t at)
{
    r->sleep.qid[at] = 0;
    r->sleep.waits--;
}

/* `at`: the place of the question; its tag follows from that, and from whether it is asked again. */
static void ask_one(struct registry *r, struct out *out, uint32_t at, bool again)
{
    struct registry_sleep *s = &r->sleep;
    const struct vm *vm = model_vm(r->model, s->qid[at]);
    struct context c = context_about_vm(vm_qid(vm), vm_generation(vm));
    struct vm_host m = {.phase = s->phase};
    c.op = s->askers[0].context.op;
    c.caller = s->askers[0].context.caller;
    c.deadline = out->now + phase_most[s->phase];
    uint64_t tag = s->first + at + (again ? s->asked : 0);
    if (ASK(out, vm_host, ((struct address){KIND_VM, vm_qid(vm)}), &c, tag, &m) == 0)
        return;
    log_line(LOG_WARN, "no memory to tell %s of the host's sleep", vm_name(vm));
    answered_by(r, at);
}

static void ask_all(struct registry *r, struct out *out, enum host_phase phase)
{
    struct registry_sleep *s = &r->sleep;
    s->step = SLEEP_ASKS;
    s->phase = phase;
    s->asked = 0;
    s->first = r->next_number + 1;
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        if (vm_is_qubes(vm) && r->claims[vm_qid(vm)].living)
            s->qid[s->asked++] = (uint16_t)vm_qid(vm);
    s->waits = s->asked;
    r->next_number += 2 * (uint64_t)s->asked;
    for (uint32_t i = 0; i < s->asked; i++)
        ask_one(r, out, i, false);
    if (s->waits == 0)
        next(r, out);
}

static void answer(struct out *out, const struct request *asker, int e, const struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    if (e < 0) {
        reply_error(out, asker, e, why);
        return;
    }
    write_array(&body, 0);
    (void)post_reply(out, asker, &body);
}

static void finish(struct registry *r, struct out *out)
{
    struct registry_sleep *s = &r->sleep;
    struct fault why;
    int e = 0;
    if (s->failures[0] != '\0')
        e = fault_set(&why, ERR_QUBES, "Failed to suspend some qubes: %s", s->failures);
    s->step = SLEEP_NONE;
    out_timer(out, TIMER_SLEEP, 0);
    for (unsigned i = 0; i < s->asker_count; i++)
        answer(out, &s->askers[i], e, &why);
    s->asker_count = 0;
}

static void preload_again(struct registry *r, struct out *out)
{
    for (const struct vm *vm = model_vm_from(r->model, 1); vm != NULL;
         vm = model_vm_from(r->model, vm_qid(vm) + 1))
        if (preload_max(&r->known, vm_qid(vm)) > 0)
            operate_own(r, out, OPERATION_preload_start, vm_qid(vm), "", NULL);
}

static void next(struct registry *r, struct out *out)
{
    switch (r->sleep.phase) {
    case HOST_WARNS:
        ask_all(r, out, HOST_SLEEPS);
        break;
    case HOST_WAKES:
        ask_all(r, out, HOST_TELLS);
        break;
    case HOST_TELLS:
        preload_again(r, out);
        finish(r, out);
        break;
    case HOST_SLEEPS:
        finish(r, out);
        break;
    }
}

/* One that has ended meanwhile sleeps well enough. Only a VM that stays awake is an error. */
static void note_failure(struct registry *r, uint32_t qid, const struct answer *a)
{
    struct registry_sleep *s = &r->sleep;
    const struct vm *vm = model_vm(r->model, qid);
    const char *text = a->why.text[0] != '\0' ? a->why.text : err_text((enum err) - a->r);
    size_t len = strlen(s->failures);
    if (vm == NULL || !r->claims[qid].living)
        return;
    log_line(LOG_WARN, "%s does not follow the host's sleep: %s", vm_name(vm), text);
    if (s->phase == HOST_SLEEPS)
        snprintf(s->failures + len, sizeof s->failures - len, "%s%s: %.120s", len > 0 ? "; " : "",
                 vm_name(vm), text);
}

/* A process that died over it is asked once more, or the one that follows it: its note knows how far it was.
 */
bool sleep_answered(struct registry *r, struct out *out, const struct answer *a)
{
    struct registry_sleep *s = &r->sleep;
    bool ours = s->step == SLEEP_ASKS && a->tag >= s->first && a->tag < s->first + 2 * (uint64_t)s->asked;
    bool again = ours && a->tag >= s->first + s->asked;
    uint32_t at = ours ? (uint32_t)(a->tag - s->first) - (again ? s->asked : 0) : 0;
    if (!ours || a->progress || s->qid[at] == 0)
        return ours;
    if (a->r == -ERR_GONE && !again && r->claims[s->qid[at]].living) {
        ask_one(r, out, at, true);
    } else {
        if (a->r < 0)
            note_failure(r, s->qid[at], a);
        answered_by(r, at);
    }
    if (s->waits == 0)
        next(r, out);
    return true;
}

void sleep_dropped(struct registry *r, struct out *out)
{
    if (r->sleep.step == SLEEP_DROPS && !preload_any(r))
        ask_all(r, out, HOST_WARNS);
}

void sleep_timer(struct registry *r, struct out *out)
{
    if (r->sleep.step == SLEEP_DROPS)
        ask_all(r, out, HOST_WARNS); /* whoever is left is asked like any other */
}

bool sleep_holds_preloads(const struct registry *r)
{
    return r->sleep.step != SLEEP_NONE && !r->sleep.wakes;
}

/* Who runs is known. */
void sleep_go_on(struct registry *r, struct out *out)
{
    struct registry_sleep *s = &r->sleep;
    if (s->step != SLEEP_NONE || s->asker_count == 0 || !r->settled)
        return;
    s->failures[0] = '\0';
    if (s->wakes) {
        ask_all(r, out, HOST_WAKES);
        return;
    }
    s->step = SLEEP_DROPS;
    out_timer(out, TIMER_SLEEP, out->now + DROPS_MOST);
    preload_drop_all(r, out);
    sleep_dropped(r, out);
}

void sleep_begin(struct registry *r, struct out *out, const struct envelope *e, const struct host_sleep *m)
{
    struct registry_sleep *s = &r->sleep;
    struct request request = request_of(e);
    struct fault why;
    bool wakes = m->wakes != 0;
    if (s->asker_count > 0 && (s->wakes != wakes || s->asker_count == REGISTRY_SLEEPERS)) {
        int r2 = fault_set(&why, ERR_BUSY, "the VMs are still %s; try again when that is done",
                           s->wakes ? "being woken" : "going to sleep");
        reply_error(out, &request, r2, &why);
        return;
    }
    s->wakes = wakes;
    s->askers[s->asker_count++] = request;
    sleep_go_on(r, out);
}
