/* SPDX-License-Identifier: MIT
 * The worker thread; see worker.h. */
#include "runtime/worker.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "runtime/control/names.h"

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
    struct hand *hands_at_work; /* and those that are parked */
    unsigned hands, parked;
    int fd;
};

/* One thread, and what it holds. */
struct hand {
    struct worker *worker;
    struct hand *next;
    const struct task *current;
    bool parked; /* another thread has taken its place: it ends with its task */
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
    while (!hand->parked && w->todo.first == NULL)
        pthread_cond_wait(&w->given, &w->lock);
    return hand->parked ? NULL : pop(&w->todo);
}

static void hand_over(struct hand *hand, struct job *job)
{
    struct worker *w = hand->worker;
    pthread_mutex_lock(&w->lock);
    hand->current = NULL;
    job->was_parked = hand->parked;
    if (job->was_parked)
        w->parked--;
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
    (void)prctl(PR_SET_NAME, WORKER_NAME); /* the supervisor's watch looks at all other threads */
    while ((job = next_job(hand)) != NULL) {
        hand->current = job->task;
        pthread_mutex_unlock(&w->lock);
        w->perform(doors, job->task);
        hand_over(hand, job);
    }
    for (struct hand **at = &w->hands_at_work; *at != NULL; at = &(*at)->next) {
        if (*at == hand) {
            *at = hand->next;
            break;
        }
    }
    pthread_mutex_unlock(&w->lock);
    if (w->doors.close != NULL)
        w->doors.close(doors);
    free(hand);
    return NULL;
}

/* Under the lock. */
static int start_hand(struct worker *w)
{
    pthread_t thread;
    struct hand *hand = calloc(1, sizeof *hand);
    if (hand == NULL)
        return -ERR_NOMEM;
    hand->worker = w;
    if (pthread_create(&thread, NULL, work, hand) != 0) {
        free(hand);
        return -ERR_NOMEM;
    }
    hand->next = w->hands_at_work;
    w->hands_at_work = hand;
    pthread_detach(thread);
    return 0;
}

int worker_start(perform_task *perform, const struct worker_doors *doors, unsigned hands, struct worker **ret,
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
    w->hands = hands;
    pthread_mutex_lock(&w->lock);
    int r = w->fd < 0 ? -ERR_NOMEM : 0;
    for (unsigned i = 0; i < hands && r == 0; i++)
        r = start_hand(w);
    pthread_mutex_unlock(&w->lock);
    if (r < 0) /* threads may wait in it already: it goes with the process, which cannot live */
        return fault_set(why, ERR_NOMEM, "cannot start the worker's threads");
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

static struct hand *hand_of(struct worker *w, const struct task *task)
{
    struct hand *hand = w->hands_at_work;
    while (hand != NULL && hand->current != task)
        hand = hand->next;
    return hand;
}

bool worker_holds(struct worker *w, const struct task *task)
{
    pthread_mutex_lock(&w->lock);
    bool holds = hand_of(w, task) != NULL;
    pthread_mutex_unlock(&w->lock);
    return holds;
}

int worker_park(struct worker *w, const struct task *task)
{
    pthread_mutex_lock(&w->lock);
    struct hand *hangs = hand_of(w, task);
    int r = hangs == NULL ? -ERR_STATE : w->parked >= w->hands ? -ERR_BUSY : start_hand(w);
    if (r == 0) {
        hangs->parked = true;
        w->parked++;
    }
    pthread_mutex_unlock(&w->lock);
    return r;
}
