/* SPDX-License-Identifier: MIT
 * The seven rules of the bus, each without any actor. */
#include "tests/unit/router/route_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct address api = {KIND_API, 0}, api_of_qubes = {KIND_API, 1}, registry = {KIND_REGISTRY, 0},
                            host = {KIND_HOST, 0}, vm7 = {KIND_VM, 7}, vm8 = {KIND_VM, 8},
                            guest7 = {KIND_GUEST, 7};

static struct envelope message(uint16_t type, uint8_t class, struct address to)
{
    return (struct envelope){.version = ENVELOPE_VERSION,
                             .type = type,
                             .class = class,
                             .to_kind = to.kind,
                             .to_instance = to.instance,
                             .part = 1,
                             .parts = 1,
                             .body = SPAN_LITERAL("\x90")};
}

static struct envelope about(struct envelope e, uint32_t qid, uint32_t generation)
{
    e.subject_kind = KIND_VM;
    e.subject_instance = qid;
    e.subject_generation = generation;
    return e;
}

static struct envelope question(uint16_t type, struct address to, uint64_t number)
{
    struct envelope e = about(message(type, CLASS_REQUEST, to), to.instance, 1);
    e.correlation = number;
    e.op_high = 1;
    e.op_low = number;
    e.caller = 3;
    return e;
}

static struct envelope answer_to(const struct envelope *q, struct address asker, uint8_t class)
{
    struct envelope e = *q;
    e.class = class;
    e.to_kind = asker.kind;
    e.to_instance = asker.instance;
    return e;
}

static void say(struct fake *f, struct address who, struct envelope e)
{
    fake_say_as(f, who, who.kind, &e); /* every first incarnation is numbered as its kind */
}

static void live(struct fake *f, struct address who)
{
    fake_live(f, who, 1, who.kind);
}

static const struct deed *last(const struct fake *f)
{
    assert_true(f->delivered.count > 0);
    return &f->delivered.list[f->delivered.count - 1];
}

/* How many deliveries to `who` were answers with this error; ERR_NONE: replies of its own. */
static int answers(const struct fake *f, struct address who, enum err code)
{
    int found = 0;
    for (size_t i = 0; i < f->delivered.count; i++) {
        const struct deed *d = &f->delivered.list[i];
        struct error m = {0};
        if (!address_equal(d->who, who) || d->e.class != CLASS_REPLY)
            continue;
        if (d->e.type == MESSAGE_error)
            assert_int_equal(error_decode(&m, d->e.body), 0);
        found += m.code == code;
    }
    return found;
}

static int all_answers(const struct fake *f, struct address who)
{
    int found = 0;
    for (unsigned code = 0; code < ERR_COUNT; code++)
        found += answers(f, who, code);
    return found;
}

static int heard(const struct fake *f, struct address who, uint16_t type)
{
    int found = 0;
    for (size_t i = 0; i < f->delivered.count; i++)
        found += address_equal(f->delivered.list[i].who, who) && f->delivered.list[i].e.type == type;
    return found;
}

static int begin(void **state)
{
    static struct fake f;
    fake_open(&f);
    *state = &f;
    live(&f, api);
    live(&f, registry);
    live(&f, host);
    return 0;
}

static int end(void **state)
{
    fake_close_all(*state);
    return 0;
}

/* Rule 1 */

static void the_source_is_who_owns_the_socket(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.source_kind = KIND_REGISTRY;
    q.source_instance = 99;
    say(f, api, q);
    assert_true(address_equal(last(f)->who, vm7));
    assert_true(address_equal(envelope_source(&last(f)->e), api));
}

static void an_incarnation_that_is_not_the_living_one_is_not_heard(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    size_t before = f->delivered.count;
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    fake_say_as(f, api, 999, &q);
    fake_say_as(f, (struct address){KIND_DEVBUS_PCI, 0}, 1, &q);
    assert_int_equal(f->delivered.count, before);
    assert_int_equal(route_counts(f->route)->routed, 0);
}

/* Rule 2 */

