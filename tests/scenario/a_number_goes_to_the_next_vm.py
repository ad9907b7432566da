# SPDX-License-Identifier: MIT
"""VMs and pools whose numbers are taken over at once, also while the old one's process is killed."""
import os
import random
import threading
import time

from house import House, scenario
from volumes import pool_number

ROUNDS = int(os.environ.get('ROUNDS') or 12)


def qid(house, name):
    return int(house.vm_actor(name).split('/')[1])


class Killer(threading.Thread):
    """Kills a process of these numbers now and then."""

    def __init__(self, house, actors, seed):
        super().__init__(daemon=True)
        self.house, self.actors, self.random = house, actors, random.Random(seed)
        self.ending, self.kills = False, 0

    def run(self):
        while not self.ending:
            time.sleep(self.random.uniform(0.02, 0.5))
            self.kills += self.house.kill(self.random.choice(self.actors)) > 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failed):
        self.ending = True
        self.join()


def day(house, name):
    """What failed of a VM's life from its making to its removal."""
    house.create(name)
    started = house.call('admin.vm.Start', name, timeout=60)
    number = qid(house, name) if started.ok else 0
    killed = house.call('admin.vm.Kill', name, timeout=60) if started.ok else started
    removed = house.call('admin.vm.Remove', name, timeout=60)
    return [a for a in (started, killed, removed) if not a.ok], number


def quick(tap, house):
    failures, numbers = [], set()
    for i in range(ROUNDS):
        failed, number = day(house, f'quick{i}')
        failures += failed
        numbers.add(number)
    tap.check('each VM starts that takes over a number at once', not failures, failures)
    tap.check('and it was the same number', len(numbers) == 1, numbers)
    return numbers.pop()


def made_while_the_old_one_dies(tap, house, number):
    """Its process is killed between the old VM's end and the next one's start."""
    failures, kills = [], 0
    for i in range(ROUNDS):
        name, kind = f'dies{i}', ('vm', 'guest')[i % 2]
        house.create(name)
        started = house.call('admin.vm.Start', name, timeout=60)
        if not started.ok:
            failures.append(started)
        house.call('admin.vm.Kill', name, timeout=60)
        if i % 4 < 2:
            kills += house.kill(f'{kind}/{number}') > 1
        removed = house.call('admin.vm.Remove', name, timeout=60)
        if i % 4 >= 2:
            kills += house.kill(f'{kind}/{number}') > 1
        if not removed.ok:
            failures.append(removed)
    tap.check("nor does a start fail when the old one's process was killed", not failures and kills > 0, kills, failures)


def killed_at_random(tap, house, number):
    """Here an answer may be an error: the VM's own process is killed, too. What follows it works."""
    with Killer(house, [f'vm/{number}', f'guest/{number}'], number) as killer:
        until = time.monotonic() + 8
        i = 0
        while time.monotonic() < until:
            name = f'random{i}'
            house.call('admin.vm.Create.StandaloneVM', 'dom0', f'name={name} label=red', timeout=60)
            house.call('admin.vm.Start', name, timeout=60)
            house.call('admin.vm.Kill', name, timeout=60)
            left = time.monotonic() + 20
            while not house.call('admin.vm.Remove', name, timeout=60).ok and time.monotonic() < left:
                house.call('admin.vm.Kill', name, timeout=60)
                time.sleep(0.1)
            i += 1
    failed, _ = day(house, 'after')
    tap.check('what was killed at random leaves nothing behind', not failed and i > 1 and killer.kills > 0, i, killer.kills, failed)


def no_domain_is_left(tap, house):
    """Neither by those that were removed in peace nor by those whose process was killed meanwhile."""
    vms = {line.split()[0] for line in house.must('admin.vm.List').splitlines()}
    left = [name for name in house.virsh() if name not in vms | {'test'}]
    tap.check('libvirt knows no domain of a VM that was removed', not left, left)


def pools(tap, house):
    failures, process = [], f'storage/{pool_number("again")}'
    for i in range(ROUNDS):
        where = house.dir / f'again{i % 3}'
        added = house.call('admin.pool.Add+file-reflink', 'dom0', f'name=again\ndir_path={where}\nsetup_check=False', timeout=60)
        made = house.call('admin.vm.CreateInPool.StandaloneVM', 'dom0', 'name=p label=red pool=again', timeout=60)
        there = (where / 'appvms/p/private.img').exists()
        if i % 4 == 1:
            house.kill(process)
        gone = house.call('admin.vm.Remove', 'p', timeout=60)
        removed = house.call('admin.pool.Remove+again', 'dom0', timeout=60)
        if i % 4 == 2:
            house.kill(process)
        failures += [(i, a) for a in (added, made, gone, removed) if not a.ok] + ([] if there else [(i, where)])
    tap.check('a pool that is made anew under its name is served at its new place', not failures, failures)


def play(tap):
    with House() as house:
        number = quick(tap, house)
        made_while_the_old_one_dies(tap, house, number)
        killed_at_random(tap, house, number)
        no_domain_is_left(tap, house)
        pools(tap, house)


scenario(play)
