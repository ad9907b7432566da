/* SPDX-License-Identifier: MIT
 * Tools that drivers run: one call, one typed error with the tool's own words. Only doors/pool_*.c include
 * this. */
#ifndef DOORS_POOL_TOOL_H
#define DOORS_POOL_TOOL_H

#include "doors/pool_driver.h"

enum { TOOL_SECONDS = 120 };

/* Runs argv (NULL at its end). 0 with what it said in *out (may be NULL; else the caller's to free),
 * -ERR_STORAGE with its complaint when it fails, cannot be run or takes too long. Lines with one of `noise`
 * (NULL at its end; may be NULL) are no complaint. */
int tool_run(const struct pool_hand *h, const char *const *argv, const char *const *noise, struct text *out);
/* A tool's words as they may stand in an error: one line, printable, no '%'. */
void tool_words(char *to, size_t size, struct span words, const char *const *noise);

#endif
