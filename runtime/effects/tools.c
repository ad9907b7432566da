/* SPDX-License-Identifier: MIT
 * The TOOL rows of programs.def: which command fits one. */
#include "runtime/effects/tools.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
#define NUMBER  DIGITS ":"
#define LVM     LETTERS DIGITS "+_.-"
#define MAPPED  LVM "@:"
#define DATASET LETTERS DIGITS "_.:-/"
#define STATE   LETTERS DIGITS "_.:-"
#define ONOFF   "onf"
#define PATH    NULL /* whatever can be seen */

#define ZVOL "/dev/zvol/"

static const struct {
    const char *file;
    unsigned seconds;
    const char *word[TOOL_WORDS_MAX];
} tools[] = {
#define TOOL(name, file, seconds, ...) {file, seconds, {__VA_ARGS__}},
#include "runtime/effects/programs.def"
};

static const struct {
    const char *name, *charset;
    size_t most, at;
} values[] = {
#define TOOL_VALUE(name, charset, most, what) {#name, charset, most, offsetof(struct tool_values, name)},
#include "runtime/effects/programs.def"
};

static size_t index_of(int program)
{
    return program > BEFORE_TOOLS ? (size_t)(program - OUTSIDE_PROGRAMS) : COUNT(tools);
}

int tool_at(const char *file)
{
    for (size_t i = 0; i < COUNT(tools); i++)
        if (strcmp(file, tools[i].file) == 0)
            return OUTSIDE_PROGRAMS + (int)i;
    return -ERR_UNKNOWN;
}

const char *tool_file(int program)
{
    return index_of(program) < COUNT(tools) ? tools[index_of(program)].file : NULL;
}

const char *tool_name(int program)
{
    const char *file = tool_file(program);
    return file != NULL ? strrchr(file, '/') + 1 : NULL;
}

unsigned tool_seconds(int program)
{
    return index_of(program) < COUNT(tools) ? tools[index_of(program)].seconds : 0;
}

/* How many bytes of `text` may stand in a value of this charset. */
static size_t run_of(const char *text, const char *charset)
{
    size_t len = 0;
    if (charset != NULL)
        return strspn(text, charset);
    while ((unsigned char)text[len] >= ' ' && text[len] != 0x7f)
        len++;
    return len;
}

/* Takes the value at the beginning of *text; one that was taken before must be the same. An option in the
 * place of a value would be read as one: nothing begins with '-'. */
static bool take_value(struct span name, const char **text, struct tool_values *into)
{
    size_t i = 0;
    while (i < COUNT(values) && !span_is(name, values[i].name))
        i++;
    if (i == COUNT(values))
        return false;
    char *to = (char *)into + values[i].at;
    size_t len = run_of(*text, values[i].charset);
    if (len == 0 || len > values[i].most || (*text)[0] == '-')
        return false;
    if (to[0] != '\0' && (strlen(to) != len || memcmp(to, *text, len) != 0))
        return false;
    memcpy(to, *text, len);
    to[len] = '\0';
    *text += len;
    return true;
}

static bool word_fits(const char *pattern, const char *word, struct tool_values *into)
{
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (*pattern++ != *word++)
                return false;
            continue;
        }
        const char *end = strchr(pattern, '}');
        if (!take_value((struct span){pattern + 1, (size_t)(end - pattern - 1)}, &word, into))
            return false;
        pattern = end + 1;
    }
    return *word == '\0';
}

static bool row_fits(size_t row, const char *const *argv, struct tool_values *into)
{
    const char *const *word = tools[row].word;
    size_t i = 0;
    if (strcmp(argv[0], tools[row].file) != 0 && strcmp(argv[0], strrchr(tools[row].file, '/') + 1) != 0)
        return false;
    for (; i < TOOL_WORDS_MAX && word[i] != NULL; i++)
        if (argv[i + 1] == NULL || !word_fits(word[i], argv[i + 1], into))
            return false;
    return argv[i + 1] == NULL;
}

int tool_match(const char *const *argv, struct tool_values *ret)
{
    for (size_t row = 0; argv[0] != NULL && row < COUNT(tools); row++) {
        struct tool_values got = {0};
        if (row_fits(row, argv, &got)) {
            *ret = got;
            return OUTSIDE_PROGRAMS + (int)row;
        }
    }
    return -ERR_REFUSED;
}

