# SPDX-License-Identifier: MIT
"""A VM's process, and then the router, get next to no processor time for longer than a hang may last."""
import signal
import threading
import time

from house import House, Silence, scenario, wait
from starve import Starved

VM, OTHER = 'slow', 'other'
STARVED = 8.0


def asked(house, answers):
    """Something that the VM's process must answer."""
    try:
        answers.append(house.call('admin.vm.Pause', VM, timeout=60))
    except Silence as silence:
        answers.append(silence)


def a_starved_vm(house, tap):
    actor, answers = house.vm_actor(VM), []
    before = house.ps()[actor]
    caller = threading.Thread(target=asked, args=(house, answers), daemon=True)
    with Starved(before['pid']):
        caller.start()
        slowest, until = 0.0, time.monotonic() + STARVED
        while time.monotonic() < until:
            slowest = max(slowest, house.call('admin.vm.List').seconds, house.call('admin.vm.Pause', OTHER).seconds,
                          house.call('admin.vm.Unpause', OTHER).seconds)
            time.sleep(0.3)
        tap.check('what a VM without the processor is asked is not answered meanwhile', not answers, answers)
        tap.check('the others are served meanwhile', slowest < STARVED - 1, slowest)
        tap.check('its state is told as it was', house.state(VM) == 'Running', house.state(VM))
    caller.join(30)
    after = house.ps()[actor]
    tap.check('its process was not ended', (after['pid'], after['restarts']) == (before['pid'], before['restarts']),
              before, after, house.log())
    tap.check('the supervisor says that it was starved', f'{actor} is not given the processor' in house.log(), house.log())
    tap.check('it answers when it runs again', answers and getattr(answers[0], 'ok', False), answers)
    house.call('admin.vm.Unpause', VM)


def a_starved_router(house, tap):
    before = {actor: row['pid'] for actor, row in house.ps().items()}
    with Starved(before['router']):
        time.sleep(STARVED)
    tap.check('calls are answered after the router was starved', wait(lambda: house.call('admin.vm.Pause', OTHER).ok, 30))
    house.call('admin.vm.Unpause', OTHER)
    after = {actor: row['pid'] for actor, row in house.ps().items()}
    tap.check('neither the router nor anybody else was ended for it', {k: after.get(k) for k in before} == before,
              before, after, house.log())


def a_stopped_one(house, tap):
    """The same patience is not for who stands still."""
    actor = house.vm_actor(VM)
    pid = house.kill(actor, signal.SIGSTOP)
    threading.Thread(target=asked, args=(house, []), daemon=True).start()
    began = time.monotonic()
    tap.check('a stopped one is replaced', wait(lambda: house.serving(actor, but=pid)), house.ps().get(actor))
    tap.note(f'after {time.monotonic() - began:.1f} s')


def play(tap):
    with House() as house:
        for name in (VM, OTHER):
            house.create(name)
            house.must('admin.vm.Start', name)
        a_starved_vm(house, tap)
        a_starved_router(house, tap)
        a_stopped_one(house, tap)
        tap.check('nobody is quarantined', 'quarantined' not in house.log())


scenario(play)
