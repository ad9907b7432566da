#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM is copied by the calls that clients clone with: all that was set is there again, and nothing of the source moves.
# timeout: 120
exec python3 -B "$(dirname "$0")/a_clone_as_clients_make_it.py"
