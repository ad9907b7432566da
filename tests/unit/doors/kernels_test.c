/* SPDX-License-Identifier: MIT
 * The kernel pool's directory is read once, and again when it has changed. */
#include "doors/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void kernels_and_their_texts_are_known_and_followed(void **state)
{
    char pool[] = "/tmp/api-kernels-test.XXXXXX", path[256];
    (void)state;
    assert_non_null(mkdtemp(pool));
    struct kernels *k = kernels_new(pool);
    assert_non_null(k);
    assert_int_equal(kernels_state(k, SECOND, "6.1"), KERNEL_IS_ABSENT);
    snprintf(path, sizeof path, "%s/6.1", pool);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(kernels_state(k, SECOND + 1, "6.1"), KERNEL_IS_ABSENT); /* not looked at yet */
    assert_int_equal(kernels_state(k, 2 * SECOND, "6.1"), KERNEL_IS_BROKEN);
    write_file(path, "vmlinuz", "");
    write_file(path, "default-kernelopts-pci.txt", " swiotlb=8192 \r\n\n");
    assert_int_equal(kernels_state(k, 3 * SECOND, "6.1"), KERNEL_IS_INSTALLED);
    assert_string_equal(kernels_file(k, 3 * SECOND, "6.1", "default-kernelopts-pci.txt"), " swiotlb=8192 ");
    assert_null(kernels_file(k, 3 * SECOND, "6.1", "nosuch.txt"));
    kernels_free(k);
    unlink(strcat(path, "/vmlinuz"));
    snprintf(path, sizeof path, "%s/6.1/default-kernelopts-pci.txt", pool);
    unlink(path);
    snprintf(path, sizeof path, "%s/6.1", pool);
    rmdir(path);
    rmdir(pool);
}

static void a_name_cannot_lead_out_of_the_pool(void **state)
{
    struct kernels *k = kernels_new("/tmp");
    (void)state;
    assert_int_equal(kernels_state(k, SECOND, ".."), KERNEL_IS_ABSENT);
    assert_int_equal(kernels_state(k, SECOND, ""), KERNEL_IS_ABSENT);
    assert_int_equal(kernels_state(k, SECOND, "../etc"), KERNEL_IS_ABSENT);
    assert_null(kernels_file(k, SECOND, "x", "../../etc/passwd"));
    assert_int_equal(kernels_state(NULL, SECOND, "6.1"), KERNEL_IS_ABSENT);
    kernels_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_and_their_texts_are_known_and_followed),
        cmocka_unit_test(a_name_cannot_lead_out_of_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
