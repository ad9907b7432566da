/* SPDX-License-Identifier: MIT
 * PCI class names, from a small pci.ids of our own and from the system's. */
#include "doors/pciids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char small[] = "8086  Intel Corporation\n\t0c00  Some Controller\n"
                            "C 06  Bridge\n\t00  Host bridge\n\t04  PCI bridge\n\t\t01  Subtractive decode\n"
                            "C 0c  Serial bus controller\n\t03  USB controller\n\t\t30  XHCI\n"
                            "C 13  Non-Essential Instrumentation\n";

static int open_text(const char *text, struct pciids **ids, struct fault *why)
{
    char path[] = "/tmp/bulkhead-ids-XXXXXX";
    AUTO_FD fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    int r = pciids_open(path, ids, why);
    unlink(path); /* what is needed was read */
    return r;
}

static void a_subclass_has_its_name_whatever_the_interface(void **state)
{
    static const struct {
        const char *code, *name;
    } vectors[] = {
        {"060000", "Host bridge"},
        {"060401", "PCI bridge"},
        {"0c0330", "USB controller"},
        {"0C0330", "USB controller"},
        {"0c03", "USB controller"},
        {"130000", "Non-Essential Instrumentation"}, /* no subclass 00: the class's own name */
        {"0c0000", "Serial bus controller"},
        {"0cff00", "unknown"}, /* an unknown subclass does not become its class */
        {"ee0000", "unknown"},
        {"", "unknown"},
        {"0x0600", "unknown"},
    };
    struct fault why = {0};
    (void)state;
    struct pciids *opened = NULL;
    assert_int_equal(open_text(small, &opened, &why), 0);
    AUTO(pciids) *ids = opened;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char name[PCIIDS_NAME_MAX + 1];
        pciids_class(ids, vectors[i].code, name);
        assert_string_equal(name, vectors[i].name);
    }
}

static void a_malformed_file_is_refused_and_does_not_end_the_process(void **state)
{
    struct pciids *ids = NULL;
    struct fault why = {0};
    (void)state;
    assert_int_equal(open_text("C 06  Bridge\n\tnonsense\n", &ids, &why), -ERR_BAD);
    assert_null(ids);
}

static void a_missing_file_is_told(void **state)
{
    struct pciids *ids = NULL;
    struct fault why = {0};
    (void)state;
    assert_int_equal(pciids_open("/nonexistent/pci.ids", &ids, &why), -ERR_IO);
    assert_non_null(strstr(why.text, "/nonexistent/pci.ids"));
    assert_null(ids);
}

static void the_systems_file_knows_usb(void **state)
{
    char name[PCIIDS_NAME_MAX + 1];
    struct pciids *opened = NULL;
    struct fault why = {0};
    (void)state;
    if (pciids_open(NULL, &opened, &why) < 0)
        skip();
    AUTO(pciids) *ids = opened;
    pciids_class(ids, "0c0330", name);
    assert_string_equal(name, "USB controller");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subclass_has_its_name_whatever_the_interface),
        cmocka_unit_test(a_malformed_file_is_refused_and_does_not_end_the_process),
        cmocka_unit_test(a_missing_file_is_told),
        cmocka_unit_test(the_systems_file_knows_usb),
    };
    return cmocka_run_group_tests_name("doors/pciids", tests, NULL, NULL);
}
