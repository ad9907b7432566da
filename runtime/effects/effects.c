/* SPDX-License-Identifier: MIT
 * The rows of effects.def as data, and questions about them. */
#include "runtime/effects/effects.h"

#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/own.h"
#include "runtime/effects/hand.h"
#include "runtime/effects/programs.h"

#define GIB (UINT64_C(1) << 30)

#define RUN_AS(first, instances) EFFECT_RUN_AS, first, instances
#define MAY_BIND(access, place)  EFFECT_MAY_BIND, PLACE_##place, ACCESS_##access
#define MAY_CALL(set)            EFFECT_MAY_CALL, CALLS_##set, 0
#define MAY_CONNECT(family)      EFFECT_MAY_CONNECT, AF_##family, 0
#define MAY_CAP(capability)      EFFECT_MAY_CAP, capability, 0
#define MAY_RUN(program)         EFFECT_MAY_RUN, PROGRAM_##program, 0
#define MAY_REACH(access, path)  EFFECT_MAY_REACH, HOST_##path, ACCESS_##access
#define MAY_HOLD(hand)           EFFECT_MAY_HOLD, HAND_##hand, 0
#define NAMESPACE(layer)         EFFECT_NAMESPACE, LAYER_##layer, 0
#define LIMIT(resource, value)   EFFECT_LIMIT, RLIMIT_##resource, value

static const struct effect rows[] = {
#define EFFECT(kind, what, reason) {kind, what, #what, reason},
#include "runtime/effects/effects.def"
};

static const struct {
    const char *name, *text;
} places[PLACE_COUNT] = {
#define PLACE(name, text, what) [PLACE_##name] = {text, what},
#include "runtime/effects/places.def"
};

static const char *const host_paths[HOST_PATHS] = {
#define PATH(name, path, what) [HOST_##name] = path,
#include "runtime/effects/paths.def"
};

#define MUST          true
#define WHERE_PRESENT false
static const struct {
    const char *name, *text;
    bool mandatory;
} layers[LAYER_COUNT] = {
#define LAYER(name, text, need, what) [LAYER_##name] = {text, what, need},
#include "runtime/effects/layers.def"
};

static const struct {
    const char *name, *text;
} call_sets[CALLS_COUNT] = {
#define SET(name, help) [CALLS_##name] = {#name, help},
#define CALL(set, call)
#define CALL_WHEN(set, call, argument, mask, value)
#define REFUSE(set, call, error)
#define REFUSE_WHEN(set, call, argument, mask, value, error)
#include "runtime/effects/calls.def"
};

struct effects effects_table(void)
{
    return (struct effects){rows, COUNT(rows)};
}

bool effect_is_for(const struct effect *e, const char *kind)
{
    return (strcmp(e->kind, "*") == 0 && strchr(kind, ':') == NULL) || strcmp(e->kind, kind) == 0;
}

const struct effect *effects_next(struct effects table, const char *kind, enum effect_what what, size_t *at)
{
    while (*at < table.count) {
        const struct effect *e = &table.row[(*at)++];
        if (e->what == what && effect_is_for(e, kind))
            return e;
    }
    return NULL;
}

bool effects_have(struct effects table, const char *kind, enum effect_what what, uint64_t subject)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(table, kind, what, &at)) != NULL;)
        if (e->subject == subject)
            return true;
    return false;
}

const char *effects_kind(struct effects table, size_t n)
{
    for (size_t i = 0; i < table.count; i++)
        if (table.row[i].what == EFFECT_RUN_AS && n-- == 0)
            return table.row[i].kind;
    return NULL;
}

int effects_uid(struct effects table, const char *kind, unsigned instance, uint32_t *uid, struct fault *why)
{
    size_t at = 0;
    const struct effect *e = effects_next(table, kind, EFFECT_RUN_AS, &at);
    if (e == NULL)
        return fault_set(why, ERR_UNKNOWN, "no process kind %s in effects.def", kind);
    if (instance >= e->amount)
        return fault_set(why, ERR_RANGE, "%s/%u: instances of %s are below %llu", kind, instance, kind,
                         (unsigned long long)e->amount);
    *uid = (uint32_t)(e->subject + instance);
    return 0;
}

const char *place_name(enum place place)
{
    return (unsigned)place < PLACE_COUNT ? places[place].name : "?";
}

const char *place_text(enum place place)
{
    return (unsigned)place < PLACE_COUNT ? places[place].text : "?";
}

const char *layer_name(enum layer layer)
{
    return (unsigned)layer < LAYER_COUNT ? layers[layer].name : "?";
}

const char *layer_text(enum layer layer)
{
    return (unsigned)layer < LAYER_COUNT ? layers[layer].text : "?";
}

bool layer_is_mandatory(enum layer layer)
{
    return (unsigned)layer < LAYER_COUNT && layers[layer].mandatory;
}

const char *call_set_name(enum call_set set)
{
    return (unsigned)set < CALLS_COUNT ? call_sets[set].name : "?";
}

const char *call_set_text(enum call_set set)
{
    return (unsigned)set < CALLS_COUNT ? call_sets[set].text : "?";
}

bool layer_is_wanted(const char *kind, enum layer layer)
{
    bool asked = layer != LAYER_PIDNS || effects_have(effects_table(), kind, EFFECT_NAMESPACE, LAYER_PIDNS);
    return layer_is_mandatory(layer) && asked;
}

const char *host_path(enum host_path path)
{
    return (unsigned)path < HOST_PATHS ? host_paths[path] : "?";
}

bool effects_know(struct effects table, const char *kind)
{
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.row[i].kind, kind) == 0)
            return true;
    return false;
}
