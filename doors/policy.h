/* SPDX-License-Identifier: MIT
 * Lines of dom0's qrexec policy that hold for a moment: one frontend may call qubes.USB of one port of one
 * backend. Each is followed by a comment that says whose it is, so that one that a crash left is found again;
 * lines of others stay as they are. No library. Spec: devbus-usb-mic B.2, "temporary policy".
 *
 * `dir` is the directory of the policy's files, open for reading; it may be used from one thread at a time.
 * Every call here may block: on the disk, and up to two seconds on another program that holds the file's
 * lock. */
#ifndef DOORS_POLICY_H
#define DOORS_POLICY_H

#include "base/err.h"
#include "base/text.h"

enum { POLICY_LINE = 128, POLICY_PORT = 63, POLICY_FILE_MAX = 256 << 10 };

/* "frontend backend allow,user=root". The file is "qubes.USB+" and the port, which is a name of the kernel's
 * ("1-1.2"); it is made where there is none, replaced by rename, and has the directory's owner and group.
 * Done once, however often it is asked for. -ERR_BAD: no such port or line; -ERR_BUSY: locked; -ERR_TOO_BIG,
 * -ERR_IO. */
int policy_add(int dir, const char *port, const char *line, struct fault *why);

/* Takes that line of ours out; a file that holds nothing any more is removed. No file, no such line: 0. */
int policy_remove(int dir, const char *port, const char *line, struct fault *why);

/* Takes out every line of ours, and what was half written, wherever it is left: *found of them. A file that
 * cannot be read or written is left as it is, and the first such failure answered when all have been tried.
 */
int policy_sweep(int dir, unsigned *found, struct fault *why);

/* Whether the kernel names a port of USB so: numbers, with '-' or '.' between them. Pure. */
bool policy_is_port(struct span s);

/* The text of a file with the line first, or without it; an empty `line` is any of ours. Pure. */
void policy_text_with(struct text *to, struct span was, const char *line);
void policy_text_without(struct text *to, struct span was, const char *line);

#endif
