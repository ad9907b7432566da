/* SPDX-License-Identifier: MIT
 * The named sets of calls.def as one seccomp filter over all threads. In a started actor. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"

#define INT_BITS    UINT64_C(0xffffffff)
#define THREAD_BITS ((uint64_t)(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND))
#define NAMESPACE_BITS                                                                                       \
    ((uint64_t)(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |    \
                CLONE_NEWCGROUP))
#define OWN_PID (~UINT64_C(0)) /* no pid has this value: exchanged when the filter is made */

enum grant { GRANT, GRANT_WHEN, ANSWER_WHEN, ANSWER };

struct call_row {
    enum call_set set;
    int call; /* below 0: not a call of this machine */
    enum grant grant;
    unsigned argument;
    uint64_t mask, value;
    uint32_t error; /* what ANSWER and ANSWER_WHEN answer */
};

/* clang-format off */
static const struct call_row rows[] = {
#define SET(name, help)
#define CALL(set, call) {CALLS_##set, SCMP_SYS(call), GRANT, 0, 0, 0, 0},
#define CALL_WHEN(set, call, argument, mask, value) {CALLS_##set, SCMP_SYS(call), GRANT_WHEN, argument, mask, value, 0},
#define REFUSE(set, call, error) {CALLS_##set, SCMP_SYS(call), ANSWER, 0, 0, 0, error},
#define REFUSE_WHEN(set, call, argument, mask, value, error) {CALLS_##set, SCMP_SYS(call), ANSWER_WHEN, argument, mask, value, error},
#include "runtime/effects/calls.def"
};
/* clang-format on */

static bool is_granted_set(const struct jail *j, enum call_set set)
{
    if (set == CALLS_SANITIZER)
        return JAIL_SANITIZED && !effects_have(j->table, j->order->kind, EFFECT_MAY_CALL, CALLS_FORBIDDEN);
    return effects_have(j->table, j->order->kind, EFFECT_MAY_CALL, set);
}

/* Of two rows on one call, a whole grant makes every other moot, and any grant a whole answer. */
static bool outranks(enum grant stronger, enum grant row)
{
    return (stronger == GRANT && row != GRANT) || (stronger == GRANT_WHEN && row == ANSWER);
}

static bool is_overruled(const struct jail *j, const struct call_row *row)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].call == row->call && outranks(rows[i].grant, row->grant) &&
            is_granted_set(j, rows[i].set))
            return true;
    size_t at = 0;
    return row->grant == ANSWER && (row->call == SCMP_SYS(socket) || row->call == SCMP_SYS(connect)) &&
           effects_next(j->table, j->order->kind, EFFECT_MAY_CONNECT, &at) != NULL;
}

/* libseccomp refuses a rule that says what happens anyway. */
static bool is_default(const struct jail *j, const struct call_row *row)
{
    return j->order->refusal == JAIL_TELL && row->grant >= ANSWER_WHEN && row->error == EPERM;
}

/* Two sets may hold the same row. */
static int accepted(int r)
{
    return r == -EEXIST ? 0 : r;
}

static int add_row(scmp_filter_ctx filter, const struct call_row *row)
{
    uint64_t value = row->value == OWN_PID ? (uint64_t)getpid() : row->value;
    switch (row->grant) {
    case GRANT:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 0);
    case GRANT_WHEN:
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, row->call, 1,
                                SCMP_CMP64(row->argument, SCMP_CMP_MASKED_EQ, row->mask, value));
    case ANSWER_WHEN:
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(row->error), row->call, 1,
                                SCMP_CMP64(row->argument, SCMP_CMP_MASKED_EQ, row->mask, value));
    case ANSWER:
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(row->error), row->call, 0);
    }
    return -EINVAL;
}

static int add_sets(const struct jail *j, scmp_filter_ctx filter)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT(rows); i++)
        if (rows[i].call >= 0 && is_granted_set(j, rows[i].set) && !is_overruled(j, &rows[i]) &&
            !is_default(j, &rows[i]))
            r = accepted(add_row(filter, &rows[i]));
    return r;
}

static int add_connections(const struct jail *j, scmp_filter_ctx filter)
{
    const struct effect *e;
    int r = 0;
    for (size_t at = 0;
         r >= 0 && (e = effects_next(j->table, j->order->kind, EFFECT_MAY_CONNECT, &at)) != NULL;) {
        r = accepted(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0));
        if (r >= 0)
            r = accepted(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                          SCMP_A0_64(SCMP_CMP_MASKED_EQ, INT_BITS, e->subject)));
    }
    return r;
}

static int load(const struct jail *j, scmp_filter_ctx filter)
{
    int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (r >= 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: the hot calls are many */
    if (r >= 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r >= 0 && j->order->refusal == JAIL_TELL)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    if (r >= 0)
        r = add_sets(j, filter);
    if (r >= 0)
        r = add_connections(j, filter);
    return r >= 0 ? seccomp_load(filter) : r;
}

int jail_seal(const struct jail_order *order, struct jail_report *report, struct fault *why)
{
    struct jail j = jail_of(order, report, why);
    bool forbids = is_granted_set(&j, CALLS_FORBIDDEN);
    scmp_filter_ctx filter = seccomp_init(forbids                       ? SCMP_ACT_ALLOW
                                          : order->refusal == JAIL_TELL ? SCMP_ACT_ERRNO(EPERM)
                                                                        : SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return fault_set(why, ERR_NOMEM, "%s: no memory for its filter of system calls", order->kind);
    int r = load(&j, filter);
    seccomp_release(filter);
    r = r < 0 ? jail_lacks(&j, LAYER_SECCOMP, -r) : jail_got(&j, LAYER_SECCOMP);
    if (r < 0)
        return r;
    *report = j.report;
    return 0;
}
