#!/bin/sh
# SPDX-License-Identifier: MIT
# Clients that send garbage, too much, too little or nothing: the others are answered all the same.
# timeout: 180
exec python3 -B "$(dirname "$0")/hostile_clients.py"
