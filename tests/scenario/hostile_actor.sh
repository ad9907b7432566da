#!/bin/sh
# SPDX-License-Identifier: MIT
# The process of a VM, and of a guest, is taken over and does on the bus whatever it likes (rogue.c): it is
# refused or ended, and nobody else is harmed.
# timeout: 240
exec python3 -B "$(dirname "$0")/hostile_actor.py"
