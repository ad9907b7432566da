#!/bin/sh
# SPDX-License-Identifier: MIT
# Dom0's microphone is listed, attached to VMs by a word in the QubesDB of who has their sound or by its service,
# follows their sound and their assignments, and that one's word; without --more-devices mic there is no such class.
# timeout: 240
exec python3 -B "$(dirname "$0")/a_mic_goes_to_a_vm.py"
