#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM is created, started, paused, resumed, shut down, killed and removed: each event in its place.
# timeout: 120
exec python3 -B "$(dirname "$0")/a_vm_lives_its_day.py"
