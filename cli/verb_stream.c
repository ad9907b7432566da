/* SPDX-License-Identifier: MIT
 * `bulkhead events` and `bulkhead trace`: a call whose answer is a stream of records. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "base/char.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "proto/print.h"
#include "proto/rules.h"

/* The longest record: a traced message in hex with its frame, and room. */
enum { STREAM_MOST = 1 << 20 };

typedef void print_record(const struct cli *cli, const struct span *fields, size_t count);

static int end_of(struct cli *cli, const struct text *got, bool any)
{
    if (any)
        return CLI_OK;
    struct client_answer a = client_answer(text_span(got));
    if (a.kind == ANSWER_EXCEPTION)
        fprintf(cli->err, "%.*s: %s\n", (int)a.class.len, a.class.at, a.message.len > 0 ? a.message.at : "");
    else
        fputs("bulkhead: closed without an answer\n", cli->err);
    text_free(&a.message);
    return a.kind == ANSWER_EXCEPTION ? CLI_EXCEPTION : CLI_SILENCE;
}

/* Prints and forgets every whole record in *got. */
static long print_whole(struct cli *cli, struct text *got, print_record *print)
{
    struct span fields[RECORD_FIELDS], left = text_span(got);
    size_t count;
    long len, printed = 0;
    while ((len = client_record(left, fields, COUNT(fields), &count)) > 0) {
        print(cli, fields, count);
        left = (struct span){left.at + len, left.len - (size_t)len};
        printed++;
    }
    fflush(cli->out);
    memmove(got->at, left.at, left.len);
    got->len = left.len;
    return printed;
}

static int stream(struct cli *cli, const char *socket, const char *method, print_record *print)
{
    char path[CLI_PATH + 32], piece[16384];
    struct fault why;
    AUTO_FD fd = -1;
    AUTO_TEXT got = TEXT_WITH_LIMIT(STREAM_MOST);
    bool any = false;
    snprintf(path, sizeof path, "%s/%s", cli->run, socket);
    if (client_ask(path, method, "dom0", (struct span){"", 0}, &fd, &why) < 0) {
        fprintf(cli->err, "bulkhead: %s\n", why.text);
        return CLI_UNREACHABLE;
    }
    for (;;) {
        ssize_t len = read(fd, piece, sizeof piece);
        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0 || ferror(cli->out))
            return end_of(cli, &got, any);
        text_append(&got, (struct span){piece, (size_t)len});
        if (got.failed < 0)
            return end_of(cli, &got, any);
        any = print_whole(cli, &got, print) > 0 || any;
    }
}

static void put_line(const struct cli *cli, json_t *value)
{
    json_dumpf(value, cli->out, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', cli->out);
    json_decref(value);
}

/* The token by which one could resume is of no use here. */
static size_t without_token(const struct span *f, size_t count)
{
    return count >= 4 && span_is(f[count - 2], "number") ? count - 2 : count;
}

static void print_event(const struct cli *cli, const struct span *f, size_t count)
{
    count = without_token(f, count);
    if (!cli->json) {
        fprintf(cli->out, "%.*s %.*s", f[0].len > 0 ? (int)f[0].len : 1, f[0].len > 0 ? f[0].at : "-",
                (int)f[1].len, f[1].at);
        for (size_t i = 2; i + 1 < count; i += 2)
            fprintf(cli->out, " %.*s=%.*s", (int)f[i].len, f[i].at, (int)f[i + 1].len, f[i + 1].at);
        fputc('\n', cli->out);
        return;
    }
    json_t *arguments = json_object();
    for (size_t i = 2; i + 1 < count; i += 2)
        json_object_setn_new(arguments, f[i].at, f[i].len, json_stringn(f[i + 1].at, f[i + 1].len));
    put_line(cli, json_pack("{s:s%, s:s%, s:o}", "subject", f[0].at, f[0].len, "event", f[1].at, f[1].len,
                            "arguments", arguments));
}

int verb_events(struct cli *cli)
{
    return stream(cli, "bulkhead.sock", "bulkhead.Events", print_event);
}

/* The router cuts what it copies: the rest of a body is made of zeros, so that its envelope can be read. */
static bool complete(struct text *message)
{
    AUTO_TEXT frame = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    envelope_write(&frame, &(struct envelope){.version = ENVELOPE_VERSION});
    size_t at = frame.len - 2; /* the lead of the body, behind the fields */
    if (message->len < at + 5)
        return false;
    const uint8_t *b = (const uint8_t *)message->at + at;
    size_t len = b[0] == 0xc5                ? 3 + ((size_t)b[1] << 8 | b[2])
                 : b[0] == 0xc6 && b[1] == 0 ? 5 + ((size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4])
                                             : 0;
    if (len == 0 || at + len > ENVELOPE_MAX || at + len <= message->len)
        return false;
    while (message->len < at + len && message->failed == 0)
        text_byte(message, '\0');
    return message->failed == 0;
}

void show_trace(const struct cli *cli, struct span bytes)
{
    AUTO_TEXT message = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    AUTO_TEXT body = TEXT_WITH_LIMIT(1 << 20);
    struct envelope e;
    char from[ADDRESS_TEXT], to[ADDRESS_TEXT], op[40];
    text_append(&message, bytes);
    if (envelope_read(text_span(&message), &e) < 0 &&
        (!complete(&message) || envelope_read(text_span(&message), &e) < 0)) {
        fputs(cli->json ? "null\n" : "(not a message of this version)\n", cli->out);
        return;
    }
    if (message.len > bytes.len || print_body(&body, &e) < 0)
        text_clear(&body);
    const struct message_rule *row = message_rule(e.type);
    const char *name = row != NULL ? row->name : "?";
    snprintf(op, sizeof op, "%016llx%016llx", (unsigned long long)e.op_high, (unsigned long long)e.op_low);
    address_print(envelope_source(&e), from);
    address_print(envelope_to(&e), to);
    if (cli->json)
        put_line(cli, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o}", "operation", op, "message",
                                name, "class", message_class_name(e.class), "from", from, "to", to,
                                "correlation", (json_int_t)e.correlation, "part", (json_int_t)e.part, "parts",
                                (json_int_t)e.parts, "body",
                                body.len > 0 ? json_loadb(body.at, body.len, 0, NULL) : json_null()));
    else
        fprintf(cli->out, "%s %s -> %s %s %s %s\n", op, from, to, message_class_name(e.class), name,
                body.len > 0 ? body.at : "(longer than a trace keeps)");
}

static void print_message(const struct cli *cli, const struct span *f, size_t count)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(ENVELOPE_MAX);
    if (count < 4 || !span_is(f[1], "message") || !span_is(f[2], "bytes"))
        return; /* connection-established, or what a later version says */
    for (size_t i = 0; i + 1 < f[3].len; i += 2) {
        int high = char_hex(f[3].at[i]), low = char_hex(f[3].at[i + 1]);
        if (high < 0 || low < 0)
            return;
        text_byte(&bytes, (char)(high << 4 | low));
    }
    show_trace(cli, text_span(&bytes));
}

int verb_trace(struct cli *cli)
{
    char method[128];
    snprintf(method, sizeof method, "bulkhead.Trace+%.64s", cli->arguments > 0 ? cli->argument[0] : "");
    return stream(cli, "bulkhead.sock", method, print_message);
}
