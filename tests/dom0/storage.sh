#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 900
# The storage drivers on real thin pools, file systems and power cuts: boots the dom0's kernel and root without Xen,
# runs the drivers' test programs of the release build there, and shows what they printed. The machine gets one disk with
# the programs, writes to one serial line, and switches itself off.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
cd "$here/../.." || exit 1
build=${BULKHEAD_BUILD:-$PWD/build/release}

export XENBED_CACHE="${XENBED_CACHE:-${HOME:-/root}/.cache/bulkhead-xenbed}"
booting="a machine with Debian's dom0 kernel runs the storage tests to their end"
unable() {
    skip "$booting" "$1"
    done_testing
    exit 0
}
command -v qemu-system-x86_64 >/dev/null && command -v cpio >/dev/null || unable "no QEMU or no cpio"
[ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -ge 3500 ] || unable "less than 3500 MiB of memory free"
[ -x "$build/tests/unit/unit_doors_pool_lvm_test" ] || unable "no test programs in $build"
if ! image=$(timeout 400 "$here/build-image.sh" 2>&1); then
    printf '%s\n' "$image" | tail -n 10 | sed 's/^/# /'
    unable "the image cannot be made here, see the lines above"
fi
run=$(mktemp -d "$XENBED_CACHE/storage.XXXXXX")
machine=
trap '[ -z "$machine" ] || kill "$machine" 2>/dev/null; cp "$run/console" "$run/qemu.log" "$run/results" /tmp/xb-storage/; rm -rf "$run"' EXIT
trap 'exit 1' INT TERM HUP

# The programs, on a disk that is a tar archive; without debug information, which is most of them.
mkdir -p "$run/disk/storage" "$run/initrd"
cp "$build"/tests/unit/unit_doors_pool_*_test "$here/storage-guest.sh" "$run/disk/storage/"
cp /tmp/probe.sh "$run/disk/storage/"; strip "$run"/disk/storage/unit_* 2>/dev/null
tar -C "$run/disk" -b 128 -cf "$run/programs.tar" storage

# A second initramfs is laid over the image's own one: only its /init is another.
sed -n '/^cat > "$D\/init" <<.DINIT.$/,/^DINIT$/p' "$here/build-image.sh" | sed '1d;$d' |
    sed 's|^exec .*|$bb tar -C /mnt -xf /mnt/dev/vdb; exec $bb switch_root /mnt /bin/sh /storage/storage-guest.sh|' >"$run/initrd/init"
chmod 755 "$run/initrd/init"
(cd "$run/initrd" && echo init | cpio -o -H newc --quiet) | gzip >"$run/over.gz"
cat "$XENBED_CACHE/initrd.img" "$run/over.gz" >"$run/initrd.img"

qemu-system-x86_64 -machine q35 -accel tcg,thread=multi,tb-size=512 -cpu qemu64 -smp 2 -m "${XENBED_STORAGE_MEM:-2304}" \
    -nodefaults -display none -no-reboot \
    -kernel "$XENBED_CACHE/vmlinuz" -initrd "$run/initrd.img" \
    -append "console=ttyS0,115200 mitigations=off quiet loglevel=4 panic=1 ${XENBED_STORAGE_ARGS:-}" \
    -drive "if=none,id=d0,file=$XENBED_CACHE/rootfs.img,format=raw,snapshot=on,cache=unsafe" -device virtio-blk-pci,drive=d0,addr=4 \
    -drive "if=none,id=d1,file=$run/programs.tar,format=raw,readonly=on" -device virtio-blk-pci,drive=d1,addr=5 \
    -serial "file:$run/console" -serial "file:$run/results" </dev/null >"$run/qemu.log" 2>&1 &
machine=$!
wait "$machine"
machine=

ends() { grep -aq '^# STORAGE-END' "$run/results" || { tail -n 30 "$run/qemu.log" "$run/console"; return 1; }; }
tr -d '\r' <"$run/results"
check "$booting" ends
done_testing
