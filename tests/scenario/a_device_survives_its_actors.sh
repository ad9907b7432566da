#!/bin/sh
# SPDX-License-Identifier: MIT
# devbus-pci and the VM's process die in the middle of attaching and detaching: one attachment or none, told once.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_device_survives_its_actors.py"
