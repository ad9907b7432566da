#!/bin/sh
# SPDX-License-Identifier: MIT
# The supervisor's own view needs no other process.
# timeout: 60
exec python3 -B "$(dirname "$0")/bulkhead_ps_answers_while_api_hangs.py"
