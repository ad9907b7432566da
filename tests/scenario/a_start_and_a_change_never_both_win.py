# SPDX-License-Identifier: MIT
"""Start against template change, maxmem and removal: who claims the VM first wins, and the stream of events
shows no change that needs a halted VM between the beginning of a life and its end."""
import random
import threading
import time

from house import House, Listener, scenario, wait

ROUNDS = 25
REFUSED = {'QubesVMNotHaltedError'}


def at_once(house, calls):
    """The answers to these calls, begun at the same moment but for a random little while."""
    answers = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def one(i, call, pause):
        gate.wait()
        time.sleep(pause)
        answers[i] = house.call(*call, timeout=60)

    threads = [threading.Thread(target=one, args=(i, call, random.random() * 0.012)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def halt(house, name):
    house.call('admin.vm.Kill', name, timeout=60)
    wait(lambda: house.state(name) == 'Halted')
    # Halted is told a moment before the claim ends
    wait(lambda: house.call('admin.vm.property.Set+maxmem', name, '500').ok)


def changes_while_living(records, name, changes):
    """Changes of this VM that were told between pre-start and shutdown."""
    living, found = False, []
    for record in records:
        if record.subject == name and record.name in ('domain-pre-start', 'domain-shutdown'):
            living = record.name == 'domain-pre-start'
        elif living and record.name in changes and name in (record.subject, record.arguments.get('vm')):
            found.append(record)
    return found


def play(tap):
    with House() as house:
        ear = Listener(house).begin()
        for template in ('one', 'two'):
            house.must('admin.vm.Create.TemplateVM', 'dom0', f'name={template} label=black')
        house.must('admin.vm.Create.AppVM+one', 'dom0', 'name=racer label=red')
        won, strange = {'start': 0, 'change': 0}, []
        for i in range(ROUNDS):
            halt(house, 'racer')
            template = ('one', 'two')[i % 2]
            start, change, memory = at_once(house, [
                ('admin.vm.Start', 'racer'), ('admin.vm.property.Set+template', 'racer', template),
                ('admin.vm.property.Set+maxmem', 'racer', str(600 + i))])
            won['start'] += start.ok
            won['change'] += change.ok
            strange += [a for a in (change, memory) if not a.ok and a.error not in REFUSED]
            strange += [] if start.ok else [start]
        tap.note(f'{ROUNDS} rounds: {won}')
        bad = changes_while_living(ear.records, 'racer', {'property-set:template', 'property-set:maxmem'})
        tap.check('neither template nor maxmem changes while the VM lives', not bad, bad)
        tap.check('each loser is told that the VM is not halted, and every start succeeds', not strange, strange)

        both, neither = [], []
        for i in range(ROUNDS):
            name = f'brief{i}'
            house.create(name)
            start, removal = at_once(house, [('admin.vm.Start', name), ('admin.vm.Remove', name)])
            both += [(name, start, removal)] if start.ok and removal.ok else []
            neither += [(name, start, removal)] if not start.ok and not removal.ok else []
            if removal.ok and house.virsh().get(name) == 'running':
                both.append((name, 'runs'))
            house.call('admin.vm.Kill', name, timeout=60)
        tap.check('a VM is started or removed, never both', not both, both)
        tap.check('one of the two always wins', not neither, neither)
        named = house.must('admin.vm.List')
        running = [n for n, state in house.virsh().items() if state == 'running' and f'{n} class' not in named]
        tap.check('no domain runs that is nobody\'s', not running, running)


scenario(play)
