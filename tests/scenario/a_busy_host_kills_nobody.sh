#!/bin/sh
# SPDX-License-Identifier: MIT
# A process that is not given the processor is not taken for one that hangs.
# timeout: 120
. "$(dirname "$0")/../tap.sh"
[ "$(id -u)" = 0 ] || skip_all "a control group needs root"
python3 -B "$(dirname "$0")/starve.py" || skip_all "no control group for the processor can be made here"
exec python3 -B "$(dirname "$0")/a_busy_host_kills_nobody.py"
