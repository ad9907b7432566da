/* SPDX-License-Identifier: MIT
 * The rows of one kind, for people: `bulkhead explain`. */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "runtime/effects/effects.h"

/* Longest line said, with its NUL; a set's calls are wrapped well before. */
enum { LINE_SIZE = 256, WRAP_AT = 100 };

struct speech {
    void (*emit)(void *self, const char *line);
    void *self;
};

static const struct {
    enum call_set set;
    const char *call;
} calls[] = {
#define SET(name, help)
#define CALL(set, call)                                      {CALLS_##set, #call},
#define CALL_WHEN(set, call, argument, mask, value)          {CALLS_##set, #call "*"},
#define REFUSE(set, call, error)                             {CALLS_##set, "-" #call},
#define REFUSE_WHEN(set, call, argument, mask, value, error) {CALLS_##set, "-" #call "*"},
#include "runtime/effects/calls.def"
};

static void say_calls(const struct speech *to, enum call_set set)
{
    char line[LINE_SIZE];
    int len = snprintf(line, sizeof line, "      %s:", call_set_text(set));
    for (size_t i = 0; i < COUNT(calls); i++) {
        if (calls[i].set != set)
            continue;
        if ((size_t)len + strlen(calls[i].call) + 1 > WRAP_AT) {
            to->emit(to->self, line);
            len = snprintf(line, sizeof line, "       ");
        }
        len += snprintf(line + len, sizeof line - (size_t)len, " %s", calls[i].call);
    }
    to->emit(to->self, line);
}

static void say_row(const struct speech *to, const struct effect *e)
{
    char line[LINE_SIZE];
    snprintf(line, sizeof line, "  %-30s %s", e->shown, e->reason);
    to->emit(to->self, line);
    if (e->what == EFFECT_MAY_BIND) {
        snprintf(line, sizeof line, "      %s: %s", place_name((enum place)e->subject),
                 place_text((enum place)e->subject));
        to->emit(to->self, line);
    }
    if (e->what == EFFECT_MAY_CALL)
        say_calls(to, (enum call_set)e->subject);
}

static void say_rows(const struct speech *to, struct effects table, const char *kind)
{
    to->emit(to->self, kind);
    for (size_t i = 0; i < table.count; i++)
        if (effect_is_for(&table.row[i], kind))
            say_row(to, &table.row[i]);
}

/* "storage:tools" after "storage": what its runner starts. */
static void say_runners(const struct speech *to, struct effects table, const char *kind)
{
    const char *said = "";
    size_t len = strlen(kind);
    for (size_t i = 0; i < table.count; i++) {
        const char *runner = table.row[i].kind;
        if (strncmp(runner, kind, len) == 0 && runner[len] == ':' && strcmp(runner, said) != 0)
            say_rows(to, table, said = runner);
    }
}

int effects_explain(const char *kind, void (*emit)(void *self, const char *line), void *self,
                    struct fault *why)
{
    const struct effects table = effects_table();
    const struct speech to = {emit, self};
    if (!effects_know(table, kind) || strcmp(kind, "*") == 0)
        return fault_set(why, ERR_UNKNOWN, "no kind of process is called %.64s", kind);
    say_rows(&to, table, kind);
    say_runners(&to, table, kind);
    emit(self, "  (call*: only with certain arguments; -call: answered with an error)");
    return 0;
}
