# SPDX-License-Identifier: MIT
"""SIGSTOP of one VM's process, then of libvirtd: who does not need them does not wait."""
import os
import signal
import time

from house import Asker, House, Silence, scenario, wait

STUCK, OTHER, FRESH = 'stuck', 'other', 'fresh'
AT_ONCE = 5.0  # who waited for the stuck one would wait longer
KILL_MOST = 20.0


def calls(house, *rows):
    """Each call's answer and the longest time that one took."""
    answers = [(row, house.call(*row)) for row in rows]
    return all(answer.ok for _, answer in answers), max(answer.seconds for _, answer in answers), answers


def a_stuck_vm(house, tap):
    pid = house.kill(house.vm_actor(STUCK), signal.SIGSTOP)
    ok, slowest, answers = calls(
        house, ('admin.vm.List',), ('admin.vm.property.Get+memory', STUCK),
        ('admin.vm.property.Set+kernelopts', STUCK, 'quiet'), ('admin.vm.feature.Set+mark', OTHER, '1'),
        ('admin.vm.Pause', OTHER), ('admin.vm.Unpause', OTHER))
    tap.check('calls about others, and reads of the stuck one, are answered at once', ok and slowest < AT_ONCE,
              slowest, answers)
    answer = house.call('admin.vm.Start', FRESH, timeout=30)
    tap.check('another VM starts meanwhile', answer.ok and answer.seconds < 2 * AT_ONCE, answer)
    began = time.monotonic()
    answer = Asker(house, 'admin.vm.Kill', STUCK, 30).result()
    tap.check(f'Kill of the stuck VM is answered within {KILL_MOST:.0f} s', not isinstance(answer, Silence)
              and answer.kind != 'closed' and time.monotonic() - began < KILL_MOST, answer)
    if not getattr(answer, 'ok', False):
        house.call('admin.vm.Kill', STUCK, timeout=30)
    tap.check('the VM ends, and both sides say so',
              wait(lambda: house.state(STUCK) == 'Halted' and house.virsh().get(STUCK, 'shut off') == 'shut off'),
              house.state(STUCK), house.virsh())
    tap.check('its process was replaced or went on, and none is left over', wait(
        lambda: house.pid(f'vm/{house.stuck}') != pid), house.ps().get(f'vm/{house.stuck}'))
    tap.check('the others run on', house.state(OTHER) == 'Running' and house.state(FRESH) == 'Running')


def a_stuck_libvirtd(house, tap):
    pid = int((house.dir / 'run/libvirtd.pid').read_text('ascii').split()[0])
    others = {actor: row['pid'] for actor, row in house.ps().items() if actor.split('/')[0] in
              ('api', 'registry', 'router')}
    os.kill(pid, signal.SIGSTOP)
    try:
        start = Asker(house, 'admin.vm.Start', STUCK, 200)
        time.sleep(0.3)
        ok, slowest, answers = calls(
            house, ('admin.vm.List',), ('admin.vm.property.Get+memory', OTHER),
            ('admin.vm.CurrentState', OTHER), ('admin.vm.property.Set+kernelopts', OTHER, 'debug'),
            ('admin.vm.tag.Set+mark', OTHER), ('admin.vm.Create.StandaloneVM', 'dom0', 'name=late label=red'))
        tap.check('reads and changes go on while libvirtd stands still', ok and slowest < 3, slowest, answers)
        answer = start.result()
        tap.check('a start is answered with a typed error within its deadline',
                  getattr(answer, 'kind', '') == 'error' and answer.error.startswith('Qubes'), answer)
        tap.note(f'the start took {getattr(answer, "seconds", 0):.1f} s')
    finally:
        os.kill(pid, signal.SIGCONT)
    tap.check('a VM can be started when libvirtd goes on',
              wait(lambda: house.call('admin.vm.Start', STUCK, timeout=90).ok, 60), house.state(STUCK))

    def agree():
        theirs = house.virsh()
        ours = {name: house.state(name) for name in (STUCK, OTHER, FRESH)}
        return all((theirs.get(name) == 'running') == (state == 'Running') and
                   state in ('Running', 'Halted') for name, state in ours.items())
    tap.check('all agree again', wait(agree), house.virsh(), house.must('admin.vm.List'))
    now = {actor: row['pid'] for actor, row in house.ps().items() if actor in others}
    tap.check('api, registry and router were not restarted', now == others, now, others)


def play(tap):
    with House() as house:
        for name in (STUCK, OTHER, FRESH):
            house.create(name)
        for name in (STUCK, OTHER):
            house.must('admin.vm.Start', name)
        house.stuck = int(house.vm_actor(STUCK).split('/')[1])
        a_stuck_vm(house, tap)
        a_stuck_libvirtd(house, tap)


scenario(play)
