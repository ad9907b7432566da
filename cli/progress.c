/* SPDX-License-Identifier: MIT
 * See progress.h: the call's answer and bulkhead.Events side by side. */
#include "cli/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { EVENTS_MOST = 1 << 20 };
#define MIB (UINT64_C(1) << 20)

bool progress_is_wanted(const struct cli *cli, const char *method)
{
    int terminal = fileno(cli->err);
    return strncmp(method, "admin.vm.volume.", 16) == 0 && terminal >= 0 && isatty(terminal) == 1;
}

bool progress_line(const struct span *f, size_t count, const char *dest, struct span volume,
                   struct text *line)
{
    struct span work = {"", 0}, of = {"", 0};
    uint64_t done = 0, total = 0;
    if (count < 2 || !span_is(f[0], dest) || !span_is(f[1], "bulkhead-volume-progress"))
        return false;
    for (size_t i = 2; i + 1 < count; i += 2) {
        if (span_is(f[i], "volume"))
            of = f[i + 1];
        else if (span_is(f[i], "work"))
            work = f[i + 1];
        else if (span_is(f[i], "done") && text_number(f[i + 1], 0, UINT64_MAX, &done) < 0)
            return false;
        else if (span_is(f[i], "total") && text_number(f[i + 1], 0, UINT64_MAX, &total) < 0)
            return false;
    }
    if (!span_equal(of, volume))
        return false;
    text_clear(line);
    text_format(line, "%.*s: %" PRIu64, (int)work.len, work.at, done / MIB);
    if (total > 0)
        text_format(line, " of %" PRIu64 " MiB, %.0f %%", (total + MIB - 1) / MIB,
                    100.0 * (double)(done < total ? done : total) / (double)total);
    else
        text_add(line, " MiB");
    return line->failed == 0;
}

struct watcher {
    struct cli *cli;
    const char *dest;
    struct span volume;
    int events;
    struct text got;
    size_t shown; /* columns of the line that stands there */
};

static void show(struct watcher *w, const struct text *line)
{
    int rest = w->shown > line->len ? (int)(w->shown - line->len) : 0;
    fprintf(w->cli->err, "\r%.*s%*s", (int)line->len, line->at, rest, "");
    fflush(w->cli->err);
    w->shown = line->len;
}

/* What is no record, or too much, ends the listening, not the call. */
static void hear(struct watcher *w)
{
    AUTO_TEXT line = TEXT_WITH_LIMIT(256);
    struct span fields[RECORD_FIELDS];
    char piece[16384];
    size_t count, used = 0;
    long len;
    ssize_t got = read(w->events, piece, sizeof piece);
    if (got < 0 && errno == EINTR)
        return;
    if (got > 0)
        text_append(&w->got, (struct span){piece, (size_t)got});
    while (got > 0 && w->got.failed == 0 &&
           (len = client_record((struct span){w->got.at + used, w->got.len - used}, fields, COUNT(fields),
                                &count)) > 0) {
        if (progress_line(fields, count, w->dest, w->volume, &line))
            show(w, &line);
        used += (size_t)len;
    }
    if (got <= 0 || w->got.failed < 0) {
        close_file(&w->events);
        return;
    }
    memmove(w->got.at, w->got.at + used, w->got.len - used);
    w->got.len -= used;
}

static void listen_until_answered(struct watcher *w, int fd)
{
    struct pollfd ears[2] = {{fd, POLLIN, 0}, {w->events, POLLIN, 0}};
    while (w->events >= 0) {
        if (poll(ears, 2, -1) < 0 && errno != EINTR)
            return;
        if (ears[0].revents != 0)
            return;
        if (ears[1].revents != 0)
            hear(w);
    }
}

int progress_read(struct cli *cli, int fd, const char *method, const char *dest, struct text *reply,
                  struct fault *why)
{
    char path[CLI_PATH + 32];
    struct fault quiet;
    struct watcher w = {.cli = cli, .dest = dest, .events = -1, .got = TEXT_WITH_LIMIT(EVENTS_MOST)};
    (void)span_split(span_of(method), '+', &w.volume);
    snprintf(path, sizeof path, "%s/bulkhead.sock", cli->run);
    (void)client_ask(path, "bulkhead.Events", "dom0", (struct span){"", 0}, &w.events, &quiet);
    listen_until_answered(&w, fd);
    close_file(&w.events);
    text_free(&w.got);
    if (w.shown > 0)
        fprintf(cli->err, "\r%*s\r", (int)w.shown, "");
    return client_read(fd, reply, why);
}
