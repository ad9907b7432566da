/* SPDX-License-Identifier: MIT
 * The note of vm/<qid>; see vm_note.h. */
#include "actors/vm/vm_note.h"

#include <inttypes.h>

#include "actors/vm/vm.h"

static const char *const step_names[] = {
#define STEP(name, text, meaning) text,
#include "actors/vm/vm_step.def"
};

const char *vm_step_name(enum vm_step step)
{
    return step < STEPS ? step_names[step] : "unknown";
}

static bool says_nothing(const struct vm_note *n)
{
    return n->step == STEP_NONE && !n->abandoned && !n->unwanted;
}

void vm_note_write(struct text *out, const struct vm_note *n)
{
    if (says_nothing(n))
        return;
    text_format(out,
                "step=%s bare=%d qrexec=%d created=%d abandoned=%d unwanted=%d domid=%" PRIu32
                " started=%" PRIu64 " seq=%" PRIu64 " op=%" PRIu64 " op2=%" PRIu64 " caller=%" PRIu32
                " host=%" PRIu32,
                vm_step_name(n->step), n->bare, n->qrexec, n->created, n->abandoned, n->unwanted, n->domid,
                n->started, n->seq, n->op.high, n->op.low, n->caller, n->host);
    if (n->settles != 0) { /* of a start; the rest is of a life: there is not room for all */
        text_format(out, " settles=%" PRIu64, n->settles);
        return;
    }
    if (n->wishes != 0)
        text_format(out, " wishes=%" PRIu32, n->wishes);
    if (n->own != 0)
        text_format(out, " own=%" PRIu32, n->own);
    if (n->boots)
        text_add(out, " boots=1");
    if (n->tells)
        text_add(out, " tells=1");
}

static int read_step(struct span value, enum vm_step *step)
{
    for (int i = 0; i < STEPS; i++) {
        if (span_is(value, step_names[i])) {
            *step = (enum vm_step)i;
            return 0;
        }
    }
    return -ERR_BAD;
}

/* Numbers by name; a word that nobody knows is of a later program, and not for us to guess. */
static int read_word(struct span key, struct span value, struct vm_note *n)
{
    uint64_t number, most = UINT64_MAX;
    if (span_is(key, "step"))
        return read_step(value, &n->step);
    if (text_number(value, 0, most, &number) < 0)
        return -ERR_BAD;
#define WORD(name, field)                                                                                    \
    if (span_is(key, name)) {                                                                                \
        n->field = (__typeof__(n->field))number;                                                             \
        return 0;                                                                                            \
    }
    WORD("created", created)
    WORD("bare", bare)
    WORD("qrexec", qrexec)
    WORD("boots", boots)
    WORD("tells", tells)
    WORD("abandoned", abandoned)
    WORD("unwanted", unwanted)
    WORD("domid", domid)
    WORD("started", started)
    WORD("seq", seq)
    WORD("op", op.high)
    WORD("op2", op.low)
    WORD("caller", caller)
    WORD("host", host)
    WORD("settles", settles)
    WORD("wishes", wishes)
    WORD("own", own)
#undef WORD
    return -ERR_BAD;
}

int vm_note_read(struct span bytes, struct vm_note *note)
{
    struct vm_note n = {0};
    while (bytes.len > 0) {
        struct span rest, value, word = span_split(bytes, ' ', &rest);
        struct span key = span_split(word, '=', &value);
        int r = read_word(key, value, &n);
        if (r < 0)
            return r;
        bytes = rest;
    }
    *note = n;
    return 0;
}

void vm_note_step(struct vm *vm, struct out *out, enum vm_step step)
{
    struct context context = vm_context(vm, out, 0);
    vm->note = (struct vm_note){
        .step = step,
        .op = context.op,
        .caller = context.caller,
        .seq = vm->seq,
        .domid = vm->seen.active ? (uint32_t)vm->seen.domid : 0,
        .started = vm->start_time,
        .created = vm->created,
        .bare = vm->bare,
        .qrexec = vm->qrexec_up,
        .own = step == STEP_PLUGGING || step == STEP_PLUGGED ? vm_device_own(vm->job.plug) : 0,
        .boots = vm->boot.waits && vm->life == VM_STARTING,
    };
    vm_note_again(vm, out);
}

void vm_note_lives(struct vm *vm, struct out *out)
{
    vm_note_step(vm, out, vm->life == VM_STARTING ? STEP_RUNNING : STEP_LIVING);
}

void vm_note_again(struct vm *vm, struct out *out)
{
    AUTO_TEXT bytes = TEXT_WITH_LIMIT(VM_NOTE_MAX);
    vm->note.abandoned = vm->hung > 0 || vm->hung_before;
    vm->note.unwanted = vm->unwanted;
    vm->note.wishes = vm_wishes_left(vm);
    vm->note.tells = vm->devices.tell_owed;
    vm->note.host = vm->host_mark;
    vm_note_write(&bytes, &vm->note);
    out_note(out, text_span(&bytes));
}
