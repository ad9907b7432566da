/* SPDX-License-Identifier: MIT
 * The connections over which people are asked, in the process of a bus: to dom0's socket service
 * device-agent.GUI, which the supervisor opens for each question. No call here blocks; an agent that hangs,
 * lies or floods costs one row and one descriptor. Spec: devices 14.2. */
#ifndef ACTORS_DEVBUS_DEVBUS_PERSON_H
#define ACTORS_DEVBUS_DEVBUS_PERSON_H

#include "actors/devbus/devbus_bus.h"
#include "runtime/program.h"

/* As `open` and `handed` of program_parts, for a bus whose struct begins with a struct devbus: its questions
 * go out from here. A MAY_HOLD row of its kind lets the supervisor connect. */
int devbus_person_open(const struct program *p, struct shell *shell, struct fault *why);
void devbus_person_handed(void *self, struct shell *shell, uint32_t what, struct control_fds *fds);

#endif
