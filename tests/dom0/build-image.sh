#!/bin/sh
# SPDX-License-Identifier: MIT
# build-image.sh - build the Xen dom0 test-bed image (Debian 12, amd64).
#
# The result is a cache folder (default: ~/.cache/bulkhead-xenbed, or $XENBED_CACHE):
#   rootfs.img       sparse raw ext4 image, the dom0's root file system
#   xen              the hypervisor, gunzipped, for qemu's multiboot loader
#   vmlinuz          the dom0 kernel
#   initrd.img       the dom0's initramfs
#   id_ed25519[.pub] the key with which dom0-run.sh logs in
#   manifest.txt     the packages and versions that went into the image
#   stamp            hash of this script and its settings; present only after a complete build
#
# Idempotent: does nothing when the stamp matches this script. -f rebuilds.
# No boot loader, no loop mount, no KVM. Needs root (mmdebstrap's root mode) and
# these Debian packages: mmdebstrap e2fsprogs openssh-client cpio xz-utils
# busybox-static.
# The package sources are this machine's own; none is named here, and none is
# left in the image.
set -eu

CACHE=${XENBED_CACHE:-$HOME/.cache/bulkhead-xenbed}
SUITE=bookworm
XENVER=4.17
IMG_SIZE=${XENBED_IMG_SIZE:-3G}

die() { echo "build-image: $*" >&2; exit 1; }
say() { echo "build-image: $*"; }

FORCE=no
[ "${1:-}" = -f ] && FORCE=yes

[ "$(id -u)" = 0 ] || die "must run as root (mmdebstrap --mode=root)"
for p in mmdebstrap mke2fs ssh-keygen cpio xzcat sha256sum; do
	command -v $p >/dev/null 2>&1 || PATH=$PATH:/sbin:/usr/sbin
	command -v $p >/dev/null 2>&1 || die "missing program: $p (see the head of this script for the packages)"
done
BUSYBOX=/bin/busybox
[ -x $BUSYBOX ] || die "missing $BUSYBOX (package busybox-static)"

mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd)
WANT=$(sha256sum < "$0" | cut -d' ' -f1)-$IMG_SIZE-${XENBED_EXTRA_PACKAGES:-}
if [ $FORCE = no ] && [ -f "$CACHE/stamp" ] && [ "$(cat "$CACHE/stamp")" = "$WANT" ]; then
	say "up to date: $CACHE"
	exit 0
fi
rm -f "$CACHE/stamp"

# One deb822 or one-line sources file: whatever this machine uses.
SOURCES=
for f in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
	[ -s "$f" ] && grep -qE '^(deb |Types:)' "$f" && SOURCES=$f
done
[ -n "${XENBED_SOURCES:-}" ] && SOURCES=$XENBED_SOURCES
[ -n "$SOURCES" ] || die "no apt sources file found; set XENBED_SOURCES"

