/* SPDX-License-Identifier: MIT
 * `bulkhead log`: who changed what, from the store's history. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/char.h"
#include "base/grow.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { LOG_REPLY_MOST = 64 << 20 };

/* The texts of one change, as bulkhead.History has them. */
enum log_field {
    FIELD_VERSION,
    FIELD_TIME,
    FIELD_OPERATION,
    FIELD_CALLER,
    FIELD_METHOD,
    FIELD_VM,
    FIELD_BEFORE,
    FIELD_AFTER,
    LOG_FIELDS
};

static int ago(const char *text, uint64_t now, uint64_t *ms)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct span number = {text, strlen(text) - 1};
    uint64_t count;
    if (text_number(number, 0, 1000000, &count) < 0)
        return -ERR_BAD;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (text[number.len] != units[i].letter)
            continue;
        count *= units[i].seconds;
        *ms = (now > count ? now - count : 0) * 1000;
        return 0;
    }
    return -ERR_BAD;
}

int log_since(const char *text, uint64_t now, uint64_t *ms)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S",
                                        "%Y-%m-%dT%H:%M:%S"};
    if (text[0] == '\0')
        return -ERR_BAD;
    if (ago(text, now, ms) == 0)
        return 0;
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct tm when = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &when);
        time_t at = end != NULL && *end == '\0' ? mktime(&when) : -1;
        if (at < 0)
            continue;
        *ms = (uint64_t)at * 1000;
        return 0;
    }
    return -ERR_BAD;
}

/* The next change of the answer, taken from *rest. */
static bool next_change(struct span *rest, struct span fields[LOG_FIELDS])
{
    for (int i = 0; i < LOG_FIELDS; i++) {
        fields[i] = span_split(*rest, '\0', rest);
        if (rest->at == NULL)
            return false;
    }
    return true;
}

