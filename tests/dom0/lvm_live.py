# SPDX-License-Identifier: MIT
"""A pool of the driver lvm_thin on a real thin pool: its jailed process runs the machine's own tools, and udevd makes the
nodes. A part of storage.sh, there over libvirt's test driver; in the emulated dom0 by hand, with guests of Xen."""
import contextlib
import os
import pathlib
import signal
import threading
import time

from bed import PATIENCE, Bed, part, run
from house import Answer, House, Tap, scenario, wait
from volumes import info, pool_number, xml

GROUP, THIN, POOL, VM = 'bedvg', 'thin', 'lv', 'lvm'
ACTOR = f'storage/{pool_number(POOL)}'
MIB = 1 << 20
FILE = '/var/tmp/bedvg.img'
UNWATCHED = '--config=activation/monitoring=0'  # as where no dmeventd serves
ON_XEN = pathlib.Path('/proc/xen/capabilities').exists()


class Machine(House):
    """No Xen: a house that nobody has lived in, with the whole jail and the host's tools."""

    def __init__(self) -> None:
        super().__init__(new=True)

    def call(self, method: str, dest: str = 'dom0', payload: str | bytes = b'', timeout: float = PATIENCE,
             sock: str = 'qubesd.sock') -> Answer:
        return super().call(method, dest, payload, timeout, sock)

    def prepares(self, name: str) -> None:
        self.must('admin.vm.property.Set+kernel', name, '6.12.1')

    def start(self, name: str) -> Answer:
        return self.call('admin.vm.Start', name)

    def disks(self, name: str) -> str:
        return xml(self, name)


class Guests(Bed):
    """A bulkhead that serves on Xen."""

    def prepares(self, name: str) -> None:
        for key, value in {'virt_mode': 'pv', 'kernel': 'mini', 'netvm': '', 'memory': 32, 'maxmem': 0, 'vcpus': 1,
                           'kernelopts': 'guest.'}.items():
            self.must(f'admin.vm.property.Set+{key}', name, str(value))

    def disks(self, name: str) -> str:
        return self.do('domblklist', name)


def make_group() -> None:
    """As an administrator makes one: nothing of this is bulkhead's."""
    run('modprobe', 'dm-thin-pool')
    run('truncate', '-s', '2G', FILE)
    loop = run('losetup', '-f', '--show', FILE).strip()
    run('pvcreate', '-q', loop)
    run('vgcreate', '-q', '--setautoactivation', 'n', GROUP, loop)  # which would begin a dmeventd, from a rule of udev
    run('lvcreate', '-q', UNWATCHED, '-L', '1G', '--poolmetadatasize', '16M', '--thinpool', THIN, GROUP)


def leave_fifos() -> None:
    """What a dmeventd that was killed leaves: beside these another one could begin, also in a jail that lets it make none."""
    run('dmeventd')
    for pid in runs_there('dmeventd'):
        os.kill(pid, signal.SIGKILL)
    if not wait(lambda: not runs_there('dmeventd'), PATIENCE) or not pathlib.Path('/run/dmeventd-client').is_fifo():
        raise RuntimeError('no FIFO of a dmeventd')


def volumes() -> dict[str, int]:
    """The group's thin volumes and their sizes, as LVM says them."""
    rows = run('lvs', '--noheadings', '--units', 'b', '--nosuffix', '-o', 'lv_name,lv_size,pool_lv', GROUP).splitlines()
    return {row.split()[0]: int(row.split()[1]) for row in rows if row.split()[2:] == [THIN]}


def passing() -> list[str]:
    """Those that are there while a VM runs or something is under way."""
    return [n for n in volumes() if n.endswith(('-snap', '-volatile', '-half', '-import'))]


def node(name: str) -> pathlib.Path:
    return pathlib.Path(f'/dev/{GROUP}/{name}')


def read(name: str, count: int) -> bytes:
    with node(name).open('rb') as device:
        return device.read(count)


def write(name: str, data: bytes) -> None:
    with node(name).open('r+b') as device:
        device.write(data)
        device.flush()
        os.fsync(device.fileno())


def runs_there(name: str) -> list[int]:
    """Processes with this name of their program."""
    found = []
    for entry in pathlib.Path('/proc').iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / 'comm').read_text('utf-8').strip() == name and (entry / 'cmdline').read_bytes():
                found.append(int(entry.name))
    return found


def jailed(name: str) -> list[int]:
    """Those in another pid namespace than ours."""
    found = []
    for pid in runs_there(name):
        with contextlib.suppress(OSError):
            if os.readlink(f'/proc/{pid}/ns/pid') != os.readlink('/proc/self/ns/pid'):
                found.append(pid)
    return found


