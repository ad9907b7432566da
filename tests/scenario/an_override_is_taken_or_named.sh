#!/bin/sh
# SPDX-License-Identifier: MIT
# A stylesheet over the domain's XML reaches libvirt; a broken one starts nothing and is named.
# timeout: 120
exec python3 -B "$(dirname "$0")/an_override_is_taken_or_named.py"
