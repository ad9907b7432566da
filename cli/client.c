/* SPDX-License-Identifier: MIT
 * One call on a socket of the Admin API's form; see client.h. */
#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/progress.h"

static int send_all(int fd, struct span s, const char *path, struct fault *why)
{
    while (s.len > 0) {
        ssize_t sent = send(fd, s.at, s.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return fault_set(why, ERR_IO, "%s: %s", path, strerror(errno));
        s.at += sent;
        s.len -= (size_t)sent;
    }
    return 0;
}

int client_ask(const char *path, const char *method, const char *dest, struct span payload, int *fd,
               struct fault *why)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char header[1024];
    int len = snprintf(header, sizeof header, "%s%s dom0 name %s", method,
                       strchr(method, '+') == NULL ? "+" : "", dest);
    if (len < 0 || (size_t)len >= sizeof header ||
        text_copy(to.sun_path, sizeof to.sun_path, span_of(path)) < 0)
        return fault_set(why, ERR_TOO_BIG, "%.200s: the name or the call is too long", path);
    AUTO_FD s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to) < 0)
        return fault_set(why, ERR_CLOSED, "%s: %s; does bulkhead run there?", path, strerror(errno));
    int r = send_all(s, (struct span){header, (size_t)len + 1}, path, why);
    if (r == 0)
        r = send_all(s, payload, path, why);
    if (r < 0)
        return r;
    shutdown(s, SHUT_WR);
    *fd = take_fd(&s);
    return 0;
}

int client_read(int fd, struct text *reply, struct fault *why)
{
    char piece[65536];
    for (;;) {
        ssize_t got = read(fd, piece, sizeof piece);
        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_set(why, ERR_IO, "the answer breaks off: %s", strerror(errno));
        text_append(reply, (struct span){piece, (size_t)got});
        if (reply->failed < 0)
            return fault_set(why, ERR_TOO_BIG, "the answer is longer than %zu bytes", reply->limit);
    }
}

/* The text's %s and %d are the arguments that follow it. */
static void put_message(struct text *out, struct span format, struct span arguments)
{
    for (size_t i = 0; i < format.len; i++) {
        if (format.at[i] != '%' || i + 1 == format.len) {
            text_byte(out, format.at[i]);
            continue;
        }
        char what = format.at[++i];
        if (what == 's' || what == 'd' || what == 'r')
            text_append(out, span_split(arguments, '\0', &arguments));
        else
            text_byte(out, what);
    }
}

struct client_answer client_answer(struct span reply)
{
    struct client_answer a = {.message = TEXT_WITH_LIMIT(1 << 20)};
    struct span rest, kind = span_split(reply, '\0', &rest);
    if (rest.at == NULL)
        return a;
    if (span_is(kind, "0")) {
        a.kind = ANSWER_OK;
        a.body = rest;
    } else if (span_is(kind, "2")) {
        struct span format;
        a.kind = ANSWER_EXCEPTION;
        a.class = span_split(rest, '\0', &rest);
        (void)span_split(rest, '\0', &rest); /* the traceback */
        format = span_split(rest, '\0', &rest);
        put_message(&a.message, format, rest);
    }
    return a;
}

long client_record(struct span bytes, struct span *fields, size_t most, size_t *count)
{
    struct span rest, field = span_split(bytes, '\0', &rest);
    size_t n = 0;
    if (rest.at == NULL)
        return bytes.len > 2 ? -ERR_BAD : 0;
    if (!span_is(field, "1"))
        return -ERR_BAD;
    /* Subject and event; then pairs until an empty key. */
    while (rest.at != NULL) {
        struct span before = rest;
        field = span_split(rest, '\0', &rest);
        if (rest.at == NULL)
            return 0;
        if (n >= 2 && n % 2 == 0 && field.len == 0) {
            *count = n;
            return (long)(before.at - bytes.at) + 1;
        }
        if (n == most)
            return -ERR_TOO_BIG;
        fields[n++] = field;
    }
    return 0;
}

int client_call(struct cli *cli, const char *socket, const char *method, const char *dest,
                struct span payload, struct text *reply, struct span *body)
{
    char path[CLI_PATH + 32];
    struct fault why;
    AUTO_FD fd = -1;
    snprintf(path, sizeof path, "%s/%s", cli->run, socket);
    int r = client_ask(path, method, dest, payload, &fd, &why);
    if (r == 0)
        r = progress_is_wanted(cli, method) ? progress_read(cli, fd, method, dest, reply, &why)
                                            : client_read(fd, reply, &why);
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
