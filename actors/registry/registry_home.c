/* SPDX-License-Identifier: MIT
 * Each VM's own directory; see registry_home.h. In `registry`. */
#include "actors/registry/registry_home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "actors/registry/registry_beside_inside.h"
#include "actors/registry/registry_store.h"
#include "base/log.h"

void home_name_those_that_end(const struct model *model, const struct change *changes, size_t count,
                              struct text *gone)
{
    for (size_t i = 0; i < count; i++) {
        const struct change *c = &changes[i];
        const struct vm *vm = c->kind == CHANGE_VM && c->gone ? model_vm(model, c->qid) : NULL;
        if (vm != NULL && vm_name(vm) != NULL && class_folder(vm_class(vm))[0] != '\0')
            text_format(gone, "%s/%s\n", class_folder(vm_class(vm)), vm_name(vm));
    }
}

static bool creates(const struct change_list *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->at[i].kind == CHANGE_VM && !changes->at[i].gone)
            return true;
    return false;
}

static void make(int dir, const struct beside_home *h)
{
    char path[BESIDE_PATH];
    beside_path(h, &beside_sorts[0], path);
    AUTO_FD home = beside_open(dir, path, true);
    if (home < 0)
        log_line(LOG_WARN, "cannot make the directory of a new VM, without which it does not start: %s: %s",
                 path, strerror(errno));
}

/* What lies in it is not ours: then it stays. */
static void drop(int dir, struct span line)
{
    char path[BESIDE_PATH];
    if (text_copy(path, sizeof path, line) == 0 && unlinkat(dir, path, AT_REMOVEDIR) < 0 && errno != ENOENT &&
        errno != ENOTEMPTY)
        log_line(LOG_WARN, "cannot remove %s: %s", path, strerror(errno));
}

void home_follow(int dir, const struct change_list *changes, struct span gone)
{
    size_t count = 0;
    AUTO_MEMORY struct beside_home *homes =
        dir >= 0 && creates(changes) ? beside_homes(changes->at, changes->count, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (homes[i].name.len > 0)
            make(dir, &homes[i]);
    while (dir >= 0 && gone.len > 0)
        drop(dir, span_split(gone, '\n', &gone));
}

bool home_is_there(int dir, const char *folder, const char *name)
{
    char path[BESIDE_PATH];
    struct stat is;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return dir < 0 || (fstatat(dir, path, &is, 0) == 0 && S_ISDIR(is.st_mode));
}
