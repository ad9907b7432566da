# SPDX-License-Identifier: MIT
"""A volume's contents go from one pool into another, though neither pool's process sees the other's files: whole, without
its holes, of the state that was committed; and with either process killed on the way it is the old or the new one."""
import contextlib
import hashlib
import os
import pty
import random
import signal
import subprocess
import threading
import time

from house import BUILD, House, Listener, scenario, wait

MIB = 1 << 20


def add_pool(house, name, driver='file-reflink'):
    extra = '\nsetup_check=False' if driver == 'file-reflink' else ''
    house.must(f'admin.pool.Add+{driver}', 'dom0', f'name={name}\ndir_path={house.dir}/{name}{extra}')


def create(house, name, pool):
    house.must('admin.vm.CreateInPool.StandaloneVM', 'dom0', f'name={name} label=red pool={pool}')


def image(house, pool, vm, volume='private'):
    return house.dir / pool / 'appvms' / vm / f'{volume}.img'


def digest(path):
    h = hashlib.sha256()
    with path.open('rb') as f:
        while piece := f.read(MIB):
            h.update(piece)
    return h.hexdigest()


def clone(house, source, target, volume='private', timeout=60):
    token = house.must(f'admin.vm.volume.CloneFrom+{volume}', source)
    return house.call(f'admin.vm.volume.CloneTo+{volume}', target, token, timeout)


def info(house, vm, volume='private'):
    return dict(line.split('=', 1) for line in house.must(f'admin.vm.volume.Info+{volume}', vm).splitlines())


