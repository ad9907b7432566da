/* SPDX-License-Identifier: MIT
 * Notes: an actor's few bytes about a step that it must not forget, as files replaced by
 * rename. They survive any SIGKILL and vanish at reboot, when domains and bindings do. */
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

/* With the generation: a VM that has an earlier one's qid must not find its note, and after a restart
 * of the supervisor nobody else knows yet for which one a note was written. */
static void name_of(const struct child *c, char name[64])
{
    snprintf(name, 64, "%s+%u+%u", kind_name(c->key.kind), c->key.instance, c->generation);
}

static int write_note(int dir, const char *name, struct span note)
{
    char temporary[80];
    snprintf(temporary, sizeof temporary, "%s~", name);
    AUTO_FD fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, note.at, note.len) != (ssize_t)note.len)
        return -ERR_IO;
    return renameat(dir, temporary, dir, name) < 0 ? -ERR_IO : 0;
}

void notes_put(struct supervisor *s, const struct child *c, struct span note)
{
    char name[64];
    name_of(c, name);
    if (note.len == 0)
        unlinkat(s->notes, name, 0);
    else if (write_note(s->notes, name, note) < 0)
        log_line(LOG_ERROR, "cannot keep the note of %s: %s", name, strerror(errno));
    (void)control_send(c->control, &(struct control){.what = CONTROL_NOTED}, NULL);
}

struct control notes_get(struct supervisor *s, const struct child *c)
{
    char name[64];
    struct control record = {.what = CONTROL_NOTE};
    name_of(c, name);
    AUTO_FD fd = openat(s->notes, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? 0 : read(fd, record.text, sizeof record.text);
    record.len = got > 0 ? (uint32_t)got : 0;
    return record;
}

static void wake_owner(struct supervisor *s, const char *name)
{
    struct span rest, kind = span_split(span_of(name), '+', &rest);
    struct span instance = span_split(rest, '+', &rest);
    struct address who = {0};
    uint64_t number, generation;
    struct fault why;
    while (who.kind < KINDS && !span_is(kind, kind_name(who.kind)))
        who.kind++;
    if (who.kind == KINDS || text_number(instance, 0, UINT32_MAX, &number) < 0 ||
        text_number(rest, 0, UINT32_MAX, &generation) < 0 || kind_is_single(who.kind))
        return;
    who.instance = (uint32_t)number;
    struct child *c = child_make(s, who, (uint32_t)generation, &why);
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
