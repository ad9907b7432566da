/* SPDX-License-Identifier: MIT
 * Errors: one row each in base/err.def. A call returns 0 or more on success and
 * -ERR_<NAME> on failure; whoever finds the error says why in a struct fault,
 * everyone above passes both on unchanged. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    ERR_NONE = 0,
#define ERR(name, api_class, text) ERR_##name,
#include "base/err.def"
    ERR_COUNT
};

/* Longest text of a fault, without its final NUL. */
enum { FAULT_TEXT_MAX = 511 };

/* Why a call failed. `text` is for people, printable, without a NUL inside. */
struct fault {
    enum err code;
    char text[FAULT_TEXT_MAX + 1];
};

/* Fills *why (which may be NULL) and returns -code. Never fails, never allocates. */
int fault_set(struct fault *why, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__ /* it sees one file at a time: the sign of what comes back must show there */
#define fault_set(why, code, ...) (fault_set(why, code, __VA_ARGS__), -(int)(code))
#endif

/* The row's columns. Any value is accepted; unknown ones read as "unknown error". */
const char *err_name(enum err code);      /* "VM_NOT_FOUND"          */
const char *err_api_class(enum err code); /* "QubesVMNotFoundError"  */
const char *err_text(enum err code);      /* "no such domain"        */

#endif