static void what_no_row_permits_is_refused_and_answered(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, host, question(MESSAGE_vm_start, vm7, 5)); /* host may not */
    say(f, api, question(0x0fff, vm7, 6));            /* no row */
    say(f, api, question(MESSAGE_vm_start, registry, 7));
    assert_int_equal(answers(f, host, ERR_REFUSED), 1);
    assert_int_equal(answers(f, api, ERR_REFUSED), 2);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    assert_int_equal(route_counts(f->route)->refused, 3);
    assert_int_equal(f->accused.count, 0);
}

static void speaking_of_another_vm_ends_the_sender(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, vm7, about(message(MESSAGE_facts, CLASS_EVENT, api), 8, 1));
    say(f, vm7, about(message(MESSAGE_facts, CLASS_EVENT, api), 7, 1)); /* nothing more is heard */
    assert_int_equal(f->accused.count, 1);
    assert_true(address_equal(f->accused.list[0].who, vm7));
    assert_int_equal(f->accused.list[0].incarnation, KIND_VM);
    assert_int_equal(heard(f, api, MESSAGE_facts), 0);
}

static void bytes_that_are_no_envelope_end_the_sender_once(void **state)
{
    struct fake *f = *state;
    static char big[BODY_PART_MAX + 1];
    char garbage[] = "garbage";
    live(f, vm7);
    route_hear(f->route, vm7, KIND_VM, garbage, sizeof garbage, f->now);
    route_hear(f->route, vm7, KIND_VM, garbage, sizeof garbage, f->now);
    assert_int_equal(f->accused.count, 1);
    live(f, vm8);
    struct envelope e = question(MESSAGE_claim, registry, 1);
    e.body = (struct span){big, sizeof big};
    say(f, vm8, e);
    assert_int_equal(f->accused.count, 2);
    assert_int_equal(heard(f, registry, MESSAGE_claim), 0);
}

static void a_call_from_a_qube_is_never_from_dom0_and_traces_nothing(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    fake_live(f, api_of_qubes, 0, KIND_API);
    struct envelope q = question(MESSAGE_vm_kill, vm7, 5),
                    t = message(MESSAGE_trace, CLASS_EVENT, (struct address){0});
    q.caller = 0;
    t.correlation = 1;
    say(f, api_of_qubes, q);
    say(f, api_of_qubes, t);
    assert_int_equal(answers(f, api_of_qubes, ERR_REFUSED), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_kill), 0);
    struct envelope s = question(MESSAGE_snapshot, registry, 6);
    s.caller = 0;
    say(f, api_of_qubes, s);
    assert_int_equal(heard(f, registry, MESSAGE_snapshot), 1);
    assert_int_equal(heard(f, api_of_qubes, MESSAGE_traced), 0);
}

/* Rule 3 */

static void vm_exists(struct fake *f, uint16_t type, uint32_t qid, uint32_t generation)
{
    say(f, registry, about(message(type, CLASS_EVENT, (struct address){KIND_ROUTER, 0}), qid, generation));
}

static void the_generation_of_a_removed_vm_is_refused(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    vm_exists(f, MESSAGE_removed, 7, 1);
    vm_exists(f, MESSAGE_exists, 7, 2);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    assert_int_equal(answers(f, api, ERR_REFUSED), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    struct envelope fresh = about(question(MESSAGE_vm_start, vm7, 6), 7, 2);
    say(f, api, fresh);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
}

static void an_unknown_vm_is_refused_once_registry_has_named_all(void **state)
{
    struct fake *f = *state;
    say(f, api, question(MESSAGE_vm_start, vm8, 5));
    assert_int_equal(f->woken.count, 1);
    say(f, registry, message(MESSAGE_exists, CLASS_EVENT, (struct address){KIND_ROUTER, 0}));
    say(f, api, question(MESSAGE_vm_start, vm7, 6));
    assert_int_equal(f->woken.count, 1);
    assert_int_equal(answers(f, api, ERR_REFUSED), 1);
}

static void what_waits_for_a_removed_vm_never_reaches_the_next_with_its_qid(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    vm_exists(f, MESSAGE_removed, 7, 1);
    assert_int_equal(answers(f, api, ERR_GONE), 1);
    vm_exists(f, MESSAGE_exists, 7, 2);
    fake_live(f, vm7, 2, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    assert_int_equal(heard(f, vm7, MESSAGE_hello), 1);
}

static void the_last_answer_of_a_vm_that_is_removed_arrives(void **state)
{
    struct fake *f = *state;
    vm_exists(f, MESSAGE_exists, 7, 1);
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_kill, vm7, 5);
    say(f, api, q);
    vm_exists(f, MESSAGE_removed, 7, 1);
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    assert_int_equal(answers(f, api, ERR_NONE), 1);
    assert_int_equal(all_answers(f, api), 1);
}

static void waking_is_bounded_per_sender_and_grows_back(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    for (uint32_t i = 0; i < ROUTE_WAKES_AT_ONCE + 5; i++)
        say(f, vm7, question(MESSAGE_vm_start, (struct address){KIND_VM, 100 + i}, 1 + i));
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE);
    assert_int_equal(answers(f, vm7, ERR_BUSY), 5);
    say(f, api,
        question(MESSAGE_vm_start, (struct address){KIND_VM, 999}, 1)); /* another sender has its own */
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 1);
    f->now += UINT64_C(1000000000);
    say(f, vm7, question(MESSAGE_vm_start, (struct address){KIND_VM, 500}, 900));
    assert_int_equal(f->woken.count, ROUTE_WAKES_AT_ONCE + 2);
}

