/* SPDX-License-Identifier: MIT
 * A process around a core, as runtime/shell*.c make it: questions, parts, timers, goodbye. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "actors/devbus-block/devbus_block.h"
#include "actors/devbus-mic/devbus_mic.h"
#include "actors/devbus-usb/devbus_usb.h"
#include "actors/devbus-pci/devbus_pci.h"
#include "actors/guest/guest.h"
#include "actors/host/host.h"
#include "actors/launcher/launcher.h"
#include "actors/registry/registry.h"
#include "actors/storage/storage.h"
#include "actors/vm/vm_actor.h"
#include "model/device.h"
#include "proto/messages.h"
#include "proto/rules.h"
#include "runtime/control/exits.h"

static const struct actor *const actors[KINDS] = {
    [KIND_API] = &api_actor,
    [KIND_REGISTRY] = &registry_actor,
    [KIND_HOST] = &host_actor,
    [KIND_VM] = &vm_actor,
    [KIND_GUEST] = &guest_actor,
    [KIND_DEVBUS_PCI] = &devbus_pci_actor,
    [KIND_LAUNCHER] = &launcher_actor,
    [KIND_STORAGE] = &storage_actor,
    [KIND_DEVBUS_BLOCK] = &devbus_block_actor,
    [KIND_DEVBUS_USB] = &devbus_usb_actor,
    [KIND_DEVBUS_MIC] = &devbus_mic_actor,
};

/* The simulator that runs: cores' worlds have no room for one of their own. */
static struct sim *current;

static struct proc **place_of(struct sim *s, struct address who)
{
    if (who.kind == KIND_VM)
        return &s->vms[who.instance];
    if (who.kind == KIND_GUEST)
        return &s->guests[who.instance];
    if (who.kind == KIND_STORAGE)
        return &s->pools[who.instance];
    return who.kind == KIND_API && who.instance == 1 ? &s->procs_api1 : &s->procs[who.kind];
}

struct proc *proc_find(struct sim *s, struct address who)
{
    return *place_of(s, who);
}

struct proc *proc_make(struct sim *s, struct address who)
{
    struct proc **place = place_of(s, who);
    if (*place == NULL) {
        *place = sim_alloc(sizeof **place);
        **place = (struct proc){.sim = s, .who = who, .actor = actors[who.kind], .cut = -1};
    }
    return *place;
}

struct proc *proc_alive(struct sim *s, const struct sim_event *e)
{
    struct proc *p = proc_find(s, e->who);
    return p != NULL && p->running && p->incarnation == e->incarnation ? p : NULL;
}

/* ---- what a core says ---- */

/* One more word: false when the process has died before it. */
static bool speaks(struct proc *p)
{
    if (p->cut == 0)
        return false;
    if (p->cut > 0)
        p->cut--;
    return true;
}

static int send_part(void *arg, const struct envelope *part)
{
    struct proc *p = arg;
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    envelope_write(&bytes, part);
    if (bytes.failed < 0)
        return bytes.failed;
    router_send(p, text_span(&bytes));
    return 0;
}

static int send_now(struct proc *p, struct envelope *e)
{
    e->source_kind = p->who.kind;
    e->source_instance = p->who.instance;
    return p->router == 0 ? -ERR_GONE : parts_send(e, send_part, p);
}

static int op_send(void *shell, struct envelope *e)
{
    return speaks(shell) ? send_now(shell, e) : 0;
}

static int op_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct proc *p = shell;
    uint64_t ignored;
    if (!speaks(p))
        return 0;
    e->correlation = asks_add(p->asks, tag);
    int r = e->correlation == 0 ? -ERR_BUSY : send_now(p, e);
    if (r == 0)
        return 0;
    if (e->correlation != 0)
        asks_find(p->asks, e->correlation, false, &ignored);
    return failed_asks_add(&p->failed_asks, tag, r);
}

static void op_task(void *shell, struct task *task)
{
    task_give(shell, task); /* a dying process's task never starts, and is freed with the rest */
}

static void op_timer(void *shell, uint64_t timer, uint64_t at)
{
    struct proc *p = shell;
    if (timers_set(&p->timers, timer, at) < 0)
        sim_broken(p->sim, "%s has no room for a timer", p->actor->name);
}

