#!/bin/sh
# SPDX-License-Identifier: MIT
# Disposables go when their life ends, also when registry dies meanwhile; after a boot what was left goes too.
# timeout: 180
exec python3 -B "$(dirname "$0")/a_disposable_ends.py"
