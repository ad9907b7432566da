#!/bin/sh
# SPDX-License-Identifier: MIT
# A stand-in for each program of runtime/effects/programs.def, by the name under which it is called. Beside it lie:
#   calls            what it was called with, a line each (it appends)
#   NAME.VM, NAME.how   how it behaves for this VM, for any: well, slow, late (slow, then 3), hang, crash, a number to exit with,
#                    begin (a child hangs, which writes its number into the file pid.NAME, and holds its output), flood, or for
#                    qubesdb-daemon a mode of qubesdb_daemon; none: well
#   sockets, qubesdb_daemon   where sockets of QubesDB belong, and the program that serves them
here=$(dirname "$0")
me=$(basename "$0")

case $me in
qubesdb-daemon) vm=$2 ;;
qrexec-client)
    vm=$2
    case $* in *qubes.DetachPciDevice* | *qubes.USB*) set -- "$@" "input=$(cat)" ;; esac
    ;;
qrexec-daemon)
    all=$*
    rest=${all#*-- }
    vm=$(echo "$rest" | cut -d' ' -f2)
    ;;
qubes-rpc-multiplexer)
    vm=$4
    set -- "$@" "input=$(cat)" "uid=$(id -u)"
    ;;
*) vm=${2#qubes-vm@} vm=${vm%.service} ;;
esac
echo "$me $*${QREXEC_STARTUP_TIMEOUT:+ timeout=$QREXEC_STARTUP_TIMEOUT}${QREXEC_STARTUP_NOWAIT:+ nowait}" >>"$here/calls"
how=well
for file in "$here/$me.how" "$here/$me.$vm"; do
    [ ! -f "$file" ] || how=$(cat "$file")
done

# The number may be somebody else's by now.
ends() {
    ! grep -qs '^qubesdb_daemon' "/proc/$1/comm" || kill "$1"
}

serve() {
    # Of an earlier life, with which the real one ends.
    [ ! -f "$here/pid.$vm" ] || ends "$(cat "$here/pid.$vm")"
    rm -f "$here/sockets/qubesdb.$vm.sock"
    setsid "$here/qubesdb_daemon" "$here/sockets/qubesdb.$vm.sock" "$1" </dev/null >/dev/null 2>&1 &
    echo $! >"$here/pid.$vm"
    tries=0
    until [ -S "$here/sockets/qubesdb.$vm.sock" ] || [ $tries -gt 50 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
}

case $how in
hang) exec sleep 3600 ;;
slow) sleep 2 ;;
late)
    sleep 5
    exit 3
    ;;
crash) kill -SEGV $$ ;;
begin)
    sleep 3600 &
    echo $! >"$here/pid.$me"
    wait
    ;;
flood)
    head -c 1000000 /dev/zero | tr '\0' '\033'
    head -c 1000000 /dev/zero | tr '\0' '%' >&2
    exit 200
    ;;
[0-9]*)
    echo "$me was told to fail" >&2
    exit "$how"
    ;;
well) [ "$me" != qubesdb-daemon ] || serve well ;;
*) serve "$how" ;;
esac
