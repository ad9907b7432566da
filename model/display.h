/* SPDX-License-Identifier: MIT
 * Which characters may be shown to people. Pure. Spec: vm-model 6, notes. */
#ifndef MODEL_DISPLAY_H
#define MODEL_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* A visible character of Unicode or a space: no control, format, private, surrogate, unassigned one, and of
 * the white space only U+0020. */
bool display_may_show(uint32_t character);

/* The character that begins at `at` in UTF-8, whose length is *len; -ERR_BAD for what is not UTF-8. */
int display_character(struct span at, uint32_t *character, size_t *len);

/* Appends the text with '_' for every character that may not be shown, but for TAB and LF. -ERR_PROTOCOL for
 * what is not UTF-8; -ERR_NOMEM, -ERR_TOO_BIG by the limit of *to. */
int display_safe(struct span text, struct text *to, struct fault *why);

#endif
