# SPDX-License-Identifier: MIT
"""Volumes on real files: made, started, cloned, changed and removed; then with processes killed in the middle;
then with a pool that hangs."""
import contextlib
import os
import random
import signal
import threading
import time

from house import House, Listener, scenario, wait
from volumes import info, pool_number, xml

AT_ONCE = 8.0  # who waited for a pool that hangs would wait longer
EVENTS = ['domain-volume-import-begin', 'domain-volume-import-end', 'domain-import-volume']


def is_there(house, name):
    return any(line.split()[0] == name for line in house.must('admin.vm.List').splitlines())


def files(house, pool, vm):
    return sorted(p.name for p in (house.dir / pool).glob(f'*/{vm}/*'))


def add_pool(house, name):
    house.must('admin.pool.Add+file-reflink', 'dom0',
               f'name={name}\ndir_path={house.dir}/{name}\nsetup_check=False')


def create(house, name, pool):
    return house.call('admin.vm.CreateInPool.StandaloneVM', 'dom0', f'name={name} label=red pool={pool}')


def lives_its_day(tap, house, ear):
    add_pool(house, 'fast')
    tap.check('a VM is made in the pool', create(house, 'a', 'fast').ok)
    tap.check('with its volumes on the disk', {'root.img', 'private.img'} <= set(files(house, 'fast', 'a')),
              files(house, 'fast', 'a'))
    house.must('admin.vm.Start', 'a')
    tap.check('while it lives it has working copies', 'private-dirty.img' in files(house, 'fast', 'a'),
              files(house, 'fast', 'a'))
    tap.check('and they are its disks', 'private-dirty.img' in xml(house, 'a'))
    refused = house.call('admin.vm.volume.Set.rw+private', 'a', 'False')
    tap.check('what needs it halted is refused', refused.error == 'QubesVMNotHaltedError', refused)
    (house.dir / 'fast/appvms/a/private-dirty.img').open('r+b').write(b'a guest was here')
    house.must('admin.vm.Kill', 'a')
    wait(lambda: 'private-dirty.img' not in files(house, 'fast', 'a'))
    image = house.dir / 'fast/appvms/a/private.img'
    tap.check('its end commits what it wrote', image.open('rb').read(16) == b'a guest was here')
    tap.check('and keeps a revision', len(house.must('admin.vm.volume.ListSnapshots+private', 'a').split()) == 1)
    house.must('admin.vm.volume.Revert+private', 'a', house.must('admin.vm.volume.ListSnapshots+private', 'a').split()[0])
    tap.check('to which it can go back', image.open('rb').read(16) == bytes(16))
    house.must('admin.vm.volume.Resize+private', 'a', '4294967296')
    tap.check('it is resized', info(house, 'a', 'private')['size'] == '4294967296', info(house, 'a', 'private'))
    image.open('r+b').write(b'to be cloned')
    tap.check('a second one is made', create(house, 'b', 'fast').ok)
    token = house.must('admin.vm.volume.CloneFrom+private', 'a')
    house.must('admin.vm.volume.CloneTo+private', 'b', token)
    copy = house.dir / 'fast/appvms/b/private.img'
    tap.check('and gets a clone', copy.open('rb').read(12) == b'to be cloned')
    again = house.call('admin.vm.volume.CloneTo+private', 'b', token)
    tap.check('a token is good once', again.error == 'QubesVolumeCopyTokenNotFoundError', again)
    house.must('admin.vm.volume.Clear+private', 'b')
    tap.check('it is cleared', copy.open('rb').read(12) == bytes(12))
    wait(lambda: sum(r.name in EVENTS for r in list(ear.records)) >= 3)
    said = [r.name for r in list(ear.records) if r.name in EVENTS]
    tap.check('and all that was told in order', said == [EVENTS[2], EVENTS[0], EVENTS[1]], said)
    tap.check('a pool in use stays', house.call('admin.pool.Remove+fast', 'dom0').error == 'QubesPoolInUseError')
    house.must('admin.vm.Remove', 'a')
    house.must('admin.vm.Remove', 'b')
    tap.check('nothing is left of them', files(house, 'fast', '*') == [], files(house, 'fast', '*'))


def struck(house, victim, within, work):
    """Does the work, during which that process is killed."""
    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(random.uniform(0, within))
    pid = house.pid(victim)
    if pid > 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.join()
    wait(lambda: house.serving('registry'))


