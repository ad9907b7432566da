# SPDX-License-Identifier: MIT
"""A pool of the driver lvm_thin on a real thin pool: its jailed process runs the dom0's own tools, and udevd makes the nodes."""
import os
import pathlib

from bed import PATIENCE, Bed, part, run
from house import Tap, wait

GROUP, THIN, POOL, VM = 'bedvg', 'thin', 'lv', 'lvm'
MIB = 1 << 20
FILE = '/var/tmp/bedvg.img'


def make_group() -> None:
    """As an administrator makes one: nothing of this is bulkhead's."""
    run('modprobe', 'dm-thin-pool')
    run('truncate', '-s', '2G', FILE)
    loop = run('losetup', '-f', '--show', FILE).strip()
    run('pvcreate', '-q', loop)
    run('vgcreate', '-q', GROUP, loop)
    run('lvcreate', '-q', '-L', '1G', '--poolmetadatasize', '16M', '--thinpool', THIN, GROUP)


def volumes() -> dict[str, int]:
    """The group's thin volumes and their sizes, as LVM says them."""
    rows = run('lvs', '--noheadings', '--units', 'b', '--nosuffix', '-o', 'lv_name,lv_size,pool_lv', GROUP).splitlines()
    return {row.split()[0]: int(row.split()[1]) for row in rows if row.split()[2:] == [THIN]}


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


def info(bed: Bed, volume: str) -> dict[str, str]:
    return dict(line.split('=', 1) for line in bed.must(f'admin.vm.volume.Info+{volume}', VM).splitlines())


def is_added(bed: Bed, tap: Tap) -> bool:
    refused = bed.call('admin.pool.Add+lvm_thin', 'dom0', 'name=no\nvolume_group=nosuch\nthin_pool=thin', PATIENCE)
    tap.check('a group that is not there is refused with the words of lvm',
              refused.kind == 'error' and 'nosuch' in refused.text, refused)
    added = bed.call('admin.pool.Add+lvm_thin', 'dom0', f'name={POOL}\nvolume_group={GROUP}\nthin_pool={THIN}', PATIENCE)
    tap.check('a real thin pool becomes a pool', added.ok, added)
    usage = bed.call(f'admin.pool.Info+{POOL}', 'dom0', timeout=PATIENCE)
    tap.check('with its size', f'size={1 << 30}' in usage.text, usage)
    row = next((r for name, r in bed.ps().items() if name.startswith('storage/') and r.get('notice', '').startswith(POOL)), {})
    tap.note(f'storage of it: {row}')
    return added.ok


def gets_a_vm(bed: Bed, tap: Tap) -> None:
    made = bed.call('admin.vm.CreateInPool.StandaloneVM', 'dom0', f'name={VM} label=red pool={POOL}', PATIENCE)
    got = volumes()
    tap.check('a VM is made in it, with its logical volumes', made.ok and sorted(got) == [f'vm-{VM}-private', f'vm-{VM}-root'],
              made, got)
    for key, value in {'virt_mode': 'pv', 'kernel': 'mini', 'netvm': '', 'memory': 32, 'maxmem': 0, 'vcpus': 1,
                       'kernelopts': 'guest.'}.items():
        bed.must(f'admin.vm.property.Set+{key}', VM, str(value))
    write(f'vm-{VM}-private', b'old')


def runs(bed: Bed, tap: Tap) -> None:
    answer = bed.start(VM)
    got = volumes()
    tap.check('it starts as a PV guest, on working copies', answer.ok and bed.state(VM) == 'Running' and
              {f'vm-{VM}-private-snap', f'vm-{VM}-root-snap', f'vm-{VM}-volatile'} <= set(got), answer, got)
    disks = bed.do('domblklist', VM)
    tap.check('which Xen has as nodes of the device mapper', f'/dev/mapper/{GROUP}-vm--{VM}--private--snap' in disks and
              f'/dev/mapper/{GROUP}-vm--{VM}--volatile' in disks, disks, run('xenstore-ls', '/local/domain/0/backend/vbd', check=False))
    write(f'vm-{VM}-private-snap', b'new')
    bed.call('admin.vm.Kill', VM, timeout=PATIENCE)  # of a slow machine's commits it does not await the end
    wait(lambda: bed.state(VM) == 'Halted' and not any(n.endswith(('-snap', '-volatile')) for n in volumes()), PATIENCE)
    tap.check('its end commits what was written', read(f'vm-{VM}-private', 3) == b'new' and
              not any(n.endswith(('-snap', '-volatile')) for n in volumes()), volumes())


def goes_back(bed: Bed, tap: Tap) -> None:
    revisions = bed.must('admin.vm.volume.ListSnapshots+private', VM).split()
    tap.check('the state before is a revision', len(revisions) == 1 and f'vm-{VM}-private-{revisions[0]}' in volumes(),
              revisions, volumes())
    back = bed.call('admin.vm.volume.Revert+private', VM, revisions[0] if revisions else 'none', PATIENCE)
    tap.check('to which it can go back', back.ok and read(f'vm-{VM}-private', 3) == b'old', back, volumes())
    grown = bed.call('admin.vm.volume.Resize+private', VM, str(3 << 30), PATIENCE)
    tap.check('it grows', grown.ok and volumes()[f'vm-{VM}-private'] == 3 << 30 and
              info(bed, 'private')['size'] == str(3 << 30), grown, volumes())
    begun = bed.call('internal.vm.volume.ImportBegin+private', VM, str(4 * MIB), PATIENCE, 'qubesd.internal.sock')
    if begun.ok:
        with open(begun.text.split(' ', 1)[1], 'r+b') as device:
            device.write(b'imported')
    ended = bed.call('internal.vm.volume.ImportEnd+private', VM, 'ok', PATIENCE, 'qubesd.internal.sock')
    tap.check('other contents are imported', begun.ok and ended.ok and read(f'vm-{VM}-private', 8) == b'imported',
              begun, ended, volumes())


def goes(bed: Bed, tap: Tap) -> None:
    removed = bed.call('admin.vm.Remove', VM, timeout=PATIENCE)
    tap.check('the VM is removed, and nothing of it is left', removed.ok and wait(lambda: not volumes(), PATIENCE) and
              not list(pathlib.Path('/dev/mapper').glob(f'{GROUP}-vm--*')) and
              not [n for n in (node('').iterdir() if node('').exists() else ()) if n.name.startswith('vm-')],
              removed, volumes(), os.listdir('/dev/mapper'))
    cookies = run('dmsetup', 'udevcookies')
    tap.check('no cookie waits for udev', '0x' not in cookies, cookies)
    gone = bed.call(f'admin.pool.Remove+{POOL}', 'dom0', timeout=PATIENCE)
    tap.check('so is the pool, and the thin pool is as it was', gone.ok and THIN in run('lvs', GROUP), gone, run('lvs', GROUP))


def play(bed: Bed, tap: Tap) -> None:
    make_group()
    if is_added(bed, tap):
        gets_a_vm(bed, tap)
        runs(bed, tap)
        goes_back(bed, tap)
        goes(bed, tap)


if __name__ == '__main__':
    part(play)
