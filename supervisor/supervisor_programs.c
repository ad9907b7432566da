/* SPDX-License-Identifier: MIT
 * Programs of the host (runtime/effects/programs.def), run for `launcher`, which may name a row and fill
 * its values, and nothing else. They outlive us: a guest's daemons belong to the guest. What dom0 itself is
 * to do ends with the launcher that asked. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "runtime/effects/effects.h"
#include "runtime/effects/programs.h"

/* What a shell says of a command that it cannot start. */
enum { NOT_STARTED = 127, GROUPS_MAX = 64 };

/* Whom a program runs as; read once, for name services may block. */
static struct {
    uid_t uid;
    gid_t gid, groups[GROUPS_MAX];
    int count;
} user;

/* The first member of the group `qubes`; without it root, as in the reference. */
void programs_open(void)
{
    const struct group *qubes = getgrnam("qubes");
    const struct passwd *who = qubes != NULL && qubes->gr_mem[0] != NULL ? getpwnam(qubes->gr_mem[0]) : NULL;
    user.count = COUNT(user.groups);
    if (who == NULL || getgrouplist(who->pw_name, who->pw_gid, user.groups, &user.count) < 0) {
        user.count = 0;
        return;
    }
    user.uid = who->pw_uid;
    user.gid = who->pw_gid;
}

/* What the new process needs between clone and exec; it shares our memory until then. */
struct birth {
    const struct program_command *command;
    const struct control_fds *files;
    bool is_roots;
    int error;
};

/* The kernel's own calls: the library's would tell the threads of the memory that is shared. */
static int become_user(const struct birth *b)
{
    if (geteuid() != 0 || user.uid == 0 || b->is_roots)
        return 0;
    if (syscall(SYS_setgroups, user.count, user.groups) < 0 ||
        syscall(SYS_setresgid, user.gid, user.gid, user.gid) < 0)
        return -1;
    return (int)syscall(SYS_setresuid, user.uid, user.uid, user.uid);
}

static int born(void *arg)
{
    struct birth *b = arg;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    for (int i = 0; i < 3; i++)
        if (dup2(b->files->fd[i], i) < 0)
            _exit(NOT_STARTED);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (b->is_roots)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* with us, too, when we end otherwise than by a word */
    if (become_user(b) == 0)
        execve(b->command->file, b->command->argv, b->command->envp);
    b->error = errno;
    _exit(NOT_STARTED);
}

/* Each incarnation counts from one: the next one has a program of its own under that number. */
static void tell(struct supervisor *s, uint64_t asker, uint64_t number, uint32_t status, int error,
                 const char *why)
{
    const struct child *launcher = child_find(s, (struct address){KIND_LAUNCHER, 0});
    struct control ran = control_text(CONTROL_RAN, span_of(why));
    ran.number = number;
    ran.value = status;
    ran.more = (uint64_t)error;
    if (launcher != NULL && launcher->control >= 0 && launcher->incarnation == asker)
        (void)control_send(launcher->control, &ran, NULL);
}

static struct run *free_run(struct supervisor *s)
{
    for (size_t i = 0; i < RUNS_MAX; i++)
        if (s->run[i].pid == 0)
            return &s->run[i];
    return NULL;
}

static int spawn(struct run *run, enum outside_program program, const struct program_command *command,
                 const struct control_fds *files)
{
    static char stack[64 << 10] __attribute__((aligned(16)));
    struct birth b = {command, files, program_is_roots(program), 0};
    int pidfd = -1;
    pid_t pid = clone(born, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &b, &pidfd);
    if (pid < 0)
        return errno;
    run->pid = pid;
    run->pidfd = pidfd;
    return b.error;
}

/* 0, or an errno with *why. */
static int start(struct supervisor *s, uint64_t asker, const struct control *r,
                 const struct control_fds *files, const char **why)
{
    struct program_values values;
    struct program_command command;
    const char *directory = s->settings.programs[0] != '\0' ? s->settings.programs : NULL;
    struct run *run = free_run(s);
    if (files->count != 3 || program_unpack((struct span){r->text, r->len}, &values) < 0 ||
        program_command((enum outside_program)r->value, &values, directory, &command) < 0)
        return *why = "no row of programs.def allows this command", EPERM;
    if (run == NULL)
        return *why = "too many programs run already", EAGAIN;
    int e = spawn(run, (enum outside_program)r->value, &command, files);
    if (run->pid != 0) {
        run->number = r->number;
        run->asker = asker;
        run->is_dom0s = program_is_roots((enum outside_program)r->value);
        watch_run(s, run);
    }
    *why = strerror(e);
    return e;
}

void programs_run(struct supervisor *s, const struct child *asker, const struct control *r,
                  const struct control_fds *files)
{
    if (!effects_have(effects_table(), kind_name(asker->key.kind), EFFECT_MAY_RUN, r->value)) {
        log_line(LOG_WARN, "%s asks to run %s, which no row allows", kind_name(asker->key.kind),
                 program_name((enum outside_program)r->value));
        return;
    }
    const char *why = "";
    int e = start(s, asker->incarnation, r, files, &why);
    if (e == 0)
        return;
    tell(s, asker->incarnation, r->number, NOT_STARTED, e, why);
    for (size_t i = 0; i < RUNS_MAX; i++)
        if (s->run[i].pid != 0 && s->run[i].number == r->number && s->run[i].asker == asker->incarnation)
            s->run[i].told = true;
}

static bool is_of(const struct run *run, const struct child *asker)
{
    return run->pid != 0 && asker->key.kind == KIND_LAUNCHER && run->asker == asker->incarnation;
}

/* With whatever it has begun: a service is a script, and what hangs is mostly not the script. */
void programs_kill(struct supervisor *s, const struct child *asker, uint64_t number)
{
    for (size_t i = 0; i < RUNS_MAX; i++)
        if (is_of(&s->run[i], asker) && s->run[i].number == number)
            kill(-s->run[i].pid, SIGKILL);
}

void programs_over(struct supervisor *s, const struct child *asker)
{
    for (size_t i = 0; i < RUNS_MAX; i++)
        if (is_of(&s->run[i], asker) && s->run[i].is_dom0s)
            kill(-s->run[i].pid, SIGKILL);
}

void programs_reap(struct supervisor *s, struct run *run)
{
    siginfo_t end = {0};
    unwatch_run(s, run);
    if (waitid(P_PIDFD, (id_t)run->pidfd, &end, WEXITED) < 0)
        end.si_status = -1;
    uint32_t status = end.si_code == CLD_EXITED ? (uint32_t)end.si_status : 128 + (uint32_t)end.si_status;
    if (!run->told)
        tell(s, run->asker, run->number, status, 0, "");
    close(run->pidfd);
    *run = (struct run){0};
}
