/* SPDX-License-Identifier: MIT
 * Every row of every mailbox, made from the rows themselves: what they allow goes around, what
 * they do not allow is refused. */
#include "proto/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <msgpack.h>

#include "base/err.h"
#include "base/own.h"
#include "proto/print.h"
#include "proto/rules.h"

/* How a body is written: all fields at their lower or upper bounds; one field, `which`, beyond. */
enum how { LOW, HIGH, BELOW, ABOVE };
struct recipe {
    enum how how;
    int which;       /* the field that is out of bounds; -1: none */
    int more_fields; /* than the row has */
};
static const struct recipe low = {LOW, -1, 0}, high = {HIGH, -1, 0};

enum { LONGEST = 1 << 17, BODY_LIMIT = 64 << 20 };
static char letters[LONGEST];

static bool beyond(const struct recipe *r, int field, enum how how)
{
    return r->which == field && r->how == how;
}

/* True when there is a value out there. */
static bool put_number(struct text *out, const struct recipe *r, int field, uint64_t lo, uint64_t hi)
{
    bool below = beyond(r, field, BELOW), above = beyond(r, field, ABOVE);
    write_unsigned(out, below ? lo - 1 : above ? hi + 1 : r->how == HIGH ? hi : lo);
    return (!below || lo > 0) && (!above || hi < UINT64_MAX);
}

static bool put_letters(struct text *out, const struct recipe *r, int field, size_t lo, size_t hi, bool bin)
{
    bool below = beyond(r, field, BELOW), above = beyond(r, field, ABOVE);
    if (below && lo == 0)
        return false;
    size_t len = below ? lo - 1 : above ? hi + 1 : r->how == HIGH ? hi : lo;
    assert_true(len < LONGEST);
    struct span s = {letters, len};
    if (bin) {
        write_bytes(out, s);
        return true;
    }
    letters[len] = '\0';
    write_text(out, letters);
    letters[len] = 'x';
    return true;
}

/* The count of a list that is too long is enough: it is refused before its elements are looked at. */
static uint32_t put_count(struct text *out, const struct recipe *r, int field, uint32_t hi)
{
    uint32_t elements = r->which < 0;
    if (r->how == HIGH)
        elements = hi < 2 ? hi : 2;
    write_array(out, beyond(r, field, ABOVE) ? hi + 1 : elements);
    return elements;
}

#define U32(f, lo, hi) exists &= put_number(out, r, i++, lo, hi);
#define U64(f, lo, hi) exists &= put_number(out, r, i++, lo, hi);
#define STR(f, lo, hi) exists &= put_letters(out, r, i++, lo, hi, false);
#define BYTES(f, hi)   exists &= put_letters(out, r, i++, 0, hi, true);
#define ONE(f, rec)                                                                                          \
    {                                                                                                        \
        i++;                                                                                                 \
        exists &= r->how < BELOW && raw_##rec(out, r->how == HIGH ? &high : &low);                           \
    }
#define NOTHING ;
#define LIST(f, rec, hi)                                                                                     \
    exists &= !beyond(r, i, BELOW);                                                                          \
    for (uint32_t n = put_count(out, r, i++, hi); n > 0; n--)                                                \
        raw_##rec(out, r->how == HIGH ? &high : &low);
#define RAW(name, fields)                                                                                    \
    static bool raw_##name(struct text *out, const struct recipe *r)                                         \
    {                                                                                                        \
        bool exists = true;                                                                                  \
        int i = 0;                                                                                           \
        AUTO_TEXT rest = TEXT_WITH_LIMIT(BODY_LIMIT);                                                        \
        struct text *whole = out;                                                                            \
        out = &rest;                                                                                         \
        fields write_array(whole, (uint32_t)(i + r->more_fields));                                           \
        text_append(whole, text_span(&rest));                                                                \
        return exists && (r->which < i);                                                                     \
    }
