/* SPDX-License-Identifier: MIT
 * A QubesDB in memory; see doors/qubesdb_sim.h. */
#include "doors/qubesdb_sim.h"

#include <string.h>

enum { ENTRIES = 512, WATCHES = 64 };

struct qubesdb_sim {
    struct entry {
        char path[QUBESDB_PATH_MAX + 1], *value;
        size_t len;
    } entry[ENTRIES]; /* by path */
    size_t entries;
    struct watch {
        int client;
        char path[QUBESDB_PATH_MAX + 1];
    } watch[WATCHES];
    size_t watches;
};

struct qubesdb_sim *qubesdb_sim_new(void)
{
    return calloc(1, sizeof(struct qubesdb_sim));
}

void qubesdb_sim_free(struct qubesdb_sim *s)
{
    for (size_t i = 0; s != NULL && i < s->entries; i++)
        free(s->entry[i].value);
    free(s);
}

/* Does what was asked about `path` mean `key`? */
static bool covers(const char *path, const char *key)
{
    size_t len = strlen(path);
    bool below = len > 0 && path[len - 1] == '/';
    return below ? strncmp(key, path, len) == 0 : strcmp(key, path) == 0;
}

/* Where the entry is or belongs. */
static size_t place_of(const struct qubesdb_sim *s, const char *path, bool *there)
{
    size_t i = 0;
    while (i < s->entries && strcmp(s->entry[i].path, path) < 0)
        i++;
    *there = i < s->entries && strcmp(s->entry[i].path, path) == 0;
    return i;
}

static void say(struct text *answer, enum qubesdb_type type, const char *path, struct span data)
{
    char bytes[QUBESDB_FRAME_MAX];
    int len = qubesdb_frame_write(bytes, type, span_of(path), data);
    if (len > 0)
        text_append(answer, (struct span){bytes, (size_t)len});
}

static void say_value(struct text *answer, enum qubesdb_type type, const struct entry *e)
{
    say(answer, type, e->path, type == QUBESDB_NAME ? SPAN_LITERAL("") : (struct span){e->value, e->len});
}

/* Entries that begin so, then the end. */
static void say_all(const struct qubesdb_sim *s, const char *prefix, enum qubesdb_type type,
                    struct text *answer)
{
    for (size_t i = 0; i < s->entries; i++)
        if (strncmp(s->entry[i].path, prefix, strlen(prefix)) == 0)
            say_value(answer, type, &s->entry[i]);
    say(answer, type, "", SPAN_LITERAL(""));
}

static enum qubesdb_type put(struct qubesdb_sim *s, const struct qubesdb_message *m)
{
    bool there;
    size_t i = place_of(s, m->path, &there);
    char *value = malloc(m->data.len + 1);
    if (value == NULL || (!there && s->entries == ENTRIES)) {
        free(value);
        return QUBESDB_ERROR;
    }
    memcpy(value, m->data.at, m->data.len);
    if (there) {
        free(s->entry[i].value);
    } else {
        memmove(&s->entry[i + 1], &s->entry[i], (s->entries - i) * sizeof s->entry[0]);
        memcpy(s->entry[i].path, m->path, sizeof m->path);
        s->entries++;
    }
    s->entry[i].value = value;
    s->entry[i].len = m->data.len;
    return QUBESDB_OK;
}

static enum qubesdb_type take_away(struct qubesdb_sim *s, const char *path)
{
    size_t kept = 0, before = s->entries;
    for (size_t i = 0; i < before; i++) {
        if (covers(path, s->entry[i].path))
            free(s->entry[i].value);
        else
            s->entry[kept++] = s->entry[i];
    }
    s->entries = kept;
    return kept < before ? QUBESDB_OK : QUBESDB_NOENT;
}

static enum qubesdb_type watch(struct qubesdb_sim *s, int client, const char *path)
{
    if (s->watches == WATCHES)
        return QUBESDB_ERROR;
    s->watch[s->watches].client = client;
    memcpy(s->watch[s->watches].path, path, QUBESDB_PATH_MAX + 1);
    s->watches++;
    return QUBESDB_OK;
}

static enum qubesdb_type unwatch(struct qubesdb_sim *s, int client, const char *path)
{
    for (size_t i = 0; i < s->watches; i++) {
        if (s->watch[i].client != client || strcmp(s->watch[i].path, path) != 0)
            continue;
        s->watch[i] = s->watch[--s->watches];
        return QUBESDB_OK;
    }
    return QUBESDB_NOENT;
}

void qubesdb_sim_forget(struct qubesdb_sim *s, int client)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->watches; i++)
        if (s->watch[i].client != client)
            s->watch[kept++] = s->watch[i];
    s->watches = kept;
}

static void fire(const struct qubesdb_sim *s, const char *path, qubesdb_fired *fired, void *arg)
{
    for (size_t i = 0; i < s->watches; i++)
        if (covers(s->watch[i].path, path))
            fired(arg, s->watch[i].client, path);
}

static void answer_read(const struct qubesdb_sim *s, const char *path, struct text *answer)
{
    bool there;
    size_t i = place_of(s, path, &there);
    if (there)
        say_value(answer, QUBESDB_VALUE, &s->entry[i]);
    else
        say(answer, QUBESDB_NOENT, path, SPAN_LITERAL(""));
}

static enum qubesdb_type change(struct qubesdb_sim *s, int client, const struct qubesdb_message *m)
{
    if (m->type == QUBESDB_WRITE)
        return put(s, m);
    if (m->type == QUBESDB_RM)
        return take_away(s, m->path);
    if (m->type == QUBESDB_WATCH)
        return watch(s, client, m->path);
    return m->type == QUBESDB_UNWATCH ? unwatch(s, client, m->path) : QUBESDB_ERROR;
}

int qubesdb_sim_hear(struct qubesdb_sim *s, int client, const struct qubesdb_message *m, struct text *answer,
                     qubesdb_fired *fired, void *arg)
{
    if (m->type == QUBESDB_READ) {
        answer_read(s, m->path, answer);
    } else if (m->type == QUBESDB_MULTIREAD) {
        say_all(s, m->path, QUBESDB_ENTRY, answer);
    } else if (m->type == QUBESDB_LIST) {
        say_all(s, m->path, QUBESDB_NAME, answer);
    } else {
        enum qubesdb_type done = change(s, client, m);
        say(answer, done, m->path, SPAN_LITERAL(""));
        if (done == QUBESDB_OK && (m->type == QUBESDB_WRITE || m->type == QUBESDB_RM))
            fire(s, m->path, fired, arg);
    }
    return answer->failed;
}
