#!/bin/sh
# SPDX-License-Identifier: MIT
# Volumes are cloned from pool to pool, while their VM runs, and while the processes of either pool are killed.
# timeout: 400
exec python3 -B "$(dirname "$0")/a_clone_crosses_pools.py"