#define REC(name, fields) RAW(name, fields)
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    RAW(name, fields)                                                                                        \
    RAW(name##_reply, reply)
#include "proto/mailboxes.def"
#include "proto/no_fields.h"

#define AGAIN(name)                                                                                          \
    static int again_##name(struct span body, struct text *out)                                              \
    {                                                                                                        \
        static struct name m;                                                                                \
        int r = name##_decode(&m, body);                                                                     \
        if (r == 0)                                                                                          \
            name##_encode(out, &m);                                                                          \
        return r;                                                                                            \
    }
#define REC(name, fields) AGAIN(name)
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply) AGAIN(name) AGAIN(name##_reply)
#include "proto/mailboxes.def"

static const struct codec {
    const char *name;
    bool (*raw)(struct text *out, const struct recipe *r);
    int (*again)(struct span body, struct text *out);
} codecs[] = {
#define REC(name, fields) {#name, raw_##name, again_##name},
#include "proto/record.def"
#define MSG_ROW(to, name, id, class, from, about, wake, fields, reply)                                       \
    {#name, raw_##name, again_##name}, {#name "_reply", raw_##name##_reply, again_##name##_reply},
#include "proto/mailboxes.def"
};

static void goes_around(const struct codec *c, const struct recipe *r)
{
    AUTO_TEXT raw = TEXT_WITH_LIMIT(BODY_LIMIT);
    AUTO_TEXT again = TEXT_WITH_LIMIT(BODY_LIMIT);
    assert_true(c->raw(&raw, r));
    assert_int_equal(c->again(text_span(&raw), &again), 0);
    assert_int_equal(again.failed, 0);
    assert_int_equal(raw.len, again.len);
    assert_memory_equal(raw.at, again.at, raw.len);
}

static void every_row_is_decoded_as_it_was_encoded_at_both_ends_of_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++) {
        goes_around(&codecs[i], &low);
        goes_around(&codecs[i], &high);
    }
}

static void one_beyond_a_bound_is_refused_in_every_field(void **state)
{
    (void)state;
    int refused = 0;
    for (size_t i = 0; i < COUNT(codecs); i++)
        for (int field = 0; field < 32; field++)
            for (enum how how = BELOW; how <= ABOVE; how++) {
                AUTO_TEXT raw = TEXT_WITH_LIMIT(BODY_LIMIT);
                AUTO_TEXT again = TEXT_WITH_LIMIT(BODY_LIMIT);
                if (!codecs[i].raw(&raw, &(struct recipe){how, field, 0}))
                    continue;
                assert_int_equal(codecs[i].again(text_span(&raw), &again), -ERR_RANGE);
                refused++;
            }
    assert_true(refused > 50);
}

static void what_a_receiver_would_refuse_is_refused_at_its_origin(void **state)
{
    (void)state;
    AUTO_TEXT out = TEXT_WITH_LIMIT(BODY_LIMIT);
    error_encode(&out, &(struct error){.code = 256});
    assert_int_equal(out.failed, -ERR_RANGE);
    text_clear(&out);
    facts_encode(&out, &(struct facts){.facts = {.count = 65}});
    assert_int_equal(out.failed, -ERR_RANGE);
    text_clear(&out);
    prepare_encode(&out, &(struct prepare){.was = "a"});
    assert_int_equal(out.failed, -ERR_RANGE);
}

static void a_body_cut_at_any_byte_is_refused_and_so_is_one_byte_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++) {
        AUTO_TEXT raw = TEXT_WITH_LIMIT(BODY_LIMIT);
        AUTO_TEXT again = TEXT_WITH_LIMIT(BODY_LIMIT);
        codecs[i].raw(&raw, &low);
        for (size_t len = 0; len < raw.len; len++)
            assert_true(codecs[i].again((struct span){raw.at, len}, &again) < 0);
        text_byte(&raw, '\0');
        assert_int_equal(codecs[i].again(text_span(&raw), &again), -ERR_BAD);
        assert_int_equal(again.len, 0);
    }
}

static void a_wrong_count_of_fields_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++)
        for (int more = -1; more <= 1; more++) {
            AUTO_TEXT raw = TEXT_WITH_LIMIT(BODY_LIMIT);
            AUTO_TEXT again = TEXT_WITH_LIMIT(BODY_LIMIT);
            codecs[i].raw(&raw, &low);
            if (more == 0 || (more < 0 && raw.len == 1))
                continue;
            text_clear(&raw);
            codecs[i].raw(&raw, &(struct recipe){LOW, -1, more});
            assert_true(codecs[i].again(text_span(&raw), &again) < 0);
        }
}

static void msgpack_c_unpacks_every_row_to_its_last_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++) {
        AUTO_TEXT raw = TEXT_WITH_LIMIT(BODY_LIMIT);
        AUTO_TEXT ours = TEXT_WITH_LIMIT(BODY_LIMIT);
        size_t at = 0;
        msgpack_unpacked got;
        msgpack_unpacked_init(&got);
        codecs[i].raw(&raw, &high);
        assert_int_equal(codecs[i].again(text_span(&raw), &ours), 0);
        assert_int_equal(msgpack_unpack_next(&got, ours.at, ours.len, &at), MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(at, ours.len);
        assert_int_equal(got.data.type, MSGPACK_OBJECT_ARRAY);
        /* And packed again by msgpack-c alone, from what it understood, it is read by us. */
        msgpack_sbuffer theirs;
        msgpack_packer p;
        msgpack_sbuffer_init(&theirs);
        msgpack_packer_init(&p, &theirs, msgpack_sbuffer_write);
        msgpack_pack_object(&p, got.data);
        text_clear(&ours);
        assert_int_equal(codecs[i].again((struct span){theirs.data, theirs.size}, &ours), 0);
        msgpack_sbuffer_destroy(&theirs);
        msgpack_unpacked_destroy(&got);
    }
}

