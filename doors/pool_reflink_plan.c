/* SPDX-License-Identifier: MIT
 * The steps of starting and stopping a file-reflink volume; in storage. */
#include "doors/pool_reflink_plan.h"

static const enum reflink_step nothing[] = {REFLINK_END};

const enum reflink_step *reflink_plan_start(const struct volume *v, const struct reflink_seen *seen)
{
    static const enum reflink_step in_place[] = {REFLINK_drop_revisions, REFLINK_drop_precache,
                                                 REFLINK_clean_to_dirty, REFLINK_END},
                                   in_place_again[] = {REFLINK_drop_revisions, REFLINK_drop_precache,
                                                       REFLINK_END},
                                   snapshot[] = {REFLINK_drop_clean, REFLINK_link_source,
                                                 REFLINK_copy_to_dirty, REFLINK_END},
                                   quick[] = {REFLINK_precache_to_dirty, REFLINK_END},
                                   slow[] = {REFLINK_drop_precache, REFLINK_copy_to_dirty, REFLINK_END},
                                   empty[] = {REFLINK_make_dirty, REFLINK_END};
    if (volume_in_place(v))
        return seen->dirty ? in_place_again : in_place;
    if (v->save_on_stop && seen->dirty)
        return nothing;
    if (v->snap_on_start)
        return snapshot;
    if (v->save_on_stop)
        return seen->fresh ? quick : slow;
    return empty;
}

const enum reflink_step *reflink_plan_stop(const struct volume *v, const struct reflink_seen *seen)
{
    static const enum reflink_step in_place[] = {REFLINK_dirty_to_clean, REFLINK_END},
                                   saved[] = {REFLINK_commit, REFLINK_END},
                                   discarded[] = {REFLINK_drop_dirty, REFLINK_drop_clean, REFLINK_END};
    if (!v->save_on_stop)
        return discarded;
    if (!seen->dirty)
        return nothing;
    return volume_in_place(v) ? in_place : saved;
}