/* Rule 4 */

static void a_question_gets_its_answer_and_no_second_one(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    say(f, api, q);
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTARTS, f->now);
    f->now += UINT64_C(1000000000000);
    assert_int_equal(route_due(f->route, f->now), 0);
    assert_int_equal(all_answers(f, api), 1);
    assert_int_equal(answers(f, api, ERR_NONE), 1);
    assert_int_equal(route_counts(f->route)->dropped, 1);
}

static void a_receiver_that_dies_is_answered_for(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTARTS, f->now);
    assert_int_equal(answers(f, api, ERR_GONE), 1);
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1); /* it was heard once, by the one that died */
}

static void a_question_that_was_not_delivered_waits_for_the_next_incarnation(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    say(f, api, q);
    f->full = 0;
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTARTS, f->now);
    assert_int_equal(all_answers(f, api), 0);
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
    fake_say_as(f, vm7, 50, &(struct envelope){0});
    struct envelope a = answer_to(&q, api, CLASS_REPLY);
    fake_live(f, vm8, 1, KIND_VM);
    say(f, vm8, a); /* another cannot answer in its place */
    assert_int_equal(all_answers(f, api), 0);
}

static void a_deadline_that_passes_is_answered_late_and_the_late_answer_is_dropped(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.deadline = f->now + 1000;
    say(f, api, q);
    assert_int_equal(route_due(f->route, f->now), q.deadline);
    route_due(f->route, q.deadline);
    assert_int_equal(answers(f, api, ERR_LATE), 1);
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    assert_int_equal(all_answers(f, api), 1);
}

static void what_is_late_before_it_was_delivered_is_not_begun(void **state)
{
    struct fake *f = *state;
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.deadline = f->now + 1000;
    say(f, api, q);
    route_due(f->route, q.deadline);
    assert_int_equal(answers(f, api, ERR_LATE), 1);
    live(f, vm7);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTS, f->now);
    say(f, api, question(MESSAGE_vm_start, vm7, 6)); /* and the wake can be tried again */
    assert_int_equal(f->woken.count, 2);
}

static void progress_extends_the_deadline_and_is_no_answer(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    q.deadline = f->now + 1000;
    say(f, api, q);
    struct envelope p = answer_to(&q, api, CLASS_PROGRESS);
    p.deadline = f->now + 5000;
    say(f, vm7, p);
    assert_int_equal(last(f)->e.class, CLASS_PROGRESS);
    route_due(f->route, f->now + 4000);
    assert_int_equal(all_answers(f, api), 0);
    route_due(f->route, f->now + 5000);
    assert_int_equal(answers(f, api, ERR_LATE), 1);
}

static void a_cancel_goes_where_its_question_went(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    live(f, vm8);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5), c = q;
    c.class = CLASS_CANCEL;
    say(f, api, c); /* of nothing */
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    say(f, api, q);
    say(f, api, c);
    assert_int_equal(last(f)->e.class, CLASS_CANCEL);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 2);
    assert_int_equal(all_answers(f, api), 0); /* the actor answers */
}

