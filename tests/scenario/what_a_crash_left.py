# SPDX-License-Identifier: MIT
"""What a crash of the host leaves in a pool is found before the pool serves, cured and told; once in a boot, and
nothing of what lives is touched."""
import shutil

from house import House, Listener, scenario, wait


def pool(house):
    return house.dir / 'fast/appvms'


def found(ear):
    return {(r.arguments['vid'], r.arguments['done']) for r in list(ear.records) if r.name == 'bulkhead-volume-found'}


def snapshots(house, vm):
    return house.must('admin.vm.volume.ListSnapshots+private', vm).split()


def make(house):
    house.must('admin.pool.Add+file-reflink', 'dom0', f'name=fast\ndir_path={house.dir}/fast\nsetup_check=False')
    for name in ('a', 'b'):
        house.must('admin.vm.CreateInPool.StandaloneVM', 'dom0', f'name={name} label=red pool=fast')
    house.must('admin.vm.Start', 'a')
    (pool(house) / 'a/private-dirty.img').open('r+b').write(b'the last session')


def crash(house):
    """Nothing of what ran is there any more, neither are notes; files lie about as they were."""
    house.down()
    shutil.rmtree(house.dir / 'run/notes', ignore_errors=True)
    (pool(house) / 'b/private.img~Xy12ab').write_bytes(b'half')
    (pool(house) / 'b/root-import.img').write_bytes(b'half')
    (pool(house) / 'nobody').mkdir()
    (pool(house) / 'nobody/root.img').write_bytes(b'whose')


def cured(tap, house, ear):
    image = pool(house) / 'a/private.img'
    tap.check('the last session is committed when the pool is first asked', len(snapshots(house, 'a')) == 1,
              sorted(p.name for p in (pool(house) / 'a').iterdir()))
    tap.check('with what was written', image.open('rb').read(16) == b'the last session')
    tap.check('and is in use no more', not (pool(house) / 'a/private-dirty.img').exists())
    tap.check('what was half written is gone', sorted(p.name for p in (pool(house) / 'b').iterdir()) == [
        'private-precache.img', 'private.img', 'root-precache.img', 'root.img'],
        sorted(p.name for p in (pool(house) / 'b').iterdir()))
    tap.check('what nobody knows is left alone', (pool(house) / 'nobody/root.img').read_bytes() == b'whose')
    wanted = {('appvms/a/private', 'committed'), ('appvms/a/root', 'committed'), ('appvms/a/volatile', 'discarded'),
              ('appvms/b/private', 'tidied'), ('appvms/b/root', 'tidied'), ('appvms/nobody/root', 'unknown')}
    tap.check('all of it is told', wait(lambda: found(ear) == wanted), found(ear))
    tap.check('and logged', 'volume appvms/nobody/root: nobody knows it' in house.log())


def touches_nobody_who_lives(tap, house, ear):
    house.must('admin.vm.Start', 'a')
    actor = next(name for name, row in house.ps().items() if name.startswith('storage/') and 'fast' in row.get('notice', ''))
    for note in (house.dir / 'run/notes').glob('storage*'):
        note.unlink()
    (pool(house) / 'a/private.img~Zz98yx').write_bytes(b'half')
    before = (pool(house) / 'a/private-dirty.img').stat().st_ino
    house.kill(actor)
    tap.check('another incarnation looks again', wait(lambda: len(snapshots(house, 'a')) == 1 and
                                                    not (pool(house) / 'a/private.img~Zz98yx').exists()))
    tap.check('and leaves what lives in use', (pool(house) / 'a/private-dirty.img').stat().st_ino == before)
    tap.check('telling the one thing that it did', ('appvms/a/private', 'tidied') in found(ear), found(ear))
    count = len(ear.records)
    house.kill(actor)
    tap.check('the next one does not', wait(lambda: len(snapshots(house, 'a')) == 1) and
              not any(r.name == 'bulkhead-volume-found' for r in ear.records[count:]))


def play(tap):
    with House() as house:
        make(house)
        crash(house)
        house.up(empty=False)
        ear = Listener(house).begin()
        cured(tap, house, ear)
        touches_nobody_who_lives(tap, house, ear)


scenario(play)
