#!/bin/sh
# SPDX-License-Identifier: MIT
# Sizes, paths, lists and the events of imports follow what storage has, not what was once configured.
# timeout: 120
exec python3 -B "$(dirname "$0")/a_volume_is_what_its_pool_holds.py"
