/* SPDX-License-Identifier: MIT
 * XSLT 1.0: a stylesheet that an administrator has written, applied to a document of ours. It sees that
 * document and nothing else: no file is read or written, nothing is fetched, imported or included, nothing is
 * run. Its depth, its steps and its output are bounded. Not for several threads at once. */
#ifndef DOORS_XSLT_H
#define DOORS_XSLT_H

#include "base/err.h"
#include "base/text.h"

enum { XSLT_BYTES_MAX = 256 << 10 };

/* Appends what `stylesheet` makes of `document` to *out, whose limit holds; the result is XML without a
 * declaration. -ERR_BAD with what is wrong and in which line: not well-formed, a DOCTYPE, no stylesheet, an
 * instruction that is forbidden, a message that terminates, too many steps; -ERR_TOO_BIG, -ERR_NOMEM. Blocks
 * as long as it computes, which is bounded. */
int xslt_apply(struct span stylesheet, struct span document, struct text *out, struct fault *why);

/* Appends a file of at most XSLT_BYTES_MAX bytes. 0; -ERR_UNKNOWN (without *why): there is none; -ERR_IO,
 * -ERR_TOO_BIG. */
int xslt_read(const char *path, struct text *bytes, struct fault *why);

#endif