static void no_two_messages_share_an_id_or_a_name(void **state)
{
    (void)state;
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(message_rule(rules[i].type), &rules[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rules[i].name, rules[j].name);
    }
    assert_null(message_rule(0xffff));
}

static void only_a_request_has_an_answer_and_only_an_event_is_for_all(void **state)
{
    (void)state;
    size_t count;
    const struct message_rule *rules = message_rules(&count);
    for (size_t i = 0; i < count; i++) {
        struct envelope e = {
            .version = 1, .type = rules[i].type, .class = rules[i].class, .part = 1, .parts = 1};
        for (int from = 0; from < KINDS; from++)
            for (e.to_kind = 0; e.to_kind < KINDS; e.to_kind++) {
                struct address source = {(uint8_t)from, 0};
                e.subject_kind = KIND_VM;
                e.to_instance = 0;
                bool rows_allow = (rules[i].from & 1u << from) != 0 && (rules[i].to & 1u << e.to_kind) != 0;
                assert_int_equal(envelope_kinds_fit(&e, source), rows_allow);
                if (!rows_allow)
                    assert_int_equal(envelope_permitted(&e, source), -ERR_REFUSED);
                e.to_instance = EVERY_INSTANCE;
                if (rules[i].class == CLASS_REQUEST)
                    assert_int_equal(envelope_permitted(&e, source), -ERR_REFUSED);
                e.class = CLASS_REPLY;
                e.to_instance = 0;
                if (rules[i].class != CLASS_REQUEST && rules[i].type != MESSAGE_error)
                    assert_int_equal(envelope_permitted(&e, source), -ERR_REFUSED);
                e.class = rules[i].class;
            }
    }
}

static void who_ends_when_idle_may_say_goodbye_and_nobody_else(void **state)
{
    (void)state;
    const struct message_rule *row = message_rule(MESSAGE_retire);
    assert_non_null(row);
    for (unsigned kind = 0; kind < KINDS; kind++)
        assert_int_equal((row->from & 1u << kind) != 0, kind_rests(kind));
}

static void a_trace_shows_a_body_as_json_and_nothing_of_a_bad_one(void **state)
{
    (void)state;
    AUTO_TEXT body = TEXT_WITH_LIMIT(4096);
    AUTO_TEXT shown = TEXT_WITH_LIMIT(4096);
    struct envelope e = {.type = MESSAGE_prepare, .class = CLASS_REQUEST};
    prepare_encode(&body, &(struct prepare){.property = "netvm", .was = "a\"\n", .becomes = ""});
    e.body = text_span(&body);
    assert_int_equal(print_body(&shown, &e), 0);
    assert_string_equal(shown.at,
                        "{\"property\":\"netvm\",\"was\":\"a\\\"\\u000a\",\"becomes\":\"\",\"paused\":0}");
    text_clear(&shown);
    e.body.len--;
    assert_int_equal(print_body(&shown, &e), -ERR_BAD);
    e.type = 0xffff;
    assert_int_equal(print_body(&shown, &e), -ERR_UNKNOWN);
    assert_int_equal(shown.len, 0);
}

int main(void)
{
    memset(letters, 'x', sizeof letters);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_decoded_as_it_was_encoded_at_both_ends_of_its_bounds),
        cmocka_unit_test(one_beyond_a_bound_is_refused_in_every_field),
        cmocka_unit_test(what_a_receiver_would_refuse_is_refused_at_its_origin),
        cmocka_unit_test(a_body_cut_at_any_byte_is_refused_and_so_is_one_byte_more),
        cmocka_unit_test(a_wrong_count_of_fields_is_refused),
        cmocka_unit_test(msgpack_c_unpacks_every_row_to_its_last_byte),
        cmocka_unit_test(no_two_messages_share_an_id_or_a_name),
        cmocka_unit_test(only_a_request_has_an_answer_and_only_an_event_is_for_all),
        cmocka_unit_test(who_ends_when_idle_may_say_goodbye_and_nobody_else),
        cmocka_unit_test(a_trace_shows_a_body_as_json_and_nothing_of_a_bad_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
