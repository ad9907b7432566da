/* SPDX-License-Identifier: MIT
 * Notes: an actor's few bytes about a step that it must not forget, as files replaced by
 * rename. They survive any SIGKILL and vanish at reboot, when domains and bindings do. A file's
 * first word is the generation of the VM that its owner served: of another one's it says nothing. */
#include "supervisor/supervisor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"

int notes_open(struct supervisor *s, struct fault *why)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%.480s/notes", s->settings.run);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fault_set(why, ERR_IO, "cannot make %s: %s", path, strerror(errno));
    s->notes = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    return s->notes < 0 ? fault_set(why, ERR_IO, "cannot open %s: %s", path, strerror(errno)) : 0;
}

static void name_of(const struct child *c, char name[64])
{
    snprintf(name, 64, "%s+%u", kind_name(c->key.kind), c->key.instance);
}

/* The generation as text, a space, the note. */
enum { NOTE_FILE = sizeof "4294967295 " + CONTROL_TEXT };

static int write_note(int dir, const char *name, uint32_t generation, struct span note)
{
    char temporary[80], bytes[NOTE_FILE];
    int len = snprintf(bytes, sizeof bytes, "%u ", generation);
    memcpy(bytes + len, note.at, note.len);
    len += (int)note.len;
    snprintf(temporary, sizeof temporary, "%s~", name);
    AUTO_FD fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, (size_t)len) != (ssize_t)len)
        return -ERR_IO;
    return renameat(dir, temporary, dir, name) < 0 ? -ERR_IO : 0;
}

static int read_note(int dir, const char *name, uint32_t *generation, struct control *record)
{
    char bytes[NOTE_FILE];
    uint64_t number;
    AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (got <= 0)
        return -ERR_UNKNOWN;
    struct span note, first = span_split((struct span){bytes, (size_t)got}, ' ', &note);
    int r = text_number(first, 0, UINT32_MAX, &number);
    if (r < 0 || note.len > sizeof record->text)
        return -ERR_BAD;
    *generation = (uint32_t)number;
    *record = control_text(CONTROL_NOTE, note);
    return 0;
}

void notes_put(struct supervisor *s, const struct child *c, struct span note)
{
    char name[64];
    name_of(c, name);
    if (note.len == 0)
        unlinkat(s->notes, name, 0);
    else if (write_note(s->notes, name, c->generation, note) < 0)
        log_line(LOG_ERROR, "cannot keep the note of %s: %s", name, strerror(errno));
    (void)control_send(c->control, &(struct control){.what = CONTROL_NOTED}, NULL);
}

struct control notes_get(struct supervisor *s, const struct child *c)
{
    char name[64];
    uint32_t generation;
    struct control record;
    name_of(c, name);
    if (read_note(s->notes, name, &generation, &record) < 0 || generation != c->generation)
        record = (struct control){.what = CONTROL_NOTE};
    return record;
}

static void wake_owner(struct supervisor *s, const char *name)
{
    struct span instance, kind = span_split(span_of(name), '+', &instance);
    struct address who = {0};
    struct control record;
    uint32_t generation;
    uint64_t number;
    struct fault why;
    while (who.kind < KINDS && !span_is(kind, kind_name(who.kind)))
        who.kind++;
    if (who.kind == KINDS || text_number(instance, 0, UINT32_MAX, &number) < 0 || !kind_rests(who.kind) ||
        read_note(s->notes, name, &generation, &record) < 0)
        return;
    who.instance = (uint32_t)number;
    struct child *c = child_make(s, who, generation, &why);
    if (c != NULL)
        life_event(s, c, LIFE_WANTED);
}

void notes_wake(struct supervisor *s)
{
    DIR *dir = fdopendir(dup(s->notes));
    struct dirent *entry;
    if (dir == NULL)
        return;
    rewinddir(dir);
    while ((entry = readdir(dir)) != NULL)
        wake_owner(s, entry->d_name);
    closedir(dir);
}
