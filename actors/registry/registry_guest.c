/* SPDX-License-Identifier: MIT
 * What guests say, as operations of their own VMs. Each word is checked again: the process that sent it reads
 * a hostile guest's bytes. */
#include "actors/registry/registry.h"

#include <inttypes.h>
#include <string.h>

#include "base/own.h"
#include "model/names.h"
#include "model/plan_guest.h"
#include "proto/guest_values.h"

/* The VM whose guest speaks: what an earlier VM of that qid said late is nobody's. */
static const struct vm *speaker(const struct registry *r, const struct envelope *e)
{
    const struct vm *vm = model_vm(r->model, e->subject_instance);
    return vm != NULL && vm_generation(vm) == e->subject_generation ? vm : NULL;
}

static void operate(struct registry *r, struct out *out, const struct envelope *e, enum operation operation,
                    const char *method, struct span value)
{
    struct envelope own = *e;
    struct request request = request_of(e);
    struct operate m = {.operation = (uint32_t)operation,
                        .target = e->subject_instance,
                        .generation = e->subject_generation,
                        .value = value};
    struct fault why;
    if (speaker(r, e) == NULL) {
        fault_set(&why, ERR_VM_NOT_FOUND, "No such domain: it is being removed");
        reply_error(out, &request, -ERR_VM_NOT_FOUND, &why);
        return;
    }
    own.caller = e->subject_instance; /* whatever it says: nobody else speaks through a guest's process */
    (void)text_copy(m.method, sizeof m.method, span_of(method));
    operate_begin(r, out, &own, &m);
}

static int read_words(const struct guest_words *m, struct text *lines, struct fault *why)
{
    struct reader in = list_reader(&m->words);
    struct guest_word word;
    int r = 0;
    while (r == 0 && guest_word_next(&in, &word) == 1) {
        r = guest_word_check(span_of(word.key), span_of(word.value), why);
        text_format(lines, "%s=%s\n", word.key, word.value);
    }
    if (r == 0 && lines->failed < 0)
        r = fault_set(why, ERR_PROTOCOL, "a guest may request features in %d bytes", GUEST_WORDS_BYTES);
    return r;
}

void guest_said_words(struct registry *r, struct out *out, const struct envelope *e,
                      const struct guest_words *m)
{
    AUTO_TEXT lines = TEXT_WITH_LIMIT(GUEST_WORDS_BYTES);
    struct request request = request_of(e);
    struct fault why;
    int bad = read_words(m, &lines, &why);
    if (bad < 0)
        reply_error(out, &request, bad, &why);
    else
        operate(r, out, e, OPERATION_features_request,
                m->what == GUEST_FEATURES ? "qubes.FeaturesRequest" : "qubes.NotifyTools",
                (struct span){lines.at != NULL ? lines.at : "", lines.len});
}

void guest_said_count(struct registry *r, struct out *out, const struct envelope *e,
                      const struct guest_count *m)
{
    AUTO_TEXT digits = TEXT_WITH_LIMIT(32);
    text_format(&digits, "%" PRIu64, m->count);
    operate(r, out, e, OPERATION_updates_notice, "qubes.NotifyUpdates", text_span(&digits));
}

void guest_said_changed(struct registry *r, struct out *out, const struct envelope *e,
                        const struct guest_changed *m)
{
    AUTO_PLAN plan = {0};
    struct fault why;
    struct context about = context_of(e);
    const struct vm *vm = speaker(r, e);
    if (vm != NULL &&
        plan_qdb_change(&r->known, vm_qid(vm), span_of(m->watch), span_of(m->path), &plan, &why) == 0)
        publish_early(r, out, &about, &plan, plan.events);
}
