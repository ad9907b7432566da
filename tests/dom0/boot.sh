#!/bin/sh
# SPDX-License-Identifier: MIT
# boot.sh - boot the Xen dom0 test bed under qemu (TCG) and wait until it is ready.
#
# Ready means: xenstored, xenconsoled and libvirtd answer, and dom0-run.sh works.
# State goes to $XENBED_RUN (default: $XENBED_CACHE/run): pid, port, console.log,
# qemu.log, disk.qcow2 (a throw-away overlay: every boot starts from the clean image).
#
# Settings (environment):
#   XENBED_CACHE    where build-image.sh put the image   (~/.cache/bulkhead-xenbed)
#   XENBED_RUN      folder for this instance's state     ($XENBED_CACHE/run)
#   XENBED_MEM      memory of the machine, MiB           (3072)
#   XENBED_DOM0_MEM memory of the dom0, MiB              (768)
#   XENBED_CPUS     virtual CPUs                         (2)
#   XENBED_CPU      qemu CPU model                       (qemu64,+svm,+npt)
#   XENBED_IOMMU    amd, intel or none                   (amd)
#   XENBED_TIMEOUT  seconds to wait for readiness        (300)
#   XENBED_XEN_ARGS, XENBED_LINUX_ARGS, XENBED_QEMU_ARGS  appended to each command line
#
# Spare PCI devices for passthrough:
#   00:08.0 e1000e   00:09.0 e1000e   01:00.0 virtio-rng (behind a root port)
#   00:0b.0 edu: has no driver and no kind of reset, so libvirt refuses to assign it
# Further ones: XENBED_QEMU_ARGS="-device ...". libvirt assigns only devices that it
# can reset (FLR, PM reset, or alone on their bus).
# Needs the Debian packages qemu-system-x86 qemu-utils openssh-client.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
XENBED_CACHE=${XENBED_CACHE:-$HOME/.cache/bulkhead-xenbed}
RUN=${XENBED_RUN:-$XENBED_CACHE/run}
MEM=${XENBED_MEM:-3072}
DOM0_MEM=${XENBED_DOM0_MEM:-768}
CPUS=${XENBED_CPUS:-2}
CPU=${XENBED_CPU:-qemu64,+svm,+npt}
IOMMU=${XENBED_IOMMU:-amd}
TIMEOUT=${XENBED_TIMEOUT:-300}

die() { echo "boot: $*" >&2; exit 1; }

for p in qemu-system-x86_64 qemu-img ssh; do
	command -v $p >/dev/null 2>&1 || die "missing program: $p"
done
[ -f "$XENBED_CACHE/stamp" ] || die "no image in $XENBED_CACHE; run build-image.sh first"
CACHE=$(cd "$XENBED_CACHE" && pwd)
mkdir -p "$RUN"
RUN=$(cd "$RUN" && pwd)
if [ -f "$RUN/pid" ] && kill -0 "$(cat "$RUN/pid")" 2>/dev/null; then
	die "already running (pid $(cat "$RUN/pid")); stop it with stop.sh"
fi
rm -f "$RUN/pid" "$RUN/port" "$RUN/console.log" "$RUN/qemu.log" "$RUN/ssh.sock" "$RUN/disk.qcow2" "$RUN/monitor.sock"

case $IOMMU in
intel) IOMMU_DEV="-device intel-iommu,intremap=on"; IOMMU_XEN="iommu=on" ;;
amd)   IOMMU_DEV="-device amd-iommu,intremap=on";   IOMMU_XEN="iommu=on" ;;
none)  IOMMU_DEV=; IOMMU_XEN= ;;
*) die "XENBED_IOMMU must be intel, amd or none" ;;
esac

qemu-img create -q -f qcow2 -F raw -b "$CACHE/rootfs.img" "$RUN/disk.qcow2" || die "cannot create the overlay"

# start PORT: start qemu with the dom0's ssh forwarded to 127.0.0.1:PORT
start() {
	# shellcheck disable=SC2086 # the *_ARGS and IOMMU_DEV are lists of words
	qemu-system-x86_64 \
		-machine q35,kernel-irqchip=split -accel tcg,thread=multi,tb-size=512 -cpu "$CPU" -smp "$CPUS" -m "$MEM" \
		-nodefaults -display none -no-reboot $IOMMU_DEV \
		-kernel "$CACHE/xen" \
		-append "dom0_mem=${DOM0_MEM}M,max:${DOM0_MEM}M dom0_max_vcpus=$CPUS com1=115200,8n1 console=com1 loglvl=info guest_loglvl=warning sched=credit spec-ctrl=no $IOMMU_XEN ${XENBED_XEN_ARGS:-}" \
		-initrd "$CACHE/vmlinuz console=hvc0 mitigations=off net.ifnames=0 quiet loglevel=4 ${XENBED_LINUX_ARGS:-},$CACHE/initrd.img" \
		-drive "if=none,id=d0,file=$RUN/disk.qcow2,format=qcow2,cache=unsafe" \
		-device virtio-blk-pci,drive=d0,addr=4 \
		-netdev "user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:$1-:22" \
		-device virtio-net-pci,netdev=n0,romfile=,addr=5 \
		-device e1000e,romfile=,addr=8 -device e1000e,romfile=,addr=9 \
		-device pcie-root-port,id=rp1,chassis=1,addr=a -device virtio-rng-pci,bus=rp1 \
		-device edu,addr=b \
		-serial "file:$RUN/console.log" -monitor "unix:$RUN/monitor.sock,server=on,wait=off" \
		-pidfile "$RUN/pid" -daemonize ${XENBED_QEMU_ARGS:-} > "$RUN/qemu.log" 2>&1
}
# A free port: try some; qemu says which are taken.
port=${XENBED_PORT:-$((20000 + $$ % 20000))}
tries=0
until start "$port"; do
	tries=$((tries + 1))
	if [ $tries -ge 10 ] || ! grep -q 'Could not set up host forwarding' "$RUN/qemu.log"; then
		cat "$RUN/qemu.log" >&2
		die "qemu did not start"
	fi
	port=$((port + 101))
done
echo "$port" > "$RUN/port"

t0=$(date +%s)
while :; do
	if grep -aq 'XENBED.*READY' "$RUN/console.log" 2>/dev/null; then break; fi
	if ! kill -0 "$(cat "$RUN/pid")" 2>/dev/null; then
		tail -n 30 "$RUN/console.log" >&2
		die "qemu ended during boot; see $RUN/console.log and $RUN/qemu.log"
	fi
	if [ $(($(date +%s) - t0)) -ge "$TIMEOUT" ]; then
		tail -n 30 "$RUN/console.log" >&2
		"$HERE/stop.sh" || true
		die "not ready after $TIMEOUT s; see $RUN/console.log"
	fi
	sleep 0.5
done
# The services said what failed, if anything, on the console.
if grep -aE 'XENBED.*(failed|does not answer)' "$RUN/console.log" >&2; then
	die "a dom0 service did not start (instance left running; see $RUN/console.log)"
fi
XENBED_RUN=$RUN XENBED_CACHE=$CACHE timeout 60 "$HERE/dom0-run.sh" true || die "the dom0 is up but does not run commands"
echo "boot: ready after $(($(date +%s) - t0)) s, pid $(cat "$RUN/pid"), port $port"
