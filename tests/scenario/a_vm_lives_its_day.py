# SPDX-License-Identifier: MIT
"""One VM from its creation to its removal, and every event in its order (spec events 4.1)."""
from house import House, Listener, scenario, wait

BORN = ['domain-add', 'domain-tag-add:created-by-dom0', 'domain-create-on-disk']
START = ['domain-pre-start', 'domain-verify-files', 'domain-pre-spawn', 'property-reset:xid',
         'property-reset:stubdom_xid', 'property-reset:start_time', 'domain-spawn', 'domain-qdb-create',
         'domain-pre-unpaused', 'domain-unpaused', 'domain-start']
PAUSE = ['domain-pre-paused', 'domain-paused']
UNPAUSE = ['domain-pre-unpaused', 'domain-unpaused']
ENDED = ['domain-stopped', 'property-reset:xid', 'property-reset:stubdom_xid', 'property-reset:start_time',
         'domain-shutdown']
REMOVED = ['domain-pre-delete', 'domain-delete']

# What is asked, which events follow, and in which state the VM is afterwards.
DAY = [
    ('admin.vm.Start', START, 'Running'),
    ('admin.vm.Start', [], 'Running'),
    ('admin.vm.Pause', PAUSE, 'Paused'),
    ('admin.vm.Unpause', UNPAUSE, 'Running'),
    ('admin.vm.Shutdown+wait', ['domain-pre-shutdown'] + ENDED, 'Halted'),
    ('admin.vm.Start', START, 'Running'),
    ('admin.vm.Kill', ENDED, 'Halted'),
]


def play(tap):
    with House() as house:
        ear = Listener(house).begin()
        heard = 0

        def follows(events):
            nonlocal heard
            want = heard + len(events)
            wait(lambda: len(ear.records) >= want)
            wait(lambda: len(ear.records) > want, 0.15)  # and nothing more
            got, heard = ear.names()[heard:], len(ear.records)
            return got

        house.create('day')
        got = follows(BORN)
        tap.check('creating a VM tells its three events in order', got == BORN, got)
        for method, events, state in DAY:
            answer = house.call(method, 'day', timeout=60)
            got = follows(events)
            tap.check(f'{method} is answered, tells {len(events)} events in order and leaves it {state}',
                      answer.ok and got == events and wait(lambda: house.state('day') == state), answer, got,
                      events, house.state('day'))
        answer = house.call('admin.vm.Kill', 'day')
        tap.check('killing a halted VM is refused and tells nothing',
                  answer.error == 'QubesVMNotStartedError' and follows([]) == [], answer)
        answer = house.call('admin.vm.Remove', 'day')
        got = follows(REMOVED)
        tap.check('removing it tells its two events in order', answer.ok and got == REMOVED, answer, got)
        tap.check('a removed VM is unknown', house.call('admin.vm.Start', 'day').error == 'QubesVMNotFoundError')
        tap.check('no event is told twice', not ear.doubled, ear.doubled)
        house.down()
        tap.check('no process is left', wait(lambda: not house.leftovers()), house.leftovers())


scenario(play)
