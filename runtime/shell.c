/* SPDX-License-Identifier: MIT
 * The process around a core: what the core says is done here; see shell.h. */
#include "runtime/shell_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

/* Messages to the router that wait for room in its socket, in bytes. */
enum { OUTBOX_MAX = 32 << 20 };
/* When what the start took is given back, after READY: there is a process per VM. */
#define TRIM_AFTER SECONDS

struct waiting {
    struct waiting *next;
    size_t len;
    char bytes[];
};

static int outbox_put(struct shell *s, struct span bytes)
{
    if (s->outbox_bytes + bytes.len > OUTBOX_MAX)
        return -ERR_BUSY;
    struct waiting *w = malloc(sizeof *w + bytes.len);
    if (w == NULL)
        return -ERR_NOMEM;
    w->next = NULL;
    w->len = bytes.len;
    memcpy(w->bytes, bytes.at, bytes.len);
    *s->outbox_end = w;
    s->outbox_end = &w->next;
    s->outbox_bytes += bytes.len;
    shell_want_send(s, true);
    return 0;
}

static void outbox_drop_first(struct shell *s)
{
    struct waiting *w = s->outbox;
    s->outbox = w->next;
    if (s->outbox == NULL)
        s->outbox_end = &s->outbox;
    s->outbox_bytes -= w->len;
    free(w);
}

void shell_outbox_clear(struct shell *s)
{
    while (s->outbox != NULL)
        outbox_drop_first(s);
}

void shell_outbox_flush(struct shell *s)
{
    while (s->outbox != NULL && s->bus != NULL) {
        if (bus_send(s->bus, (struct span){s->outbox->bytes, s->outbox->len}) == -ERR_BUSY)
            return;
        outbox_drop_first(s);
    }
    shell_want_send(s, false);
}

static int send_part(void *arg, const struct envelope *part)
{
    struct shell *s = arg;
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    envelope_write(&bytes, part);
    if (bytes.failed < 0)
        return bytes.failed;
    if (s->outbox != NULL)
        return outbox_put(s, text_span(&bytes));
    int r = bus_send(s->bus, text_span(&bytes));
    return r == -ERR_BUSY ? outbox_put(s, text_span(&bytes)) : r;
}

static int op_send(void *shell, struct envelope *e)
{
    struct shell *s = shell;
    e->source_kind = s->life.self.kind;
    e->source_instance = s->life.self.instance;
    if (s->bus == NULL)
        return -ERR_GONE;
    return parts_send(e, send_part, s);
}

static int op_ask(void *shell, struct envelope *e, uint64_t tag)
{
    struct shell *s = shell;
    uint64_t ignored;
    e->correlation = asks_add(s->asks, tag);
    int r = e->correlation == 0 ? -ERR_BUSY : op_send(s, e);
    if (r == 0)
        return 0;
    /* The answer still comes through `answered`, and not from inside the core's own call. */
    if (e->correlation != 0)
        asks_find(s->asks, e->correlation, false, &ignored);
    return failed_asks_add(&s->failed_asks, tag, r);
}

static void op_task(void *shell, struct task *task)
{
    shell_task_begin(shell, task);
}

static void op_timer(void *shell, uint64_t timer, uint64_t at)
{
    struct shell *s = shell;
    if (timers_set(&s->timers, timer, at) < 0)
        log_line(LOG_ERROR, "no room for a timer");
}

/* Waits for the supervisor's word that the note is in its file. */
static void op_note(void *shell, struct span note)
{
    struct shell *s = shell;
    struct control c = control_text(CONTROL_NOTE, note);
    if (control_send(s->control, &c, NULL) < 0)
        return; /* the line is gone; the loop ends this process */
    s->note_wanted = true;
    while (s->note_wanted && !s->ending)
        shell_hear_control(s);
}

static void op_ready(void *shell)
{
    struct shell *s = shell;
    struct control c = {.what = CONTROL_READY, .number = s->layers};
    if (s->is_ready)
        return;
    (void)control_send(s->control, &c, NULL);
    s->is_ready = true;
    s->trim_at = s->out.now + TRIM_AFTER;
}

static void op_retire(void *shell)
{
    struct shell *s = shell;
    s->retire_wanted = true;
}

static void op_leave(void *shell)
{
    struct shell *s = shell;
    s->ending = true;
    s->status = s->stopping ? EXIT_RETIRED : EXIT_FRESH_JAIL;
}

static void op_title(void *shell, const char *title)
{
    struct shell *s = shell;
    struct control c = control_text(CONTROL_TITLE, span_of(title));
    (void)control_send(s->control, &c, NULL);
}

static void op_door(void *shell, uint32_t what)
{
    struct shell *s = shell;
    struct control c = {.what = CONTROL_DOOR, .value = what};
    (void)control_send(s->control, &c, NULL);
}

static const struct out_ops shell_ops = {op_send,  op_ask,    op_task,  op_timer, op_note,
                                         op_ready, op_retire, op_leave, op_title, op_door};

int shell_new(const struct shell_parts *parts, struct shell **ret, struct fault *why)
{
    struct shell *s = calloc(1, sizeof *s);
    void *core = calloc(1, parts->actor->size);
    if (s == NULL || core == NULL) {
        free(s);
        free(core);
        return fault_set(why, ERR_NOMEM, "no memory for the actor");
    }
    s->actor = parts->actor;
    s->core = core;
    s->life = parts->life;
    s->control = parts->control;
    s->bus_directory = parts->bus_directory;
    s->handed = parts->handed;
    s->told = parts->told;
    s->doors = parts->doors;
    s->outbox_end = &s->outbox;
    s->out = (struct out){&shell_ops, s, clock_now()};
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->asks = asks_new(clock_now());
    s->parts = parts_new();
    if (s->epoll < 0 || s->asks == NULL || s->parts == NULL) {
        shell_free(s);
        return fault_set(why, ERR_NOMEM, "no memory for the actor's shell");
    }
    *ret = s;
    return 0;
}

void shell_free(struct shell *s)
{
    if (s == NULL)
        return;
    shell_outbox_clear(s);
    bus_close(s->bus);
    asks_free(s->asks);
    parts_free(s->parts);
    timers_free(&s->timers);
    failed_asks_free(&s->failed_asks);
    if (s->epoll >= 0)
        close(s->epoll);
    free(s->watches);
    free(s->tasks);
    free(s->core);
    free(s);
}

void *shell_core(struct shell *s)
{
    return s->core;
}

struct out *shell_out(struct shell *s)
{
    return &s->out;
}

int shell_tell(struct shell *s, const struct control *record, const struct control_fds *fds)
{
    return control_send(s->control, record, fds);
}

void shell_layers(struct shell *s, uint64_t layers)
{
    s->layers = layers;
}
