#!/bin/sh
# SPDX-License-Identifier: MIT
# Every kind of process is killed again and again while clients write and listen: nobody waits without an
# answer or an end, nothing acknowledged is lost, no event is missed or doubled. KILL_ROUNDS: per kind;
# KILL_KINDS: which, with commas between.
# timeout: 900
exec python3 -B "$(dirname "$0")/nobody_is_left_in_silence.py"