def is_added(bed: House, tap: Tap) -> bool:
    refused = bed.call('admin.pool.Add+lvm_thin', 'dom0', 'name=no\nvolume_group=nosuch\nthin_pool=thin', PATIENCE)
    tap.check('a group that is not there is refused with the words of lvm',
              refused.kind == 'error' and 'nosuch' in refused.text, refused)
    added = bed.call('admin.pool.Add+lvm_thin', 'dom0', f'name={POOL}\nvolume_group={GROUP}\nthin_pool={THIN}', PATIENCE)
    tap.check('a real thin pool becomes a pool', added.ok, added)
    usage = bed.call(f'admin.pool.Info+{POOL}', 'dom0', timeout=PATIENCE)
    tap.check('with its size', f'size={1 << 30}' in usage.text, usage)
    tap.note(f'{ACTOR}: {bed.ps().get(ACTOR)}')
    return added.ok


def gets_a_vm(bed: House, tap: Tap) -> None:
    made = bed.call('admin.vm.CreateInPool.StandaloneVM', 'dom0', f'name={VM} label=red pool={POOL}', PATIENCE)
    got = volumes()
    tap.check('a VM is made in it, with its logical volumes', made.ok and sorted(got) == [f'vm-{VM}-private', f'vm-{VM}-root'],
              made, got)
    bed.prepares(VM)
    write(f'vm-{VM}-private', b'old')


def ends(bed: House) -> bool:
    """Of a slow machine's commits the call does not await the end."""
    bed.call('admin.vm.Kill', VM, timeout=PATIENCE)
    return wait(lambda: bed.state(VM) == 'Halted' and not passing(), PATIENCE)


def runs(bed: House, tap: Tap) -> None:
    answer = bed.start(VM)
    got = volumes()
    tap.check('it starts on working copies', answer.ok and bed.state(VM) == 'Running' and
              {f'vm-{VM}-private-snap', f'vm-{VM}-root-snap', f'vm-{VM}-volatile'} <= set(got), answer, got)
    disks = bed.disks(VM)
    names = [f'/dev/mapper/{GROUP}-vm--{VM}--{tail}' for tail in ('root--snap', 'private--snap', 'volatile')]
    tap.check('which libvirt has as nodes of the device mapper, made by udev',
              all(n in disks and os.path.islink(n) for n in names), disks, os.listdir('/dev/mapper'))
    tap.check('no tool has begun a dmeventd that would end with the pool', not jailed('dmeventd'), jailed('dmeventd'))
    write(f'vm-{VM}-private-snap', b'new')
    tap.check('its end commits what was written', ends(bed) and read(f'vm-{VM}-private', 3) == b'new', volumes())


def goes_back(bed: House, tap: Tap) -> None:
    revisions = bed.must('admin.vm.volume.ListSnapshots+private', VM).split()
    tap.check('the state before is a revision', len(revisions) == 1 and f'vm-{VM}-private-{revisions[0]}' in volumes(),
              revisions, volumes())
    back = bed.call('admin.vm.volume.Revert+private', VM, revisions[0] if revisions else 'none', PATIENCE)
    tap.check('to which it can go back', back.ok and read(f'vm-{VM}-private', 3) == b'old', back, volumes())
    grown = bed.call('admin.vm.volume.Resize+private', VM, str(3 << 30), PATIENCE)
    tap.check('it grows', grown.ok and volumes()[f'vm-{VM}-private'] == 3 << 30 and
              info(bed, VM, 'private')['size'] == str(3 << 30), grown, volumes())
    begun = bed.call('internal.vm.volume.ImportBegin+private', VM, str(4 * MIB), PATIENCE, 'qubesd.internal.sock')
    if begun.ok:
        with open(begun.text.split(' ', 1)[1], 'r+b') as device:
            device.write(b'imported')
    ended = bed.call('internal.vm.volume.ImportEnd+private', VM, 'ok', PATIENCE, 'qubesd.internal.sock')
    tap.check('other contents are imported', begun.ok and ended.ok and read(f'vm-{VM}-private', 8) == b'imported',
              begun, ended, volumes())