static void time_text(struct span ms, char text[64])
{
    uint64_t number = 0;
    (void)text_number(ms, 0, INT64_MAX, &number);
    time_t at = (time_t)(number / 1000);
    struct tm local;
    char whole[40] = "?";
    if (localtime_r(&at, &local) != NULL)
        (void)strftime(whole, sizeof whole, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(text, 64, "%s.%03u", whole, (unsigned)(number % 1000));
}

/* An item that was not there, or is not any more: its name without a value. */
static bool is_absent(struct span line)
{
    return line.len == 0 ||
           ((line.at[0] == '-' || char_is_digit(line.at[0])) && memchr(line.at, '=', line.len) == NULL);
}

/* As registry writes a value (registry_batch.c), for one line of people's text. */
static void print_value(FILE *out, struct span value)
{
    for (size_t i = 0; i < value.len; i++) {
        bool escaped = value.at[i] == '\\' && i + 1 < value.len;
        i += escaped;
        fputc(escaped && value.at[i] == 'n' ? ' ' : value.at[i], out);
    }
}

static void print_lines(FILE *out, char sign, struct span text)
{
    while (text.len > 0) {
        struct span line = span_split(text, '\n', &text);
        if (is_absent(line))
            continue;
        fprintf(out, "    %c ", sign);
        print_value(out, line);
        fputc('\n', out);
    }
}

/* One item as "qid kind key: was -> is"; several as they were and as they are. */
static void print_items(FILE *out, struct span before, struct span after)
{
    struct span was, is, key = span_split(before, '=', &was), key_after = span_split(after, '=', &is);
    bool one = (before.len == 0 || memchr(before.at, '\n', before.len) == NULL) &&
               (after.len == 0 || memchr(after.at, '\n', after.len) == NULL);
    if (before.len + after.len == 0)
        return;
    if (!one || !span_equal(key, key_after)) {
        print_lines(out, '-', before);
        print_lines(out, '+', after);
        return;
    }
    fprintf(out, "    %.*s: ", (int)key.len, key.at);
    print_value(out, was.at != NULL ? was : SPAN_LITERAL("(none)"));
    fputs(" -> ", out);
    print_value(out, is.at != NULL ? is : SPAN_LITERAL("(none)"));
    fputc('\n', out);
}

static void print_change(const struct cli *cli, const struct span f[LOG_FIELDS])
{
    char when[64];
    time_text(f[FIELD_TIME], when);
    fprintf(cli->out, "%s %.*s %.*s %.*s (version %.*s, operation %.*s)\n", when, (int)f[FIELD_CALLER].len,
            f[FIELD_CALLER].at, (int)f[FIELD_METHOD].len, f[FIELD_METHOD].at,
            f[FIELD_VM].len > 0 ? (int)f[FIELD_VM].len : 1, f[FIELD_VM].len > 0 ? f[FIELD_VM].at : "-",
            (int)f[FIELD_VERSION].len, f[FIELD_VERSION].at, (int)f[FIELD_OPERATION].len,
            f[FIELD_OPERATION].at);
    print_items(cli->out, f[FIELD_BEFORE], f[FIELD_AFTER]);
}

static json_t *text_json(struct span s)
{
    json_t *value = json_stringn(s.len > 0 ? s.at : "", s.len);
    return value != NULL ? value : json_string("(not UTF-8, or cut within a letter)");
}

static void print_json(const struct cli *cli, const struct span f[LOG_FIELDS])
{
    uint64_t version = 0, ms = 0;
    (void)text_number(f[FIELD_VERSION], 0, INT64_MAX, &version);
    (void)text_number(f[FIELD_TIME], 0, INT64_MAX, &ms);
    json_t *row = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "version", (json_int_t)version,
                            "time", (json_int_t)ms, "operation", text_json(f[FIELD_OPERATION]), "caller",
                            text_json(f[FIELD_CALLER]), "method", text_json(f[FIELD_METHOD]), "vm",
                            f[FIELD_VM].len > 0 ? text_json(f[FIELD_VM]) : json_null(), "before",
                            text_json(f[FIELD_BEFORE]), "after", text_json(f[FIELD_AFTER]));
    json_dumpf(row, cli->out, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', cli->out);
    json_decref(row);
}

/* They come newest first and are read from the top. */
static void show_older_first(const struct cli *cli, struct span rest)
{
    struct span fields[LOG_FIELDS];
    size_t count = 0, room = 0;
    AUTO_MEMORY struct span *starts = NULL;
    for (struct span at = rest; next_change(&rest, fields); at = rest) {
        if (GROW(starts, count, room, 64) < 0)
            break;
        starts[count++] = at;
    }
    while (count-- > 0) {
        (void)next_change(&starts[count], fields);
        if (cli->json)
            print_json(cli, fields);
        else
            print_change(cli, fields);
    }
}

void show_log(const struct cli *cli, struct span body)
{
    show_older_first(cli, body);
    fflush(cli->out);
}

static int question(const struct cli *cli, struct text *payload, struct fault *why)
{
    uint64_t number;
    if (cli->number != NULL && text_number(span_of(cli->number), 1, 1000, &number) < 0)
        return fault_set(why, ERR_BAD, "-n needs a number from 1 to 1000");
    if (cli->since != NULL) {
        if (log_since(cli->since, (uint64_t)time(NULL), &number) < 0)
            return fault_set(why, ERR_BAD, "--since needs 90s, 15m, 2h, 3d or \"YYYY-MM-DD HH:MM\"");
        text_format(payload, "since=%llu ", (unsigned long long)number);
    }
    if (cli->number != NULL)
        text_format(payload, "number=%s ", cli->number);
    if (cli->vm != NULL)
        text_format(payload, "vm=%s", cli->vm);
    return payload->failed;
}

int verb_log(struct cli *cli)
{
    AUTO_TEXT payload = TEXT_WITH_LIMIT(1024);
    AUTO_TEXT reply = TEXT_WITH_LIMIT(LOG_REPLY_MOST);
    struct span body = {NULL, 0};
    struct fault why = {0};
    if (question(cli, &payload, &why) < 0) {
        fprintf(cli->err, "bulkhead: %s\n", why.text[0] != '\0' ? why.text : "a name is too long");
        return CLI_USAGE;
    }
    int r = client_call(cli, "bulkhead.sock", "bulkhead.History", "dom0", text_span(&payload), &reply, &body);
    if (r == CLI_OK)
        show_log(cli, body);
    return r;
}
