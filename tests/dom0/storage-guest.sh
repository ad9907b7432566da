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
# No udev: LVM and dmsetup then make nodes themselves, and each volume that comes or goes costs seconds less.
export DM_DISABLE_UDEV=1
# settings DISK: a folder with settings of LVM that let it see no disk but this one, and leave out what only costs time here.
settings() {
    own=$(mktemp -d /run/lvm-settings.XXXXXX)
    cp -R /etc/lvm/. "$own"
    cat >"$own/lvmlocal.conf" <<CONF
activation { monitoring=0 udev_sync=0 udev_rules=0 verify_udev_operations=0 }
backup { backup=0 archive=0 }
devices { obtain_device_list_from_udev=0 global_filter=["a|^/dev/mapper/$1\$|","r|.*|"] }
CONF
    echo "$own"
}
# A pool without room makes writers wait a minute for more before it fails them.
echo 3 >/sys/module/dm_thin_pool/parameters/no_space_timeout
stty -F /dev/ttyS1 raw -echo 2>/dev/null
exec >/dev/ttyS1 2>/dev/ttyS0
export CMOCKA_MESSAGE_OUTPUT=tap

# program SECONDS NAME ARGUMENT...: with LVM's settings of the folder $lvm, in mounts of its own.
program() {
    began=$(cut -d. -f1 /proc/uptime) seconds=$1 name=$2
    shift 2
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout "$seconds" unshare --mount sh -c 'mount --bind "$0" /etc/lvm && exec "$@"' "${lvm:-/etc/lvm}" \
        ./unit_doors_"$name" "$@" </dev/null || echo "not ok - $name ends well: status $?"
    echo "# $name $*: from $began to $(cut -d. -f1 /proc/uptime) s after boot"
}
on_volumes() {
    lvm=$(settings bulkheadthin)
    program 1000 pool_drivers_test lvm_thin
}
below_volumes() {
    lvm=$(settings bulkheadtape)
    program 1000 pool_replay_lvm_test 4
}
on_files() {
    for ground in "file-reflink on btrfs" "file-reflink on xfs" "file-reflink on ext4" "callback over file-reflink" file; do
        program 300 pool_drivers_test "$ground"
    done
    for name in pool_reflink_test pool_reflink_contents_test pool_reflink_pool_test; do
        program 300 "$name"
    done
    program 1000 pool_replay_test 6
}
# A whole bulkhead, whose pool's process runs LVM in its jail; as in a dom0 udevd makes the nodes, and LVM has its own settings.
on_a_pool() {
    unset DM_DISABLE_UDEV
    mount -t cgroup2 none /sys/fs/cgroup
    /lib/systemd/systemd-udevd --daemon
    udevadm trigger --action=add --subsystem-match=block
    udevadm settle --timeout=60
    echo "# lvm_live, $(cut -d. -f1 /proc/uptime) s after boot"
    (cd tree/tests/dom0 && BULKHEAD_BUILD=/storage/build timeout -k 10 600 python3 -u lvm_live.py) </dev/null ||
        echo "not ok - lvm_live ends well: status $?"
}
# What they say comes one after the other.
parts=$(cat parts)
for part in $parts; do
    [ "$part" = on_a_pool ] || $part >"/run/$part" &
done
wait
for part in $parts; do
    if [ "$part" = on_a_pool ]; then on_a_pool; else cat "/run/$part"; fi
done
echo "# STORAGE-END $(cut -d. -f1 /proc/uptime) s after boot"
sync
/bin/busybox sleep 0.3
/bin/busybox poweroff -f
