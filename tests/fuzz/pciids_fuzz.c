/* SPDX-License-Identifier: MIT
 * Fuzzes the reading of pci.ids: a file of any bytes is taken or refused, never ends the process, and every
 * name that comes of it is whole. */
#include "doors/pciids.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const codes[] = {"0c0330", "020000", "ff0000", "0", "", "zzzzzz"};
    AUTO_FD fd = memfd_create("pci.ids", MFD_CLOEXEC);
    char path[40], name[PCIIDS_NAME_MAX + 1];
    struct fault why;
    AUTO(pciids) *ids = NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    int r = pciids_open(path, &ids, &why);
    assert(r == 0 || r == -ERR_BAD || r == -ERR_IO || r == -ERR_NOMEM);
    for (size_t i = 0; r == 0 && i < COUNT(codes); i++) {
        memset(name, 'x', sizeof name);
        pciids_class(ids, codes[i], name);
        assert(memchr(name, '\0', sizeof name) != NULL && name[0] != '\0');
    }
    return 0;
}
