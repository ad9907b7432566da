/* SPDX-License-Identifier: MIT
 * See devbus_settling.h: in the core of a bus whose devices come and go. */
#include "actors/devbus/devbus_settling.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"

enum { DEVICES_MAX = 256 /* as proto/registry.def */ };

struct devbus_settling *settling_new(struct subject backend, const char *name, uint32_t only)
{
    struct devbus_settling *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->backend = backend;
    s->only = only;
    s->icons = TEXT_WITH_LIMIT(DEVBUS_QUESTION_MAX);
    (void)text_copy(s->name, sizeof s->name, span_of(name));
    return s;
}

void settling_free(struct devbus_settling *s)
{
    if (s == NULL)
        return;
    free(s->device);
    free(s->wanter);
    free(s->gone);
    text_free(&s->icons);
    free(s);
}

int settling_add(struct devbus_settling *s, const char *port, const char *device_id)
{
    struct came_device d = {.port = ""};
    if (s->devices == DEVICES_MAX || text_copy(d.port, sizeof d.port, span_of(port)) < 0 ||
        text_copy(d.device_id, sizeof d.device_id, span_of(device_id)) < 0)
        return -ERR_RANGE;
    struct came_device *more = realloc(s->device, (s->devices + 1) * sizeof *more);
    if (more == NULL)
        return -ERR_NOMEM;
    s->device = more;
    more[s->devices++] = d;
    return 0;
}

static void take_icons(struct devbus_settling *s, const struct wire_list *icons)
{
    struct reader in = list_reader(icons);
    struct vm_icon icon;
    text_clear(&s->icons);
    while (vm_icon_next(&in, &icon) == 1)
        devbus_icon(&s->icons, icon.name, icon.icon);
}

int settling_take(struct devbus_settling *s, const struct devices_came_reply *m)
{
    struct reader in = list_reader(&m->wanters);
    AUTO_MEMORY struct device_wanter *wanter = calloc(m->wanters.count + 1, sizeof *wanter);
    AUTO_MEMORY bool *gone = calloc(m->wanters.count + 1, sizeof *gone);
    size_t count = 0, of_one = 0;
    if (wanter == NULL || gone == NULL)
        return -ERR_NOMEM;
    for (size_t i = 0; i < m->wanters.count && device_wanter_next(&in, &wanter[count]) == 1; i++) {
        if (wanter[count].device >= s->devices)
            return -ERR_BAD;
        of_one = count > 0 && wanter[count].device == wanter[count - 1].device ? of_one + 1 : 1;
        count += of_one <= DEVBUS_TARGETS_MAX; /* nobody looks through more */
    }
    take_icons(s, &m->icons);
    if (s->icons.failed < 0)
        return s->icons.failed;
    s->wanter = TAKE(wanter);
    s->gone = TAKE(gone);
    s->wanters = count;
    return 0;
}

/* ---- the device that is due ---- */

static size_t end_of(const struct devbus_settling *s)
{
    size_t i = s->at;
    while (i < s->wanters && s->wanter[i].device == s->wanter[s->at].device)
        i++;
    return i;
}

const struct came_device *settling_device(const struct devbus_settling *s)
{
    return &s->device[s->wanter[s->at].device];
}

size_t settling_left(const struct devbus_settling *s, const struct device_wanter **one)
{
    size_t left = 0;
    for (size_t i = s->at; i < end_of(s); i++) {
        if (s->gone[i])
            continue;
        *one = &s->wanter[i];
        left++;
    }
    return left;
}

size_t settling_targets(const struct devbus_settling *s, const char **target)
{
    size_t count = 0;
    for (size_t i = s->at; i < end_of(s); i++)
        if (!s->gone[i] && count < DEVBUS_TARGETS_MAX)
            target[count++] = s->wanter[i].name;
    return count;
}

const struct device_wanter *settling_allowed(const struct devbus_settling *s, struct span answer)
{
    for (size_t i = s->at; i < end_of(s); i++) {
        const char *const name = s->wanter[i].name;
        if (!s->gone[i] && devbus_answer(answer, &name, 1) == 0)
            return &s->wanter[i];
    }
    return NULL;
}

void settling_next(struct devbus_settling *s)
{
    s->at = end_of(s);
    s->several = false;
}

void settling_refused(struct devbus_settling *s)
{
    if (s->several)
        s->at = s->wanters;
    else
        settling_next(s);
}

void settling_strike(struct devbus_settling *s, uint32_t qid)
{
    for (size_t i = s->at; i < s->wanters; i++)
        s->gone[i] = s->gone[i] || s->wanter[i].qid == qid;
}

bool settling_is_open(const struct devbus_settling *s, size_t device)
{
    bool is_open = s->tag != 0 || s->again_at != 0;
    for (size_t i = s->at; i < s->wanters && !is_open; i++)
        is_open = s->wanter[i].device == device;
    return is_open;
}

bool settling_wants(const struct devbus_settling *s, uint32_t qid, const char *port)
{
    bool is_asked = s->tag != 0 || s->again_at != 0;
    for (size_t i = 0; i < s->devices && is_asked && s->only == qid; i++)
        if (strcmp(s->device[i].port, port) == 0)
            return true;
    for (size_t i = s->at; i < s->wanters; i++)
        if (s->wanter[i].qid == qid && !s->gone[i] && strcmp(s->device[s->wanter[i].device].port, port) == 0)
            return true;
    return false;
}