static void a_late_answer_to_an_earlier_incarnation_meets_no_question_of_the_next(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope old = question(MESSAGE_vm_start, vm7, 5), fresh = question(MESSAGE_vm_kill, vm7, 5);
    say(f, api, old);
    route_ended(f->route, api, KIND_API, ENDING_RESTARTS, f->now);
    fake_live(f, api, 0, 90);
    fake_say_as(f, api, 90, &fresh);
    say(f, vm7, answer_to(&old, api, CLASS_REPLY));
    assert_int_equal(all_answers(f, api), 0);
    say(f, vm7, answer_to(&fresh, api, CLASS_REPLY));
    assert_int_equal(answers(f, api, ERR_NONE), 1);
}

static void one_who_rests_is_gone_for_what_does_not_wake_it(void **state)
{
    struct fake *f = *state;
    struct envelope q = question(MESSAGE_prepare, vm7, 5);
    say(f, registry, q);
    assert_int_equal(answers(f, registry, ERR_GONE), 1);
    assert_int_equal(f->woken.count, 0);
}

/* Rule 5 */

static void a_full_mailbox_answers_busy_and_an_answer_always_finds_room(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    for (uint64_t i = 1; i <= ROUTE_BOX_MESSAGES + 3; i++)
        say(f, api, question(MESSAGE_vm_start, vm7, i));
    assert_int_equal(answers(f, api, ERR_BUSY), 3);
    uint64_t sent, waiting;
    assert_true(route_depth(f->route, vm7, &sent, &waiting));
    assert_int_equal(waiting, ROUTE_BOX_MESSAGES);
    struct envelope q = question(MESSAGE_claim, registry, 1);
    q = about(q, 7, 1);
    say(f, vm7, q);
    say(f, registry, answer_to(&q, vm7, CLASS_REPLY));
    f->full = 0;
    route_writable(f->route, vm7);
    assert_int_equal(all_answers(f, vm7), 1);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), ROUTE_BOX_MESSAGES);
}

static void a_long_question_is_asked_once_and_refused_once(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_operate, registry, 5);
    q.parts = 3;
    for (q.part = 1; q.part <= 3; q.part++)
        say(f, api, q);
    assert_int_equal(heard(f, registry, MESSAGE_operate), 3);
    struct envelope stray = question(MESSAGE_operate, registry, 6);
    stray.part = 2;
    stray.parts = 3;
    say(f, api, stray);
    assert_int_equal(heard(f, registry, MESSAGE_operate), 3);
    q.part = q.parts = 1;
    struct envelope a = answer_to(&q, api, CLASS_REPLY);
    a.parts = 2;
    say(f, registry, a);
    a.part = 2;
    say(f, registry, a);
    assert_int_equal(answers(f, api, ERR_NONE), 2); /* two parts */
    say(f, registry, a);
    assert_int_equal(route_counts(f->route)->dropped, 1);
}

static void a_part_that_finds_no_room_ends_the_whole_question(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    for (uint64_t i = 1; i < ROUTE_BOX_MESSAGES; i++)
        say(f, api, question(MESSAGE_vm_start, vm7, i));
    struct envelope q = question(MESSAGE_vm_start, vm7, 5000);
    q.parts = 2;
    say(f, api, q);
    q.part = 2;
    say(f, api, q);
    assert_int_equal(answers(f, api, ERR_BUSY), 1);
    f->full = 0;
    route_writable(f->route, vm7);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), ROUTE_BOX_MESSAGES - 1);
    assert_int_equal(all_answers(f, api), 1);
}

/* Rule 6 */

static struct envelope happened(uint32_t qid)
{
    struct envelope e = about(message(MESSAGE_happened, CLASS_EVENT, api), qid, 1);
    e.to_instance = EVERY_INSTANCE;
    return e;
}

