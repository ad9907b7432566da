/* SPDX-License-Identifier: MIT
 * `bulkhead pci plan VM DEVICE`: what attaching a PCI device would meet, before anything is touched. */
#include <jansson.h>
#include <string.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { REPLY_MOST = 1 << 20, METHOD_ROOM = 2048 };

static int ask(struct cli *cli, const char *method, struct text *reply, struct span *body)
{
    char path[CLI_PATH + 32];
    struct fault why;
    AUTO_FD fd = -1;
    snprintf(path, sizeof path, "%s/bulkhead.sock", cli->run);
    int r = client_ask(path, method, cli->argument[1], (struct span){"", 0}, &fd, &why);
    if (r == 0)
        r = client_read(fd, reply, &why);
    if (r < 0) {
        fprintf(cli->err, "bulkhead: %s\n", why.text);
        return r == -ERR_CLOSED ? CLI_UNREACHABLE : CLI_SILENCE;
    }
    struct client_answer a = client_answer(text_span(reply));
    if (a.kind == ANSWER_NONE)
        fputs("bulkhead: closed without an answer\n", cli->err);
    if (a.kind == ANSWER_EXCEPTION)
        fprintf(cli->err, "%.*s: %s\n", (int)a.class.len, a.class.at, a.message.len > 0 ? a.message.at : "");
    text_free(&a.message);
    *body = a.body;
    return a.kind == ANSWER_OK ? CLI_OK : a.kind == ANSWER_NONE ? CLI_SILENCE : CLI_EXCEPTION;
}

/* "refused reset it cannot be reset ...". True for a refusal. */
static bool show_check(struct cli *cli, struct span line, json_t *all)
{
    struct span text, level = span_split(line, ' ', &text), check = span_split(text, ' ', &text);
    if (cli->json)
        json_array_append_new(all, json_pack("{s:s%, s:s%, s:s%}", "level", level.at, level.len, "check",
                                             check.at, check.len, "text", text.at, text.len));
    else
        fprintf(cli->out, "%-8.*s %-9.*s %.*s\n", (int)level.len, level.at, (int)check.len, check.at,
                (int)text.len, text.at);
    return span_is(level, "refused");
}

int verb_pci(struct cli *cli)
{
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST), method = TEXT_WITH_LIMIT(METHOD_ROOM);
    struct span body;
    bool refused = false;
    if (strcmp(cli->argument[0], "plan") != 0) {
        fputs("bulkhead: pci knows: plan VM DEVICE\n", cli->err);
        return CLI_USAGE;
    }
    text_format(&method, "bulkhead.Plan+%s%s", strchr(cli->argument[2], '+') != NULL ? "" : "dom0+",
                cli->argument[2]);
    int status = method.failed < 0 ? CLI_USAGE : ask(cli, method.at, &reply, &body);
    if (status != CLI_OK)
        return status;
    json_t *all = json_array();
    while (body.at != NULL && body.len > 0)
        refused = show_check(cli, span_split(body, '\n', &body), all) || refused;
    if (cli->json) {
        json_dumpf(all, cli->out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        fputc('\n', cli->out);
    }
    json_decref(all);
    return refused ? CLI_EXCEPTION : CLI_OK;
}