def is_killed(bed: House, tap: Tap) -> None:
    """The pool's process, in the middle of LVM's work."""
    answers = []
    worker = threading.Thread(target=lambda: answers.append(bed.start(VM)))
    worker.start()
    tap.check('a start makes its pool run lvm', wait(lambda: runs_there('lvm') or runs_there('lvcreate'), PATIENCE))
    victim = bed.kill(ACTOR)
    worker.join()
    tap.check('the pool is killed meanwhile: the caller has an answer', victim > 1 and answers[0].kind in ('ok', 'error'), answers)
    tap.check('no lvm outlives it', wait(lambda: not runs_there('lvm'), PATIENCE), runs_there('lvm'))
    if not answers[0].ok:
        again = bed.start(VM)
        tap.check('the VM starts then', again.ok, again)
    tap.check('the contents are as they were', read(f'vm-{VM}-private-snap', 8) == b'imported', volumes())
    tap.check('and it ends as any other', ends(bed), volumes())


def is_watched(bed: House, tap: Tap) -> None:
    """By dmeventd, where the host has one."""
    tap.note(f'dmeventd before: {runs_there("dmeventd")}')
    if not runs_there('dmeventd'):
        run('dmeventd')
    monitor = runs_there('dmeventd')
    answer = bed.start(VM)
    said = run('lvs', '--noheadings', '-o', 'seg_monitor', f'{GROUP}/{THIN}').strip()
    tap.check('where one serves the thin pool is given to it', answer.ok and len(monitor) == 1 and said == 'monitored',
              answer, monitor, said)
    bed.kill(ACTOR)
    tap.check('which outlives the pool', ends(bed) and runs_there('dmeventd') == monitor and not jailed('dmeventd'),
              volumes(), runs_there('dmeventd'))


def holds_another(bed: House, tap: Tap) -> None:
    """A pool of files whose file system lies on one of the group's volumes; what mounts it is the administrator."""
    folder = pathlib.Path('/var/tmp/on-thin')
    folder.mkdir(exist_ok=True)
    run('lvcreate', '-q', UNWATCHED, '-V', '64M', '-n', 'own', '--thinpool', THIN, GROUP)
    run('mkfs.ext4', '-q', '-F', str(node('own')))
    run('mount', str(node('own')), str(folder))
    for name in (folder, f'{folder}/below', '/var/tmp/beside'):
        bed.must('admin.pool.Add+file-reflink', 'dom0', f'name={pathlib.Path(name).name}\ndir_path={name}\nsetup_check=False')
    told = {name: bed.must(f'admin.pool.Info+{name}').partition('included_in=')[2].strip() for name in ('on-thin', 'below', 'beside')}
    tap.check('a pool of files on one of its volumes is included in it, and one in that in that',
              told == {'on-thin': POOL, 'below': 'on-thin', 'beside': ''}, told)
    for name in told:
        bed.must(f'admin.pool.Remove+{name}')
    tap.check('its volume is let go with the pool', wait(lambda: is_unmounted(folder), PATIENCE))
    run('lvremove', '-q', UNWATCHED, '-f', f'{GROUP}/own')


def is_unmounted(folder: pathlib.Path) -> bool:
    """Where a pool's process still has the mount the device is in use."""
    if os.path.ismount(folder):
        run('umount', str(folder))
    return run('dmsetup', 'info', '-c', '--noheadings', '-o', 'open', f'{GROUP}-own').strip() == '0'


def goes(bed: House, tap: Tap) -> None:
    removed = bed.call('admin.vm.Remove', VM, timeout=PATIENCE)
    tap.check('the VM is removed, and nothing of it is left', removed.ok and wait(lambda: not volumes(), PATIENCE) and
              not list(pathlib.Path('/dev/mapper').glob(f'{GROUP}-vm--*')) and
              not [n for n in (node('').iterdir() if node('').exists() else ()) if n.name.startswith('vm-')],
              removed, volumes(), os.listdir('/dev/mapper'))
    cookies = run('dmsetup', 'udevcookies')
    tap.check('no cookie waits for udev', '0x' not in cookies, cookies)
    gone = bed.call(f'admin.pool.Remove+{POOL}', 'dom0', timeout=PATIENCE)
    tap.check('so is the pool, and the thin pool is as it was', gone.ok and THIN in run('lvs', GROUP), gone, run('lvs', GROUP))


def play(bed: House, tap: Tap) -> None:
    make_group()
    leave_fifos()
    if is_added(bed, tap):
        for step in (gets_a_vm, runs, goes_back, is_killed, holds_another, is_watched, goes):
            began = time.monotonic()
            step(bed, tap)
            tap.note(f'{step.__name__}: {time.monotonic() - began:.0f} s')


def in_a_house(tap: Tap) -> None:
    with Machine() as house:
        play(house, tap)
        refused = [line for line in house.log().splitlines() if 'no row of programs.def' in line]
        tap.check('no tool was asked for that no row allows', refused == [], refused)


if __name__ == '__main__':
    if ON_XEN:
        part(play, Guests)
    else:
        scenario(in_a_house)
