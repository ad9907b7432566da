#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/messages.md says what the rows of proto/ say.
. "$(dirname "$0")/tree.sh"
program=${BULKHEAD_BUILD:-build/release}/tests/layers/proto_doc

[ -x "$program" ] || skip_all "no $program is built"
check "docs/messages.md is what tools/reference writes" none sh -c '"$1" | diff docs/messages.md - | head -n 20' - "$program"
done_testing
