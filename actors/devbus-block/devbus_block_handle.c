/* SPDX-License-Identifier: MIT
 * The core of devbus-block: what of a bus it does its own way. */
#include "actors/devbus-block/devbus_block.h"
#include "actors/devbus-block/devbus_block_options.h"

static bool is_idle(const struct devbus *bus)
{
    return ((const struct devbus_block *)bus)->jobs == 0;
}

/* Disks are plugged by libvirt, and the hypervisor shows whose they are. */
static const struct devbus_kind kind = {
    .device_class = "block",
    .lists = block_is_listed,
    .hears_vms = true,
    .is_idle = is_idle,
    .prepare = block_prepare,
    .confirm = block_confirm,
    .has = block_has,
    .over = block_over,
    .heard = block_sweep,
    .timer = block_rings,
    .end = block_end,
};

static int begin(void *self, struct out *out, const struct life *life)
{
    devbus_begin(self, out, &kind, life->note);
    block_settle(self, out);
    devbus_ready(out);
    return 0;
}

const struct actor devbus_block_actor = {
    .name = "devbus-block",
    .kind = KIND_DEVBUS_BLOCK,
    .size = sizeof(struct devbus_block),
    .begin = begin,
    DEVBUS_ACTS,
};
