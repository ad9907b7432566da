#!/bin/sh
# SPDX-License-Identifier: MIT
# stop.sh - stop the test bed that boot.sh started, at once (the disk is a throw-away
# overlay) and clean up; console.log and qemu.log stay. No error when none runs.
set -eu
RUN=${XENBED_RUN:-${XENBED_CACHE:-$HOME/.cache/bulkhead-xenbed}/run}
if [ -S "$RUN/ssh.sock" ]; then
	ssh -F none -o ControlPath="$RUN/ssh.sock" -O exit root@127.0.0.1 >/dev/null 2>&1 || true
fi
if [ -f "$RUN/pid" ]; then
	pid=$(cat "$RUN/pid")
	# Only a qemu that is ours: its command line names our overlay.
	if tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF "$RUN/disk.qcow2"; then
		kill "$pid"
		i=0
		while kill -0 "$pid" 2>/dev/null; do
			i=$((i + 1))
			[ $i -eq 50 ] && kill -9 "$pid" 2>/dev/null
			[ $i -ge 100 ] && { echo "stop: qemu (pid $pid) does not end" >&2; exit 1; }
			sleep 0.1
		done
		echo "stop: stopped qemu (pid $pid)"
	fi
fi
rm -f "$RUN/pid" "$RUN/port" "$RUN/ssh.sock" "$RUN/monitor.sock" "$RUN/disk.qcow2"
