/* SPDX-License-Identifier: MIT
 * The only spawn: vfork semantics, a pid namespace and a pidfd; and what a child is told. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/effects/effects.h"
#include "runtime/control/exits.h"

struct address child_address(const struct child *c)
{
    return (struct address){(uint8_t)c->key.kind, c->key.instance};
}

struct child *child_find(struct supervisor *s, struct address who)
{
    struct child_key key = {who.kind, who.instance};
    struct child *c;
    HASH_FIND(hh, s->children, &key, sizeof key, c);
    return c;
}

struct child *child_make(struct supervisor *s, struct address who, uint32_t generation, struct fault *why)
{
    struct child *c = child_find(s, who);
    uint32_t uid;
    if (c == NULL) {
        if (effects_uid(effects_table(), kind_name(who.kind), who.instance, &uid, why) < 0)
            return NULL;
        if (HASH_COUNT(s->children) >= STATUS_ENTRIES || (c = calloc(1, sizeof *c)) == NULL)
            return fault_set(why, ERR_NOMEM, "no room for another child"), NULL;
        c->key = (struct child_key){who.kind, who.instance};
        c->uid = uid;
        c->pidfd = c->control = -1;
        c->slot = HASH_COUNT(s->children);
        HASH_ADD(hh, s->children, key, sizeof c->key, c);
    }
    if (who.kind == KIND_VM || who.kind == KIND_GUEST)
        child_becomes(s, c, generation);
    return c;
}

void child_becomes(struct supervisor *s, struct child *c, uint32_t generation)
{
    uint32_t newest = c->next != 0 ? c->next : c->generation;
    if (c->state == LIFE_ABSENT)
        c->generation = generation;
    if (c->state == LIFE_ABSENT || generation <= newest)
        return; /* what is older was said before what is known now */
    bool told = c->next != 0;
    c->next = generation;
    if (told || c->control < 0)
        return;
    c->bygone_at = s->now;
    (void)control_send(c->control, &(struct control){.what = CONTROL_BYGONE}, NULL);
}

void child_renew(struct supervisor *s, struct child *c)
{
    child_becomes(s, c, (c->next != 0 ? c->next : c->generation) + 1);
    if (c->state != LIFE_QUARANTINED)
        return;
    c->state = LIFE_ABSENT; /* its crashes were the other one's */
    router_tell(s, CONTROL_ENDED, c, 0, 1);
    status_show(s, c);
}

/* What the new process needs between clone and exec; it shares our memory until then. */
struct birth {
    char *const *argv;
    int control;
    pid_t parent;
};

static int born(void *arg)
{
    const struct birth *b = arg;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(b->control, CONTROL_FD) < 0)
        _exit(EXIT_CANNOT_START);
    close_range(CONTROL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    execv(b->argv[0], b->argv);
    _exit(EXIT_CANNOT_START);
}

static int spawn(struct child *c, char *const argv[], int control, struct fault *why)
{
    static char stack[64 << 10] __attribute__((aligned(16)));
    struct birth b = {argv, control, getpid()};
    int pidfd = -1;
    /* The router stays in our pid namespace: from another it would see every peer as pid 0. */
    int apart = c->key.kind == KIND_ROUTER ? 0 : CLONE_NEWPID;
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
    pid_t pid = clone(born, stack + sizeof stack, flags | apart, &b, &pidfd);
    if (pid < 0 && apart != 0 && errno == EPERM)
        pid = clone(born, stack + sizeof stack, flags, &b, &pidfd);
    if (pid < 0)
        return fault_set(why, ERR_IO, "cannot start %s: %s", argv[0], strerror(errno));
    c->pid = pid;
    c->pidfd = pidfd;
    return 0;
}

static void bus_directory(const struct supervisor *s, const struct child *c, char path[PATH_ROOM])
{
    if (c->key.kind == KIND_ROUTER)
        snprintf(path, PATH_ROOM, "%.400s/bus", s->settings.run);
    else
        snprintf(path, PATH_ROOM, "%.400s/bus/%s-%u", s->settings.run, kind_name(c->key.kind),
                 c->key.instance);
}

