/* SPDX-License-Identifier: MIT
 * Fuzzes the reading of a node device's XML: what is taken is whole and within its bounds. */
#include "doors/nodedev.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_text(const char *text, size_t room)
{
    assert(memchr(text, '\0', room) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pci_node node;
    struct fault why;
    memset(&node, 'x', sizeof node);
    int r = nodedev_read((const char *)data, size, &node, &why);
    if (r < 0) {
        assert(r == -ERR_UNKNOWN || r == -ERR_BAD || r == -ERR_TOO_BIG || r == -ERR_NOMEM);
        return 0;
    }
    is_text(node.name, sizeof node.name);
    is_text(node.class_code, sizeof node.class_code);
    is_text(node.vendor_id, sizeof node.vendor_id);
    is_text(node.product_id, sizeof node.product_id);
    is_text(node.vendor, sizeof node.vendor);
    is_text(node.product, sizeof node.product);
    assert(node.name[0] != '\0' && node.slot < 32 && node.function < 8);
    assert(node.class_code[0] == '\0' ||
           (strlen(node.class_code) == 6 && strspn(node.class_code, "0123456789abcdefABCDEF") == 6));
    return 0;
}
