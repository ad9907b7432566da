#!/bin/sh
# SPDX-License-Identifier: MIT
# What needs a halted VM is asked at the same moment as its start, many times: never do both win.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_start_and_a_change_never_both_win.py"
