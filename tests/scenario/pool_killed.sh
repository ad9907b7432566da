#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 400
# Each verb that changes a volume is killed at a thousand random moments, or for as many as 10 seconds allow.
BULKHEAD_BUILD=${BULKHEAD_BUILD:-$(dirname "$0")/../../build/dev}
CMOCKA_MESSAGE_OUTPUT=tap exec "$BULKHEAD_BUILD/tests/unit/unit_doors_pool_crash_test" 10
