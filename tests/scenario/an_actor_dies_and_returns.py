# SPDX-License-Identifier: MIT
"""kill -9 of a VM's process at many moments of its start."""
import os
import signal
import threading
import time

from house import House, Silence, scenario, wait

DELAYS_MS = (0, 2, 5, 8, 12, 20, 30, 45, 60, 90)
VICTIM, OTHER = 'victim', 'other'


def start_and_kill(house, delay):
    """The start's answer, and whether its process was there to be killed."""
    answers = []

    def start():
        try:
            answers.append(house.call('admin.vm.Start', VICTIM, timeout=40))
        except Silence as silence:
            answers.append(silence)

    caller = threading.Thread(target=start)
    caller.start()
    actor, pid = '', 0
    until = time.monotonic() + 60
    while pid == 0 and time.monotonic() < until:
        actor = actor or next((a for a, r in house.ps().items() if a == f'vm/{house.victim_qid}'), '')
        pid = house.pid(actor) if actor else 0
    time.sleep(delay / 1000)
    killed = False
    if pid:
        try:
            os.kill(pid, signal.SIGKILL)
            killed = True
        except ProcessLookupError:
            pass
    caller.join(60)
    return (answers or [None])[0], killed


def agrees(house):
    """bulkhead and the hypervisor say the same, and it is a definite state."""
    ours, theirs = house.state(VICTIM), house.virsh().get(VICTIM, 'shut off')
    return (ours, theirs) in (('Running', 'running'), ('Halted', 'shut off'))


def play(tap):
    with House() as house:
        house.create(VICTIM)
        house.create(OTHER)
        house.must('admin.vm.Start', OTHER)
        house.must('admin.vm.Start', VICTIM)
        house.victim_qid = int(house.vm_actor(VICTIM).split('/')[1])
        house.must('admin.vm.Kill', VICTIM)
        others = {actor: row['pid'] for actor, row in house.ps().items()
                  if not actor.endswith(f'/{house.victim_qid}')}
        wait(lambda: house.pid(f'vm/{house.victim_qid}') == 0, 6)
        for delay in DELAYS_MS:
            before = house.ps().get(f'vm/{house.victim_qid}', {}).get('restarts', 0)
            answer, killed = start_and_kill(house, delay)
            tap.check(f'killed {delay} ms into a start: its caller has an answer',
                      killed and answer is not None and not isinstance(answer, Silence)
                      and answer.kind != 'closed', answer, killed)
            tap.check(f'killed {delay} ms into a start: the VM is where both sides say it is',
                      wait(lambda: agrees(house)), house.state(VICTIM), house.virsh())
            row = house.ps().get(f'vm/{house.victim_qid}', {})
            tap.check(f'killed {delay} ms into a start: its process came back and that is counted',
                      row.get('restarts', 0) > before, row, before)
            house.call('admin.vm.Kill', VICTIM)
            wait(lambda: house.state(VICTIM) == 'Halted' and house.virsh().get(VICTIM, 'shut off') == 'shut off')
            wait(lambda: house.pid(f'vm/{house.victim_qid}') == 0, 6)
        now = {actor: row['pid'] for actor, row in house.ps().items() if actor in others}
        tap.check('nobody else was restarted', now == others, now, others)
        tap.check('the VM starts when it is asked to', house.call('admin.vm.Start', VICTIM, timeout=40).ok)
        tap.check('the other VM still runs', house.state(OTHER) == 'Running' and
                  house.virsh().get(OTHER) == 'running')
        tap.check('the VM is not quarantined', 'quarantined' not in house.log())


scenario(play)
