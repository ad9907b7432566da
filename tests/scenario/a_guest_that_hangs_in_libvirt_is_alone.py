# SPDX-License-Identifier: MIT
"""A guest whose QEMU stands still keeps one of libvirtd's workers, whatever is asked of it and however often its
process begins anew; nobody else waits. The same of a libvirtd that stands still during a start."""
import os
import signal
import threading
import time

from guests import ENDED, PAUSE, START, UNPAUSE, Guests, slowest
from house import Asker, scenario, wait

WEDGED, OTHER, FRESH = 'wedged', 'other', 'fresh'
RESTARTS = 6
PROMPT = 8.0  # on a machine with two busy cores; what hangs takes 10 s and more
REFUSED = ('admin.vm.Pause', 'admin.vm.Unpause', 'admin.vm.Shutdown', 'admin.vm.Suspend')


class Sampler(threading.Thread):
    """The most workers of libvirtd that were busy at once while nobody but us sampled."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.most, self.ending = house, 0, False
        self.start()

    def run(self):
        while not self.ending:
            self.most = max(self.most, self.house.busy_workers())
            time.sleep(0.2)


def others_go_on(house, tap, when):
    ok, seconds, answers = slowest(house, OTHER)
    tap.check(f"another VM's calls are prompt {when}", ok and seconds < PROMPT, seconds, answers)


def one_call_hangs(house, tap):
    house.signal_guest(WEDGED, signal.SIGSTOP)
    pause = Asker(house, 'admin.vm.Pause', WEDGED, 60)
    time.sleep(0.3)
    others_go_on(house, tap, 'while the wedged one is asked to pause')
    reads = [house.call(m, WEDGED) for m in ('admin.vm.List', 'admin.vm.CurrentState', 'admin.vm.property.Get+name')]
    tap.check('reads of the wedged VM are prompt', all(a.ok and a.seconds < PROMPT for a in reads), reads)
    answer = pause.result()
    tap.check('its own call has a typed error within its deadline',
              getattr(answer, 'kind', '') == 'error' and answer.seconds < 20, answer)


def restarts_add_none(house, tap):
    """Repeated calls, and its process killed again and again."""
    refused, prompt = [], []
    for _ in range(RESTARTS):
        refused += [house.call(method, WEDGED, timeout=30) for method in REFUSED]
        house.kill(house.vm_actor(WEDGED))
        wait(lambda: house.vm_actor(WEDGED) and house.serving(house.vm_actor(WEDGED)))
        prompt.append(slowest(house, OTHER)[:2])
    tap.check(f'{len(refused)} more calls in {RESTARTS + 1} incarnations are refused at once',
              all(a.kind == 'error' and a.seconds < PROMPT for a in refused), refused)
    tap.check("another VM's calls were prompt after each", all(ok and s < PROMPT for ok, s in prompt), prompt)
    answer = house.call('admin.vm.CurrentState', WEDGED)
    tap.check('what only looks is asked all the same', answer.ok and answer.seconds < PROMPT and
              'power_state=Running' in answer.text, answer)
    time.sleep(1)
    busy = house.busy_workers()
    tap.check('one worker of libvirtd is kept, and no more', busy == 1, busy)


def a_kill_frees_it(house, tap):
    house.follows(WEDGED, [], 0)
    kill = Asker(house, 'admin.vm.Kill', WEDGED, 60)
    time.sleep(0.3)
    others_go_on(house, tap, 'while the wedged one is being killed')
    answer = kill.result()
    got = house.follows(WEDGED, ENDED)
    tap.check('a kill ends it, and its end is told once, in its order', getattr(answer, 'ok', False) and
              got == ENDED and wait(lambda: house.agree(WEDGED)), answer, got)
    tap.check('its worker is free again', wait(lambda: house.busy_workers() == 0), house.busy_workers())
    answer = house.call('admin.vm.Start', WEDGED, timeout=90)
    got = house.follows(WEDGED, START)
    tap.check('it starts again at once', answer.ok and got == START, answer, got)


def it_clears_by_itself(house, tap):
    house.signal_guest(WEDGED, signal.SIGSTOP)
    answer = house.call('admin.vm.Pause', WEDGED, timeout=60)
    house.signal_guest(WEDGED, signal.SIGCONT)
    tap.check('the call that was given up is done when the guest goes on, and all agree on it',
              answer.kind == 'error' and wait(lambda: house.state(WEDGED) == 'Paused' and house.agree(WEDGED)),
              answer, house.state(WEDGED), house.virsh())
    got = house.follows(WEDGED, PAUSE)
    answer = house.call('admin.vm.Unpause', WEDGED, timeout=30)
    got += house.follows(WEDGED, UNPAUSE)
    tap.check('and it can be asked again', answer.ok and got == PAUSE + UNPAUSE, answer, got)


def libvirtd_stands_still(house, tap):
    """From the event before the domain is defined on."""
    pid = house.libvirtd()
    start = Asker(house, 'admin.vm.Start', FRESH, 150)
    wait(lambda: 'domain-pre-spawn' in house.names(FRESH))
    os.kill(pid, signal.SIGSTOP)
    try:
        answers = [house.call(*row, timeout=30) for row in (
            ('admin.vm.List',), ('admin.vm.property.Set+kernelopts', OTHER, 'quiet'), ('admin.vm.tag.Set+mark', OTHER),
            ('admin.vm.Create.StandaloneVM', 'dom0', 'name=late label=red'))]
        tap.check('reads and changes go on while libvirtd stands still',
                  all(a.ok and a.seconds < PROMPT for a in answers), answers)
        answer = start.result()
        tap.note(f'the start: {answer}')
        tap.check('the start has its answer within its deadline', getattr(answer, 'seconds', 999) < 120 and
                  getattr(answer, 'kind', '') in ('ok', 'error'), answer)
    finally:
        os.kill(pid, signal.SIGCONT)
    tap.check('when it goes on, all agree and no VM is in between', wait(
        lambda: house.agree(WEDGED, OTHER, FRESH) and house.state(FRESH) in ('Running', 'Halted'), 30),
        house.virsh(), house.must('admin.vm.List'))
    wait(lambda: house.call('admin.vm.Start', FRESH, timeout=90).ok, 30)
    tap.check('the VM can be started', wait(lambda: house.agree(FRESH) and house.state(FRESH) == 'Running'),
              house.state(FRESH), house.log()[-1500:])
    names = house.names(FRESH)
    tap.check('each of its starts that was told has its end, or lives', names.count('domain-pre-start') ==
              names.count('domain-start') + names.count('domain-start-failed'), names)


def play(tap):
    with Guests() as house:
        for name in (WEDGED, OTHER, FRESH):
            house.guest(name)
        for name in (WEDGED, OTHER):
            house.must('admin.vm.Start', name)
        others = {actor: row['pid'] for actor, row in house.ps().items()
                  if actor.split('/')[0] in ('api', 'registry', 'router', 'host')}
        sampler = Sampler(house)
        one_call_hangs(house, tap)
        restarts_add_none(house, tap)
        sampler.ending = True
        tap.note(f'at most {sampler.most} workers of libvirtd were busy at once')
        a_kill_frees_it(house, tap)
        it_clears_by_itself(house, tap)
        libvirtd_stands_still(house, tap)
        now = {actor: row['pid'] for actor, row in house.ps().items() if actor in others}
        tap.check('api, registry, router and host were not restarted', now == others, now, others)
        tap.check('no event is told twice', not house.ear.doubled, house.ear.doubled)
        house.down()
        tap.check('no process is left', wait(lambda: not house.leftovers()), house.leftovers())


scenario(play)
