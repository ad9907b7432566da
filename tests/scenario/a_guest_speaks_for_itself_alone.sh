#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest's words are heeded as far as they may be; a QubesDB that hangs, lies or dies is that guest's own trouble.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_guest_speaks_for_itself_alone.py"
