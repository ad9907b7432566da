/* SPDX-License-Identifier: MIT
 * One line per event on standard error, the process's name in front, in the form
 * that journald reads: "<level>actor: text". Non-printable bytes become '?'. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_NOTE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* The name in front of every line (copied, at most 31 bytes); levels above `most` are dropped. */
void log_open(const char *actor, enum log_level most);

/* Writes one line with one write(2); never allocates, may block on standard error. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
