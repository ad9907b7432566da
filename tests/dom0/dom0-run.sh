#!/bin/sh
# SPDX-License-Identifier: MIT
# dom0-run.sh - run a command in the dom0, or copy files to or from it.
#
#   dom0-run.sh COMMAND [ARG...]     run it (standard input, output, error and exit status pass
#                                    through; arguments are quoted, no shell expansion in the dom0)
#   dom0-run.sh -s 'SHELL TEXT'      run a line of shell
#   dom0-run.sh --put FILE... DIR    copy files and folders into a folder of the dom0
#   dom0-run.sh --get PATH... DIR    copy paths of the dom0 into a local folder
#
# One ssh connection is made and shared: a first call costs about 2 s under TCG,
# later ones some 0.2 s. Exit status 255 means the connection itself failed;
# put `timeout` before this script where a command may hang.
set -eu

RUN=${XENBED_RUN:-${XENBED_CACHE:-$HOME/.cache/bulkhead-xenbed}/run}
CACHE=${XENBED_CACHE:-$HOME/.cache/bulkhead-xenbed}
die() { echo "dom0-run: $*" >&2; exit 255; }
[ $# -ge 1 ] || die "usage: dom0-run.sh COMMAND... | -s TEXT | --put FILE... DIR | --get PATH... DIR"
[ -f "$RUN/port" ] && [ -f "$RUN/pid" ] || die "no running test bed in $RUN; run boot.sh"
kill -0 "$(cat "$RUN/pid")" 2>/dev/null || die "the test bed's qemu is gone; see $RUN/console.log"

dom0_ssh() {
	ssh -F none -i "$CACHE/id_ed25519" -p "$(cat "$RUN/port")" \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		-o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30 \
		-o ControlPath="$RUN/ssh.sock" "$@"
}
# Start the shared connection apart, detached from our descriptors: a master that
# kept them would hold a caller's pipe open for ever.
if ! dom0_ssh -O check root@127.0.0.1 >/dev/null 2>&1; then
	rm -f "$RUN/ssh.sock"
	dom0_ssh -M -f -N -o ControlPersist=yes root@127.0.0.1 </dev/null >/dev/null 2>&1 ||
		die "cannot connect to the dom0"
fi

# quote ARG...: the arguments as one line of shell
quote() {
	for a; do
		printf "'%s' " "$(printf '%s' "$a" | sed "s/'/'\\\\''/g")"
	done
}
# last ARG...: sets LAST to the last argument
last() { for LAST; do :; done; }

case $1 in
-s)
	[ $# -eq 2 ] || die "-s takes one argument"
	dom0_ssh root@127.0.0.1 "$2" ;;
--put)
	shift
	[ $# -ge 2 ] || die "--put FILE... DIR"
	last "$@"
	n=$(($# - 1))
	while [ $n -gt 0 ]; do # tar wants the folder and the name apart
		[ -e "$1" ] || die "no such file: $1"
		tar -C "$(dirname "$1")" -cf - "$(basename "$1")" |
			dom0_ssh root@127.0.0.1 "mkdir -p $(quote "$LAST") && tar -C $(quote "$LAST") -xf - --no-same-owner"
		shift
		n=$((n - 1))
	done ;;
--get)
	shift
	[ $# -ge 2 ] || die "--get PATH... DIR"
	last "$@"
	mkdir -p "$LAST"
	n=$(($# - 1))
	while [ $n -gt 0 ]; do
		dom0_ssh root@127.0.0.1 "test -e $(quote "$1")" </dev/null || die "no such path in the dom0: $1"
		dom0_ssh root@127.0.0.1 "tar -C $(quote "$(dirname "$1")") -cf - $(quote "$(basename "$1")")" </dev/null |
			tar -C "$LAST" -xf - --no-same-owner
		shift
		n=$((n - 1))
	done ;;
*)
	dom0_ssh root@127.0.0.1 "$(quote "$@")" ;;
esac
