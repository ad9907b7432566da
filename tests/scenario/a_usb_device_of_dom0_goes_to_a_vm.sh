#!/bin/sh
# SPDX-License-Identifier: MIT
# A USB device that dom0 itself exposes is attached by its frontend's service and detached by dom0's own; one of these that fails,
# crashes, floods, lies or hangs costs its caller an answer and nobody else anything, and leaves nothing that runs.
# timeout: 240
exec python3 -B "$(dirname "$0")/a_usb_device_of_dom0_goes_to_a_vm.py"