WORK=$(mktemp -d "$CACHE/build.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM HUP
ROOT=$WORK/root

# The host's own download settings (proxy, date checks, ...), used for the build only.
apt-config dump | grep '^Acquire::' > "$WORK/apt-acquire.conf" || true

if [ ! -f "$CACHE/id_ed25519" ]; then
	ssh-keygen -q -t ed25519 -N '' -C xenbed -f "$CACHE/id_ed25519"
fi

say "installing packages"
PKGS=linux-image-amd64,xen-hypervisor-$XENVER-amd64,xen-utils-$XENVER,xenstore-utils
PKGS=$PKGS,qemu-system-xen,seabios,libvirt-daemon-system,libvirt-daemon,libvirt-daemon-driver-xen,libvirt-clients
PKGS=$PKGS,pciutils,openssh-server,iproute2,udev,kmod,initramfs-tools,busybox-static,procps,dbus,python3-minimal
# What bulkhead's own programs link and run.
PKGS=$PKGS,libnng1,libmsgpackc2,libvirt0,libxml2,libxslt1.1,libsqlite3-0,libseccomp2,libcap-ng0,libpci3,pci.ids
PKGS=$PKGS,libuuid1,uuid-runtime,libjansson4,libsystemd0,libmd0,libxenstore4
# What its storage drivers run, and what their test programs need.
PKGS=$PKGS,lvm2,thin-provisioning-tools,cryptsetup-bin,xfsprogs,btrfs-progs,e2fsprogs,libcmocka0
PKGS=$PKGS${XENBED_EXTRA_PACKAGES:+,$XENBED_EXTRA_PACKAGES}
mmdebstrap --mode=root --variant=essential --format=directory \
	--aptopt="$WORK/apt-acquire.conf" \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/info/*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/gpu/*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/media/*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/net/wireless/*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/infiniband/*' \
	--dpkgopt='path-exclude=/lib/modules/*/kernel/sound/*' \
	--include="$PKGS" \
	--setup-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" && echo MODULES=list > "$1/etc/initramfs-tools/conf.d/xenbed" && printf "%s\n" virtio_pci virtio_blk ext4 > "$1/etc/initramfs-tools/modules"' \
	"$SUITE" "$ROOT" "$SOURCES" > "$WORK/mmdebstrap.log" 2>&1 ||
	{ tail -n 30 "$WORK/mmdebstrap.log" | sed -E 's#[a-z]+://[^ /]+#<mirror>#g' >&2; die "mmdebstrap failed"; }

# Leave no trace of the package sources in the image.
rm -rf "$ROOT"/etc/apt/sources.list* "$ROOT"/etc/apt/apt.conf.d/99mmdebstrap \
	"$ROOT"/var/lib/apt/lists/* "$ROOT"/var/cache/apt/* "$ROOT"/var/log/apt \
	"$ROOT"/var/log/dpkg.log "$ROOT"/var/log/alternatives.log \
	"$ROOT"/usr/lib/*/perl/debian-config-data-*/README

KVER=$(basename "$(ls -d "$ROOT"/lib/modules/* | sort -V | tail -n 1)")
[ -f "$ROOT/boot/vmlinuz-$KVER" ] || die "no kernel for $KVER"

say "dom0 settings (kernel $KVER)"
echo xenbed-dom0 > "$ROOT/etc/hostname"
printf '127.0.0.1 localhost xenbed-dom0\n' > "$ROOT/etc/hosts"
printf '/dev/vda / ext4 noatime 0 1\n' > "$ROOT/etc/fstab"
chroot "$ROOT" passwd -d root >/dev/null 2>&1 || true
mkdir -m 700 -p "$ROOT/root/.ssh"
install -m 600 "$CACHE/id_ed25519.pub" "$ROOT/root/.ssh/authorized_keys"
rm -f "$ROOT"/etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C xenbed-dom0 -f "$ROOT/etc/ssh/ssh_host_ed25519_key"
cat > "$ROOT/etc/ssh/sshd_config" <<SSHD
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxSessions 64
MaxStartups 64
Subsystem sftp /usr/lib/openssh/sftp-server
SSHD

# PID 1 is busybox init with the few services a dom0 needs: a dom0 under
# systemd takes several times longer to come up under TCG.
mkdir -p "$ROOT/lib/xenbed"
ln -sf /bin/busybox "$ROOT/lib/xenbed/init"
cat > "$ROOT/etc/inittab" <<'INITTAB'
::sysinit:/lib/xenbed/rc
::ctrlaltdel:/bin/busybox reboot -f
::shutdown:/bin/busybox sync
INITTAB
cat > "$ROOT/lib/xenbed/rc" <<'RC'
#!/bin/sh
# Bring up the dom0: devices, network, xenstored, xenconsoled, libvirtd, sshd.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
step() { echo "XENBED $(cut -d' ' -f1 /proc/uptime) $*"; }
step rc starts
mount -o remount,rw /
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys  || mount -t sysfs sys /sys
mountpoint -q /dev  || mount -t devtmpfs dev /dev
mountpoint -q /run  || mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp /dev/shm
# Xen's hotplug scripts spin for ever where these links, which systemd would make, are missing.
ln -sf /proc/self/fd /dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -sf "fd/${n%%:*}" "/dev/${n#*:}"; done
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
mkdir -p /run/xen /run/xenstored /run/sshd /run/lock /run/libvirt /var/log/xen/console /var/log/libvirt
hostname -F /etc/hostname
ip link set lo up
for m in virtio_net xenfs xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xen-netback xen-blkback loop dm-mod; do
	modprobe $m || step "modprobe $m failed"
done
mount -t xenfs xenfs /proc/xen
/lib/systemd/systemd-udevd --daemon
# Only what the test bed uses; the rest of the emulated board costs 10 s under TCG.
udevadm trigger --action=add --subsystem-match=pci --subsystem-match=virtio \
	--subsystem-match=net --subsystem-match=block --subsystem-match=mem
udevadm settle --timeout=60
# Only now xen-pciback: drivers_probe asks drivers in load order, and pciback keeps
# on matching each slot it once seized (until remove_slot), so a pciback loaded
# first would win every device back that virsh nodedev-reattach gives up.
modprobe xen-pciback || step modprobe xen-pciback failed
step udev settled
net=$(basename "$(ls -d /sys/bus/virtio/drivers/virtio_net/virtio*/net/* | head -n 1)")
ip link set "$net" up && ip addr add 10.0.2.15/24 dev "$net" && ip route add default via 10.0.2.2
mkdir -p /run/sshd
/usr/sbin/sshd
step sshd started
B=$(/usr/lib/xen-common/bin/xen-dir)/bin
if grep -q xenbed.store=ocaml /proc/cmdline; then
	$B/oxenstored --pid-file /run/xenstore.pid
else
	$B/xenstored --pid-file /run/xenstore.pid
fi
i=0
until xenstore-read / >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -gt 100 ] && { step xenstored does not answer; break; }
	sleep 0.1
