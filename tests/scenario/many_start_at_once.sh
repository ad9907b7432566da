#!/bin/sh
# SPDX-License-Identifier: MIT
# Sixty-four VMs start at once behind one netvm that does not run yet, and end at once: all of them, each told in order.
# timeout: 240
exec python3 -B "$(dirname "$0")/many_start_at_once.py"
