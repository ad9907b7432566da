#!/bin/sh
# SPDX-License-Identifier: MIT
# Device calls in the form of before 4.3, with --old-devices yes: attached, listed, kept or not, detached, refused by the
# errors that such clients know; events name the port as since 4.3. Without that option there are no such methods.
# timeout: 120
exec python3 -B "$(dirname "$0")/old_clients_ask_for_devices.py"