done
$B/xen-init-dom0 || step xen-init-dom0 failed
$B/xenconsoled --pid-file=/run/xenconsoled.pid --log=guest </dev/null >/dev/null 2>&1
step xenstored and xenconsoled started
libvirtd -d </dev/null >/dev/null 2>&1
i=0
until virsh -c xen:///system uri >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -gt 60 ] && { step libvirtd does not answer; break; }
	sleep 0.5
done
step libvirtd started
echo ready > /run/xenbed-ready
step READY
RC
chmod 755 "$ROOT/lib/xenbed/rc"

# libvirtd serves only uids that have a passwd and a group record; where systemd runs,
# the supervisor publishes them, but here nothing would read what it publishes.
# records KIND FIRST LAST: one such record per uid, named KIND-UID.
records() {
	seq "$2" "$3" | while read -r id; do
		echo "$1-$id:x:$id:$id::/nonexistent:/usr/sbin/nologin" >> "$ROOT/etc/passwd"
		echo "$1-$id:x:$id:" >> "$ROOT/etc/group"
	done
}
records bulkhead 69000 69063
records bulkhead-vm 70000 70127
records bulkhead-guest 85000 85127

# Parts of the emulated board that nothing here uses.
for m in ahci lpc_ich i2c_i801 iTCO_wdt pcspkr psmouse powernow_k8 evdev joydev; do
	echo "blacklist $m"
done > "$ROOT/etc/modprobe.d/xenbed.conf"

# libvirt's libxl driver refuses to start when no CPU model of its map fits the
# host CPU. TCG has no VME, and Xen hides SEP on AMD CPUs, so none would fit:
# add a minimal model.
cat > "$ROOT/usr/share/libvirt/cpu_map/x86_xenbed.xml" <<CPU
<cpus>
  <model name='xenbed'>
    <decode host='on' guest='off'/>
    <feature name='fpu'/>
    <feature name='lm'/>
    <feature name='pae'/>
  </model>
</cpus>
CPU
sed -i "s#^\( *\)<include filename='x86_486.xml'/>#\1<include filename='x86_xenbed.xml'/>\n&#" \
	"$ROOT/usr/share/libvirt/cpu_map/index.xml"
grep -q x86_xenbed "$ROOT/usr/share/libvirt/cpu_map/index.xml" || die "cannot extend libvirt's cpu_map"

# Its read-write socket asks polkit, which asks a bus that is not here: the socket alone decides.
sed -i 's/^#*auth_unix_\(r[ow]\) *=.*/auth_unix_\1 = "none"/' "$ROOT/etc/libvirt/libvirtd.conf"
[ "$(grep -c '^auth_unix_r[ow] = "none"' "$ROOT/etc/libvirt/libvirtd.conf")" = 2 ] || die "cannot set libvirtd's socket"
sed -i 's/^#*unix_sock_rw_perms *=.*/unix_sock_rw_perms = "0777"/' "$ROOT/etc/libvirt/libvirtd.conf"

# Only the libvirt drivers that the test bed uses: less to start under TCG.
LVDRV=$ROOT/usr/lib/x86_64-linux-gnu/libvirt/connection-driver
for d in qemu lxc vbox nwfilter interface secret storage network; do
	rm -f "$LVDRV/libvirt_driver_$d.so"
done

# Qubes OS names its own hotplug script in each disk; Xen's serves the same plain disks.
ln -s block "$ROOT/etc/xen/scripts/qubes-block"

# --- the test guests ---------------------------------------------------------
# /guest/vmlinux  uncompressed kernel (ELF), so that no guest start pays for xz
# /guest/initrd   busybox, xen front-end modules and a few PCI drivers
say "guest kernel and initramfs"
G=$ROOT/guest
mkdir -p "$G"
cp "$ROOT/boot/vmlinuz-$KVER" "$G/vmlinuz"
# The xz stream starts at the xz magic inside the bzImage; xz stops with an error
# at the trailing bytes, after it wrote the whole ELF file.
off=$(LC_ALL=C grep -abo "$(printf '\3757zXZ')" "$G/vmlinuz" | head -n 1 | cut -d: -f1)
[ -n "$off" ] || die "no xz payload in the Debian kernel"
tail -c +$((off + 1)) "$G/vmlinuz" | xzcat --single-stream > "$G/vmlinux" 2>/dev/null || true
[ "$(head -c 4 "$G/vmlinux" | tail -c 3)" = ELF ] || die "could not unpack the guest kernel"

