/* SPDX-License-Identifier: MIT
 * How many calls hang in libvirtd, over all VMs: each keeps one of its workers until it ends, whatever
 * becomes of the process that made it. Before half of them are gone nothing new is begun that could hang,
 * too. */
#include "actors/registry/registry.h"

#include "base/log.h"

/* libvirtd has 20 workers unless it is told otherwise. */
enum { WORKERS = 20, HANGING_MOST = WORKERS / 2 - 1 };

static unsigned hanging(const struct registry *r)
{
    unsigned count = 0;
    for (size_t qid = 0; qid <= QID_MAX; qid++)
        count += r->claims[qid].hanging;
    return count;
}

void registry_hang_count(struct registry *r, struct out *out)
{
    struct context nobody = {0};
    unsigned count = hanging(r);
    bool scarce = count >= HANGING_MOST;
    if (scarce == r->calls_scarce)
        return;
    r->calls_scarce = scarce;
    log_line(LOG_WARN,
             scarce ? "%u calls hang in libvirtd: nothing new is begun until some have ended"
                    : "%u calls hang in libvirtd: VMs are started again",
             count);
    EVENT(out, calls_scarce, ((struct address){KIND_VM, EVERY_INSTANCE}), &nobody,
          (&(struct calls_scarce){.scarce = scarce}));
}
