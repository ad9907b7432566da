#!/bin/sh
# SPDX-License-Identifier: MIT
# Real guests (QEMU without KVM) begin and end in every way, also while libvirtd is dead: each event in its place.
# timeout: 200
exec python3 -B "$(dirname "$0")/real_guests_live_and_end.py"
