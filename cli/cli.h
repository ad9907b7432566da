/* SPDX-License-Identifier: MIT
 * The command line: its verbs (cli/verb.def), what was asked, and how it ends. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* Documented in docs/man/bulkhead.1.scd. */
enum cli_exit {
    CLI_OK = 0,
    CLI_EXCEPTION = 1, /* the server answered an exception; a check found something */
    CLI_USAGE = 2,
    CLI_UNREACHABLE = 3, /* nobody serves there */
    CLI_SILENCE = 4,     /* closed without an answer */
};

enum { CLI_ARGUMENTS = 3, CLI_PATH = 512 };

enum verb {
    VERB_NONE, /* --help */
#define VERB(name, arguments, least, most, help) VERB_##name,
#include "cli/verb.def"
};

/* What was asked. Texts live in argv. */
struct cli {
    enum verb verb;
    char run[CLI_PATH];  /* where the sockets and the status page are */
    char base[CLI_PATH]; /* of a private instance; empty: the one of the system */
    bool json, force;
    const char *vm, *since, *number; /* of `log` */
    const char *argument[CLI_ARGUMENTS];
    int arguments;
    FILE *out, *err;
};

/* 0 with *cli, or -ERR_BAD. */
int cli_parse(struct cli *cli, int argc, char **argv, struct fault *why);
void cli_usage(FILE *to);
int cli_run(struct cli *cli); /* enum cli_exit */

#define VERB(name, arguments, least, most, help) int verb_##name(struct cli *cli);
#include "cli/verb.def"

/* The parts of verbs that tests look at. */
struct status_page;
void show_ps(const struct cli *cli, const struct status_page *page, uint64_t now);
struct text;
struct span;
/* The answer of bulkhead.History. */
void show_log(const struct cli *cli, struct span body);
/* When "90s", "15m", "2h" or "3d" ago was, or "YYYY-MM-DD[ HH:MM[:SS]]" of local time, in milliseconds: 0 or
 * -ERR_BAD. `now` in seconds. */
int log_since(const char *text, uint64_t now, uint64_t *ms);
/* One record of a trace: the router's copy of a message. */
void show_trace(const struct cli *cli, struct span bytes);

/* A report of registry's, a line each, as text or as JSON; true when it holds more than notes. */
bool show_report(const struct cli *cli, struct span report);
/* Appends what a Qubes installation below this root has that bulkhead does not read: overrides of the
 * domain's XML, extensions in Python. */
void look_for_foreign(const char *root, struct text *report);
/* "path LF length LF bytes", again and again: the next file; false at the end or at what is none. */
bool next_file(struct span *rest, struct span *path, struct span *bytes);

#endif
