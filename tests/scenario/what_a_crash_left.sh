#!/bin/sh
# SPDX-License-Identifier: MIT
# The host dies while a VM runs and files are half written: at the first use of the pool that is found and told.
# timeout: 120
exec python3 -B "$(dirname "$0")/what_a_crash_left.py"
