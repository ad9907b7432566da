/* SPDX-License-Identifier: MIT
 * What vm/<qid> tells Admin API subscribers. Every message has a number in its correlation: the router tells
 * the next incarnation which one it took last, so that nothing is lost and nothing said twice. */
#include "actors/vm/vm.h"
#include "base/own.h"

static void pack_event(struct wire_list *list, struct text *packed, uint32_t qid, const struct vm_event *e)
{
    AUTO_TEXT arguments = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct event_item item = {.qid = qid, .name = span_of(e->name)};
    for (size_t i = 0; i < COUNT(e->key) && e->key[i] != NULL; i++) {
        struct event_argument argument = {.value = span_of(e->value[i])};
        (void)text_copy(argument.key, sizeof argument.key, span_of(e->key[i]));
        event_argument_add(&item.arguments, &arguments, &argument);
    }
    event_item_add(list, packed, &item);
}

int vm_say(struct vm *vm, struct out *out, const struct vm_event *events, size_t count)
{
    AUTO_TEXT packed = TEXT_WITH_LIMIT(BODY_PART_MAX), body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct context context = vm_context(vm, out, 0);
    struct happened m = {0};
    for (size_t i = 0; i < count; i++)
        pack_event(&m.events, &packed, vm->qid, &events[i]);
    happened_encode(&body, &m);
    int r = post_event(out, MESSAGE_happened, (struct address){KIND_API, EVERY_INSTANCE}, &context,
                       vm->seq + 1, &body);
    if (r == 0)
        vm->seq++;
    return r;
}

int vm_say_stopped(struct vm *vm, struct out *out)
{
    return VM_SAY(vm, out, {.name = "domain-stopped"},
                  {.name = "property-reset:xid", .key = {"name"}, .value = {"xid"}},
                  {.name = "property-reset:stubdom_xid", .key = {"name"}, .value = {"stubdom_xid"}},
                  {.name = "property-reset:start_time", .key = {"name"}, .value = {"start_time"}});
}

int vm_say_shutdown(struct vm *vm, struct out *out)
{
    return VM_SAY(vm, out, {.name = "domain-shutdown"});
}

int vm_say_pair(struct vm *vm, struct out *out)
{
    int r = vm_say_stopped(vm, out);
    return r < 0 ? r : vm_say_shutdown(vm, out);
}

uint64_t vm_said(const struct vm *vm)
{
    return vm->seq - vm->note.seq;
}

bool vm_has_said(const struct vm *vm)
{
    return vm->seq > vm->note.seq;
}
