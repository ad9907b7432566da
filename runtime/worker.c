/* SPDX-License-Identifier: MIT
 * The worker thread; see worker.h. */
#include "runtime/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

/* A task in a queue. */
struct job {
    struct task *task;
    struct job *next;
    bool was_parked;
};

struct queue {
    struct job *first, **end;
};

struct hand;

struct worker {
    pthread_mutex_t lock;
    pthread_cond_t given;
    perform_task *perform;
    struct worker_doors doors;
    struct queue todo, ended;
    struct hand *active, *parked;
    int fd;
};

/* One thread, and what it holds. */
struct hand {
    struct worker *worker;
    const struct task *current;
};

static void push(struct queue *q, struct job *job)
{
    if (q->end == NULL)
        q->end = &q->first;
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct job *pop(struct queue *q)
{
    struct job *job = q->first;
    if (job != NULL && (q->first = job->next) == NULL)
        q->end = &q->first;
    return job;
}

/* Waits for work; NULL when another thread has taken this one's place. Locked on return. */
static struct job *next_job(struct hand *hand)
{
    struct worker *w = hand->worker;
    pthread_mutex_lock(&w->lock);
    while (w->active == hand && w->todo.first == NULL)
        pthread_cond_wait(&w->given, &w->lock);
    return w->active == hand ? pop(&w->todo) : NULL;
}

static void hand_over(struct hand *hand, struct job *job)
{
    struct worker *w = hand->worker;
    pthread_mutex_lock(&w->lock);
    hand->current = NULL;
    job->was_parked = w->parked == hand;
    if (job->was_parked)
        w->parked = NULL;
    push(&w->ended, job);
    pthread_mutex_unlock(&w->lock);
    (void)eventfd_write(w->fd, 1);
}

static void *work(void *arg)
{
    struct hand *hand = arg;
    struct worker *w = hand->worker;
    void *doors = w->doors.open != NULL ? w->doors.open(w->doors.arg) : w->doors.arg;
    struct job *job;
    while ((job = next_job(hand)) != NULL) {
        hand->current = job->task;
        pthread_mutex_unlock(&w->lock);
        w->perform(doors, job->task);
        hand_over(hand, job);
    }
    pthread_mutex_unlock(&w->lock);
    if (w->doors.close != NULL)
        w->doors.close(doors);
    free(hand);
    return NULL;
}

/* Under the lock, or before there is another thread. */
static int start_hand(struct worker *w)
{
    pthread_t thread;
    struct hand *hand = calloc(1, sizeof *hand);
    if (hand == NULL)
        return -ERR_NOMEM;
    hand->worker = w;
    struct hand *before = w->active;
    w->active = hand;
    if (pthread_create(&thread, NULL, work, hand) != 0) {
        w->active = before;
        free(hand);
        return -ERR_NOMEM;
    }
    pthread_detach(thread);
    return 0;
}

int worker_start(perform_task *perform, const struct worker_doors *doors, struct worker **ret,
                 struct fault *why)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return fault_set(why, ERR_NOMEM, "no memory for a worker");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->given, NULL);
    w->perform = perform;
    w->doors = *doors;
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->fd < 0 || start_hand(w) < 0) {
        free(w);
        return fault_set(why, ERR_NOMEM, "cannot start the worker thread");
    }
    *ret = w;
    return 0;
}

int worker_fd(const struct worker *w)
{
    return w->fd;
}

void worker_give(struct worker *w, struct task *task)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        /* The task must still come back to its core: aborting is the honest answer, the
         * supervisor's is a fresh incarnation with the note. */
        abort();
    }
    job->task = task;
    pthread_mutex_lock(&w->lock);
    push(&w->todo, job);
    pthread_cond_broadcast(&w->given);
    pthread_mutex_unlock(&w->lock);
}

struct task *worker_take(struct worker *w, bool *was_parked)
{
    eventfd_t count;
    (void)eventfd_read(w->fd, &count);
    pthread_mutex_lock(&w->lock);
    struct job *job = pop(&w->ended);
    if (w->ended.first != NULL)
        (void)eventfd_write(w->fd, 1);
    pthread_mutex_unlock(&w->lock);
    if (job == NULL)
        return NULL;
    struct task *task = job->task;
    *was_parked = job->was_parked;
    free(job);
    return task;
}

const struct task *worker_current(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    const struct task *current = w->active->current;
    pthread_mutex_unlock(&w->lock);
    return current;
}

bool worker_is_parked(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    bool parked = w->parked != NULL;
    pthread_mutex_unlock(&w->lock);
    return parked;
}

int worker_park(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    struct hand *hangs = w->active;
    int r = w->parked != NULL ? -ERR_BUSY : hangs->current == NULL ? -ERR_STATE : start_hand(w);
    if (r == 0)
        w->parked = hangs;
    pthread_mutex_unlock(&w->lock);
    return r;
}
