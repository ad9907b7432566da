#!/bin/sh
# SPDX-License-Identifier: MIT
# The disk under the store is full: changes are refused with a typed error, all else goes on, and changes
# work again when there is room.
# timeout: 120
. "$(dirname "$0")/../tap.sh"
[ "$(id -u)" = 0 ] || skip_all "mounting a small disk needs root"
exec python3 -B "$(dirname "$0")/the_store_survives.py"