/* The directory of its sockets: the router makes them, only this child may reach them. */
static int make_bus_directory(struct supervisor *s, const struct child *c, struct fault *why)
{
    char path[PATH_ROOM];
    uint32_t router_uid = s->router->uid;
    bus_directory(s, c, path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fault_set(why, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    if (chown(path, router_uid, c->uid) < 0 && errno != EPERM)
        return fault_set(why, ERR_IO, "cannot give %s to the router: %s", path, strerror(errno));
    /* setgid: what the router makes in it belongs to the child's group */
    chmod(path, c->key.kind == KIND_ROUTER ? 0711 : 02750);
    return 0;
}

/* Program, instance, generation, incarnation, then every key=value. */
static int run(struct supervisor *s, struct child *c, int control, struct fault *why)
{
    char program[PATH_ROOM + 32], instance[16], generation[16], incarnation[24], bus[PATH_ROOM + 16];
    char place[PATH_ROOM], pool[POOL_ARGUMENTS][PATH_ROOM + 16];
    char *argv[OPTIONS_MAX + 8];
    int count = 0;
    bus_directory(s, c, place);
    snprintf(program, sizeof program, "%s/%s", s->settings.libexec, kind_name(c->key.kind));
    snprintf(instance, sizeof instance, "%u", c->key.instance);
    snprintf(generation, sizeof generation, "%u", c->generation);
    snprintf(incarnation, sizeof incarnation, "%llu", (unsigned long long)c->incarnation);
    snprintf(bus, sizeof bus, "place.bus=%s", place);
    char *const first[] = {program, instance, generation, incarnation, bus};
    for (size_t i = 0; i < COUNT(first); i++)
        argv[count++] = first[i];
    for (int i = 0; i < s->settings.options; i++)
        argv[count++] = s->settings.option[i];
    int more = c->key.kind == KIND_STORAGE ? pools_arguments(s, c, pool) : 0;
    if (c->key.kind == KIND_REGISTRY)
        pools_share_folders(s);
    for (int i = 0; i < more; i++)
        argv[count++] = pool[i];
    argv[count] = NULL;
    return spawn(c, argv, control, why);
}

void child_tell_bus(struct supervisor *s, struct child *c)
{
    char name[64];
    if (c->control < 0 || c->key.kind == KIND_ROUTER)
        return;
    snprintf(name, sizeof name, "%llx.%llx", (unsigned long long)c->incarnation,
             (unsigned long long)s->router->incarnation);
    struct control bus = control_text(CONTROL_BUS, span_of(name));
    bus.number = s->router->incarnation;
    (void)control_send(c->control, &bus, NULL);
}

static void begin_incarnation(struct supervisor *s, struct child *c, int control)
{
    c->incarnation = ++s->last_incarnation;
    c->sent = c->heard = c->waiting = c->ready_at = 0;
    c->started_at = s->now;
    watch_heard(s, c);
    c->ended_by_us = c->starved = c->wanted_again = false;
    c->control = control;
}

/* What a new incarnation is told lies in its control line before it runs. */
static void tell_beginning(struct supervisor *s, struct child *c)
{
    if (c->key.kind == KIND_ROUTER) {
        router_forget_orders(s);
    } else {
        struct control note = notes_get(s, c);
        router_expect(s, c);
        (void)control_send(c->control, &note, NULL);
        child_tell_bus(s, c);
        sockets_hand(s, c);
    }
    (void)control_send(c->control, &(struct control){.what = CONTROL_START}, NULL);
}

int child_start(struct supervisor *s, struct child *c, struct fault *why)
{
    int ends[2];
    int r = make_bus_directory(s, c, why);
    if (r < 0)
        return r;
    if (control_pair(ends) < 0)
        return fault_set(why, ERR_IO, "cannot make a control line: %s", strerror(errno));
    userdb_publish(s, c);
    begin_incarnation(s, c, ends[0]);
    tell_beginning(s, c);
    r = run(s, c, ends[1], why);
    close(ends[1]);
    if (r < 0) {
        close(c->control);
        c->control = -1;
        return r;
    }
    if (c->key.kind != KIND_ROUTER)
        router_tell(s, CONTROL_PEER, c, (uint64_t)c->pid, 0);
    return watch_child(s, c);
}

void child_reap(struct supervisor *s, struct child *c)
{
    siginfo_t end = {0};
    child_says(s, c); /* a note that was sent before the end counts */
    if (waitid(P_PIDFD, (id_t)c->pidfd, &end, WEXITED) < 0)
        end.si_status = -1;
    loans_end(s, c);
    programs_over(s, c);
    c->status = end.si_code == CLD_EXITED ? end.si_status : -end.si_status;
    unwatch_child(s, c);
    close(c->pidfd);
    if (c->control >= 0)
        close(c->control);
    c->pidfd = c->control = -1;
    c->pid = 0;
}

void child_kill(struct child *c)
{
    if (c->pid > 0)
        kill(c->pid, SIGKILL);
}

bool child_retired(const struct child *c)
{
    return c->status == EXIT_RETIRED;
}

bool child_wants_fresh_jail(const struct child *c)
{
    return c->status == EXIT_FRESH_JAIL;
}

bool child_fell(const struct child *c)
{
    return c->ended_by_us || c->status != -SIGKILL;
}

bool child_crashed(const struct child *c)
{
    return child_fell(c) && !c->starved && !child_wants_fresh_jail(c);
}
