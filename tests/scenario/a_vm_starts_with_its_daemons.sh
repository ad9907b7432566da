#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM starts with QubesDB and qrexec; what one VM's daemons do wrong undoes that VM's start and delays nobody.
# timeout: 240
exec python3 -B "$(dirname "$0")/a_vm_starts_with_its_daemons.py"
