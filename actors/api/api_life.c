/* SPDX-License-Identifier: MIT
 * A VM's life is asked of its own process (admin-api-methods 4); in api. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/api/api_inside.h"

#define ORDINARY    (30 * SECONDS)
#define CURRENT_MAX (2 * SECONDS)
/* What a start takes besides waiting for the agent, and a shutdown besides waiting for the guest. */
#define AROUND (60 * SECONDS)
/* To RAM and back: the guest is told of it within a minute each. */
#define SUSPEND_MAX (120 * SECONDS)

static int lived(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                 struct fault *why)
{
    (void)self, (void)c, (void)reply, (void)why;
    return a->r;
}

static int ask_its_process(struct api *self, struct out *out, const struct asked *q, uint16_t type,
                           uint64_t deadline, struct text *body, call_done *done)
{
    struct call like = {
        .done = done,
        .to = {KIND_VM, vm_qid(q->dest)},
        .type = type,
        .context = api_context(self, q, deadline),
        .qid = vm_qid(q->dest),
    };
    like.context.subject = (struct subject){KIND_VM, vm_qid(q->dest), vm_generation(q->dest)};
    return api_ask(self, out, q, &like, body);
}

static int ask_vm_process(struct api *self, struct out *out, const struct asked *q, uint16_t type,
                          uint64_t deadline, struct text *body)
{
    return ask_its_process(self, out, q, type, deadline, body, lived);
}

/* Seconds that a property of the VM grants, as nanoseconds; a minute where it grants none. */
static uint64_t patience(const struct api *self, const struct asked *q, enum property p)
{
    int64_t seconds = property_number(&self->known, vm_qid(q->dest), p, 60);
    if (seconds <= 0)
        seconds = 60;
    return (seconds < INT32_MAX ? (uint64_t)seconds : INT32_MAX) * SECONDS;
}

static const char *observed_state(const struct api *self, const struct asked *q)
{
    const char *state = api_fact(self, vm_qid(q->dest), FACT_power_state, NULL);
    return state != NULL ? state : "";
}

/* A VM whose process has said that it rests need not be woken to hear the same again. */
static bool is_at_rest(const struct api *self, const struct asked *q)
{
    return strcmp(observed_state(self, q), "Halted") == 0;
}

static int check_target(const struct asked *q, enum err code, const char *what, struct fault *why)
{
    if (vm_is_qubes(q->dest))
        return 0;
    return fault_set(why, code, "%s cannot be %s from here", vm_name(q->dest), what);
}

int api_do_vm_start(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    int r = check_target(q, ERR_VM_NOT_HALTED, "started", why);
    (void)reply;
    if (r < 0)
        return r;
    vm_start_encode(&body, NO_MESSAGE(vm_start));
    uint64_t deadline = out->now + AROUND + patience(self, q, PROPERTY_qrexec_timeout);
    return ask_vm_process(self, out, q, MESSAGE_vm_start, deadline, &body);
}

/* force and wait joined by '+', in any order, as often as one likes. */
static int read_shutdown(struct span argument, struct vm_shutdown *m, struct fault *why)
{
    *m = (struct vm_shutdown){0, 0};
    while (argument.at != NULL) {
        struct span word = span_split(argument, '+', &argument);
        if (span_is(word, "force"))
            m->force = 1;
        else if (span_is(word, "wait"))
            m->wait = 1;
        else
            return fault_set(why, ERR_PROTOCOL,
                             "a shutdown's argument is force, wait, or both with + between");
    }
    return 0;
}

int api_do_vm_shutdown(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                       struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct span argument = q->request.argument;
    struct vm_shutdown m;
    int r = read_shutdown(argument.len > 0 ? argument : (struct span){NULL, 0}, &m, why);
    (void)reply;
    if (r == 0)
        r = check_target(q, ERR_VM, "shut down", why);
    if (r == 0 && is_at_rest(self, q))
        r = fault_set(why, ERR_VM_NOT_STARTED, "domain is powered off: '%s'", vm_name(q->dest));
    if (r < 0)
        return r;
    vm_shutdown_encode(&body, &m);
    uint64_t wait = m.wait ? AROUND + patience(self, q, PROPERTY_shutdown_timeout) : AROUND;
    return ask_vm_process(self, out, q, MESSAGE_vm_shutdown, out->now + wait, &body);
}

