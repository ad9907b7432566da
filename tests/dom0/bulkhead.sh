# SPDX-License-Identifier: MIT
# For smoke.sh: sourced, never run. Every bulkhead command line that the dom0 test uses is here, and only here.
# bulkhead lies in /opt/bulkhead of the emulated dom0; its store is the one that a fresh installation has.
bed=$(cd "$(dirname "$0")" && pwd)

dom0() {
    timeout "${DOM0_TIMEOUT:-90}" "$bed/dom0-run.sh" -s "$1"
}
# Xen's guests do not start without their daemons, and this dom0 is no Qubes: stand-ins, for guests that know none.
programs() {
    mkdir -p "$2" && cp "$1/tests/stand-ins/qubesdb_daemon" "$2/" || return 1
    for name in qubesdb-daemon qrexec-daemon qrexec-client; do
        cp "$bed/../stand-ins/program.sh" "$2/$name" || return 1
    done
    ln -sf /run/qubes "$2/sockets"
}
bulkhead_push() {
    rm -rf "$XENBED_RUN/push"
    mkdir -p "$XENBED_RUN/push/bulkhead"
    cp -R "$1/bulkhead" "$1/libexec" "$XENBED_RUN/push/bulkhead/" || return 1
    programs "$1" "$XENBED_RUN/push/bulkhead/programs" || return 1
    # Copying is slow there, and debug information is most of a program.
    strip "$XENBED_RUN"/push/bulkhead/bulkhead "$XENBED_RUN"/push/bulkhead/libexec/* 2>/dev/null
    timeout 120 "$bed/dom0-run.sh" --put "$XENBED_RUN/push/bulkhead" /opt
}
# The kernel pool's one kernel is the bed's guest.
bulkhead_kernel() {
    dom0 'mkdir -p /var/lib/qubes/vm-kernels/bed && cd /var/lib/qubes/vm-kernels/bed &&
        ln -f /guest/vmlinux vmlinuz && ln -f /guest/initrd initramfs &&
        chown 69002:69002 /var/lib/qubes' # where registry exports to
}
bulkhead_start() {
    dom0 'mkdir -p /run/bulkhead /run/qubes /var/lib/bulkhead /var/log
        setsid /opt/bulkhead/libexec/supervisor --jail=best \
            --programs /opt/bulkhead/programs \
            --hypervisor xen:///system --nodedev xen:///system </dev/null >>/var/log/bulkhead.log 2>&1 &
        echo $! >/run/bulkhead.pid'
}
# bulkhead_call METHOD[+ARG] DEST [PAYLOAD]: the answer's bytes; fails when the answer is an exception.
bulkhead_call() {
    dom0 "timeout 60 /opt/bulkhead/bulkhead call $(quoted "$@")"
}
bulkhead_log() {
    dom0 'tail -n 60 /var/log/bulkhead.log' 2>/dev/null | sed 's/^/# /'
}
# The process ids of the supervisor, and of the actor that leads a VM's life.
supervisor_pid() {
    dom0 'pgrep -o -f "^/opt/bulkhead/libexec/supervisor "'
}
vm_actor_pid() {
    dom0 'pgrep -o -f "^[^ ]*(vm/[0-9]+|libexec/vm)( |$)"'
}
quoted() {
    for word; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}