static void events_are_numbered_and_a_restarted_api_gets_what_it_missed(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    for (int i = 0; i < 4; i++)
        say(f, vm7, happened(7));
    assert_int_equal(last(f)->e.number, 4);
    struct envelope seen = message(MESSAGE_events_seen, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    seen.number = 2;
    say(f, api, seen);
    route_ended(f->route, api, KIND_API, ENDING_RESTARTS, f->now);
    say(f, vm7, happened(7));
    fake_forget(&f->delivered);
    fake_live(f, api, 0, 90);
    assert_int_equal(f->delivered.count, 4); /* hello, 3, 4, 5 */
    struct hello m;
    assert_int_equal(hello_decode(&m, f->delivered.list[0].e.body), 0);
    assert_int_equal(m.epoch, 77);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(f->delivered.list[i].e.number, i + 2);
}

static void an_event_for_one_api_is_not_replayed_to_the_other(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope e = happened(7);
    e.to_instance = 0;
    say(f, vm7, e);
    fake_live(f, api_of_qubes, 0, 91);
    assert_int_equal(heard(f, api_of_qubes, MESSAGE_happened), 0);
    assert_int_equal(heard(f, api_of_qubes, MESSAGE_hello), 1);
}

static void an_event_sent_before_a_reply_arrives_before_it(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope q = question(MESSAGE_vm_start, vm7, 5);
    say(f, api, q);
    f->full = BY_API;
    fake_forget(&f->delivered);
    say(f, vm7, happened(7));
    say(f, vm7, answer_to(&q, api, CLASS_REPLY));
    f->full = 0;
    route_writable(f->route, api);
    assert_int_equal(f->delivered.count, 2);
    const struct deed *delivered = f->delivered.list;
    assert_non_null(delivered);
    assert_true(delivered != NULL && delivered[0].e.type == MESSAGE_happened);
    assert_true(delivered != NULL && delivered[1].e.class == CLASS_REPLY);
}

static void hello_says_which_delta_was_taken_last(void **state)
{
    struct fake *f = *state;
    struct envelope e = message(MESSAGE_delta, CLASS_EVENT, api);
    e.to_instance = EVERY_INSTANCE;
    e.correlation = 41;
    e.parts = 2;
    say(f, registry, e);
    struct hello m;
    route_ended(f->route, registry, KIND_REGISTRY, ENDING_RESTARTS, f->now);
    fake_live(f, registry, 0, 60);
    assert_int_equal(hello_decode(&m, last(f)->e.body), 0);
    assert_int_equal(m.last_correlation, 0); /* half of it is not it */
    fake_say_as(f, registry, 60, &e);
    e.part = 2;
    fake_say_as(f, registry, 60, &e);
    route_ended(f->route, registry, 60, ENDING_RESTARTS, f->now);
    fake_live(f, registry, 0, 61);
    assert_int_equal(hello_decode(&m, last(f)->e.body), 0);
    assert_int_equal(m.last_correlation, 41);
}

static void a_traced_operation_is_copied_and_no_other(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    struct envelope t = message(MESSAGE_trace, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    t.correlation = 1;
    t.op_high = 1;
    t.op_low = 5;
    say(f, api, t);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    say(f, api, question(MESSAGE_vm_start, vm7, 6));
    assert_int_equal(heard(f, api, MESSAGE_traced), 1);
    t.correlation = 0;
    say(f, api, t);
    struct envelope again = question(MESSAGE_vm_start, vm7, 7);
    again.op_low = 5;
    say(f, api, again);
    assert_int_equal(heard(f, api, MESSAGE_traced), 1);
}

/* Retiring */

static void retire(struct fake *f, struct address who, uint64_t heard_so_far)
{
    struct envelope e = message(MESSAGE_retire, CLASS_EVENT, (struct address){KIND_ROUTER, 0});
    e.number = heard_so_far;
    say(f, who, e);
}

static void a_goodbye_is_accepted_only_when_all_was_heard(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    retire(f, vm7, 1); /* hello; the question is on its way */
    assert_int_equal(f->closed.count, 0);
    retire(f, vm7, 2);
    assert_int_equal(f->closed.count, 1);
}

static void what_comes_after_a_goodbye_wakes_the_next_incarnation(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    retire(f, vm7, 1);
    assert_int_equal(f->closed.count, 1);
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    assert_int_equal(f->woken.count, 1);
    route_ended(f->route, vm7, KIND_VM, ENDING_RESTS, f->now);
    assert_int_equal(all_answers(f, api), 0);
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
    assert_int_equal(last(f)->incarnation, 50);
}

/* Rule 7 */

static void one_in_quarantine_is_answered_for_until_it_is_started_again(void **state)
{
    struct fake *f = *state;
    live(f, vm7);
    f->full = BY_VM;
    say(f, api, question(MESSAGE_vm_start, vm7, 5));
    route_ended(f->route, vm7, KIND_VM, ENDING_QUARANTINED, f->now);
    say(f, api, question(MESSAGE_vm_start, vm7, 6));
    assert_int_equal(answers(f, api, ERR_QUARANTINED), 2);
    assert_int_equal(f->woken.count, 0);
    f->full = 0;
    fake_live(f, vm7, 1, 50);
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 0);
    say(f, api, question(MESSAGE_vm_start, vm7, 7));
    assert_int_equal(heard(f, vm7, MESSAGE_vm_start), 1);
}

static void a_guest_process_speaks_of_its_own_vm_only(void **state)
{
    struct fake *f = *state;
    live(f, guest7);
    struct envelope q = question(MESSAGE_guest_open, guest7, 5);
    live(f, vm7);
    say(f, vm7, q);
    assert_int_equal(heard(f, guest7, MESSAGE_guest_open), 1);
    live(f, vm8);
    fake_say_as(f, vm8, KIND_VM, &q);
    assert_int_equal(heard(f, guest7, MESSAGE_guest_open), 2);
}

#define WITH_ROUTER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROUTER(the_source_is_who_owns_the_socket),
        WITH_ROUTER(an_incarnation_that_is_not_the_living_one_is_not_heard),
        WITH_ROUTER(what_no_row_permits_is_refused_and_answered),
        WITH_ROUTER(speaking_of_another_vm_ends_the_sender),
        WITH_ROUTER(bytes_that_are_no_envelope_end_the_sender_once),
        WITH_ROUTER(a_call_from_a_qube_is_never_from_dom0_and_traces_nothing),
        WITH_ROUTER(the_generation_of_a_removed_vm_is_refused),
        WITH_ROUTER(an_unknown_vm_is_refused_once_registry_has_named_all),
        WITH_ROUTER(what_waits_for_a_removed_vm_never_reaches_the_next_with_its_qid),
        WITH_ROUTER(the_last_answer_of_a_vm_that_is_removed_arrives),
        WITH_ROUTER(waking_is_bounded_per_sender_and_grows_back),
        WITH_ROUTER(a_question_gets_its_answer_and_no_second_one),
        WITH_ROUTER(a_receiver_that_dies_is_answered_for),
        WITH_ROUTER(a_question_that_was_not_delivered_waits_for_the_next_incarnation),
        WITH_ROUTER(a_deadline_that_passes_is_answered_late_and_the_late_answer_is_dropped),
        WITH_ROUTER(what_is_late_before_it_was_delivered_is_not_begun),
        WITH_ROUTER(progress_extends_the_deadline_and_is_no_answer),
        WITH_ROUTER(a_cancel_goes_where_its_question_went),
        WITH_ROUTER(a_late_answer_to_an_earlier_incarnation_meets_no_question_of_the_next),
        WITH_ROUTER(one_who_rests_is_gone_for_what_does_not_wake_it),
        WITH_ROUTER(a_full_mailbox_answers_busy_and_an_answer_always_finds_room),
        WITH_ROUTER(a_long_question_is_asked_once_and_refused_once),
        WITH_ROUTER(a_part_that_finds_no_room_ends_the_whole_question),
        WITH_ROUTER(events_are_numbered_and_a_restarted_api_gets_what_it_missed),
        WITH_ROUTER(an_event_for_one_api_is_not_replayed_to_the_other),
        WITH_ROUTER(an_event_sent_before_a_reply_arrives_before_it),
        WITH_ROUTER(hello_says_which_delta_was_taken_last),
        WITH_ROUTER(a_traced_operation_is_copied_and_no_other),
        WITH_ROUTER(a_goodbye_is_accepted_only_when_all_was_heard),
        WITH_ROUTER(what_comes_after_a_goodbye_wakes_the_next_incarnation),
        WITH_ROUTER(one_in_quarantine_is_answered_for_until_it_is_started_again),
        WITH_ROUTER(a_guest_process_speaks_of_its_own_vm_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
