/* SPDX-License-Identifier: MIT
 * Programs of the host as data: which there are, and the one way from values to a command.
 * Pure: no system call. launcher fills values in, the supervisor makes the command of them. Tools of pools:
 * tools.h. */
#ifndef RUNTIME_EFFECTS_PROGRAMS_H
#define RUNTIME_EFFECTS_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

enum outside_program {
#define PROGRAM(name, file, who, seconds, ...) PROGRAM_##name,
#include "runtime/effects/programs.def"
    OUTSIDE_PROGRAMS,
    BEFORE_TOOLS = OUTSIDE_PROGRAMS - 1,
#define TOOL(name, file, seconds, ...) PROGRAM_##name, /* tools.h */
#include "runtime/effects/programs.def"
    OUTSIDE_TOOLS_END
};

enum program_value {
#define VALUE(name, charset, most, what) VALUE_##name,
#include "runtime/effects/programs.def"
    PROGRAM_VALUES
};

/* The values of one command; those that its row does not use are empty. */
struct program_values {
#define VALUE(name, charset, most, what) char name[(most) + 1];
#include "runtime/effects/programs.def"
};

enum { PROGRAM_WORDS_MAX = 16, PROGRAM_TEXT_MAX = 1024 };

/* A command as exec takes it; the pointers lead into `text` and end with the struct. */
struct program_command {
    const char *file;
    char *argv[PROGRAM_WORDS_MAX + 1], *envp[PROGRAM_WORDS_MAX + 2];
    char text[PROGRAM_TEXT_MAX];
    size_t used;
};

/* "qrexec-daemon": the last part of the row's file; "?" for a number without a row. */
const char *program_name(enum outside_program program);
/* Whether its row has it run as root; else it runs as the first member of the group qubes. */
bool program_is_roots(enum outside_program program);
/* How long it may take; 0: as long as its asker says. */
unsigned program_seconds(enum outside_program program);

/* For the control line: the values one after the other, each ended by a NUL. 0, or -ERR_TOO_BIG. */
int program_pack(const struct program_values *v, char *to, size_t room, size_t *len);
/* 0, or -ERR_BAD: not what program_pack writes, or a value with a character that it may not have. */
int program_unpack(struct span packed, struct program_values *v);

/* The command of a row: 0, or -ERR_UNKNOWN (no such row), -ERR_TOO_BIG. `directory`: where the
 * programs are instead of the row's own place; NULL: there. The caller owns *c. */
int program_command(enum outside_program program, const struct program_values *v, const char *directory,
                    struct program_command *c);

#endif
