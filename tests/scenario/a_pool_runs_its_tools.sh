#!/bin/sh
# SPDX-License-Identifier: MIT
# Pools whose drivers need programs of the host, in their whole jail, with stand-ins for these programs: a VM's day on
# lvm_thin, on encrypted volumes and on a file pool; tools that fail, lie, hang and are killed; a runner that is killed.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_pool_runs_its_tools.py"
