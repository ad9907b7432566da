#!/bin/sh
# SPDX-License-Identifier: MIT
# A device that several VMs want, or one only after a yes, goes to whom a person names; whoever thinks, hangs, lies or dies
# delays nothing else.
# timeout: 300
exec python3 -B "$(dirname "$0")/somebody_is_asked_for_a_device.py"
