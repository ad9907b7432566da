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
    guests "$XENBED_RUN/push" && inside "$XENBED_RUN/push" || return 1
    # Copying is slow there, and debug information is most of a program.
    strip "$XENBED_RUN"/push/bulkhead/bulkhead "$XENBED_RUN"/push/bulkhead/libexec/* 2>/dev/null
    timeout 120 "$bed/dom0-run.sh" --put "$XENBED_RUN/push/bulkhead" "$XENBED_RUN/push/bed" /opt
}
# guests DIR: the small guests, made here. -N: one writable segment, as nobody maps its parts apart there.
guests() {
    mkdir -p "$1/bed/mini" "$1/bed/tests/dom0" &&
        as --64 -o "$1/guest.o" "$bed/guest.S" &&
        ld -m elf_x86_64 -N --no-warn-rwx-segments -Ttext 0x100000 -e pv_begin -o "$1/bed/mini/vmlinuz" "$1/guest.o" &&
        as --32 -o "$1/sector.o" "$bed/bootsector.S" &&
        objcopy -O binary -j .text "$1/sector.o" "$1/bed/tests/dom0/bootsector"
}
# inside DIR: what part runs there, beside the scenarios' modules that it is made of.
inside() {
    mkdir -p "$1/bed/tests/scenario" && cp "$bed"/*.py "$1/bed/tests/dom0/" &&
        cp "$bed/../scenario/guests.py" "$bed/../scenario/house.py" "$1/bed/tests/scenario/" &&
        cp "$bed/block" "$1/bed/" && ln -sfn /run/bulkhead "$1/bed/run"
}
# The kernel pool's kernels are the bed's Linux guest and the one that is made here.
bulkhead_kernel() {
    dom0 'mkdir -p /var/lib/qubes/vm-kernels/bed && cd /var/lib/qubes/vm-kernels/bed &&
        ln -f /guest/vmlinux vmlinuz && ln -f /guest/initrd initramfs &&
        cp -R /opt/bed/mini .. && cp /opt/bed/block /etc/xen/scripts/block &&
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
