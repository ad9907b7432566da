#!/bin/sh
# SPDX-License-Identifier: MIT
# The process of a VM dies in the middle of a start: its caller hears so, the VM is in a definite state.
# timeout: 180
exec python3 -B "$(dirname "$0")/an_actor_dies_and_returns.py"
