#!/bin/sh
# SPDX-License-Identifier: MIT
# A volume of a VM that runs is resized: its guest is told, and what it says of it is told on.
# timeout: 90
exec python3 -B "$(dirname "$0")/a_guest_follows_its_volume.py"
