# SPDX-License-Identifier: MIT
"""kill -9 of devbus-pci and of the VM's process while a device comes and goes."""
import os
import pathlib
import signal
import threading
import time

from house import House, Silence, scenario, wait

HOST = pathlib.Path(__file__).resolve().parents[1] / 'conformance' / 'host.xml'
CARD, METHOD = 'dom0+00_19.0', 'admin.vm.device.pci.'
DELAYS_MS = (0, 1, 2, 4, 8, 15)
STARTS = 8


def call_and_kill(house, verb, victim, delay):
    """The call's answer, while the victim dies so many ms after it began."""
    answers = []

    def ask():
        try:
            answers.append(house.call(f'{METHOD}{verb}+{CARD}', 'work', timeout=60))
        except Silence as silence:
            answers.append(silence)

    pid = house.pid(victim)
    caller = threading.Thread(target=ask)
    caller.start()
    time.sleep(delay / 1000)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    caller.join(90)
    wait(lambda: house.pid(victim) not in (0, pid))
    return (answers or [None])[0]


def attached(house):
    return house.must(f'{METHOD}Attached', 'work').count('00_19.0:')


def starts_with_it(house, tap):
    """What api knows is asked right behind the answer of the start: there is nothing to wait for."""
    house.must(f'{METHOD}Assign+{CARD}:*', 'work', "mode='required'")
    had = []
    for _ in range(STARTS):
        house.must('admin.vm.Start', 'work')
        had.append(attached(house))
        house.must('admin.vm.Kill', 'work')
        had.append(attached(house))
    tap.check('started with it the VM has it when the start is answered, and has not when it is killed',
              had == [1, 0] * STARTS, had)
    pid = house.pid('devbus-pci')
    starting = threading.Thread(target=house.must, args=('admin.vm.Start', 'work'))
    os.kill(pid, signal.SIGKILL)
    starting.start()
    starting.join(60)
    tap.check('and also where devbus-pci died', attached(house) == 1)


def play(tap):
    with House(host_xml=HOST) as house:
        house.create('work')
        house.must('admin.vm.property.Set+virt_mode', 'work', 'hvm')
        house.must('admin.vm.property.Set+kernel', 'work', '')
        house.must('admin.vm.Start', 'work')
        vm = house.vm_actor('work')
        for victim in ('devbus-pci', vm):
            kind = victim.split('/')[0]
            for delay in DELAYS_MS:
                answer = call_and_kill(house, 'Attach', victim, delay)
                tap.check(f'{kind} killed {delay} ms into an attachment: it is attached once',
                          getattr(answer, 'ok', False) and wait(lambda: attached(house) == 1), answer)
                answer = call_and_kill(house, 'Detach', victim, delay)
                tap.check(f'{kind} killed {delay} ms into a detachment: it is detached',
                          getattr(answer, 'ok', False) and wait(lambda: attached(house) == 0), answer)
        tap.check('the VM ran all the time', house.state('work') == 'Running')
        answer = house.call(f'{METHOD}Attach+{CARD}', 'work')
        tap.check('and takes the device again', answer.ok, answer)
        house.must('admin.vm.Kill', 'work')
        tap.check('halted it has none', attached(house) == 0)
        starts_with_it(house, tap)


scenario(play)
