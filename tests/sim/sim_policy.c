/* SPDX-License-Identifier: MIT
 * dom0's policy in the place of doors/policy.c: its lines are the simulator's. */
#include <stdio.h>
#include <string.h>

#include "doors/policy.h"
#include "tests/sim/sim.h"

/* The simulator that runs: there is no room for it in a descriptor. */
static struct sim *current;

void sim_policy_show(struct sim *s)
{
    current = s;
}

static bool is_it(size_t i, const char *port, const char *line)
{
    return strcmp(current->line[i].port, port) == 0 && strcmp(current->line[i].line, line) == 0;
}

bool sim_policy_allows(const struct sim *s, const char *frontend, const char *backend, const char *port)
{
    char line[POLICY_LINE + 1];
    snprintf(line, sizeof line, "%s %s allow,user=root", frontend, backend);
    for (size_t i = 0; i < s->lines; i++)
        if (strcmp(s->line[i].port, port) == 0 && strcmp(s->line[i].line, line) == 0)
            return true;
    return false;
}

int policy_remove(int dir, const char *port, const char *line, struct fault *why)
{
    (void)dir, (void)why;
    for (size_t i = current->lines; i > 0; i--)
        if (is_it(i - 1, port, line))
            current->line[i - 1] = current->line[--current->lines];
    return 0;
}

int policy_add(int dir, const char *port, const char *line, struct fault *why)
{
    if (current->options.faults && !current->calm && sim_chance(current, 30))
        return fault_set(why, ERR_BUSY, "another program holds the lock of that file; try again");
    (void)policy_remove(dir, port, line, why);
    if (current->lines == SIM_LINES)
        return fault_set(why, ERR_TOO_BIG, "the file is too long to be changed");
    struct policy_grant *at = &current->line[current->lines++];
    snprintf(at->port, sizeof at->port, "%s", port);
    snprintf(at->line, sizeof at->line, "%s", line);
    return 0;
}

int policy_sweep(int dir, unsigned *found, struct fault *why)
{
    (void)dir, (void)why;
    *found = (unsigned)current->lines;
    current->lines = 0;
    return 0;
}
