#!/bin/sh
# SPDX-License-Identifier: MIT
# A process that stands still, and a libvirtd that does, hold up only what needs them.
# timeout: 240
exec python3 -B "$(dirname "$0")/one_stuck_vm_delays_nobody.py"