def fill(path, seed, places):
    """A GiB with so many pieces of data, far from each other."""
    rng = random.Random(seed)
    with path.open('r+b') as f:
        f.truncate(1 << 30)
        for i in range(places):
            f.seek(i * ((1 << 30) // places))
            f.write(rng.randbytes(MIB))


def pool_actor(house, pool):
    return next((name for name, row in house.ps().items()
                 if name.startswith('storage/') and row.get('notice', '').split(',')[0] == pool), '')


def whole(tap, house, ear):
    for pool, driver in (('one', 'file-reflink'), ('two', 'file-reflink'), ('flat', 'file')):
        add_pool(house, pool, driver)
    create(house, 'a', 'one')
    create(house, 'b', 'two')
    create(house, 'c', 'flat')
    fill(image(house, 'one', 'a'), 1, 8)
    was = digest(image(house, 'one', 'a'))
    house.must('admin.vm.Start', 'a')
    (image(house, 'one', 'a').parent / 'private-dirty.img').open('r+b').write(b'not committed')
    answer = clone(house, 'a', 'b')
    tap.check('a volume is cloned into another pool', answer.ok, answer)
    tap.check('whole, and as it was committed', digest(image(house, 'two', 'b')) == was)
    tap.check('without its holes', image(house, 'two', 'b').stat().st_blocks * 512 < 64 * MIB,
              image(house, 'two', 'b').stat())
    tap.check('with its size', info(house, 'b')['size'] == str(1 << 30), info(house, 'b'))
    tap.check('it stays in its own pool', info(house, 'b')['pool'] == 'two')
    tap.check('and has a revision of what it was', len(house.must('admin.vm.volume.ListSnapshots+private', 'b').split()) == 1)
    tap.check('that is told', wait(lambda: any(r.name == 'domain-import-volume' and r.subject == 'b' for r in list(ear.records))))
    house.must('admin.vm.Kill', 'a')
    answer = clone(house, 'b', 'c')
    tap.check('and on into a pool of another driver', answer.ok and digest(image(house, 'flat', 'c')) == was, answer)
    house.must('admin.vm.volume.Set.revisions_to_keep+private', 'b', '-1')
    house.must('admin.vm.Start', 'b')
    refused = clone(house, 'b', 'c')
    tap.check('what is used in place is not copied while it is', refused.error == 'StoragePoolException', refused)
    house.must('admin.vm.Kill', 'b')
    house.must('admin.vm.volume.Set.revisions_to_keep+private', 'b', '1')
    tap.check('and nothing has changed', digest(image(house, 'flat', 'c')) == was)


def as_clients_do(tap, house):
    create(house, 'copy', 'two')
    for volume in ('root', 'private'):
        answer = clone(house, 'a', 'copy', volume)
        tap.check(f'a VM is cloned into another pool: {volume}', answer.ok, answer)
    house.must('admin.vm.Start', 'copy')
    tap.check('and starts there', house.state('copy') == 'Running')
    house.must('admin.vm.Kill', 'copy')


def killed_on_the_way(tap, house):
    fill(image(house, 'one', 'a'), 2, 200)
    new = digest(image(house, 'one', 'a'))
    done = 0
    for i, victim in enumerate(('one', 'two') * 3):
        old = digest(image(house, 'two', 'b'))
        answers = []
        asker = threading.Thread(target=lambda: answers.append(clone(house, 'a', 'b')))
        asker.start()
        time.sleep(random.random() * 0.1)
        house.kill(pool_actor(house, victim) or 'none')
        asker.join()
        now = digest(image(house, 'two', 'b'))
        done += answers[0].ok
        tap.check(f'killed while it is cloned ({victim}) it is old or new, as was answered',
                  now == new if answers[0].ok else now == old, answers[0])
        if i % 2:
            fill(image(house, 'two', 'b'), i, 2)
    tap.note(f'{done} of 6 clones succeeded all the same')
    tap.check('after that it can be cloned', clone(house, 'a', 'b').ok and digest(image(house, 'two', 'b')) == new)
    left = [p.name for p in (house.dir / 'two/appvms/b').iterdir() if '~' in p.name or 'import' in p.name]
    tap.check('nothing half made is left', not left, left)


def progress_is_told(tap, house, ear):
    """Its process is stopped in the middle for longer than a second: when it goes on it tells how far it is."""
    fill(image(house, 'one', 'a'), 3, 900)
    token = house.must('admin.vm.volume.CloneFrom+private', 'a')
    ours, theirs = pty.openpty()
    call = subprocess.Popen([BUILD / 'bulkhead', '--dir', house.dir, 'call', 'admin.vm.volume.CloneTo+private', 'b', token],
                            stderr=theirs)
    os.close(theirs)
    for _ in range(4):
        time.sleep(0.2)
        house.kill(pool_actor(house, 'two'), signal.SIGSTOP)
        time.sleep(1.1)
        house.kill(pool_actor(house, 'two'), signal.SIGCONT)
    call.wait(60)
    shown = b''
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    told = [r for r in list(ear.records) if r.name == 'bulkhead-volume-progress']
    tap.check('the clone is made', call.returncode == 0, shown)
    tap.check('how far it has got is told', told and told[0].subject == 'b' and told[0].arguments['work'] == 'clone' and
              0 < int(told[0].arguments['done']) <= int(told[0].arguments['total']) == 1 << 30,
              [(r, r.arguments) for r in told])
    tap.check('and shown on the terminal of who asked', b'clone: ' in shown and b' of 1024 MiB' in shown, shown)


def nothing_is_held(tap, house):
    pid = int((house.dir / 'run/supervisor.pid').read_text('ascii').split()[0])

    def images():
        links = []
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                links.append(os.readlink(f'/proc/{pid}/fd/{fd}'))
            except OSError:
                pass
        return [link for link in links if '.img' in link]
    tap.check('the supervisor holds no volume open', wait(lambda: not images()), images())


def play(tap):
    random.seed(5)
    with House() as house:
        ear = Listener(house).begin()
        whole(tap, house, ear)
        as_clients_do(tap, house)
        killed_on_the_way(tap, house)
        progress_is_told(tap, house, ear)
        nothing_is_held(tap, house)


scenario(play)
