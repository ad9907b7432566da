/* SPDX-License-Identifier: MIT
 * The worker of guest: reads what a guest wrote into its QubesDB, as words that are bounded in number, size
 * and characters. Anything else makes the whole request void. */
#include "actors/guest/guest_inside.h"

#include <string.h>
#include <time.h>

#include "base/own.h"
#include "doors/qubesdb.h"
#include "model/names.h"
#include "model/plan_guest.h"

/* For all of one reading. */
#define READ_WITHIN (4 * SECONDS)

/* One reading under way. */
struct reading {
    struct guest_task *task;
    size_t count, bytes;
};

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECONDS + (uint64_t)t.tv_nsec;
}

static int take_word(void *arg, struct span key, struct span value, struct fault *why)
{
    struct reading *all = arg;
    struct guest_word word;
    all->bytes += key.len + value.len + 2;
    if (key.len == 0)
        return 0; /* the folder's own entry */
    if (++all->count > GUEST_WORDS || all->bytes > GUEST_WORDS_BYTES)
        return fault_set(why, ERR_PROTOCOL, "a guest may request %d features in %d bytes", GUEST_WORDS,
                         GUEST_WORDS_BYTES);
    int r = guest_word_check(key, value, why);
    if (r == 0)
        r = text_copy(word.key, sizeof word.key, key);
    if (r == 0)
        r = text_copy(word.value, sizeof word.value, value);
    if (r < 0)
        return fault_set(why, ERR_PROTOCOL, "a guest's word is malformed or too long");
    guest_word_add(&all->task->words, &all->task->elements, &word);
    return all->task->elements.failed;
}

/* What is not there, or empty, is skipped. */
static int read_tool(struct qubesdb *q, uint64_t deadline, const char *tool, struct reading *all,
                     struct fault *why)
{
    AUTO_TEXT value = TEXT_WITH_LIMIT(QUBESDB_DATA_MAX + 1);
    char path[QUBESDB_PATH_MAX + 1] = "/qubes-tools/";
    strncat(path, tool, sizeof path - strlen(path) - 1);
    int r = qubesdb_read(q, path, deadline, &value, why);
    if (r == -ERR_UNKNOWN || (r == 0 && value.len == 0))
        return 0;
    if (r == 0 && !span_is_plain(text_span(&value), ""))
        return fault_set(why, ERR_PROTOCOL, "%s is not a word of letters and digits", path);
    return r < 0 ? r : take_word(all, span_of(tool), text_span(&value), why);
}

static int read_tools(struct qubesdb *q, uint64_t deadline, struct reading *all, struct fault *why)
{
    static const char *const tools[] = {
#define TOOL(name) name,
#include "actors/guest/guest_tool.def"
    };
    int r = 0;
    for (size_t i = 0; i < COUNT(tools) && r == 0; i++)
        r = read_tool(q, deadline, tools[i], all, why);
    return r;
}

void guest_perform(void *doors, struct task *task)
{
    struct guest_task *t = (struct guest_task *)task;
    struct reading all = {.task = t};
    AUTO(qubesdb) *q = NULL;
    uint64_t deadline = now() + READ_WITHIN;
    (void)doors;
    if (task->what == GUEST_WRITES_IT) {
        guest_write_perform(t);
        return;
    }
    if (t->what == GUEST_EXPOSES) {
        task->r = guest_expose_perform(t, deadline);
        return;
    }
    task->r = qubesdb_new(t->fd, &q);
    if (task->r == 0 && t->what == GUEST_FEATURES)
        task->r = qubesdb_multiread(q, "/features-request/", deadline, take_word, &all, &task->why);
    else if (task->r == 0)
        task->r = read_tools(q, deadline, &all, &task->why);
}
