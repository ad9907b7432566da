/* SPDX-License-Identifier: MIT
 * Fuzzes what xenstored answers to host: whatever it says, in whatever pieces, a question has one answer, and
 * its line is closed once. */
#include "actors/host/host.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    unsigned replies, open;
} seen;

static int take_reply(void *shell, struct envelope *e)
{
    (void)shell;
    seen.replies += e->class == CLASS_REPLY;
    return 0;
}

static int ask(void *shell, struct envelope *e, uint64_t tag)
{
    (void)shell, (void)e, (void)tag;
    return 0;
}

static void take_task(void *shell, struct task *task)
{
    (void)shell;
    free(task);
}

static void take_timer(void *shell, uint64_t timer, uint64_t at)
{
    (void)shell, (void)timer, (void)at;
}

static void open_line(void *arg)
{
    (void)arg;
    seen.open++;
}

static int send_line(void *arg, uint64_t number, struct span bytes)
{
    (void)arg, (void)number, (void)bytes;
    return 0;
}

static void close_line(void *arg, uint64_t number)
{
    (void)arg, (void)number;
    assert(seen.open == 1);
    seen.open--;
}

static void ask_for_all(struct host *h, struct out *out)
{
    static const struct entries all = {.domid = 12, .balanced = 1, .hotplug_kib = 1};
    struct envelope e = {.type = MESSAGE_entries,
                         .class = CLASS_REQUEST,
                         .subject_kind = KIND_VM,
                         .subject_instance = 7,
                         .source_kind = KIND_VM,
                         .source_instance = 7};
    struct host_vm *vm = calloc(1, sizeof *vm);
    assert(vm != NULL);
    strcpy(vm->uuid, "5b1c0e0a-0f39-4c4e-9a53-0c7d3a4f8e11");
    vm->qid = 7;
    HASH_ADD_STR(h->vms, uuid, vm);
    h->has_roster = true;
    host_entries_ask(h, out, &e, &all);
}

/* A byte says how long the next piece is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct out_ops ops = {
        .send = take_reply, .ask = ask, .task = take_task, .timer = take_timer};
    static const struct host_line_ops lines = {open_line, send_line, close_line};
    struct out out = {&ops, NULL, SECONDS};
    struct life life = {{KIND_HOST, 0}, 0, {NULL, 0}};
    struct host *h = calloc(1, host_actor.size);
    memset(&seen, 0, sizeof seen);
    assert(h != NULL && host_actor.begin(h, &out, &life) == 0);
    h->lines = &lines;
    ask_for_all(h, &out);
    uint64_t number = host_entries_opened(h);
    host_entries_begin(h, &out, number);
    while (size > 0) {
        size_t len = data[0] < size - 1 ? data[0] : size - 1;
        host_entries_heard(h, &out, number, (struct span){(const char *)data + 1, len});
        data += 1 + len;
        size -= 1 + len;
    }
    host_entries_heard(h, &out, number, (struct span){"", 0}); /* it hangs up */
    assert(seen.replies == 1 && seen.open == 0);
    host_actor.end(h);
    free(h);
    return 0;
}
