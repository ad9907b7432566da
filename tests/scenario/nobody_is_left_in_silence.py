# SPDX-License-Identifier: MIT
"""Writers, a reader and a subscriber, while each kind of process in turn is killed with SIGKILL."""
import collections
import os
import random
import sqlite3
import threading
import time

from house import House, Listener, Silence, scenario, wait

ROUNDS = int(os.environ.get('KILL_ROUNDS', '200'))
ROUNDS_SUPERVISOR = int(os.environ.get('KILL_ROUNDS_SUPERVISOR', str(ROUNDS)))
KINDS = ['host', 'devbus-pci', 'guest', 'vm', 'api/1', 'registry', 'router', 'api/0', 'supervisor']
# No client of dom0 needs these for a change: each change is acknowledged while they die.
NEEDED_BY_NO_CHANGE = ['host', 'devbus-pci', 'guest', 'vm', 'api/1']
KEYS = 6       # features and tags of a writer that are set again and again
ALIVE = 'alive'


class Change:
    """One call that changes something, and what its caller knows of it."""

    def __init__(self, key, value, event):
        self.key, self.value, self.event = key, value, event
        self.sent = time.monotonic()
        self.done = 0.0
        self.answer = None


class Writer(threading.Thread):
    """Sets features, a property and tags of its own VM to values that nobody else ever sets."""

    def __init__(self, house, number, phase):
        super().__init__(daemon=True)
        self.house, self.number, self.phase = house, number, phase
        self.vm = f'writer{number}'
        self.changes = []
        self.silences = []
        self.ending = False
        self.slowest = 0.0
        self.outcomes = collections.Counter()

    def say(self, key, value, event, method, payload):
        change = Change(key, value, event)
        try:
            change.answer = self.house.call(method, self.vm, payload)
            self.slowest = max(self.slowest, change.answer.seconds)
            how = change.answer.kind + (' ' + change.answer.error if change.answer.error else '')
        except Silence as silence:
            self.silences.append(f'{self.phase[0]}: {silence}')
            how = 'silence'
        self.outcomes[self.phase[0], how] += 1
        change.done = time.monotonic()
        self.changes.append(change)

    def run(self):
        n = 0
        while not self.ending:
            n += 1
            value = f'v{self.number}-{n}'
            kind = n % 4
            if kind in (0, 1):
                name = f'k{n % KEYS}'
                self.say(('feature', name), value, (f'domain-feature-set:{name}', value),
                         f'admin.vm.feature.Set+{name}', value)
            elif kind == 2:
                self.say(('property', 'kernelopts'), value, ('property-set:kernelopts', value),
                         'admin.vm.property.Set+kernelopts', value)
            else:
                self.say(('tag', value), True, (f'domain-tag-add:{value}', value), f'admin.vm.tag.Set+{value}', '')
                if self.changes[-1].answer is not None and self.changes[-1].answer.ok:
                    self.say(('tag', value), False, (f'domain-tag-delete:{value}', value),
                             f'admin.vm.tag.Remove+{value}', '')
            time.sleep(0.01)


