/* SPDX-License-Identifier: MIT
 * A VM's volumes: its pools' processes are asked for them, one after the other. What a volume is, those ask
 * registry; the paths that they answer become the domain's disks. Spec: storage 4, 12; in vm/<qid>. */
#include <string.h>

#include "actors/vm/vm.h"

/* While bytes move storage asks for more; who ends a life does not wait longer than that for a pool that
 * hangs. */
enum { STORAGE_SECONDS = 120, STOP_SECONDS = 15, VOLUMES_BYTES = 128 << 10 };

void vm_storage_begin(struct vm *vm)
{
    vm->volume_at = 0;
    text_free(&vm->disk_bytes);
    vm->disk_bytes = TEXT_WITH_LIMIT(VOLUMES_BYTES);
    vm->disks = (struct wire_list){.count = 0};
}

/* The n-th of the view. */
static bool volume_at(const struct vm *vm, unsigned n, struct view_volume *v)
{
    struct reader in = list_reader(&vm->view.volumes);
    for (unsigned i = 0; view_volume_next(&in, v) == 1; i++)
        if (i == n)
            return true;
    return false;
}

bool vm_storage_next(struct vm *vm, struct out *out, const char *verb)
{
    struct view_volume v;
    struct volume_use m = {.pool = ""};
    if (!vm->has_view || !volume_at(vm, vm->volume_at, &v))
        return false;
    vm->volume_at++;
    memcpy(m.pool, v.pool, sizeof m.pool);
    memcpy(m.volume, v.name, sizeof m.volume);
    (void)text_copy(m.verb, sizeof m.verb, span_of(verb));
    unsigned seconds = strcmp(verb, "stop") == 0 ? STOP_SECONDS : STORAGE_SECONDS;
    struct context context = vm_context(vm, out, seconds);
    vm_progress(vm, out, &vm->job, seconds);
    ASK(out, volume_use, ((struct address){KIND_STORAGE, v.storage}), &context, vm_ask_tag(vm), &m);
    return true;
}

int vm_storage_took(struct vm *vm, const struct vm_result *result, struct fault *why)
{
    struct volume_use_reply m;
    struct view_volume v;
    if (result->e == NULL || volume_use_reply_decode(&m, result->e->body) < 0 || vm->volume_at == 0 ||
        !volume_at(vm, vm->volume_at - 1, &v))
        return fault_set(why, ERR_BAD, "storage's answer does not decode");
    memcpy(v.path, m.path, sizeof v.path);
    view_volume_add(&vm->disks, &vm->disk_bytes, &v);
    return vm->disk_bytes.failed < 0 ? fault_set(why, ERR_NOMEM, "no memory for the paths of volumes") : 0;
}

int vm_storage_show(struct vm *vm, struct out *out, struct fault *why)
{
    struct vm_view view = vm->view;
    view.volumes = vm->disks;
    int r = vm->disks.count > 0 ? vm_take_view(vm, out, &view) : 0;
    return r < 0 ? fault_set(why, ERR_NOMEM, "no memory for the paths of volumes") : 0;
}
