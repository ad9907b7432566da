#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 300
# The model against an independent second one: random operations for SECONDMODEL_SECONDS (20), half of them the same
# in every run, half of them new ones. More: tests/secondmodel/second.py --help.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
cd "$here/../.." || exit 1
build=${BULKHEAD_BUILD:-$PWD/build/release}
driver=$build/tests/secondmodel/driver
[ -x "$driver" ] || skip_all "no $driver is built"
checked=$PWD/build/asan/tests/secondmodel/driver
[ -x "$checked" ] || checked=$driver
half=$((${SECONDMODEL_SECONDS:-20} / 2))

check "the model and a second one agree on what operations answer, tell and leave, also after the store is loaded again" \
    python3 -B "$here/second.py" --driver "$driver" --seconds "$half"
check "they agree on operations that nobody tried before, under sanitizers" \
    python3 -B "$here/second.py" --driver "$checked" --seconds "$half" --from-seed "$(date +%s)"
done_testing
