/* SPDX-License-Identifier: MIT
 * The inside of a shell, shared by the files shell*.c only. */
#ifndef RUNTIME_SHELL_PARTS_H
#define RUNTIME_SHELL_PARTS_H

#include "runtime/asks.h"
#include "runtime/bus.h"
#include "runtime/parts.h"
#include "runtime/shell.h"
#include "runtime/timers.h"

/* Questions that could not even be sent; answered from the loop. */
struct failed_asks {
    struct failed_ask {
        uint64_t tag;
        int r;
    } * list;
    uint32_t count, room;
};
int failed_asks_add(struct failed_asks *f, uint64_t tag, int r);
void failed_asks_free(struct failed_asks *f);

/* A task with the worker. */
struct task_slot {
    struct task *task;
    uint32_t what;
    uint64_t deadline;
    bool overdue;
};

struct watch {
    int fd;
    shell_ready *ready;
    void *arg;
};

struct shell {
    const struct actor *actor;
    void *core;
    struct life life;
    struct out out;
    int control, epoll, status;
    const char *bus_directory;
    const struct worker_doors *doors;
    void (*handed)(void *self, struct shell *shell, uint32_t what, struct control_fds *fds);
    void (*told)(void *self, struct shell *shell, const struct control *record);

    struct bus *bus; /* NULL between two routers */
    char bus_path[256];
    uint64_t dial_at, dial_until; /* when the socket is tried again, 0: not; and for how long */
    struct parts *parts;
    struct waiting *outbox, **outbox_end;
    size_t outbox_bytes;
    bool sends_wanted;

    struct asks *asks;
    struct failed_asks failed_asks;
    struct timers timers;
    struct worker *worker;
    struct task_slot *tasks;
    uint32_t tasks_count, tasks_room;
    struct watch *watches;
    uint32_t watches_room;

    uint64_t heard, heard_told, heard_told_at, layers, epoch;
    uint64_t trim_at; /* when the memory that the start took is given back; 0: it was */
    bool is_ready, begun, ending, stopping, bygone, serving, note_wanted, retire_wanted, retire_sent;
    char note[CONTROL_TEXT];
    size_t note_len;
};

void shell_want_send(struct shell *s, bool wanted);
void shell_outbox_clear(struct shell *s);
void shell_outbox_flush(struct shell *s);
/* Takes one record, waiting for it. */
void shell_hear_control(struct shell *s);
/* The router's socket of this name is the one to dial from now on. */
void shell_dial(struct shell *s, struct span name);
void shell_bus_lost(struct shell *s);
void shell_task_begin(struct shell *s, struct task *task);
void shell_tasks_ended(struct shell *s);
/* The next task's deadline, or 0. */
uint64_t shell_tasks_next(const struct shell *s);
void shell_tasks_overdue(struct shell *s);
void shell_answer_failed(struct shell *s);

#endif
