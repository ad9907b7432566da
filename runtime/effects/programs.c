/* SPDX-License-Identifier: MIT
 * The rows of programs.def as data, and the way from values to a command. */
#include "runtime/effects/programs.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
#define UUID    "0123456789abcdef-"
#define NAME    LETTERS DIGITS "_.-+,"
#define CALL    LETTERS DIGITS "_.+-"

enum who { WHO_QUBES_USER, WHO_ROOT };

static const struct {
    const char *file;
    enum who who;
    unsigned seconds;
    const char *word[PROGRAM_WORDS_MAX];
} programs[OUTSIDE_PROGRAMS] = {
#define PROGRAM(name, file, who, seconds, ...) [PROGRAM_##name] = {file, WHO_##who, seconds, {__VA_ARGS__}},
#include "runtime/effects/programs.def"
};

static const struct {
    const char *name, *charset;
    size_t most, at;
} values[PROGRAM_VALUES] = {
#define VALUE(name, charset, most, what)                                                                     \
    [VALUE_##name] = {#name, charset, most, offsetof(struct program_values, name)},
#include "runtime/effects/programs.def"
};

static const char *value_at(const struct program_values *v, size_t i)
{
    return (const char *)v + values[i].at;
}

/* An option in place of a value would be read as one: nothing begins with '-'. */
static bool is_sound(size_t i, struct span value)
{
    if (value.len > values[i].most || (value.len > 0 && value.at[0] == '-'))
        return false;
    for (size_t at = 0; at < value.len; at++)
        if (value.at[at] == '\0' || strchr(values[i].charset, value.at[at]) == NULL)
            return false;
    return true;
}

const char *program_name(enum outside_program program)
{
    return (unsigned)program < OUTSIDE_PROGRAMS ? strrchr(programs[program].file, '/') + 1 : "?";
}

bool program_is_roots(enum outside_program program)
{
    return (unsigned)program < OUTSIDE_PROGRAMS && programs[program].who == WHO_ROOT;
}

unsigned program_seconds(enum outside_program program)
{
    return (unsigned)program < OUTSIDE_PROGRAMS ? programs[program].seconds : 0;
}

int program_pack(const struct program_values *v, char *to, size_t room, size_t *len)
{
    size_t used = 0;
    for (size_t i = 0; i < PROGRAM_VALUES; i++) {
        size_t size = strlen(value_at(v, i)) + 1;
        if (size > room - used)
            return -ERR_TOO_BIG;
        memcpy(to + used, value_at(v, i), size);
        used += size;
    }
    *len = used;
    return 0;
}

int program_unpack(struct span packed, struct program_values *v)
{
    struct program_values got = {0};
    for (size_t i = 0; i < PROGRAM_VALUES; i++) {
        const char *end = packed.len > 0 ? memchr(packed.at, '\0', packed.len) : NULL;
        if (end == NULL)
            return -ERR_BAD;
        struct span value = {packed.at, (size_t)(end - packed.at)};
        if (!is_sound(i, value))
            return -ERR_BAD;
        memcpy((char *)&got + values[i].at, value.at, value.len);
        packed = (struct span){end + 1, packed.len - value.len - 1};
    }
    if (packed.len != 0)
        return -ERR_BAD;
    *v = got;
    return 0;
}

static const char *value_named(const struct program_values *v, struct span name)
{
    for (size_t i = 0; i < PROGRAM_VALUES; i++)
        if (span_is(name, values[i].name))
            return value_at(v, i);
    return "";
}

static void put(struct text *t, const struct program_values *v, struct span word)
{
    while (word.len > 0) {
        struct span rest, name, plain = span_split(word, '{', &rest);
        text_append(t, plain);
        name = span_split(rest, '}', &word);
        if (name.len > 0)
            text_add(t, value_named(v, name));
    }
}

/* One word of the row into the command; words that are left out leave nothing. */
static int add_word(struct program_command *c, const struct program_values *v, const char *text, size_t *args,
                    size_t *envs)
{
    AUTO_TEXT word = TEXT_WITH_LIMIT(PROGRAM_TEXT_MAX);
    struct span what = span_of(text);
    if (text[0] == '?') {
        struct span condition = span_split((struct span){what.at + 1, what.len - 1}, ' ', &what);
        if (value_named(v, condition)[0] == '\0')
            return 0;
    }
    bool environment = what.len > 0 && what.at[0] == '=';
    put(&word, v, environment ? (struct span){what.at + 1, what.len - 1} : what);
    if (word.failed < 0 || word.len + 1 > sizeof c->text - c->used)
        return -ERR_TOO_BIG;
    char *at = c->text + c->used;
    memcpy(at, word.at != NULL ? word.at : "", word.len + 1);
    c->used += word.len + 1;
    if (environment)
        c->envp[(*envs)++] = at;
    else
        c->argv[(*args)++] = at;
    return 0;
}

static int name_file(struct program_command *c, enum outside_program program, const char *directory)
{
    int len = directory == NULL
                  ? snprintf(c->text, sizeof c->text, "%s", programs[program].file)
                  : snprintf(c->text, sizeof c->text, "%s/%s", directory, program_name(program));
    if (len < 0 || (size_t)len >= sizeof c->text)
        return -ERR_TOO_BIG;
    c->file = c->argv[0] = c->text;
    c->used = (size_t)len + 1;
    return 0;
}

int program_command(enum outside_program program, const struct program_values *v, const char *directory,
                    struct program_command *c)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    size_t args = 1, envs = 1;
    *c = (struct program_command){0};
    if ((unsigned)program >= OUTSIDE_PROGRAMS)
        return -ERR_UNKNOWN;
    c->envp[0] = path;
    int r = name_file(c, program, directory);
    for (size_t i = 0; r == 0 && i < PROGRAM_WORDS_MAX && programs[program].word[i] != NULL; i++)
        r = add_word(c, v, programs[program].word[i], &args, &envs);
    return r;
}
