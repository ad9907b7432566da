/* SPDX-License-Identifier: MIT
 * Limits, user, groups, capabilities and the flags of the process. In a starting actor, one thread. */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/jail/jail_layers.h"

static bool limit_applies(const struct jail *j, const struct effect *e)
{
    if (e->subject == RLIMIT_NPROC) /* counted per uid: a shared one has others' processes */
        return jail_has(j, LAYER_UID);
    return e->subject != RLIMIT_AS || !JAIL_SANITIZED;
}

int jail_limits(struct jail *j)
{
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_LIMIT, &at)) != NULL;) {
        struct rlimit now, limit = {e->amount, e->amount};
        if (!limit_applies(j, e))
            continue;
        if (getrlimit((int)e->subject, &now) < 0)
            return jail_lacks(j, LAYER_LIMITS, errno);
        if (limit.rlim_max > now.rlim_max) /* never more than it was given */
            limit.rlim_cur = limit.rlim_max = now.rlim_max;
        if (setrlimit((int)e->subject, &limit) < 0)
            return jail_lacks(j, LAYER_LIMITS, errno);
    }
    return jail_got(j, LAYER_LIMITS);
}

static int name_capabilities(const struct jail *j)
{
    const struct effect *e;
    capng_clear(CAPNG_SELECT_ALL);
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_MAY_CAP, &at)) != NULL;)
        if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)e->subject) < 0)
            return -1;
    return 0;
}

static bool runs_as(uint32_t id)
{
    uid_t uid[3];
    gid_t gid[3];
    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
        return false;
    for (size_t i = 0; i < COUNT(uid); i++)
        if (uid[i] != id || gid[i] != id)
            return false;
    return getgroups(0, NULL) == 0;
}

/* Asks the kernel, not the library: one set that kept a bit would be a way back. */
static bool holds_only_its_rows(const struct jail *j)
{
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_get_caps_process() < 0)
        return false;
    for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        bool granted = effects_have(j->table, j->order->kind, EFFECT_MAY_CAP, cap);
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0 || capng_have_capability(CAPNG_INHERITABLE, cap) ||
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
            return false;
        if (!granted &&
            (capng_have_capability(CAPNG_EFFECTIVE, cap) || capng_have_capability(CAPNG_PERMITTED, cap)))
            return false;
    }
    return true;
}

int jail_ids(struct jail *j)
{
    const int id = (int)j->report.uid;
    if (name_capabilities(j) < 0)
        return fault_set(j->why, ERR_IO, "%s: its rows name a capability that libcap-ng refuses",
                         j->order->kind);
    if (geteuid() != 0 || capng_change_id(id, id, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) < 0) {
        name_capabilities(j);
        capng_apply(CAPNG_SELECT_ALL);
    }
    int r = runs_as(j->report.uid) ? jail_got(j, LAYER_UID) : jail_lacks(j, LAYER_UID, EPERM);
    if (r < 0)
        return r;
    j->report.uid = getuid();
    return holds_only_its_rows(j) ? jail_got(j, LAYER_CAPS) : jail_lacks(j, LAYER_CAPS, EPERM);
}

/* The bounding set, too, is what its rows name: exec gives root all that is in it. */
int jail_powers(struct jail *j)
{
    if (name_capabilities(j) < 0)
        return fault_set(j->why, ERR_IO, "%s: its rows name a capability that libcap-ng refuses",
                         j->order->kind);
    const struct effect *e;
    for (size_t at = 0; (e = effects_next(j->table, j->order->kind, EFFECT_MAY_CAP, &at)) != NULL;)
        if (capng_update(CAPNG_ADD, CAPNG_BOUNDING_SET, (unsigned)e->subject) < 0)
            return jail_lacks(j, LAYER_CAPS, EPERM);
    return capng_apply(CAPNG_SELECT_ALL) < 0 ? jail_lacks(j, LAYER_CAPS, EPERM) : jail_got(j, LAYER_CAPS);
}

/* The change of uid cleared the death signal and may have set the dumpable flag: both come after it. */
int jail_flags(struct jail *j)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return fault_set(j->why, ERR_IO, "%s: no signal at the parent's death", j->order->kind);
    int r =
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? jail_lacks(j, LAYER_NNP, errno) : jail_got(j, LAYER_NNP);
    if (r < 0)
        return r;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return jail_lacks(j, LAYER_NONDUMPABLE, errno);
    return jail_got(j, LAYER_NONDUMPABLE);
}
