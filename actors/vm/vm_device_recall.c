/* SPDX-License-Identifier: MIT
 * The disks that a VM is known to have, told at once to a bus of disks that begins anew (devbus-block 3). In
 * vm/<qid>. */
#include "actors/vm/vm_device_inside.h"

#include <string.h>

#include "base/own.h"

void vm_live_none(struct vm *vm)
{
    struct vm_devices *d = &vm->devices;
    text_free(&d->live);
    d->live = TEXT_WITH_LIMIT(BODY_PART_MAX);
    d->live_count = 0;
    d->live_known = true;
}

void vm_live_add(struct vm *vm, const struct vm_block *block)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(256);
    struct wire_list list = {.count = vm->devices.live_count};
    struct bus_disk disk = {.backend = ""};
    vm_block_lines(block, &lines);
    memcpy(disk.backend, block->backend, sizeof disk.backend);
    memcpy(disk.port, block->port, sizeof disk.port);
    disk.options = text_span(&lines);
    if (!vm->devices.live_known)
        return;
    bus_disk_add(&list, &vm->devices.live, &disk);
    vm->devices.live_count = list.count;
    vm->devices.live_known = vm->devices.live.failed == 0;
}

void vm_live_drop(struct vm *vm, const char *backend, const char *port)
{
    struct vm_devices *d = &vm->devices;
    struct text before = d->live;
    struct wire_list was = {.count = d->live_count, .elements = text_span(&before)}, list = {.count = 0};
    struct reader in = list_reader(&was);
    struct bus_disk disk;
    bool known = d->live_known;
    d->live = TEXT_WITH_LIMIT(BODY_PART_MAX);
    while (known && bus_disk_next(&in, &disk) == 1)
        if (strcmp(disk.backend, backend) != 0 || strcmp(disk.port, port) != 0)
            bus_disk_add(&list, &d->live, &disk);
    d->live_count = list.count;
    d->live_known = known && d->live.failed == 0;
    text_free(&before);
}

void vm_live_show(const struct vm *vm, struct bus_has *m)
{
    bool starts = vm->devices.live_known && vm->life == VM_STARTING && !vm->seen.active && !vm->created;
    *m = (struct bus_has){.unknown = !vm->devices.live_known, .starts = starts};
    m->disks = (struct wire_list){.count = vm->devices.live_count, .elements = text_span(&vm->devices.live)};
    memcpy(m->name, vm->view.name, sizeof m->name);
}

/* It must not wait for what this VM is doing: meanwhile the bus could give away what the VM has. */
void vm_device_recall(struct vm *vm, struct out *out)
{
    struct context context = vm_context(vm, out, 0);
    struct bus_has m;
    vm_live_show(vm, &m);
    vm->devices.recall_owed = m.unknown != 0;
    ASK(out, bus_has, vm_device_bus(DEVICE_block), &context, 0, &m);
}

void vm_device_rests(struct vm *vm, struct out *out)
{
    if (vm->devices.recall_owed)
        vm_device_has_none(vm, out, vm_device_bus(DEVICE_block));
    vm->devices.recall_owed = false;
}
