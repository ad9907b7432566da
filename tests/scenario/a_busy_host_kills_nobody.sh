#!/bin/sh
# SPDX-License-Identifier: MIT
# A process that is not given the processor is not taken for one that hangs.
# timeout: 120
. "$(dirname "$0")/../tap.sh"
[ "$(id -u)" = 0 ] || skip_all "a control group needs root"
why=$(python3 -B "$(dirname "$0")/starve.py") || skip_all "$why"
exec python3 -B "$(dirname "$0")/a_busy_host_kills_nobody.py"
