/* SPDX-License-Identifier: MIT
 * Fuzzes the import of qubes.xml: what it tells is a model, and what is exported of that comes back as
 * itself. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/registry/registry_round.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault why = {0};
    if (round_trip((struct span){(const char *)data, size}, &why) < 0)
        abort();
    return 0;
}
