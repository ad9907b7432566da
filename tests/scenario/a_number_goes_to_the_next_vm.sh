#!/bin/sh
# SPDX-License-Identifier: MIT
# A VM made right after another's removal takes its number, and a pool another's name: what served the old one is never in its way.
# timeout: 300
exec python3 -B "$(dirname "$0")/a_number_goes_to_the_next_vm.py"
