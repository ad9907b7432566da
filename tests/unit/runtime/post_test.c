/* SPDX-License-Identifier: MIT
 * What an answer means to who asked. */
#include "runtime/post.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct answer error_of(struct text *body, uint32_t code, const char *text)
{
    struct error m = {.code = code};
    struct envelope e = {.type = MESSAGE_error, .class = CLASS_REPLY};
    assert_int_equal(text_copy(m.text, sizeof m.text, span_of(text)), 0);
    error_encode(body, &m);
    e.body = text_span(body);
    return answer_of(&e, 7);
}

/* As the router's are, which has a code and no words. */
static void an_error_without_words_says_what_its_code_means(void **state)
{
    static const enum err codes[] = {ERR_GONE, ERR_LATE, ERR_BUSY, ERR_REFUSED, ERR_QUARANTINED};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
        struct answer a = error_of(&body, codes[i], "");
        assert_int_equal(a.r, -(int)codes[i]);
        assert_int_equal(a.why.code, codes[i]);
        assert_true(strlen(a.why.text) > 0);
        assert_string_equal(a.why.text, err_text(codes[i]));
        assert_int_equal(a.tag, 7);
    }
}

static void words_are_passed_on(void **state)
{
    (void)state;
    AUTO_TEXT body = TEXT_WITH_LIMIT(1024);
    struct answer a = error_of(&body, ERR_STORAGE, "the pool is full");
    assert_int_equal(a.r, -ERR_STORAGE);
    assert_string_equal(a.why.text, "the pool is full");
}

static void what_does_not_decode_is_an_error_of_its_own(void **state)
{
    struct envelope e = {.type = MESSAGE_error, .class = CLASS_REPLY, .body = SPAN_LITERAL("x")};
    (void)state;
    struct answer a = answer_of(&e, 7);
    assert_int_equal(a.r, -ERR_BAD);
    assert_string_equal(a.why.text, err_text(ERR_BAD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_without_words_says_what_its_code_means),
        cmocka_unit_test(words_are_passed_on),
        cmocka_unit_test(what_does_not_decode_is_an_error_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
