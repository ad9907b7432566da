#!/bin/sh
# SPDX-License-Identifier: MIT
# A USB device that one VM exposes is listed, attached to another by that one's service, detached by its backend's,
# follows its assignments and its backend's word; without --more-devices usb there is no such class.
# timeout: 240
exec python3 -B "$(dirname "$0")/a_usb_device_goes_from_vm_to_vm.py"
