/* SPDX-License-Identifier: MIT
 * A volume of a VM that runs was resized, and that is committed: its process has the guest follow. What the
 * guest says of it is the answer; the size stays. Spec: storage 4; in registry. */
#include <stdio.h>
#include <string.h>

#include "actors/registry/registry.h"
#include "actors/registry/registry_storage.h"

#define FOLLOW_MOST (120 * SECONDS)

unsigned resize_finish(struct registry *r, struct out *out, struct pending_operation *o)
{
    const struct vm *vm = o->target <= QID_MAX ? model_vm(r->model, o->target) : NULL;
    struct volume_resized m;
    if (o->operation != OPERATION_volume_resize || storage_is_beside(o) || vm == NULL ||
        !r->claims[o->target].living || text_copy(m.volume, sizeof m.volume, text_span(&o->key)) < 0)
        return 0;
    struct context c = {.op = o->op,
                        .caller = o->request.context.caller,
                        .subject = {KIND_VM, o->target, vm_generation(vm)},
                        .deadline = out->now + FOLLOW_MOST};
    if (o->asked_by == ASKED_BY_API)
        reply_progress(out, &o->request, out->now + FOLLOW_MOST + 5 * SECONDS);
    return ASK(out, volume_resized, ((struct address){KIND_VM, o->target}), &c, o->number, &m) == 0;
}

void resize_failed(struct pending_operation *o)
{
    char said[sizeof o->why.text];
    snprintf(said, sizeof said, "%s", o->why.text);
    o->refused =
        fault_set(&o->why, ERR_STORAGE,
                  "Online resize of volume %.63s failed (you need to resize filesystem manually): %.300s",
                  o->key.at != NULL ? o->key.at : "", said);
}
