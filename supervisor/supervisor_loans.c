/* SPDX-License-Identifier: MIT
 * Volumes that are cloned between pools. Neither pool's process sees the other's files; the bus carries no
 * descriptors: one sends an open file up, and the one process that it is meant for may have it sent down. */
#include "supervisor/supervisor.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"

static struct loan *find(struct supervisor *s, uint32_t number, uint32_t from)
{
    for (size_t i = 0; i < COUNT(s->loan); i++)
        if (s->loan[i].number == number && s->loan[i].from == from)
            return &s->loan[i];
    return NULL;
}

static struct loan *find_free(struct supervisor *s, uint32_t from)
{
    struct loan *free = NULL;
    unsigned own = 0;
    for (size_t i = 0; i < COUNT(s->loan); i++) {
        if (s->loan[i].number == 0)
            free = &s->loan[i];
        else
            own += s->loan[i].from == from;
    }
    return own < LOANS_OF_ONE ? free : NULL;
}

static void give_back(struct loan *l)
{
    close_file(&l->fd);
    *l = (struct loan){.number = 0};
}

static void lend(struct supervisor *s, const struct child *c, const struct control *r, int file)
{
    struct loan *l = find_free(s, c->key.instance);
    int fd = l != NULL ? fcntl(file, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        log_line(LOG_WARN, "storage/%u lends more than it may", (unsigned)c->key.instance);
    else
        *l = (struct loan){r->value, c->key.instance, r->instance, fd};
}

void loans_hear(struct supervisor *s, const struct child *c, const struct control *r,
                const struct control_fds *files)
{
    if (c->key.kind != KIND_STORAGE || r->value == 0)
        return;
    struct loan *before = find(s, r->value, c->key.instance);
    if (before != NULL)
        give_back(before);
    if (files->count == 1)
        lend(s, c, r, files->fd[0]);
    (void)control_send(c->control, &(struct control){.what = CONTROL_HAND, .value = r->value}, NULL);
}

/* It stays lent: a borrower that is killed asks again. */
void loans_hand(struct supervisor *s, const struct child *c, uint32_t number)
{
    struct control record = {.what = CONTROL_HAND, .value = number};
    struct control_fds fds = {0};
    for (size_t i = 0; number != 0 && i < COUNT(s->loan); i++)
        if (s->loan[i].number == number && s->loan[i].to == c->key.instance)
            fds = (struct control_fds){1, {s->loan[i].fd}};
    (void)control_send(c->control, &record, &fds);
}

void loans_end(struct supervisor *s, const struct child *c)
{
    for (size_t i = 0; i < COUNT(s->loan); i++)
        if (c->key.kind == KIND_STORAGE && s->loan[i].number != 0 && s->loan[i].from == c->key.instance)
            give_back(&s->loan[i]);
}
