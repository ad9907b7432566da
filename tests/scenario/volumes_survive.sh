#!/bin/sh
# SPDX-License-Identifier: MIT
# Volumes from their creation to their removal on real files, with their pool's process and registry killed at any
# moment, and with one pool that hangs.
# timeout: 240
exec python3 -B "$(dirname "$0")/volumes_survive.py"
