#!/bin/sh
# SPDX-License-Identifier: MIT
# A start makes its entries in xenstore and learns which domain its device model is; a xenstored that hangs, lies or ends spoils one start.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_start_tells_xenstore.py"
