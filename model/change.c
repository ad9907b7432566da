/* SPDX-License-Identifier: MIT
 * The names of the kinds of change. */
#include "model/change.h"

const char *change_kind_name(enum change_kind kind)
{
    static const char *const names[CHANGE_KINDS] = {
#define CHANGE(name, meaning) [CHANGE_##name] = #name,
#include "model/change.def"
    };
    return (unsigned)kind < CHANGE_KINDS ? names[kind] : "UNKNOWN";
}
