# SPDX-License-Identifier: MIT
"""A disposable's end by shutdown, by kill, with registry killed in the middle, and over a boot of the host;
and what starts with the host is started then, once."""
import os
import shutil
import signal
import threading
import time

from house import House, Listener, scenario, wait

END = ['domain-stopped', 'property-reset:xid', 'property-reset:stubdom_xid', 'property-reset:start_time',
       'domain-shutdown', 'domain-pre-delete', 'domain-delete']


def is_there(house, name):
    return any(line.split()[0] == name for line in house.must('admin.vm.List').splitlines())


def new(house):
    return house.must('admin.vm.CreateDisposable', 'base')


def about(ear, name):
    return [r.name for r in list(ear.records) if name in (r.subject, r.arguments.get('vm'))]


def ends_with_its_life(tap, house, ear):
    name = new(house)
    tap.check('a new disposable exists and does not run', is_there(house, name) and house.state(name) == 'Halted')
    house.must('admin.vm.Start', name)
    house.must('admin.vm.Shutdown+wait', name)
    tap.check('it is removed when it has shut down', wait(lambda: not is_there(house, name)))
    wait(lambda: 'domain-delete' in about(ear, name))
    tap.check('its end is told in order', about(ear, name)[-len(END):] == END, about(ear, name))
    tap.check('its domain is gone', wait(lambda: name not in house.virsh()), house.virsh())


def start(house, name):
    """Registry was killed a moment ago: the process of the VM that had this number before may still be about to
    end, and answers that; a client asks again."""
    for _ in range(5):
        answer = house.call('admin.vm.Start', name, timeout=60)
        if answer.ok or 'ended before it answered' not in answer.text:
            break
        time.sleep(0.3)
    if not answer.ok:
        raise RuntimeError(f'start {name}: {answer}')


def ends_while_registry_dies(tap, house):
    left, answers = [], []
    for i in range(5):
        name = new(house)
        start(house, name)
        registry = house.pid('registry')
        assert registry > 1
        killer = threading.Thread(target=lambda n=name: answers.append(house.call('admin.vm.Kill', n)))
        killer.start()
        time.sleep(0.002 * i)
        os.kill(registry, signal.SIGKILL)
        killer.join()
        left.append(name)
        wait(lambda: house.serving('registry', registry))
    tap.check('each is removed though registry was killed meanwhile',
              wait(lambda: not any(is_there(house, name) for name in left)),
              [(name, house.state(name), house.ps().get(house.vm_actor(name)), house.virsh().get(name))
               for name in left if is_there(house, name)], answers)


def ends_when_its_start_fails(tap, house):
    name = new(house)
    house.must('admin.vm.feature.Set+prohibit-start', name, 'no')
    answer = house.call('admin.vm.Start', name)
    tap.check('one whose start fails is removed',
              answer.error == 'QubesException' and wait(lambda: not is_there(house, name)), answer)


def goes_at_the_boot(tap, house):
    left = new(house)
    house.create('eager')
    house.create('lazy')
    house.must('admin.vm.property.Set+autostart', 'eager', 'True')
    house.kill('registry')
    wait(lambda: house.serving('registry'))
    tap.check('a fresh disposable survives a restart of registry', is_there(house, left))
    house.down()
    shutil.rmtree(house.dir / 'run/notes')  # as a reboot does
    house.up(empty=False)
    tap.check('what was left is removed at the boot', wait(lambda: not is_there(house, left)))
    tap.check('what starts with the host is started', wait(lambda: house.state('eager') == 'Running'))
    tap.check('and nothing else is', house.state('lazy') == 'Halted')
    house.must('admin.vm.Kill', 'eager')
    wait(lambda: house.state('eager') == 'Halted')
    before = house.kill('registry')
    wait(lambda: house.serving('registry', before))
    tap.check('a registry that was killed starts nothing again',
              not wait(lambda: house.state('eager') != 'Halted', 1.5))


def play(tap):
    with House() as house:
        ear = Listener(house).begin()
        house.must('admin.vm.Create.TemplateVM', 'dom0', 'name=tmpl label=black')
        house.must('admin.vm.Create.AppVM+tmpl', 'dom0', 'name=base label=red')
        house.must('admin.vm.property.Set+template_for_dispvms', 'base', 'True')
        ends_with_its_life(tap, house, ear)
        ends_when_its_start_fails(tap, house)
        ends_while_registry_dies(tap, house)
        goes_at_the_boot(tap, house)


scenario(play)