static void op_note(void *shell, struct span note)
{
    struct proc *p = shell;
    if (!speaks(p))
        return;
    p->note_len = note.len < sizeof p->note ? note.len : sizeof p->note;
    p->note_of = p->generation;
    if (p->note_len > 0)
        memcpy(p->note, note.at, p->note_len);
    sim_say(p->sim, p->who, "notes %.*s", (int)p->note_len, p->note);
}

static void op_ready(void *shell)
{
    struct proc *p = shell;
    if (!p->is_ready && speaks(p))
        supervisor_ready(p);
    p->is_ready = true;
}

static void op_retire(void *shell)
{
    struct proc *p = shell;
    p->retire_wanted = true;
}

static void op_leave(void *shell)
{
    struct proc *p = shell;
    p->ending = true;
    p->status = EXIT_FRESH_JAIL;
}

static void op_title(void *shell, const char *title)
{
    (void)shell, (void)title;
}

static const struct out_ops ops = {op_send,  op_ask,    op_task,  op_timer, op_note,
                                   op_ready, op_retire, op_leave, op_title, sim_door};

/* ---- the loop ---- */

static void answer_failed(struct proc *p)
{
    while (p->failed_asks.count > 0) {
        struct failed_ask failed = p->failed_asks.list[--p->failed_asks.count];
        struct answer a = {.tag = failed.tag, .r = failed.r};
        fault_set(&a.why, (enum err) - failed.r, "%s", err_text((enum err) - failed.r));
        p->actor->answered(p->core, &p->out, &a);
    }
}

static void say_goodbye(struct proc *p)
{
    struct envelope e = {.version = ENVELOPE_VERSION,
                         .type = MESSAGE_retire,
                         .class = CLASS_EVENT,
                         .to_kind = KIND_ROUTER,
                         .number = p->heard,
                         .part = 1,
                         .parts = 1};
    p->retire_wanted = false;
    p->retire_sent = p->router != 0 && send_now(p, &e) == 0;
}

static void tick(struct sim *s, struct sim_event *e)
{
    struct proc *p = proc_alive(s, e);
    if (p == NULL || p->tick_at != e->number)
        return;
    p->tick_at = 0;
    p->out.now = s->now;
    proc_after(p);
}

static void look_again(struct proc *p)
{
    uint64_t next = timers_next(&p->timers), overdue = task_next(p);
    if (overdue != 0 && (next == 0 || overdue < next))
        next = overdue;
    if (next == 0 || (p->tick_at != 0 && p->tick_at <= next))
        return;
    p->tick_at = next;
    struct sim_event *e = sim_at(p->sim, next, tick);
    e->who = p->who;
    e->incarnation = p->incarnation;
    e->number = next;
}

static void end(struct proc *p, int status)
{
    p->status = status;
    proc_release(p);
    supervisor_died(p);
}

void proc_after(struct proc *p)
{
    uint64_t number;
    answer_failed(p);
    task_overdue(p);
    while (!p->ending && p->cut != 0 && timers_due(&p->timers, p->sim->now, &number))
        p->actor->timer(p->core, &p->out, number);
    answer_failed(p);
    if (p->cut == 0)
        proc_kill(p);
    else if (p->ending)
        end(p, p->status);
    else {
        if (p->retire_wanted)
            say_goodbye(p);
        look_again(p);
    }
}

void proc_bus_lost(struct proc *p)
{
    uint64_t tag;
    if (p->router == 0)
        return;
    p->router = 0;
    while (asks_take_any(p->asks, &tag))
        (void)failed_asks_add(&p->failed_asks, tag, -ERR_GONE);
    if (p->retire_sent) {
        p->ending = true;
        p->status = EXIT_RETIRED;
    }
}

static void hear_answer(struct proc *p, const struct envelope *e)
{
    uint64_t tag;
    struct answer a = answer_of(e, 0);
    if (a.r < 0)
        sim_say(p->sim, p->who, "is answered %u: %s", (unsigned)-a.r, a.why.text);
    if (!asks_find(p->asks, e->correlation, a.progress, &tag))
        return;
    a.tag = tag;
    p->actor->answered(p->core, &p->out, &a);
}

static void hear_hello(struct proc *p, const struct envelope *e)
{
    struct hello m;
    if (p->actor->hello != NULL && hello_decode(&m, e->body) == 0)
        p->actor->hello(p->core, &p->out, m.epoch, m.last_correlation);
}

