#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 900
# A real Xen: boots the emulated dom0, runs the release build in it, and leads guests through their lives over the Admin API,
# killing what can be killed: one from here, PV, PVH and HVM guests and PCI devices by the parts that run inside. The image is made once and kept in $XENBED_CACHE (~/.cache/bulkhead-xenbed).
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
. "$here/bulkhead.sh"
cd "$here/../.." || exit 1
build=${BULKHEAD_BUILD:-$PWD/build/release}

export XENBED_CACHE="${XENBED_CACHE:-${HOME:-/root}/.cache/bulkhead-xenbed}"
booting="an emulated dom0 with Xen boots"
unable() {
    skip "$booting" "$1"
    done_testing
    exit 0
}
command -v qemu-system-x86_64 >/dev/null && command -v qemu-img >/dev/null || unable "no QEMU"
[ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -ge 4000 ] || unable "less than 4000 MiB of memory free"
if ! image=$(timeout 400 "$here/build-image.sh" 2>&1); then
    printf '%s\n' "$image" | tail -n 10 | sed 's/^/# /'
    unable "the image cannot be made here, see the lines above"
fi
XENBED_RUN=$(mktemp -d "$XENBED_CACHE/run.XXXXXX")
export XENBED_RUN
export XENBED_MEM="${XENBED_MEM:-2304}"
# QEMU keeps what it has translated of a program where the next run of it has the same addresses.
export XENBED_LINUX_ARGS="${XENBED_LINUX_ARGS:-norandmaps}"
trap '"$here/stop.sh" >/dev/null 2>&1; rm -rf "$XENBED_RUN"' EXIT
trap 'exit 1' INT TERM HUP

# until_true SECONDS COMMAND...: asks twice a second.
until_true() {
    end=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 0.5
    done
}
virsh_state() { dom0 "virsh -c xen:///system domstate bed 2>/dev/null | head -n 1"; }
domid() { dom0 "virsh -c xen:///system domid bed 2>/dev/null"; }
xen_says() { [ "$(virsh_state)" = "$1" ]; }
bulkhead_says() { bulkhead_call admin.vm.CurrentState bed | grep -q "power_state=$1"; }
both_say() { until_true 40 xen_says "$1" && until_true 20 bulkhead_says "$2"; }
guest_is_up() { dom0 'grep -aq "XENBED-GUEST up" /var/log/xen/console/guest-bed.log'; }
call_and_both_say() { bulkhead_call "$1" bed && both_say "$2" "$3"; }
serves() { bulkhead_call admin.vm.List dom0 >/dev/null 2>&1; }

# part_begins NAME SECONDS: a suite in Python that runs inside, beside others; its tests are counted by part_ends.
part_begins() {
    DOM0_TIMEOUT=$2 dom0 "cd /opt/bed/tests/dom0 && python3 -u $1.py 2>&1" >"$XENBED_RUN/$1.tap" &
}
part_ends() {
    while IFS= read -r line; do
        case $line in
        "ok "* | "not ok "*)
            tap_count=$((tap_count + 1))
            printf '%s %s - %s\n' "${line%%ok *}ok" "$tap_count" "${line#* - }"
            ;;
        1..*) ;;
        *) printf '# %s\n' "${line#\# }" ;;
        esac
    done <"$XENBED_RUN/$1.tap"
    check "$1 has come to its end" grep -q '^1\.\.[1-9]' "$XENBED_RUN/$1.tap"
}

check "$booting" "$here/boot.sh"
[ -f "$XENBED_RUN/port" ] || { done_testing; exit 1; }
check "libvirt's Xen driver answers in it" dom0 'virsh -c xen:///system list | grep -q Domain-0'
if [ ! -x "$build/libexec/supervisor" ] || [ ! -x "$build/bulkhead" ]; then
    skip "bulkhead serves on Xen" "no supervisor or no command line in $build"
    done_testing
    exit 0
fi

starts() { bulkhead_push "$build" && bulkhead_kernel && bulkhead_start && until_true 60 serves; }
lists_devices() {
    devices=$(bulkhead_call admin.vm.device.pci.Available dom0) || return 1
    for function in 00_08.0 00_09.0; do
        printf '%s\n' "$devices" | grep -q "^[^ ]*$function" || { printf '%s\n' "$devices"; return 1; }
    done
}
creates() {
    bulkhead_call admin.property.Set+default_kernel dom0 bed &&
        bulkhead_call admin.vm.Create.StandaloneVM dom0 'name=bed label=red' &&
        bulkhead_call admin.vm.property.Set+virt_mode bed pv &&
        bulkhead_call admin.vm.property.Set+kernel bed bed &&
        bulkhead_call admin.vm.property.Set+netvm bed '' &&
        bulkhead_call admin.vm.property.Set+memory bed 128 &&
        bulkhead_call admin.vm.property.Set+maxmem bed 0 &&
        bulkhead_call admin.vm.property.Set+vcpus bed 1 &&
        bulkhead_call admin.vm.property.Set+kernelopts bed 'console=hvc0 mitigations=off tsc=reliable'
}
runs() { bulkhead_call admin.vm.Start bed && both_say running Running && until_true 60 guest_is_up; }
same_guest() { [ -n "$before" ] && [ "$(domid)" = "$before" ] && xen_says running; }
survives_its_actor() {
    before=$(domid)
    dom0 "kill -9 $(vm_actor_pid)" && same_guest && until_true 30 bulkhead_says Running && same_guest
}
survives_the_supervisor() {
    before=$(domid)
    dom0 "kill -9 $(supervisor_pid)" && same_guest && bulkhead_start && until_true 60 serves &&
        until_true 30 bulkhead_says Running && same_guest
}
gone() { [ -z "$(domid | tr -d '\n -')" ] || xen_says 'shut off'; }
ends() { bulkhead_call admin.vm.Kill bed && until_true 40 gone && until_true 20 bulkhead_says Halted; }

check "bulkhead serves on Xen" starts
if serves; then
    check "the machine's PCI devices are offered" lists_devices
    check "a PV guest is created" creates
    check "it starts and its user space comes up" runs
    check "it pauses, and Xen and bulkhead agree" call_and_both_say admin.vm.Pause paused Paused
    check "it goes on when told to, and both agree" call_and_both_say admin.vm.Unpause running Running
    check "the guest outlives its actor, which finds it again" survives_its_actor
    check "the guest outlives the supervisor, whose successor finds it again" survives_the_supervisor
    check "a kill ends it, and both agree" ends
    # An HVM guest with Linux takes the longest, and its processor is idle while others are built.
    part_begins pci_goes 420
    part_begins guests_live 420
    wait
    part_ends guests_live
    part_ends pci_goes
fi
bulkhead_log
done_testing
