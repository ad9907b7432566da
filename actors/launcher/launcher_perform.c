/* SPDX-License-Identifier: MIT
 * What launcher's worker does: lines of dom0's policy. */
#include "actors/launcher/launcher.h"

#include "doors/policy.h"

void launcher_perform(void *doors, struct task *task)
{
    const struct launcher_doors *d = doors;
    struct policy_task *t = (struct policy_task *)(void *)task;
    if (d == NULL || d->policy < 0)
        task->r = fault_set(&task->why, ERR_IO, "the directory of dom0's policy cannot be opened");
    else if (task->what == POLICY_SWEEP)
        task->r = policy_sweep(d->policy, &t->found, &task->why);
    else if (task->what == POLICY_ADD)
        task->r = policy_add(d->policy, t->grant.port, t->grant.line, &task->why);
    else
        task->r = policy_remove(d->policy, t->grant.port, t->grant.line, &task->why);
}
