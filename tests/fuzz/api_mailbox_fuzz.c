/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of api: snapshots, deltas, events, facts and traces with any body, while a client
 * listens to events and others ask for what they changed. */
#include "base/log.h"
#include "tests/fuzz/mailbox.h"
#include "tests/unit/api/api_scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char list[] = "admin.vm.List+ dom0 name dom0", events[] = "admin.Events+ dom0 name dom0";
    struct scene s;
    log_open("fuzz", LOG_ERROR);
    scene_open(&s, 0);
    (void)scene_request(&s, (enum client_socket)0, (struct span){events, sizeof events});
    struct mailbox m = {.actor = &api_actor, .core = s.api, .out = s.out, .subject = {KIND_VM, 1, 3}};
    mailbox_play(&m, data, size);
    uint64_t conn = scene_request(&s, (enum client_socket)0, (struct span){list, sizeof list});
    if (!s.finished[conn % SCENE_CONNS]) /* it waits for the snapshot of a new epoch */
        api_client_gone(s.api, &s.out, conn);
    scene_close(&s);
    return 0;
}
