/* SPDX-License-Identifier: MIT
 * The order in which a starting process jails itself, and the book of layers. */
#include "runtime/jail/jail.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"

struct jail jail_of(const struct jail_order *order, const struct jail_report *report, struct fault *why)
{
    struct jail j = {.order = order, .table = order->effects, .report = *report, .why = why};
    if (j.table.row == NULL)
        j.table = effects_table();
    return j;
}

bool jail_has(const struct jail *j, enum layer layer)
{
    return (j->report.in_force & LAYER_BIT(layer)) != 0;
}

int jail_got(struct jail *j, enum layer layer)
{
    j->report.in_force |= LAYER_BIT(layer);
    return 0;
}

int jail_lacks(struct jail *j, enum layer layer, int error)
{
    j->report.missing |= LAYER_BIT(layer);
    if (j->order->mode != JAIL_REQUIRE || !layer_is_mandatory(layer))
        return 0;
    return fault_set(
        j->why, ERR_UNSUPPORTED,
        "%s/%u: the jail's layer %s cannot be had (%s); start with --jail=best to run without it",
        j->order->kind, j->order->instance, layer_name(layer), strerror(error));
}

const char *jail_path(const struct jail *j, const struct effect *bind)
{
    return bind->subject < PLACE_COUNT ? j->order->places[bind->subject] : NULL;
}

static int places_exist(const struct jail *j)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_MAY_BIND, &at)) != NULL;) {
        const char *path = jail_path(j, e);
        struct stat found;
        if (path == NULL)
            continue;
        if (path[0] != '/' || strstr(path, "/..") != NULL)
            return fault_set(j->why, ERR_UNKNOWN, "%s: place %s is %s, which is not a plain absolute path",
                             j->order->kind, place_name((enum place)e->subject), path);
        if (stat(path, &found) < 0)
            return fault_set(j->why, ERR_UNKNOWN, "%s: place %s is %s: %s; create it or name another",
                             j->order->kind, place_name((enum place)e->subject), path, strerror(errno));
    }
    return 0;
}

/* Namespaces, capabilities and Landlock bind one thread: with two, the second would stay outside. */
static int is_alone(const struct jail *j)
{
    struct stat tasks;
    if (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
        return fault_set(j->why, ERR_STATE, "%s: jail_enter with %lu threads; enter before any is started",
                         j->order->kind, (unsigned long)tasks.st_nlink - 2);
    return 0;
}

static int take_steps(struct jail *j, int (*const steps[])(struct jail *), size_t count)
{
    int r = is_alone(j);
    if (r >= 0)
        r = places_exist(j);
    for (size_t i = 0; r >= 0 && i < count; i++)
        r = steps[i](j);
    return r;
}

int jail_confine(const struct jail_order *order, struct jail_report *report, struct fault *why)
{
    static int (*const steps[])(struct jail *) = {jail_limits, jail_powers, jail_flags, jail_landlock};
    struct jail j = jail_of(order, report, why);
    int r = take_steps(&j, steps, COUNT(steps));
    if (r < 0)
        return r;
    *report = j.report;
    return jail_seal(order, report, why);
}

int jail_enter(const struct jail_order *order, struct jail_report *report, struct fault *why)
{
    static int (*const steps[])(struct jail *) = {
        jail_files, jail_spaces, jail_root, jail_ids, jail_limits, jail_flags, jail_landlock,
    };
    struct jail j = jail_of(order, report, why);
    int r = effects_uid(j.table, order->kind, order->instance, &j.report.uid, why);
    if (r >= 0)
        r = take_steps(&j, steps, COUNT(steps));
    if (r < 0)
        return r;
    *report = j.report;
    return 0;
}
