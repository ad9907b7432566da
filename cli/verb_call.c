/* SPDX-License-Identifier: MIT
 * `bulkhead call` and `bulkhead ls`: one call, one answer. */
#include <jansson.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { REPLY_MOST = 64 << 20, PAYLOAD_MOST = 65536 };

static void print_json(FILE *out, json_t *value)
{
    json_dumpf(value, out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    fputc('\n', out);
    json_decref(value);
}

/* Bytes that are no text in UTF-8 go as Latin-1, so that every answer has a form. */
static json_t *json_bytes(struct span s)
{
    json_t *value = json_stringn(s.len > 0 ? s.at : "", s.len);
    if (value != NULL)
        return value;
    AUTO_TEXT utf8 = TEXT_WITH_LIMIT(2 * s.len);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c >= 0x80)
            text_byte(&utf8, (char)(0xc0 | c >> 6));
        text_byte(&utf8, (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c));
    }
    return json_stringn(utf8.at, utf8.len);
}

static void read_payload(FILE *from, struct text *payload)
{
    char piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, from)) > 0)
        text_append(payload, (struct span){piece, got});
}

int verb_call(struct cli *cli)
{
    AUTO_TEXT payload = TEXT_WITH_LIMIT(PAYLOAD_MOST);
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST);
    struct span body;
    const char *given = cli->arguments > 2 ? cli->argument[2] : "";
    if (given[0] == '-' && given[1] == '\0')
        read_payload(stdin, &payload);
    else
        text_add(&payload, given);
    if (payload.failed < 0) {
        fputs("bulkhead: a payload has at most 65536 bytes\n", cli->err);
        return CLI_USAGE;
    }
    int status = client_call(cli, "qubesd.sock", cli->argument[0], cli->argument[1], text_span(&payload),
                             &reply, &body);
    if (status == CLI_OK && cli->json)
        print_json(cli->out, json_bytes(body));
    else if (status == CLI_OK)
        fwrite(body.at, 1, body.len, cli->out);
    return status;
}

/* "name class=AppVM state=Running". */
static void list_line(struct cli *cli, struct span line, json_t *all)
{
    struct span rest, name = span_split(line, ' ', &rest), class = {"", 0}, state = {"", 0};
    while (rest.at != NULL) {
        struct span value, key = span_split(span_split(rest, ' ', &rest), '=', &value);
        if (span_is(key, "class"))
            class = value;
        if (span_is(key, "state"))
            state = value;
    }
    if (cli->json)
        json_array_append_new(all, json_pack("{s:o, s:o, s:o}", "name", json_bytes(name), "class",
                                             json_bytes(class), "state", json_bytes(state)));
    else
        fprintf(cli->out, "%-31.*s %-13.*s %.*s\n", (int)name.len, name.at, (int)class.len, class.at,
                (int)state.len, state.at);
}

int verb_ls(struct cli *cli)
{
    AUTO_TEXT reply = TEXT_WITH_LIMIT(REPLY_MOST);
    struct span body;
    int status =
        client_call(cli, "qubesd.sock", "admin.vm.List", "dom0", (struct span){"", 0}, &reply, &body);
    if (status != CLI_OK)
        return status;
    json_t *all = json_array();
    if (!cli->json)
        fprintf(cli->out, "%-31s %-13s %s\n", "NAME", "CLASS", "STATE");
    while (body.at != NULL && body.len > 0)
        list_line(cli, span_split(body, '\n', &body), all);
    if (cli->json)
        print_json(cli->out, json_incref(all));
    json_decref(all);
    return CLI_OK;
}
