# SPDX-License-Identifier: MIT
"""Guests under QEMU: every way in which one begins and ends, and a libvirtd that dies under them."""
import os
import re
import signal

from guests import ENDED, PAUSE, START, UNPAUSE, Guests
from house import scenario, wait


def begins(house, tap, name, then=()):
    answer = house.call('admin.vm.Start', name, timeout=90)
    want = START + list(then)
    got = house.follows(name, want)
    tap.check(f'{name} starts, and its events come in their order', answer.ok and got == want, answer, got)


def ends(house, tap, name, how, act, before=()):
    """By `act`, which somebody else than bulkhead may do."""
    answer = act()
    want = list(before) + ENDED
    got = house.follows(name, want)
    tap.check(f'{name} {how}: its end is told once, in its order, and all agree',
              getattr(answer, 'ok', True) and got == want and wait(lambda: house.agree(name)) and
              house.state(name) == 'Halted' and not house.qemu_pid(name), answer, got, house.virsh())


def a_day(house, tap):
    begins(house, tap, 'day')
    for method, want, state in (('admin.vm.Pause', PAUSE, 'Paused'), ('admin.vm.Unpause', UNPAUSE, 'Running')):
        answer = house.call(method, 'day')
        got = house.follows('day', want)
        tap.check(f'{method}: the guest is {state}', answer.ok and got == want and house.agree('day') and
                  house.state('day') == state, answer, got)
    ends(house, tap, 'day', 'is asked to shut down and obeys',
         lambda: house.call('admin.vm.Shutdown+wait', 'day', timeout=60), ['domain-pre-shutdown'])
    begins(house, tap, 'day')
    ends(house, tap, 'day', 'is killed', lambda: house.call('admin.vm.Kill', 'day', timeout=60))
    begins(house, tap, 'day')
    ends(house, tap, 'day', 'is destroyed by virsh', lambda: house.do('destroy', 'day'))
    begins(house, tap, 'day')
    ends(house, tap, 'day', 'crashes', lambda: house.signal_guest('day', signal.SIGKILL))
    begins(house, tap, 'off', ENDED)
    tap.check('a guest that powers itself off has ended', wait(lambda: house.agree('off')) and
              house.state('off') == 'Halted')
    begins(house, tap, 'reset', ENDED)
    tap.check('so has one that resets its machine', wait(lambda: house.agree('reset')) and
              house.state('reset') == 'Halted')


def by_others(house, tap):
    house.do('define', str(defined(house, 'day')))
    house.do('start', 'day')
    tap.check('a domain that somebody else starts is taken over',
              wait(lambda: house.state('day') == 'Running' and house.vm_actor('day')), house.state('day'))
    house.follows('day', [], 0)
    ends(house, tap, 'day', 'is then killed', lambda: house.call('admin.vm.Kill', 'day', timeout=60))


def defined(house, name):
    """The definition that bulkhead made, as a file; without disks, whose images are there for a start only."""
    begun = house.call('admin.vm.Start', name, timeout=90)
    file = house.dir / 'definition.xml'
    text = house.do('dumpxml', '--inactive', name) if begun.ok else ''
    file.write_text(re.sub(r'(?s)<disk .*?</disk>', '', text), 'utf-8')
    house.call('admin.vm.Kill', name, timeout=60)
    wait(lambda: house.state(name) == 'Halted')
    return file


def a_libvirtd_that_dies(house, tap):
    for name in ('day', 'night'):
        begins(house, tap, name)
    pids = [house.qemu_pid(name) for name in ('day', 'night')]
    os.kill(house.libvirtd(), signal.SIGKILL)
    answer = house.call('admin.vm.Pause', 'day', timeout=30)
    tap.check('without libvirtd a call has its typed error', answer.kind == 'error' and answer.seconds < 15, answer)
    tap.check('reads go on', house.call('admin.vm.List').ok and house.call('admin.vm.CurrentState', 'day').ok)
    house.signal_guest('night', signal.SIGKILL)
    house.libvirtd_up()
    got = house.follows('night', ENDED)
    tap.check('a guest that ended meanwhile has its end told once', got == ENDED, got)
    tap.check('the other runs on in the same process', house.qemu_pid('day') == pids[0] and
              wait(lambda: house.agree('day', 'night')) and house.state('day') == 'Running', house.virsh())
    house.follows('day', [], 0)
    ends(house, tap, 'day', 'is asked to shut down afterwards',
         lambda: house.call('admin.vm.Shutdown+wait', 'day', timeout=60), ['domain-pre-shutdown'])
    begins(house, tap, 'night')
    ends(house, tap, 'night', 'is killed', lambda: house.call('admin.vm.Kill', 'night', timeout=60))


def play(tap):
    with Guests() as house:
        for name, word in (('day', ''), ('night', ''), ('off', 'off'), ('reset', 'reset')):
            house.guest(name, word)
        a_day(house, tap)
        by_others(house, tap)
        a_libvirtd_that_dies(house, tap)
        tap.check('no event is told twice', not house.ear.doubled, house.ear.doubled)
        house.down()
        tap.check('no process is left', wait(lambda: not house.leftovers()), house.leftovers())


scenario(play)