void proc_hear(struct proc *p, struct span bytes)
{
    struct envelope part, whole;
    p->heard++;
    p->retire_sent = false;
    p->out.now = p->sim->now;
    if (envelope_read(bytes, &part) < 0 || parts_take(p->parts, &part, &whole) != 1)
        return;
    sim_trace(p->sim, (uint64_t)p->who.kind << 32 | p->who.instance, whole.type, whole.body.len);
    sim_say(p->sim, p->who, "hears %s of %s/%u about %s/%u",
            message_rule(whole.type) != NULL ? message_rule(whole.type)->name : "an answer",
            kind_name(whole.source_kind), whole.source_instance, kind_name(whole.subject_kind),
            whole.subject_instance);
    if (p->sim->options.faults && !p->sim->calm && sim_chance(p->sim, 2))
        p->cut = (int)sim_random(p->sim, 6);
    if (whole.type == MESSAGE_hello)
        hear_hello(p, &whole);
    else if (whole.class == CLASS_REPLY || whole.class == CLASS_PROGRESS)
        hear_answer(p, &whole);
    else
        p->actor->hear(p->core, &p->out, &whole);
    proc_after(p);
}

/* ---- its beginning and its end ---- */

static enum kernel_state kernel(void *arg, const char *name)
{
    (void)arg, (void)name;
    return KERNEL_INSTALLED;
}

static uint32_t random_bits(void *arg)
{
    (void)arg;
    return (uint32_t)sim_random(current, UINT64_C(1) << 32);
}

static void prepare(struct proc *p)
{
    unsigned more = p->sim->options.usb ? 1u << DEVICE_usb : 0;
    if (p->who.kind == KIND_API) {
        api_attach(p->core, &sim_api_ops, p);
        api_settle(p->core, &(struct api_settings){.device_classes = more});
    }
    if (p->who.kind == KIND_REGISTRY) {
        struct registry *r = p->core;
        r->world.kernel = kernel;
        r->world.random = random_bits;
        r->device_classes = more;
    }
    if (p->who.kind == KIND_LAUNCHER) {
        launcher_attach(p->core, &sim_launcher_ops, p);
        launcher_settle(p->core, p->sim->options.usb);
    }
    if (p->who.kind == KIND_GUEST)
        guest_settle(p->core, more);
}

void proc_begin(struct proc *p)
{
    struct sim *s = current = p->sim;
    p->core = sim_alloc(p->actor->size);
    p->asks = asks_new(s->now);
    p->parts = parts_new();
    p->out = (struct out){&ops, p, s->now};
    p->life = (struct life){p->who, p->generation, {p->note, p->note_len}};
    p->running = true;
    p->ending = p->is_ready = p->retire_wanted = p->retire_sent = p->wants_room = p->watches = false;
    p->heard = p->tick_at = 0;
    p->last_up = p->last_down = 0;
    p->flying = 0;
    p->room = (unsigned)sim_between(s, 2, 64);
    p->cut = -1;
    p->router = s->route != NULL ? s->router : 0;
    if (p->router != 0)
        router_meet(p);
    p->hand[0].doors = doors_open(p);
    prepare(p);
    char note[CONTROL_TEXT];
    memcpy(note, p->note, p->note_len);
    p->life.note.at = note;
    if (p->actor->begin(p->core, &p->out, &p->life) < 0)
        sim_broken(s, "%s/%u does not begin", p->actor->name, p->who.instance);
    p->life.note = (struct span){NULL, 0};
    proc_after(p);
}

/* Everything that the kernel takes back. */
void proc_release(struct proc *p)
{
    if (!p->running)
        return;
    p->running = false;
    task_drop_all(p);
    if (p->actor->end != NULL)
        p->actor->end(p->core);
    free(TAKE(p->core));
    asks_free(TAKE(p->asks));
    parts_free(TAKE(p->parts));
    timers_free(&p->timers);
    p->timers = (struct timers){0};
    failed_asks_free(&p->failed_asks);
}

void proc_kill(struct proc *p)
{
    if (!p->running)
        return;
    p->sim->kills++;
    sim_trace(p->sim, p->who.kind, p->who.instance, 0xdead);
    sim_say(p->sim, p->who, "is killed");
    end(p, SIM_KILLED);
}