int api_do_vm_kill(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                   struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    int r = check_target(q, ERR_VM, "killed", why);
    (void)reply;
    if (r == 0 && is_at_rest(self, q))
        r = fault_set(why, ERR_VM_NOT_STARTED, "domain is powered off: '%s'", vm_name(q->dest));
    if (r < 0)
        return r;
    vm_kill_encode(&body, NO_MESSAGE(vm_kill));
    return ask_vm_process(self, out, q, MESSAGE_vm_kill, out->now + ORDINARY, &body);
}

int api_do_vm_pause(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                    struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    int r = check_target(q, ERR_VM, "paused", why);
    (void)reply;
    if (r == 0 && is_at_rest(self, q))
        r = fault_set(why, ERR_VM_NOT_RUNNING, "domain not running: '%s'", vm_name(q->dest));
    if (r < 0)
        return r;
    vm_pause_encode(&body, NO_MESSAGE(vm_pause));
    return ask_vm_process(self, out, q, MESSAGE_vm_pause, out->now + ORDINARY, &body);
}

int api_do_vm_unpause(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    int r = check_target(q, ERR_VM, "unpaused", why);
    (void)reply;
    if (r == 0 && is_at_rest(self, q))
        r = fault_set(why, ERR_VM_NOT_PAUSED, "domain not paused: '%s'", vm_name(q->dest));
    if (r < 0)
        return r;
    vm_unpause_encode(&body, NO_MESSAGE(vm_unpause));
    return ask_vm_process(self, out, q, MESSAGE_vm_unpause, out->now + ORDINARY, &body);
}

int api_do_vm_suspend(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    int r = check_target(q, ERR_VM, "suspended", why);
    (void)reply;
    if (r == 0 && is_at_rest(self, q))
        r = fault_set(why, ERR_VM_NOT_RUNNING, "domain not running: '%s'", vm_name(q->dest));
    if (r < 0)
        return r;
    vm_suspend_encode(&body, NO_MESSAGE(vm_suspend));
    return ask_vm_process(self, out, q, MESSAGE_vm_suspend, out->now + SUSPEND_MAX, &body);
}

int api_do_vm_resume(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                     struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    int r = check_target(q, ERR_VM, "resumed", why);
    (void)reply;
    if (r == 0 && is_at_rest(self, q))
        r = fault_set(why, ERR_VM_NOT_PAUSED, "domain not paused: '%s'", vm_name(q->dest));
    if (r < 0)
        return r;
    vm_resume_encode(&body, NO_MESSAGE(vm_resume));
    return ask_vm_process(self, out, q, MESSAGE_vm_resume, out->now + SUSPEND_MAX, &body);
}

static int console_said(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                        struct fault *why)
{
    struct vm_console_reply m;
    (void)self, (void)c, (void)why;
    int r = a->r < 0 ? a->r : vm_console_reply_decode(&m, a->e->body);
    if (r == 0)
        text_add(reply, m.tty);
    return r;
}

/* dom0 has none, and says so with nothing. */
int api_do_vm_console(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                      struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    (void)reply;
    if (vm_class(q->dest) == CLASS_AdminVM)
        return 0;
    if (!vm_is_qubes(q->dest) || is_at_rest(self, q))
        return fault_set(why, ERR_VM_NOT_RUNNING, "domain not running: '%s'", vm_name(q->dest));
    vm_console_encode(&body, NO_MESSAGE(vm_console));
    return ask_its_process(self, out, q, MESSAGE_vm_console, out->now + ORDINARY, &body, console_said);
}

static void add_state(struct text *reply, const char *mem, const char *most, const char *cputime,
                      const char *state)
{
    text_add(reply, "mem=");
    text_add(reply, mem != NULL ? mem : "0");
    text_add(reply, " mem_static_max=");
    text_add(reply, most != NULL ? most : "0");
    text_add(reply, " cputime=");
    text_add(reply, cputime != NULL ? cputime : "0");
    text_add(reply, " power_state=");
    text_add(reply, state);
}

