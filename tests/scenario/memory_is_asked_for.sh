#!/bin/sh
# SPDX-License-Identifier: MIT
# Memory for a start is asked of qmemman's socket and given back; a balancer that hangs, lies or dies spoils one start alone.
# timeout: 180
exec python3 -B "$(dirname "$0")/memory_is_asked_for.py"
