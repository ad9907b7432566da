/* SPDX-License-Identifier: MIT
 * The command line's arguments; see cli.h. */
#include <string.h>

#include "base/own.h"
#include "cli/cli.h"

static const struct row {
    const char *name, *arguments;
    int least, most;
    const char *help;
    int (*run)(struct cli *cli);
} rows[] = {
    [VERB_NONE] = {"", "", 0, 0, "", NULL},
#define VERB(name, arguments, least, most, help)                                                             \
    [VERB_##name] = {#name, arguments, least, most, help, verb_##name},
#include "cli/verb.def"
};

void cli_usage(FILE *to)
{
    fputs("usage: bulkhead [--dir DIR] [--json] VERB [ARGUMENT]...\n\n"
          "  --dir DIR   the instance in DIR (else the one in /run/bulkhead)\n"
          "  --json      output for programs\n"
          "  --force     export: also over what another program wrote\n"
          "  --help      this\n\n",
          to);
    for (size_t i = VERB_NONE + 1; i < COUNT(rows); i++)
        fprintf(to, "  %-8s%-30s %s\n", rows[i].name, rows[i].arguments, rows[i].help);
    fputs("\nexit status: 0 done, 1 the server answered an exception, 2 usage, 3 cannot reach the server,\n"
          "             4 closed without an answer\n",
          to);
}

static enum verb verb_of(const char *name)
{
    for (size_t i = VERB_NONE + 1; i < COUNT(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return (enum verb)i;
    return VERB_NONE;
}

static int take_dir(struct cli *cli, const char *dir, struct fault *why)
{
    if (dir == NULL || strlen(dir) >= sizeof cli->run - sizeof "/run")
        return fault_set(why, ERR_BAD, "--dir needs the path of an instance");
    snprintf(cli->run, sizeof cli->run, "%.500s/run", dir);
    snprintf(cli->base, sizeof cli->base, "%s", dir);
    return 0;
}

/* Options of `log` that have a value. */
static const char **option_of(struct cli *cli, const char *word)
{
    return strcmp(word, "--vm") == 0      ? &cli->vm
           : strcmp(word, "--since") == 0 ? &cli->since
           : strcmp(word, "-n") == 0      ? &cli->number
                                          : NULL;
}

/* Options stand anywhere before a payload; `--` ends them. */
static int take_word(struct cli *cli, char **argv, int *at, bool *plain, struct fault *why)
{
    const char *word = argv[(*at)++];
    if (!*plain && strcmp(word, "--") == 0) {
        *plain = true;
        return 0;
    }
    if (!*plain && strcmp(word, "--json") == 0) {
        cli->json = true;
        return 0;
    }
    if (!*plain && strcmp(word, "--force") == 0) {
        cli->force = true;
        return 0;
    }
    if (!*plain && strcmp(word, "--dir") == 0)
        return take_dir(cli, argv[*at] != NULL ? argv[(*at)++] : NULL, why);
    const char **option = *plain ? NULL : option_of(cli, word);
    if (option != NULL) {
        *option = argv[*at];
        return argv[*at] != NULL ? ((*at)++, 0) : fault_set(why, ERR_BAD, "%s needs a value", word);
    }
    if (!*plain && strncmp(word, "--", 2) == 0)
        return fault_set(why, ERR_BAD, "no option %.100s; see bulkhead --help", word);
    if (cli->verb == VERB_NONE) {
        cli->verb = verb_of(word);
        return cli->verb != VERB_NONE ? 0
                                      : fault_set(why, ERR_BAD, "no verb %.100s; see bulkhead --help", word);
    }
    if (cli->arguments == CLI_ARGUMENTS)
        return fault_set(why, ERR_BAD, "too many arguments; see bulkhead --help");
    cli->argument[cli->arguments++] = word;
    return 0;
}

int cli_parse(struct cli *cli, int argc, char **argv, struct fault *why)
{
    bool plain = false;
    *cli = (struct cli){.run = "/run/bulkhead", .out = stdout, .err = stderr};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return 0;
    for (int i = 1, r = 0; i < argc;)
        if ((r = take_word(cli, argv, &i, &plain, why)) < 0)
            return r;
    const struct row *row = &rows[cli->verb];
    if (cli->verb == VERB_NONE)
        return fault_set(why, ERR_BAD, "say what is wanted; see bulkhead --help");
    if (cli->force && cli->verb != VERB_export)
        return fault_set(why, ERR_BAD, "--force belongs to export");
    if (cli->verb != VERB_log && (cli->vm != NULL || cli->since != NULL || cli->number != NULL))
        return fault_set(why, ERR_BAD, "--vm, --since and -n belong to bulkhead log");
    if (cli->arguments < row->least || cli->arguments > row->most)
        return fault_set(why, ERR_BAD, "usage: bulkhead %s %s", row->name, row->arguments);
    return 0;
}

int cli_run(struct cli *cli)
{
    if (cli->verb != VERB_NONE)
        return rows[cli->verb].run(cli);
    cli_usage(cli->out);
    return CLI_OK;
}
