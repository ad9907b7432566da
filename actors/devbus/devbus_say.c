/* SPDX-License-Identifier: MIT
 * See devbus_say.h: in the core of a bus whose devices come and go. */
#include "actors/devbus/devbus_say.h"

#include "base/own.h"

void devbus_say_all(struct out *out, uint64_t *seq, struct subject vm, const char *name,
                    const struct devbus_said *said, size_t count)
{
    AUTO_TEXT arguments = TEXT_WITH_LIMIT(BODY_PART_MAX), packed = TEXT_WITH_LIMIT(BODY_PART_MAX),
              body = TEXT_WITH_LIMIT(BODY_PART_MAX);
    struct context context = context_about_vm(vm.instance, vm.generation);
    struct event_item item = {.qid = vm.instance, .name = span_of(name)};
    struct happened m = {0};
    for (size_t i = 0; i < count; i++) {
        struct event_argument argument = {.value = said[i].value};
        (void)text_copy(argument.key, sizeof argument.key, span_of(said[i].key));
        event_argument_add(&item.arguments, &arguments, &argument);
    }
    event_item_add(&m.events, &packed, &item);
    happened_encode(&body, &m);
    if (post_event(out, MESSAGE_happened, (struct address){KIND_API, EVERY_INSTANCE}, &context, *seq + 1,
                   &body) == 0)
        ++*seq;
}

void devbus_say(struct out *out, uint64_t *seq, struct subject vm, const char *name, const char *key,
                struct span value)
{
    struct devbus_said said = {key, value};
    devbus_say_all(out, seq, vm, name, &said, key != NULL ? 1 : 0);
}

void devbus_ask_guests(struct out *out)
{
    struct context context = {.deadline = 0};
    (void)EVENT(out, guest_tell, ((struct address){KIND_GUEST, EVERY_INSTANCE}), &context,
                NO_MESSAGE(guest_tell));
}