def dies_in_the_middle(tap, house, whom):
    victim = f'storage/{pool_number("fast")}' if whom == 'storage' else 'registry'
    strange, answers = [], []
    for i in range(12):
        name = f'v{i}'
        struck(house, victim, 0.03, lambda: answers.append(create(house, name, 'fast')))
        time.sleep(0.1)
        there = is_there(house, name)
        if there != ('private.img' in files(house, 'fast', name)) and \
                not wait(lambda: is_there(house, name) == ('private.img' in files(house, 'fast', name))):
            strange.append((name, there, files(house, 'fast', name)))
        if not there and not create(house, name, 'fast').ok:
            strange.append((name, 'its name is not free'))
        struck(house, victim, 0.02, lambda: answers.append(house.call('admin.vm.Remove', name)))
        if is_there(house, name):
            house.must('admin.vm.Remove', name)
    tap.check(f'with {whom} killed a VM is there with its volumes, or neither is', strange == [], strange)
    tap.check('in the end nothing is left on the disk', wait(lambda: files(house, 'fast', '*') == []),
              files(house, 'fast', '*'))
    tap.check('and every caller was answered', all(a.kind != 'closed' for a in answers), answers)


def one_pool_hangs(tap, house):
    add_pool(house, 'slow')
    tap.check('a VM lives in the slow pool', create(house, 's', 'slow').ok)
    victim = house.pid(f'storage/{pool_number("slow")}')
    os.kill(victim, signal.SIGSTOP)
    stuck = threading.Thread(target=lambda: house.call('admin.vm.volume.Resize+private', 's', '5368709120', timeout=60))
    stuck.start()
    time.sleep(0.2)
    actor = f'storage/{pool_number("slow")}'
    tap.check('what waits for it is shown', wait(lambda: house.ps()[actor]['depth'] > 0), house.ps().get(actor))
    worst = 0.0
    for i in range(5):
        begin = time.monotonic()
        made = create(house, f'f{i}', 'fast').ok
        house.must('admin.vm.Start', f'f{i}')
        house.must('admin.vm.property.Set+memory', 's', str(500 + i))
        house.must('admin.vm.Kill', f'f{i}')
        worst = max(worst, time.monotonic() - begin)
        tap.check('a VM of another pool is made, starts and ends', made)
    tap.check('while a pool hangs nobody else waits', worst < AT_ONCE, worst)
    try:
        os.kill(victim, signal.SIGCONT)
    except ProcessLookupError:
        pass  # the supervisor has replaced it: it did not hear
    stuck.join()
    tap.check('what waited for it is done', wait(lambda: info(house, 's', 'private')['size'] == '5368709120'),
              info(house, 's', 'private'))


def one_pool_is_slow(tap, house):
    """Its process gets a tenth of each second, which is no reason to end it."""
    actor, over = f'storage/{pool_number("slow")}', threading.Event()

    def drag():
        while not over.is_set():
            house.kill(actor, signal.SIGSTOP)
            time.sleep(0.9)
            house.kill(actor, signal.SIGCONT)
            time.sleep(0.1)
    askers = [threading.Thread(target=lambda i=i: house.call('admin.vm.volume.Resize+private', 's', str(6 << 30 | i << 20), timeout=60))
              for i in range(6)]
    info(house, 's', 'private')
    pid = house.pid(actor)
    dragger = threading.Thread(target=drag)
    dragger.start()
    for asker in askers:
        asker.start()
    worst = 0.0
    for _ in range(4):
        begin = time.monotonic()
        house.must('admin.vm.Start', 'f0')
        house.must('admin.vm.Kill', 'f0')
        worst = max(worst, time.monotonic() - begin)
    tap.check('a slow pool delays no VM of another one', worst < AT_ONCE, worst)
    for asker in askers:
        asker.join()
    over.set()
    dragger.join()
    house.kill(actor, signal.SIGCONT)
    tap.check('and does its own work in the end', int(info(house, 's', 'private')['size']) >= 6 << 30)
    tap.check('by one and the same process', house.pid(actor) == pid)


def play(tap):
    random.seed(7)
    with House() as house:
        ear = Listener(house).begin()
        lives_its_day(tap, house, ear)
        dies_in_the_middle(tap, house, 'storage')
        dies_in_the_middle(tap, house, 'registry')
        one_pool_hangs(tap, house)
        one_pool_is_slow(tap, house)


scenario(play)
