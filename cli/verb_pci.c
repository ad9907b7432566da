/* SPDX-License-Identifier: MIT
 * `bulkhead pci plan VM DEVICE`: what attaching a PCI device would meet, before anything is touched; and
 * `bulkhead pci release DEVICE`: one that no VM has goes back to dom0's driver. */
#include <jansson.h>
#include <string.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { REPLY_MOST = 1 << 20, METHOD_ROOM = 2048 };

static int ask(struct cli *cli, const char *method, const char *dest, struct text *reply, struct span *body)
{
    return client_call(cli, "bulkhead.sock", method, dest, (struct span){"", 0}, reply, body);
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

static const char *backend_of(const char *device)
{
    return strchr(device, '+') != NULL ? "" : "dom0+";
}

static int plan(struct cli *cli)
{
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST), method = TEXT_WITH_LIMIT(METHOD_ROOM);
    struct span body;
    bool refused = false;
    text_format(&method, "bulkhead.Plan+%s%s", backend_of(cli->argument[2]), cli->argument[2]);
    int status = method.failed < 0 ? CLI_USAGE : ask(cli, method.at, cli->argument[1], &reply, &body);
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

/* "0000:02:00.0 iwlwifi": the address, and who has it now. */
static int release(struct cli *cli)
{
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST), method = TEXT_WITH_LIMIT(METHOD_ROOM);
    struct span body, driver;
    text_format(&method, "bulkhead.Release+%s%s", backend_of(cli->argument[1]), cli->argument[1]);
    int status = method.failed < 0 ? CLI_USAGE : ask(cli, method.at, "dom0", &reply, &body);
    if (status != CLI_OK)
        return status;
    struct span sbdf = span_split(span_trim(body), ' ', &driver);
    bool none = span_is(driver, "-");
    if (cli->json)
        fprintf(cli->out, "{\"address\": \"%.*s\", \"driver\": \"%.*s\"}\n", (int)sbdf.len, sbdf.at,
                none ? 0 : (int)driver.len, driver.at);
    else
        fprintf(cli->out, "%.*s is with %s%.*s\n", (int)sbdf.len, sbdf.at,
                none ? "no driver of dom0's" : "dom0's driver ", none ? 0 : (int)driver.len, driver.at);
    return CLI_OK;
}

int verb_pci(struct cli *cli)
{
    if (strcmp(cli->argument[0], "plan") == 0 && cli->arguments == 3)
        return plan(cli);
    if (strcmp(cli->argument[0], "release") == 0 && cli->arguments == 2)
        return release(cli);
    fputs("bulkhead: pci knows: plan VM DEVICE, release DEVICE\n", cli->err);
    return CLI_USAGE;
}
