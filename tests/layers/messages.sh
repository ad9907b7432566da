#!/bin/sh
# SPDX-License-Identifier: MIT
# The pages that tools/reference writes say what the rows of proto/ and model/ say.
. "$(dirname "$0")/tree.sh"
programs=${BULKHEAD_BUILD:-build/release}/tests/layers

current() {
    [ -x "$programs/$1" ] || { skip "$2 is what tools/reference writes" "no $programs/$1 is built"; return; }
    # shellcheck disable=SC2016 # for the inner shell
    check "$2 is what tools/reference writes" none sh -c '"$1" | diff "$2" - | head -n 20' - "$programs/$1" "$2"
}

current proto_doc docs/messages.md
current property_doc docs/man/bulkhead-properties.7.scd
done_testing
