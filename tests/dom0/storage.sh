#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 1500
# The storage drivers on real thin pools, file systems and power cuts: boots the dom0's kernel and root without Xen,
# runs the drivers' test programs of the release build there, and shows what they printed. The machine gets one disk with
# the programs, writes to one serial line, and switches itself off.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
cd "$here/../.." || exit 1
build=${BULKHEAD_BUILD:-$PWD/build/release}

export XENBED_CACHE="${XENBED_CACHE:-${HOME:-/root}/.cache/bulkhead-xenbed}"
booting="a machine with the dom0's kernel runs the storage tests to their end"
unable() {
    skip "$booting" "$1"
    done_testing
    exit 0
}
command -v qemu-system-x86_64 >/dev/null && command -v cpio >/dev/null || unable "no QEMU or no cpio"
[ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -ge 3500 ] || unable "less than 3500 MiB of memory free"
programs="drivers reflink reflink_contents reflink_pool replay replay_lvm"
for name in $programs; do
    [ -x "$build/tests/unit/unit_doors_pool_${name}_test" ] || unable "no test programs in $build"
done
if ! image=$(timeout 400 "$here/build-image.sh" 2>&1); then
    printf '%s\n' "$image" | tail -n 10 | sed 's/^/# /'
    unable "the image cannot be made here, see the lines above"
fi
run=$(mktemp -d "$XENBED_CACHE/storage.XXXXXX")
machine=
trap '[ -z "$machine" ] || kill "$machine" 2>/dev/null; rm -rf "$run"' EXIT
trap 'exit 1' INT TERM HUP

# The programs, on a disk that is a tar archive; without debug information, which is most of them.
mkdir -p "$run/disk/storage" "$run/initrd"
for name in $programs; do
    cp "$build/tests/unit/unit_doors_pool_${name}_test" "$run/disk/storage/"
done
cp "$here/storage-guest.sh" "$run/disk/storage/"
echo "${XENBED_STORAGE_PARTS:-on_volumes below_volumes on_files on_a_pool}" >"$run/disk/storage/parts"
# And a whole bulkhead with what brings one up.
mkdir -p "$run/disk/storage/build" "$run/disk/storage/tree/tests/dom0" "$run/disk/storage/tree/tests/scenario" \
    "$run/disk/storage/tree/tests/conformance" "$run/disk/storage/tree/tools"
cp -R "$build/bulkhead" "$build/libexec" "$run/disk/storage/build/"
cp tools/instance tools/private-libvirtd "$run/disk/storage/tree/tools/"
cp "$here"/*.py "$run/disk/storage/tree/tests/dom0/"
cp tests/scenario/*.py "$run/disk/storage/tree/tests/scenario/"
cp tests/conformance/make-tree.sh tests/conformance/kernels.txt "$run/disk/storage/tree/tests/conformance/"
strip "$run"/disk/storage/unit_* "$run"/disk/storage/build/bulkhead "$run"/disk/storage/build/libexec/* 2>/dev/null
tar -C "$run/disk" -b 128 -cf "$run/programs.tar" storage

# A second initramfs is laid over the image's own one: it begins with another /init, which begins with our script.
cat >"$run/initrd/init" <<'INIT'
#!/bin/busybox sh
bb=/bin/busybox
for fs in proc:proc sysfs:sys devtmpfs:dev; do $bb mount -t ${fs%:*} ${fs%:*} /${fs#*:}; done
while read -r m; do $bb insmod /lib/modules/$m; done </lib/modules/order
i=0
until [ -b /dev/vda ] && [ -b /dev/vdb ] || [ $i -ge 100 ]; do i=$((i + 1)); $bb sleep 0.1; done
$bb mount -t ext4 -o noatime /dev/vda /mnt && $bb tar -C /mnt -xf /dev/vdb || $bb poweroff -f
for d in proc sys dev; do $bb mount --move /$d /mnt/$d; done
exec $bb switch_root /mnt /bin/sh /storage/storage-guest.sh
INIT
chmod 755 "$run/initrd/init"
(cd "$run/initrd" && echo init | cpio -o -H newc --quiet) | gzip >"$run/over.gz"
cat "$XENBED_CACHE/initrd.img" "$run/over.gz" >"$run/initrd.img"

# norandmaps: QEMU keeps what it translated of a program only where the next run has the same addresses.
qemu-system-x86_64 -machine q35 -accel tcg,thread=multi,tb-size=512 -cpu qemu64 -smp 2 -m "${XENBED_STORAGE_MEM:-2304}" \
    -nodefaults -display none -no-reboot -kernel "$XENBED_CACHE/vmlinuz" -initrd "$run/initrd.img" \
    -append "console=ttyS0,115200 mitigations=off norandmaps quiet loglevel=4 panic=1" \
    -drive "if=none,id=d0,file=$XENBED_CACHE/rootfs.img,format=raw,snapshot=on,cache=unsafe" -device virtio-blk-pci,drive=d0,addr=4 \
    -drive "if=none,id=d1,file=$run/programs.tar,format=raw,readonly=on" -device virtio-blk-pci,drive=d1,addr=5 \
    -serial "file:$run/console" -serial "file:$run/results" </dev/null >"$run/qemu.log" 2>&1 &
machine=$!
wait "$machine"
machine=

tr -d '\r' <"$run/results"
grep -a '^ERROR\|failed' "$run/console" | tr -d '\r' | sed 's/^/# /' # what a failing test says goes to standard error
ends() { grep -aq '^# STORAGE-END' "$run/results" || { tail -n 30 "$run/qemu.log" "$run/console"; return 1; }; }
finds_all() { ! grep -ai '# *skip' "$run/results"; }
check "$booting" ends
check "it has all that they need: none was skipped" finds_all
done_testing
