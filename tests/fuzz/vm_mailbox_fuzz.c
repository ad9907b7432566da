/* SPDX-License-Identifier: MIT
 * Fuzzes the mailbox of vm, whose hypervisor finds what it likes: no request is answered twice, at most one
 * task is in hand, a note fits, in whatever order things come. */
#include "actors/vm/vm_actor.h"
#include "actors/vm/vm_task.h"
#include "proto/messages.h"
#include "tests/fuzz/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A domain in any of its states, or nothing seen at all. */
static void found(struct task *task, uint8_t how)
{
    struct vm_task *t = (struct vm_task *)task;
    t->is_seen = task->what == VM_LOOK_TASK || (how & 1) != 0;
    t->seen.exists = true;
    t->seen.active = (how & 2) != 0;
    t->seen.domid = t->seen.active ? how & 12 : VIRT_NO_DOMID;
    t->seen.state = (enum virt_state)(how >> 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mailbox m;
    AUTO_TEXT good = TEXT_WITH_LIMIT(4096), netvm = TEXT_WITH_LIMIT(256);
    struct view_peer net = {.qid = 2, .name = "net"};
    struct claim_reply reply = {.view = {.name = "work",
                                         .uuid = "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11",
                                         .class = "AppVM",
                                         .virt_mode = "pvh",
                                         .memory = 400,
                                         .vcpus = 2,
                                         .shutdown_timeout = 60}};
    view_peer_add(&reply.view.netvm, &netvm, &net);
    claim_reply_encode(&good, &reply);
    mailbox_open(&m, &vm_actor);
    m.good = text_span(&good);
    m.complete = found;
    mailbox_play(&m, data, size);
    mailbox_close(&m);
    return 0;
}
