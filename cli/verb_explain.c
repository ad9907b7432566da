/* SPDX-License-Identifier: MIT
 * `bulkhead explain`: the rows of runtime/effects/effects.def for one kind of process. */
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "cli/cli.h"
#include "runtime/effects/effects.h"

static void say(void *self, const char *line)
{
    const struct cli *cli = self;
    fprintf(cli->out, "%s\n", line);
}

static int say_json(const struct cli *cli, const char *kind)
{
    const struct effects table = effects_table();
    json_t *all = json_array();
    for (size_t i = 0; i < table.count; i++)
        if (effect_is_for(&table.row[i], kind))
            json_array_append_new(
                all, json_pack("{s:s, s:s}", "grant", table.row[i].shown, "reason", table.row[i].reason));
    json_dumpf(all, cli->out, JSON_INDENT(2));
    fputc('\n', cli->out);
    json_decref(all);
    return CLI_OK;
}

/* "vm" or "vm/7": what an instance may do is what its kind may. */
int verb_explain(struct cli *cli)
{
    char kind[64];
    struct fault why;
    struct span rest;
    if (text_copy(kind, sizeof kind, span_split(span_of(cli->argument[0]), '/', &rest)) < 0 ||
        !effects_know(effects_table(), kind) || strcmp(kind, "*") == 0) {
        fprintf(cli->err, "bulkhead: no kind of process is called %.100s; there are:", cli->argument[0]);
        for (size_t n = 0; effects_kind(effects_table(), n) != NULL; n++)
            if (strcmp(effects_kind(effects_table(), n), "*") != 0)
                fprintf(cli->err, " %s", effects_kind(effects_table(), n));
        fputc('\n', cli->err);
        return CLI_USAGE;
    }
    if (cli->json)
        return say_json(cli, kind);
    return effects_explain(kind, say, cli, &why) < 0 ? CLI_USAGE : CLI_OK;
}