class Reader(threading.Thread):
    """Asks what api knows and what a VM's process says."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.silences, self.ending, self.count = house, [], False, 0

    def run(self):
        while not self.ending:
            for method, dest in (('admin.vm.List', 'dom0'), ('admin.vm.CurrentState', ALIVE)):
                try:
                    self.house.call(method, dest)
                except Silence as silence:
                    self.silences.append(str(silence))
            self.count += 1
            time.sleep(0.02)


def value_of(record):
    """What tells an event of one change from those of all others."""
    a = record.arguments
    return a.get('tag') or (a.get('value') if 'feature' in a else a.get('newvalue'))


def kill_rounds(house, tap, kind, phase):
    """Kills it, waits until it serves again, and once more."""
    rounds = ROUNDS_SUPERVISOR if kind == 'supervisor' else ROUNDS
    actor = {'vm': house.vm_actor(ALIVE, 'vm'), 'guest': house.vm_actor(ALIVE, 'guest')}.get(kind, kind)
    phase[0] = kind
    began, returned = time.monotonic(), 0
    for _ in range(rounds):
        pid = house.kill(actor)
        if pid and wait(lambda gone=pid: house.serving(actor, gone)):
            returned += 1
        time.sleep(random.uniform(0.0, 0.06))
    took = time.monotonic() - began
    phase[0] = 'calm'
    tap.check(f'{kind} is killed {rounds} times and serves again each time', returned == rounds,
              f'{returned} of {rounds}', actor, house.ps())
    tap.note(f'{kind}: {1000 * took / rounds:.0f} ms a round')
    wait(lambda: house.call('admin.vm.List').ok)


def dump(house, vms):
    """All that is known of these VMs, as read through the API."""
    return {(vm, method): sorted(house.must(method, vm).split('\n')) for vm in vms
            for method in ('admin.vm.property.GetAll', 'admin.vm.feature.List', 'admin.vm.tag.List')}


def read(house, vm, key):
    kind, name = key
    if kind == 'feature':
        return house.call(f'admin.vm.feature.Get+{name}', vm).text
    if kind == 'property':
        return house.must('admin.vm.property.Get+kernelopts', vm).split(' ', 2)[2]
    return house.must(f'admin.vm.tag.Get+{name}', vm) == '1'


def check_values(house, tap, writers):
    wrong = []
    for writer in writers:
        possible = {}
        for change in writer.changes:
            if change.answer is not None and change.answer.ok:
                possible[change.key] = [change.value]
            else:
                possible.setdefault(change.key, ['' if change.key[0] != 'tag' else False]).append(change.value)
        for key, values in possible.items():
            if key[0] == 'tag' and values == [False]:
                continue  # thousands; the list of tags below covers them
            got = read(house, writer.vm, key)
            if got not in values:
                wrong.append(f'{writer.vm} {key}: is {got!r}, may be {values}')
        gone = {key[1] for key, values in possible.items() if key[0] == 'tag' and values == [False]}
        still = gone & set(house.must('admin.vm.tag.List', writer.vm).split('\n'))
        wrong += [f'{writer.vm}: tag {tag} was removed and is there' for tag in sorted(still)]
    tap.check('every acknowledged change is there, or what was asked after it', not wrong, *wrong[:20])


def check_events(tap, writers, ear):
    heard = collections.Counter((record.name, value_of(record)) for record in ear.records)
    twice, never = [], []
    for writer in writers:
        for change in writer.changes:
            count = heard[change.event]
            acknowledged = change.answer is not None and change.answer.ok
            if count > 1:
                twice.append(f'{change.event} {count} times')
            if acknowledged and count == 0 and not ear.may_lack(change.sent, change.done):
                never.append(f'{change.event} acknowledged {change.done:.2f}')
    tap.note(f'{len(ear.records)} records heard, resumed {ear.resumes} times, '
             f'{dict(collections.Counter(ear.breaks))}')
    tap.check('no event is heard twice', not twice and not ear.doubled, *twice[:10], *ear.doubled[:10])
    tap.check('no event of an acknowledged change is missed unless the stream said so', not never,
              *never[:10], len(never))


def check_store(house, tap):
    path = house.dir / 'state/store.db'
    db = sqlite3.connect(path)
    verdict = db.execute('PRAGMA integrity_check').fetchone()[0]
    db.close()
    tap.check('the store is whole', verdict == 'ok', verdict)


def check_outcomes(tap, writers):
    outcomes = sum((writer.outcomes for writer in writers), collections.Counter())
    for kind in dict.fromkeys(key[0] for key in outcomes):
        tap.note(f'{kind}: ' + ', '.join(f'{count} {how}' for (k, how), count in sorted(outcomes.items())
                                         if k == kind))
    spread = {key: count for key, count in outcomes.items() if key[0] in NEEDED_BY_NO_CHANGE and key[1] != 'ok'}
    tap.check('no change fails because a process dies that it does not need', not spread, spread)
    closed = {key: count for key, count in outcomes.items()
              if key[0] in ('registry', 'router') and key[1] == 'closed'}
    tap.check('whoever asks while registry or router dies is answered', not closed, closed)
    tap.note(f'the slowest answer took {max(writer.slowest for writer in writers):.2f} s')


def play(tap):
    kinds = os.environ.get('KILL_KINDS', ','.join(KINDS)).split(',')
    phase = ['calm']
    with House() as house:
        writers = [Writer(house, number, phase) for number in range(4)]
        names = [writer.vm for writer in writers]
        for name in names + [ALIVE]:
            house.create(name)
        house.must('admin.vm.Start', ALIVE)
        ear, reader = Listener(house).begin(), Reader(house)
        for client in writers + [reader]:
            client.start()
        for kind in kinds:
            kill_rounds(house, tap, kind, phase)
        time.sleep(0.5)
        for client in writers + [reader]:
            client.ending = True
        for client in writers + [reader]:
            client.join(20)
        wait(lambda: False, 0.5)  # what is still on its way to the subscriber
        ear.ending = True
        ear.join(2)
        tap.note(f'{sum(len(writer.changes) for writer in writers)} changes asked for')
        silences = sum((client.silences for client in writers + [reader]), [])
        tap.check('nobody waits 15 s without an answer or an end', not silences, *silences[:10])
        check_outcomes(tap, writers)
        check_events(tap, writers, ear)
        check_values(house, tap, writers)
        state = house.state(ALIVE)
        tap.check('the running VM runs on, and both sides say so',
                  state == 'Running' and house.virsh().get(ALIVE) == 'running', state, house.virsh())
        rows = [row for row in house.ps().values() if row['state'] == 'quarantined']
        tap.check('nobody is quarantined', not rows and 'quarantined' not in house.log(), rows)
        before = dump(house, names)
        house.down()
        tap.check('no process is left', wait(lambda: not house.leftovers()), *house.leftovers())
        check_store(house, tap)
        house.up(empty=False)
        after = dump(house, names)
        tap.check('what is loaded again is what was there', before == after,
                  *[f'{key}: {before[key]} {after[key]}'[:300] for key in before if before[key] != after[key]])


scenario(play)
