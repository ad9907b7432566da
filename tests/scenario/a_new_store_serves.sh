#!/bin/sh
# SPDX-License-Identifier: MIT
# What a new installation begins with is enough: no qubes.xml, the whole jail, no tool of the host.
# timeout: 60
. "$(dirname "$0")/../tap.sh"
[ "$(id -u)" = 0 ] || skip_all "a whole jail needs root"
exec python3 -B "$(dirname "$0")/a_new_store_serves.py"
