#!/bin/sh
# SPDX-License-Identifier: MIT
# The host goes to sleep and wakes: all VMs follow, one whose guest hangs delays no call of others, killed processes forget nothing.
# timeout: 180
exec python3 -B "$(dirname "$0")/the_host_sleeps_and_wakes.py"
