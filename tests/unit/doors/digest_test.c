/* SPDX-License-Identifier: MIT
 * The digest is SHA-256. */
#include "doors/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void the_published_examples_come_out(void **state)
{
    (void)state;
    char text[DIGEST_TEXT];
    digest_sha256(SPAN_LITERAL("abc"), text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256((struct span){NULL, 0}, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_published_examples_come_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