/* Below the directory, and no way up. */
static bool is_inside(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return len > 0 && strncmp(path, directory, len) == 0 && path[len] == '/' &&
           strstr(path, "/../") == NULL && (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

/* Behind "a-b", which the mapper's names hold as "a--b"; NULL if the name begins otherwise. */
static const char *behind_mapped(const char *name, const char *part)
{
    for (; *part != '\0'; part++) {
        if (*name++ != *part || (*part == '-' && *name++ != '-'))
            return NULL;
    }
    return name;
}

/* "a--b-" of group "a-b" is what the names of its mapped volumes begin with. */
static bool is_mapped_in(const char *name, const char *group)
{
    const char *rest = behind_mapped(name, group);
    return rest != NULL && rest[0] == '-' && rest[1] != '-' && rest[1] != '\0';
}

static bool is_our_thin_pool(const struct tool_pool *pool, const char *name)
{
    if (pool->group[0] == '\0' || pool->thin[0] == '\0' || !is_mapped_in(name, pool->group))
        return false;
    const char *rest = behind_mapped(behind_mapped(name, pool->group) + 1, pool->thin);
    return rest != NULL && strcmp(rest, "-tpool") == 0;
}

/* The names of encrypted devices of files tell the VM and not its pool. */
static bool is_our_mapping(const struct tool_pool *pool, const char *name)
{
    size_t len = strlen(name);
    if (pool->group[0] != '\0')
        return is_mapped_in(name, pool->group) && len > 6 && strcmp(name + len - 6, "@crypt") == 0;
    return (pool->directory[0] != '\0' || pool->container[0] != '\0') &&
           strncmp(name, "vm-volatile-", 12) == 0 && strstr(name, "-crypt@") != NULL;
}

/* Behind the name of the VM that "vm" or "vm/volume" begins with, as mappings spell it; NULL: it is another.
 */
static const char *behind_vm(const char *name, const char *vm)
{
    for (; *vm != '\0' && *vm != '/'; vm++) {
        bool escaped = *vm == '_' || *vm == '-';
        if (*name++ != (escaped ? '_' : *vm) || (escaped && *name++ != (*vm == '_' ? 'u' : 'd')))
            return NULL;
    }
    return name;
}

/* What is encrypted has the name of its VM, or of its logical volume: nobody's device gets another one's. */
static bool is_mapping_over(const struct tool_pool *pool, const char *mapping, const char *device)
{
    const char *volume = strrchr(device, '/'), *vm = volume;
    if (volume == NULL)
        return false;
    if (pool->group[0] != '\0')
        return span_starts(span_of(mapping), volume + 1) &&
               strcmp(mapping + strlen(volume + 1), "@crypt") == 0;
    while (vm > device && vm[-1] != '/')
        vm--;
    const char *rest = strncmp(mapping, "vm-volatile-", 12) == 0 ? behind_vm(mapping + 12, vm) : NULL;
    return rest != NULL && vm < volume && strncmp(rest, "-crypt@", 7) == 0;
}

static bool is_our_device(const struct tool_pool *pool, const char *path)
{
    if (pool->group[0] != '\0')
        return strncmp(path, "/dev/mapper/", 12) == 0 && is_mapped_in(path + 12, pool->group) &&
               strchr(path + 12, '/') == NULL;
    if (pool->container[0] != '\0')
        return strncmp(path, ZVOL, sizeof ZVOL - 1) == 0 &&
               is_inside(path + sizeof ZVOL - 1, pool->container);
    return is_inside(path, pool->directory);
}

/* The container's pool of ZFS: what stands before its first '/'. */
static bool is_zpool_of(const char *zpool, const char *container)
{
    size_t len = strcspn(container, "/");
    return len > 0 && strlen(zpool) == len && strncmp(zpool, container, len) == 0;
}

static bool is_dataset_of(const struct tool_values *v, const struct tool_pool *pool)
{
    return (v->container[0] == '\0' || strcmp(v->container, pool->container) == 0) &&
           (v->zpool[0] == '\0' || is_zpool_of(v->zpool, pool->container)) &&
           (v->dataset[0] == '\0' || is_inside(v->dataset, pool->container)) &&
           (v->from[0] == '\0' || is_inside(v->from, pool->container));
}

/* "origin-fd00:123", "snapshot-fd00:1-fd00:2-fd00:3": no other device of the mapper is named so. */
static bool is_over_files(const char *name)
{
    const char *numbers = strncmp(name, "origin-", 7) == 0     ? name + 7
                          : strncmp(name, "snapshot-", 9) == 0 ? name + 9
                                                               : "";
    return numbers[0] != '\0' && numbers[strspn(numbers, "0123456789abcdef:-")] == '\0';
}

bool tool_is_of(const struct tool_values *v, const struct tool_pool *pool)
{
    if (v->group[0] != '\0' && strcmp(v->group, pool->group) != 0)
        return false;
    if (v->thin[0] != '\0' && strcmp(v->thin, pool->thin) != 0)
        return false;
    if (v->thinpool[0] != '\0' && !is_our_thin_pool(pool, v->thinpool))
        return false;
    if (v->snapshot[0] != '\0' && (pool->directory[0] == '\0' || !is_over_files(v->snapshot)))
        return false;
    return is_dataset_of(v, pool) && (v->device[0] == '\0' || is_our_device(pool, v->device)) &&
           (v->mapping[0] == '\0' || is_our_mapping(pool, v->mapping)) &&
           (v->mapping[0] == '\0' || v->device[0] == '\0' || is_mapping_over(pool, v->mapping, v->device)) &&
           (v->image[0] == '\0' || is_inside(v->image, pool->directory)) &&
           (v->area[0] == '\0' || is_inside(v->area, pool->directory));
}

bool tool_owns_node(const struct tool_pool *pool, const char *path, bool opens)
{
    struct tool_values v = {0};
    if (word_fits("/dev/mapper/{mapping}", path, &v))
        return is_our_mapping(pool, v.mapping) ||
               (!opens && pool->directory[0] != '\0' && is_over_files(v.mapping));
    if (pool->container[0] != '\0')
        return is_our_device(pool, path);
    return word_fits("/dev/{group}/{volume}", path, &v) && pool->group[0] != '\0' &&
           strcmp(v.group, pool->group) == 0 && strcmp(v.volume, ".") != 0 && strcmp(v.volume, "..") != 0;
}
