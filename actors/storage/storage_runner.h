/* SPDX-License-Identifier: MIT
 * The runner of a pool's process: a second process that runs tools of the host for it. It is forked before
 * the jail closes, stays root in the host's mounts and ipc namespace (LVM and udev meet in semaphores) and in
 * the pool's pid namespace (nothing that it started outlives the pool's process), and gives up all that the
 * rows of "storage:tools" do not name. What it is asked it holds against the TOOL rows of programs.def and
 * against the pool that registry has named: it believes no word of its asker.
 *
 * The line between the two is a SEQPACKET socketpair. A tool's output goes through pipes that the asker has
 * made; of its end it is told through a third one, and by closing that it calls the tool off. */
#ifndef ACTORS_STORAGE_STORAGE_RUNNER_H
#define ACTORS_STORAGE_STORAGE_RUNNER_H

#include "doors/pool_call.h"
#include "doors/pool_callback.h"
#include "runtime/effects/tools.h"
#include "runtime/jail/jail.h"

#define RUNNER_KIND     "storage:tools"
#define RUNNER_COMMANDS "storage:commands"

/* Tools at a time: those that were killed and hang in the kernel count until they end. */
enum { RUNNER_TEXT_MAX = 61440, RUNNER_RUNS = 16, RUNNER_FDS = 4 };

enum runner_ask {
    RUNNER_RUN,  /* text: words; descriptors: its output, its complaints, where its end is told, and maybe its
                    input */
    RUNNER_OPEN, /* text: a path below /dev, or callback's configuration; answered with its descriptor */
    RUNNER_LOOK, /* the same, or a tool's file; whether it is there */
};

/* Only as much of `text` travels as `len` says. Plain bytes of one build. */
struct runner_request {
    uint32_t what; /* enum runner_ask */
    uint32_t seconds, flags;
    uint32_t len;
    char text[RUNNER_TEXT_MAX]; /* words, each ended by a NUL */
};

/* To OPEN and LOOK on the line, of a RUN through its pipe. */
struct runner_answer {
    int32_t status; /* as a shell says it */
    int32_t error;  /* errno; 0: it went well, or ran to its end */
};

struct runner_order {
    struct tool_pool pool;
    bool callback;                        /* its process may read callback's configuration */
    const struct callback_conf *commands; /* of a callback pool, whose runner is not confined; else NULL */
    const char
        *stand_ins;   /* a directory with other tools, another dev and etc, for tests; NULL: the host's */
    unsigned seconds; /* no tool may take longer */
    struct jail_order jail; /* its places; kind, mode */
};

/* Forks it: the asker's end of the line, or -1 with errno. The process must be alone (one thread). */
int runner_begin(const struct runner_order *order);

/* storage_runner.c: its life, which ends with the line. */
void runner_serve(int line, const struct runner_order *order) __attribute__((noreturn));

/* storage_line.c. Both: what the calls of the system return. `fds` of a receiver are its own; those that do
 * not fit are closed. */
int line_send(int line, const void *bytes, size_t len, const int *fds, size_t count);
ssize_t line_receive(int line, void *bytes, size_t room, int fds[RUNNER_FDS], size_t *count);

/* storage_tools.c: the asker's side, in the jailed process, on any of its threads. What is below /dev and all
 * tools are the runner's; everything else is really done. `line` -1: there is no runner. Once per process. */
void tools_use(int line, struct pool_calls *calls);
/* The runner has ended, or there never was one though a tool was wanted. */
bool tools_lost(void);

#endif
