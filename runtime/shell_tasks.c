/* SPDX-License-Identifier: MIT
 * A shell's tasks: given to the worker, watched by their deadlines; and failed questions. */
#include "runtime/shell_parts.h"

#include <stdlib.h>

#include "base/grow.h"
#include "base/log.h"

static struct task_slot *new_slot(struct shell *s)
{
    if (GROW(s->tasks, s->tasks_count, s->tasks_room, 8) < 0)
        abort(); /* a task must come back: the supervisor's fresh incarnation is the answer */
    return &s->tasks[s->tasks_count++];
}

void shell_task_begin(struct shell *s, struct task *task)
{
    *new_slot(s) = (struct task_slot){task, task->what, task->deadline, false};
    worker_give(s->worker, task);
}

static struct task_slot *slot_of(struct shell *s, const struct task *task)
{
    for (uint32_t i = 0; i < s->tasks_count; i++)
        if (s->tasks[i].task == task)
            return &s->tasks[i];
    return NULL;
}

void shell_tasks_ended(struct shell *s)
{
    bool was_parked;
    struct task *task;
    while ((task = worker_take(s->worker, &was_parked)) != NULL) {
        struct task_slot *slot = slot_of(s, task);
        bool cleared = slot != NULL && slot->overdue;
        if (slot != NULL)
            *slot = s->tasks[--s->tasks_count];
        struct done d = {.task = task, .what = task->what, .cleared = cleared};
        s->actor->done(s->core, &s->out, &d);
        free(task);
    }
}

uint64_t shell_tasks_next(const struct shell *s)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < s->tasks_count; i++)
        if (s->tasks[i].deadline != 0 && !s->tasks[i].overdue && (next == 0 || s->tasks[i].deadline < next))
            next = s->tasks[i].deadline;
    return next;
}

void shell_tasks_overdue(struct shell *s)
{
    for (uint32_t i = 0; i < s->tasks_count; i++) {
        struct task_slot *slot = &s->tasks[i];
        if (slot->deadline == 0 || slot->overdue || slot->deadline > s->out.now)
            continue;
        slot->overdue = true;
        if (worker_holds(s->worker, slot->task) && worker_park(s->worker, slot->task) < 0)
            log_line(LOG_WARN, "a second call hangs; nothing further is tried until one returns");
        struct done d = {.what = slot->what, .overdue = true};
        s->actor->done(s->core, &s->out, &d);
        i = UINT32_MAX; /* the core may have begun others: the list may have moved */
    }
}

int failed_asks_add(struct failed_asks *f, uint64_t tag, int r)
{
    if (GROW(f->list, f->count, f->room, 8) < 0)
        abort(); /* a question must be answered: see above */
    f->list[f->count++] = (struct failed_ask){tag, r};
    return 0;
}

void failed_asks_free(struct failed_asks *f)
{
    free(f->list);
    *f = (struct failed_asks){0};
}

void shell_answer_failed(struct shell *s)
{
    while (s->failed_asks.count > 0) {
        struct failed_ask failed = s->failed_asks.list[--s->failed_asks.count];
        struct answer a = {.tag = failed.tag, .r = failed.r};
        fault_set(&a.why, (enum err) - failed.r, "%s", err_text((enum err) - failed.r));
        s->actor->answered(s->core, &s->out, &a);
    }
}
