/* SPDX-License-Identifier: MIT
 * One line per event; see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char name[32] = "bulkhead";
static enum log_level threshold = LOG_INFO;

void log_open(const char *actor, enum log_level most)
{
    snprintf(name, sizeof name, "%s", actor);
    threshold = most;
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[1024];
    if (level > threshold)
        return;
    int start = snprintf(line, sizeof line, "<%d>%s: ", (int)level, name);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line + start, sizeof line - (size_t)start - 1, format, args);
    va_end(args);
    if (len < 0)
        return;
    size_t end = strnlen(line, sizeof line - 2);
    for (size_t i = (size_t)start; i < end; i++)
        if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] > '~')
            line[i] = '?';
    line[end++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, end);
    (void)written; /* there is nowhere left to say that this failed */
}
