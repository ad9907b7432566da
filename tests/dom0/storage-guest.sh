#!/bin/sh
# SPDX-License-Identifier: MIT
# storage-guest.sh - the first and only program of the machine that storage.sh boots: prepares devices as a dom0 has them,
# runs the test programs next to it, and switches the machine off. What they print goes to the second serial line.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd /storage || exit 1
mount -o remount,rw /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /dev/pts /dev/shm /run/lock
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o size=1500m tmpfs /tmp
chmod 1777 /tmp /dev/shm
ln -sf /proc/self/fd /dev/fd
hostname -F /etc/hostname
for m in loop dm-mod dm-thin-pool dm-snapshot dm-crypt dm-log-writes dm-flakey btrfs xfs; do
    modprobe $m || echo "STORAGE modprobe $m failed"
done
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=block --subsystem-match=misc
udevadm settle --timeout=60
# A pool without room makes writers wait a minute for more before it fails them.
echo 3 >/sys/module/dm_thin_pool/parameters/no_space_timeout
stty -F /dev/ttyS1 raw -echo 2>/dev/null
exec >/dev/ttyS1 2>/dev/ttyS0
export CMOCKA_MESSAGE_OUTPUT=tap

# shellcheck disable=SC2013
case $(cat /proc/cmdline) in *storage.shell=*)
    sh -c "$(sed 's/.*storage.shell=//; s/@/ /g' /proc/cmdline)" 2>&1
    sync; sleep 0.3; /bin/busybox poweroff -f ;;
esac

for program in unit_doors_pool_*_test; do
    echo "# $program, $(cut -d. -f1 /proc/uptime) s after boot"
    timeout 400 ./$program || echo "# $program: status $?"
done
echo "# STORAGE-END $(cut -d. -f1 /proc/uptime) s after boot"
sync
/bin/busybox sleep 0.3
/bin/busybox poweroff -f
