/* SPDX-License-Identifier: MIT
 * The rows of err.def as names, classes and texts. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct row {
    const char *name, *api_class, *text;
} rows[ERR_COUNT] = {
    [ERR_NONE] = {"NONE", "", "no error"},
#define ERR(name_, api_class_, text_) [ERR_##name_] = {#name_, api_class_, text_},
#include "base/err.def"
};

static const struct row *row_of(enum err code)
{
    static const struct row unknown = {"UNKNOWN_ERROR", "QubesException", "unknown error"};
    return (unsigned)code < ERR_COUNT ? &rows[code] : &unknown;
}

int(fault_set)(struct fault *why, enum err code, const char *format, ...)
{
    if (why != NULL) {
        va_list args;
        va_start(args, format);
        why->code = code;
        vsnprintf(why->text, sizeof why->text, format, args);
        va_end(args);
    }
    return -(int)code;
}

const char *err_name(enum err code)
{
    return row_of(code)->name;
}

const char *err_api_class(enum err code)
{
    return row_of(code)->api_class;
}

const char *err_text(enum err code)
{
    return row_of(code)->text;
}
