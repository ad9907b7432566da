/* SPDX-License-Identifier: MIT
 * What a crash left in a pool: found, finished or removed, and told; in storage, before it serves. */
#include <string.h>

#include "base/own.h"
#include "doors/pool.h"

static int cure_one(struct pool *p, const struct volume *v, unsigned cure, struct fault *why)
{
    static const struct {
        unsigned cure;
        enum pool_verb verb;
    } order[] = {{POOL_CURE_TIDY, POOL_tidy}, {POOL_CURE_STOP, POOL_stop}, {POOL_CURE_REMOVE, POOL_remove}};
    struct pool_errand e = {.volume = v};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT(order); i++)
        if ((cure & order[i].cure) != 0)
            r = pool_do(p, order[i].verb, &e, NULL, why);
    return r;
}

static bool is_known(const struct pool_known_volume *known, size_t count, struct span vid)
{
    for (size_t i = 0; i < count; i++)
        if (span_is(vid, known[i].volume.vid))
            return true;
    return false;
}

static int tell_strangers(struct pool *p, const struct pool_known_volume *known, size_t count,
                          void (*tell)(void *self, const struct pool_found *found), void *self,
                          struct fault *why)
{
    AUTO_OUTCOME all = {0};
    int r = pool_do(p, POOL_list, NULL, &all, why);
    if (r < 0)
        return r;
    struct span rest = text_span(&all.list), vid;
    while (rest.len > 0) {
        struct span line = span_split(rest, '\n', &rest);
        if (volume_attribute(line, "vid", &vid) && !is_known(known, count, vid))
            tell(self, &(struct pool_found){.vid = vid});
    }
    return 0;
}

int pool_recover(struct pool *p, const struct pool_known_volume *known, size_t count,
                 const struct pool_watch *watch, void (*tell)(void *self, const struct pool_found *found),
                 void *self, struct fault *why)
{
    int woken = pool_do(p, POOL_wake, NULL, NULL, why);
    if (woken < 0 && woken != -ERR_NOT_IMPLEMENTED)
        return woken;
    for (size_t i = 0; i < count; i++) {
        const struct volume *v = &known[i].volume;
        struct fault wrong = {0};
        AUTO_OUTCOME seen = {0};
        if (watch != NULL && !watch->go_on(watch->self, i, count))
            return fault_set(why, ERR_CANCELLED, "cancelled; every volume is as it was or as it is to be");
        int r = pool_do(p, POOL_look, &(struct pool_errand){.volume = v}, &seen, &wrong);
        unsigned cure =
            r >= 0 || known[i].known == POOL_HALF_MADE ? pool_cure(known[i].known, &seen.remains) : 0;
        if (cure != 0)
            r = cure_one(p, v, cure, &wrong);
        if (cure != 0 || r < 0)
            tell(self, &(struct pool_found){span_of(v->vid), v, seen.remains, cure, r, &wrong});
    }
    return tell_strangers(p, known, count, tell, self, why);
}
