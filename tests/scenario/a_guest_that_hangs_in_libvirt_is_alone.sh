#!/bin/sh
# SPDX-License-Identifier: MIT
# SIGSTOP of one guest's QEMU, and of libvirtd during a start: one call is left hanging, and nobody else waits.
# timeout: 240
exec python3 -B "$(dirname "$0")/a_guest_that_hangs_in_libvirt_is_alone.py"
