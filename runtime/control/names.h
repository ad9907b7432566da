/* SPDX-License-Identifier: MIT
 * Names of threads that others go by. */
#ifndef RUNTIME_CONTROL_NAMES_H
#define RUNTIME_CONTROL_NAMES_H

/* A thread that does what may block (runtime/worker.h): the supervisor does not take its state for the
 * loop's. */
#define WORKER_NAME "worker"

#endif
