/* SPDX-License-Identifier: MIT
 * One call of a tool, and its complaint as an error; in storage. */
#include "doors/pool_tool.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"

static bool holds_one(struct span line, const char *const *words)
{
    for (; words != NULL && *words != NULL; words++)
        if (memmem(line.at, line.len, *words, strlen(*words)) != NULL)
            return true;
    return false;
}

void tool_words(char *to, size_t size, struct span words, const char *const *noise)
{
    size_t used = 0;
    while (words.len > 0) {
        struct span line = span_trim(span_split(words, '\n', &words));
        if (line.len == 0 || holds_one(line, noise))
            continue;
        for (size_t i = 0; used > 0 && i < 2 && used + 1 < size; i++)
            to[used++] = "; "[i];
        for (size_t i = 0; i < line.len && used + 1 < size; i++) {
            char c = line.at[i];
            if (c == '%' || c < ' ' || c > '~')
                c = '_';
            to[used++] = c;
        }
    }
    to[used] = '\0';
}

int tool_run(const struct pool_hand *h, const char *const *argv, const char *const *noise, struct text *out)
{
    struct pool_program program = {.argv = argv, .seconds = TOOL_SECONDS, .fd_in = -1};
    struct pool_output said = {0};
    char words[300];
    int r = h->call->run(&program, &said);
    tool_words(words, sizeof words, text_span(&said.err), noise);
    if (r < 0 && errno == ETIMEDOUT)
        r = fault_set(h->why, ERR_STORAGE, "%s %s took too long and was ended; look at what it waits for",
                      argv[0], argv[1] != NULL ? argv[1] : "");
    else if (r < 0 && errno == ECANCELED)
        r = fault_set(h->why, ERR_CANCELLED, "cancelled by the caller while %s ran", argv[0]);
    else if (r < 0)
        r = fault_set(h->why, ERR_STORAGE, "%s could not be run: %s%s", argv[0], strerror(errno),
                      errno == ENOENT  ? "; install its package"
                      : errno == EPIPE ? ": what runs the pool's tools has ended; try again"
                                       : "");
    else if (said.status != 0)
        r = fault_set(h->why, ERR_STORAGE, "%s failed with status %d: %s", argv[0], said.status,
                      words[0] != '\0' ? words : "it did not say why");
    if (r >= 0 && out != NULL) {
        *out = said.out;
        said.out = (struct text){0};
    }
    text_free(&said.out);
    text_free(&said.err);
    return r;
}
