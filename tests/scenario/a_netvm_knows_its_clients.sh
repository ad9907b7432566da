#!/bin/sh
# SPDX-License-Identifier: MIT
# Networks while VMs run: netvms know their clients, a netvm changes under a VM, suspended guests get their calls.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_netvm_knows_its_clients.py"