# initrd_tree DIR MODULE...: an initramfs tree with busybox and these modules; the
# load order, dependencies first, is in lib/modules/order.
initrd_tree() {
	dir=$1
	shift
	mkdir -p "$dir/bin" "$dir/sbin" "$dir/lib/modules" "$dir/proc" "$dir/sys" "$dir/dev" "$dir/mnt"
	cp "$BUSYBOX" "$dir/bin/busybox"
	: > "$dir/lib/modules/order"
	for m; do
		chroot "$ROOT" modprobe -S "$KVER" --ignore-install --show-depends "$m" > "$WORK/deps" 2>/dev/null ||
			die "no kernel module $m"
		while read -r verb path rest; do
			[ "$verb" = insmod ] || continue
			cp "$ROOT$path" "$dir/lib/modules/"
			f=$(basename "$path")
			grep -qx "$f" "$dir/lib/modules/order" || echo "$f" >> "$dir/lib/modules/order"
		done < "$WORK/deps"
	done
}
# initrd_pack DIR FILE
initrd_pack() {
	(cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) | gzip -9 > "$2"
}

I=$WORK/initrd
initrd_tree "$I" xen-pcifront xen-netfront e1000e 8139cp virtio_rng
cat > "$I/init" <<'GINIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
while read -r m; do insmod /lib/modules/$m 2>/dev/null; done < /lib/modules/order
echo "XENBED-GUEST up $(cut -d' ' -f1 /proc/uptime) $(nproc) cpu(s) $(grep MemTotal /proc/meminfo)"
# The console is a shell: test scripts can type into it (virsh console, xl console).
while :; do setsid cttyhack sh </dev/console >/dev/console 2>&1; sleep 1; done
GINIT
# The kernel runs these when the tool stack asks for a shutdown or a reboot.
printf '#!/bin/busybox sh\nexec /bin/busybox poweroff -f\n' > "$I/sbin/poweroff"
printf '#!/bin/busybox sh\nexec /bin/busybox reboot -f\n' > "$I/sbin/reboot"
chmod 755 "$I/init" "$I/sbin/poweroff" "$I/sbin/reboot"
initrd_pack "$I" "$G/initrd"

# The dom0's own initramfs: Debian's takes 16 s under TCG, this one about 3 s.
say "dom0 initramfs"
D=$WORK/initrd0
initrd_tree "$D" virtio_pci virtio_blk ext4
cat > "$D/init" <<'DINIT'
#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t sysfs sys /sys
$bb mount -t devtmpfs dev /dev
while read -r m; do $bb insmod /lib/modules/$m; done < /lib/modules/order
i=0
until [ -b /dev/vda ] || [ $i -ge 100 ]; do i=$((i + 1)); $bb sleep 0.1; done
$bb mount -t ext4 -o noatime /dev/vda /mnt || { echo "XENBED cannot mount /dev/vda"; $bb poweroff -f; }
for d in proc sys dev; do $bb mount --move /$d /mnt/$d; done
exec $bb switch_root /mnt /lib/xenbed/init
DINIT
chmod 755 "$D/init"
initrd_pack "$D" "$WORK/initrd.img"

# --- the image ---------------------------------------------------------------
say "writing the image"
gunzip -c "$ROOT/boot/xen-$XENVER-amd64.gz" > "$WORK/xen"
cp "$ROOT/boot/vmlinuz-$KVER" "$WORK/vmlinuz"
rm -f "$ROOT"/boot/initrd.img-*
dpkg-query --admindir="$ROOT/var/lib/dpkg" -W -f '${Package} ${Version}\n' > "$WORK/manifest.txt"
truncate -s "$IMG_SIZE" "$WORK/rootfs.img"
mke2fs -q -t ext4 -F -L xenbed -m 0 -E lazy_itable_init=1 -d "$ROOT" "$WORK/rootfs.img" ||
	die "mke2fs failed (is XENBED_IMG_SIZE=$IMG_SIZE large enough?)"
for f in xen vmlinuz initrd.img manifest.txt rootfs.img; do
	mv -f "$WORK/$f" "$CACHE/$f"
done
echo "$WANT" > "$CACHE/stamp"
say "done: $CACHE ($(du -sh "$CACHE/rootfs.img" | cut -f1) on disk)"