/* From the facts: a VM at rest has none, and its state is Halted. */
static void add_known_state(const struct api *self, uint32_t qid, struct text *reply)
{
    const char *state = ask_power_state(&self->known, qid);
    bool halted = strcmp(state, "Halted") == 0;
    add_state(reply, halted ? NULL : api_fact(self, qid, FACT_mem_kib, NULL),
              halted ? NULL : api_fact(self, qid, FACT_mem_static_max_kib, NULL),
              halted ? NULL : api_fact(self, qid, FACT_cputime_ns, NULL), state);
}

/* Its process says the figures of this moment; a late or dying one leaves those of its facts. */
static int current_said(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                        struct fault *why)
{
    struct vm_current_reply m;
    char mem[24], cputime[24];
    (void)why;
    if (a->r < 0 || vm_current_reply_decode(&m, a->e->body) < 0) {
        add_known_state(self, c->qid, reply);
        return 0;
    }
    snprintf(mem, sizeof mem, "%" PRIu64, m.mem_kib);
    snprintf(cputime, sizeof cputime, "%" PRIu64, m.cputime_ns);
    add_state(reply, mem, api_fact(self, c->qid, FACT_mem_static_max_kib, NULL), cputime, m.power_state);
    return 0;
}

/* Where dom0 is no domain of the hypervisor, or host does not answer, what it uses is not known. */
static int dom0_said(struct api *self, const struct call *c, const struct answer *a, struct text *reply,
                     struct fault *why)
{
    struct sample_reply m = {0};
    struct sample_item found = {0}, item;
    struct property_value most;
    uint64_t mib = 0;
    char mem[24], static_max[24], cputime[24];
    (void)why;
    if (a->r >= 0 && sample_reply_decode(&m, a->e->body) == 0) {
        struct reader in = list_reader(&m.samples);
        while (sample_item_next(&in, &item) == 1)
            if (item.domid == 0)
                found = item;
    }
    property_get(&self->known, c->qid, PROPERTY_maxmem, &most);
    (void)text_number(most.text, 0, UINT64_MAX / 1024, &mib);
    snprintf(mem, sizeof mem, "%" PRIu64, found.memory_kib);
    snprintf(static_max, sizeof static_max, "%" PRIu64, mib * 1024);
    snprintf(cputime, sizeof cputime, "%" PRIu64, found.cputime_ns);
    add_state(reply, mem, static_max, cputime, ask_power_state(&self->known, c->qid));
    return 0;
}

static int ask_host_of_dom0(struct api *self, struct out *out, const struct asked *q)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct call like = {
        .done = dom0_said,
        .to = {KIND_HOST, 0},
        .type = MESSAGE_sample,
        .context = api_context(self, q, out->now + CURRENT_MAX),
        .repeated = true,
        .qid = vm_qid(q->dest),
    };
    sample_encode(&body, NO_MESSAGE(sample));
    return api_ask(self, out, q, &like, &body);
}

int api_do_vm_current_state(struct api *self, struct out *out, const struct asked *q, struct text *reply,
                            struct fault *why)
{
    AUTO_TEXT body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    (void)why;
    if (vm_class(q->dest) == CLASS_AdminVM)
        return ask_host_of_dom0(self, out, q);
    if (!vm_is_qubes(q->dest) || world_is_halted(&self->world, vm_qid(q->dest))) {
        add_known_state(self, vm_qid(q->dest), reply);
        return 0;
    }
    struct call like = {
        .done = current_said,
        .to = {KIND_VM, vm_qid(q->dest)},
        .type = MESSAGE_vm_current,
        .context = api_context(self, q, out->now + CURRENT_MAX),
        .repeated = true, /* its facts are the better second answer */
        .qid = vm_qid(q->dest),
    };
    like.context.subject = (struct subject){KIND_VM, vm_qid(q->dest), vm_generation(q->dest)};
    vm_current_encode(&body, NO_MESSAGE(vm_current));
    return api_ask(self, out, q, &like, &body);
}
