#!/bin/sh
# SPDX-License-Identifier: MIT
# A disk that one VM exposes is listed, attached to another, detached, follows its assignments; its bus comes when it
# is needed, may be killed and stopped, and nobody else notices.
# timeout: 240
exec python3 -B "$(dirname "$0")/a_disk_goes_from_vm_to_vm.py"
