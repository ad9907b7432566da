#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM whose process is held back runs on, and is not told as halted whoever else dies.
# timeout: 150
exec python3 -B "$(dirname "$0")/a_quarantined_vm_runs_on.py"
