# SPDX-License-Identifier: MIT
"""Block devices between VMs that run, over a stand-in for the backend's qubesdb-daemon."""
import signal
import threading
import time

from house import House, Listener, Silence, scenario, wait
from qubesdb import Daemon

BUS, METHOD = 'devbus-block', 'admin.vm.device.block.'
BACK, FRONT, OTHER, THIRD = 'back', 'front', 'other', 'third'
AT_ONCE = 10.0  # who waited for a bus that stands still would wait for most of a minute


def attached(house, vm):
    return house.must(f'{METHOD}Attached', vm)


def told(ear, since, subject):
    return [r for r in ear.records[since:] if r.subject == subject and r.name.startswith('device-')]


def hears(ear, since, subject, *names):
    """Whether exactly these events about devices were told of that VM."""
    wait(lambda: len(told(ear, since, subject)) >= len(names))
    return [r.name for r in told(ear, since, subject)] == list(names)


def is_listed(house, tap, ear, daemon):
    tap.check('while nobody exposes anything there is no such process', house.pid(BUS) == 0)
    since = len(ear.records)
    house.must('admin.vm.device.block.Available', BACK)
    tap.check('it begins when it is asked', wait(lambda: house.serving(BUS)))
    daemon.expose('sda', desc='Some_disk (backup)', size='4096', mode='w')
    tap.check('a device that comes is told', hears(ear, since, BACK, 'device-list-change:block',
                                                   'device-added:block'), told(ear, since, BACK))
    added = told(ear, since, BACK)[-1]
    tap.check('by its name', added.arguments.get('device') == 'back:sda::None', added.arguments)
    daemon.expose('sr0', desc='Disc', size='none', mode='r')
    daemon.expose('bad name', desc='x')
    lines = house.must(f'{METHOD}Available', BACK).splitlines()
    tap.check('what fits is listed, as its backend describes it', [line.split()[0] for line in lines] ==
              ['sda::None', 'sr0::0'] and "name='backup'" in lines[0] and "serial='Some disk'" in lines[0]
              and "interfaces='b******'" in lines[0], lines)
    tap.check('a VM that exposes nothing has none', house.must(f'{METHOD}Available', FRONT) == '')
    tap.check('of dom0, which has no database here, there are none', house.must(f'{METHOD}Available') == '')


def is_attached(house, tap, ear):
    since = len(ear.records)
    answer = house.call(f'{METHOD}Attach+back+sda', FRONT, "_read-only='On'")
    tap.check('it is attached', answer.ok, answer)
    tap.check('which is told before and after, with the options as they came to be',
              hears(ear, since, FRONT, 'device-pre-attach:block', 'device-attach:block')
              and told(ear, since, FRONT)[0].arguments['options'] == "{'read-only': 'On'}"
              and told(ear, since, FRONT)[1].arguments['options'] ==
              "{'read-only': 'yes', 'frontend-dev': 'xvdi'}", [r.arguments for r in told(ear, since, FRONT)])
    line = attached(house, FRONT)
    tap.check('it is shown so', line.startswith('back+sda::None ') and "_frontend-dev='xvdi'" in line
              and "_read-only='yes'" in line, line)
    line = house.must(f'{METHOD}Available+sda', BACK)
    tap.check('its backend shows who has it', "attachment='front'" in line, line)
    for vm in (OTHER, FRONT):
        answer = house.call(f'{METHOD}Attach+back+sda', vm)
        tap.check(f'a second attachment, to {vm}, is refused', answer.error == 'DeviceAlreadyAttached', answer)
    for payload, text in (("_read-only='maybe'", 'read-only'), ("_frontend-dev='hda'", 'frontend-dev'),
                          ("_devtype='tape'", 'devtype'), ("_color='red'", 'Unsupported option'),
                          ("_read-only='no'", 'read-only')):
        answer = house.call(f'{METHOD}Attach+back+sr0', OTHER, payload)
        tap.check(f'{payload} is refused', answer.error == 'QubesValueError' and text in answer.text, answer)
    tap.check('and nothing came of it', attached(house, OTHER) == '')
    since = len(ear.records)
    answer = house.call(f'{METHOD}Attach+back+sr0', OTHER, "_devtype='cdrom'")
    tap.check('options are told as they were given, then what was chosen',
              hears(ear, since, OTHER, 'device-pre-attach:block', 'device-attach:block')
              and told(ear, since, OTHER)[1].arguments['options'].startswith(
                  "{'devtype': 'cdrom', 'read-only': 'yes', 'frontend-dev': 'xvd"),
              [r.arguments for r in told(ear, since, OTHER)])
    line = attached(house, OTHER)
    tap.check('a disc is read-only by itself', answer.ok and "_read-only='yes'" in line
              and "_devtype='cdrom'" in line, answer, line)
    tap.check('it is detached', house.call(f'{METHOD}Detach+back+sr0', OTHER).ok
              and attached(house, OTHER) == '')


def dom0_exposes_disks(house, tap, ear):
    daemon = Daemon(house, 'dom0')
    try:
        daemon.put('/qubes-block-devices/loop0/desc', 'image')
        daemon.put('/qubes-block-devices/mapper_root/desc', 'hidden')
        lines = house.must(f'{METHOD}Available').splitlines()
        tap.check("dom0's disks are read from its own database", [line.split()[0] for line in lines] == ['loop0::0']
                  and "manufacturer='hosted by dom0'" in lines[0]
                  and house.must(f'{METHOD}Available+mapper_root') == '', lines)
        since = len(ear.records)
        time.sleep(0.5)  # from then on its process hears of changes
        daemon.expose('loop1', desc='other')
        tap.check('and told when they come', wait(lambda: any(
            r.arguments.get('device') == 'dom0:loop1::1' for r in ear.records[since:])), ear.records[since:])
        for port in ('loop1', 'mapper_root'):
            answer = house.call(f'{METHOD}Attach+dom0+{port}', OTHER)
            tap.check(f'{port} is attached', answer.ok and f'dom0+{port}' in attached(house, OTHER), answer)
            house.must(f'{METHOD}Detach+dom0+{port}', OTHER)
        daemon.withdraw('loop0')
        daemon.withdraw('loop1')
        wait(lambda: house.must(f'{METHOD}Available') == '')
    finally:
        daemon.end()


def its_bus_is_nobodys_trouble(house, tap):
    pid = house.kill(BUS)
    slow = [house.call(*row).seconds for row in (('admin.vm.List',), ('admin.vm.Start', THIRD),
                                                 ('admin.vm.Pause', BACK), ('admin.vm.Unpause', BACK))]
    tap.check('its process killed, VMs start and are listed as before', max(slow) < AT_ONCE
              and house.state(THIRD) == 'Running', slow)
    tap.check('another one serves', wait(lambda: house.serving(BUS, pid)))
    answer = house.call(f'{METHOD}Attach+back+sda', OTHER, timeout=30)
    tap.check('which knows who has what', answer.error == 'DeviceAlreadyAttached' and
              'back+sda' in attached(house, FRONT), answer)
    house.kill(BUS, signal.SIGSTOP)
    pid, asked = house.pid(BUS), []

    def ask():
        try:
            asked.append(house.call(f'{METHOD}Available', BACK, timeout=30))
        except Silence as silence:
            asked.append(silence)

    caller = threading.Thread(target=ask)
    caller.start()
    slow = [house.call(*row).seconds for row in (('admin.vm.List',), ('admin.vm.Kill', THIRD),
                                                 ('admin.vm.Start', THIRD), ('admin.vm.Kill', THIRD))]
    tap.check('stopped, VMs start, stop and are listed as before', max(slow) < AT_ONCE, slow)
    caller.join(40)
    tap.check('only what is asked of it waits, and gets an answer', asked and getattr(asked[0], 'kind', '')
              in ('ok', 'error'), asked)
    tap.check('it is replaced', wait(lambda: house.serving(BUS, pid)))
    tap.check('and serves', wait(lambda: house.call(f'{METHOD}Available', BACK).text.count('sda::None') == 1))


def is_detached(house, tap, ear):
    since = len(ear.records)
    answer = house.call(f'{METHOD}Detach+back+sda', FRONT)
    tap.check('it is detached', answer.ok and attached(house, FRONT) == '', answer)
    tap.check('which is told before and after', hears(ear, since, FRONT, 'device-pre-detach:block',
                                                      'device-detach:block'), told(ear, since, FRONT))
    answer = house.call(f'{METHOD}Detach+back+sda', FRONT)
    tap.check('only once', answer.error == 'DeviceNotAssigned', answer)


def vanishes(house, tap, ear, daemon):
    since = len(ear.records)
    house.must(f'{METHOD}Attach+back+sda', OTHER)
    daemon.withdraw('sda')
    tap.check('a device that vanishes is taken out of its VM', wait(lambda: attached(house, OTHER) == ''))
    tap.check('told of its backend and of who had it', hears(ear, since, BACK, 'device-list-change:block',
                                                             'device-removed:block')
              and hears(ear, since, OTHER, 'device-pre-attach:block', 'device-attach:block', 'device-detach:block'),
              told(ear, since, BACK), told(ear, since, OTHER))


def loses_it_behind_its_end(house, tap, ear, vm):
    """The VM has one disk."""
    since = len(ear.records)
    house.must('admin.vm.Kill', vm)

    def names():
        return [r.name for r in ear.records[since:] if r.subject == vm]

    wait(lambda: 'device-detach:block' in names())
    tap.check('a VM that ends is told to have lost its disk behind its end',
              names()[-2:] == ['domain-shutdown', 'device-detach:block'], names())


def comes_whoever_dies(house, tap, ear):
    """The VM's process is killed at some moment right behind the start."""
    for after in (0, 0.01, 0.03, 0.1):
        loses_it_behind_its_end(house, tap, ear, FRONT)
        since = len(ear.records)
        house.must('admin.vm.Start', FRONT)
        time.sleep(after)
        actor = house.vm_actor(FRONT)
        pid = house.kill(actor)
        tap.check(f'its process killed {after} s behind the start it comes all the same, and is told once',
                  wait(lambda a=actor, p=pid: house.serving(a, p)) and wait(lambda: 'back+sdb' in attached(house, FRONT))
                  and hears(ear, since, FRONT, 'device-attach:block'), told(ear, since, FRONT))


def follows_assignments(house, tap, ear, daemon):
    since = len(ear.records)
    house.must(f'{METHOD}Assign+back+sdb', FRONT, "mode='auto-attach' _read-only='yes'")
    daemon.expose('sdb', desc='Stick (keys)', size='1', mode='w')
    tap.check('a device that comes goes to the VM that has it assigned',
              wait(lambda: 'back+sdb' in attached(house, FRONT))
              and hears(ear, since, FRONT, 'device-pre-assign:block', 'device-assign:block', 'device-attach:block'),
              told(ear, since, FRONT))
    tap.check('as it was assigned', "_read-only='yes'" in attached(house, FRONT), attached(house, FRONT))
    house.must(f'{METHOD}Detach+back+sdb', FRONT)
    house.must('admin.vm.Kill', FRONT)
    house.must('admin.vm.Start', FRONT)
    tap.check('it comes by itself, too, when that VM starts', wait(lambda: 'back+sdb' in attached(house, FRONT)))
    comes_whoever_dies(house, tap, ear)
    daemon.expose('sdc', desc='Data', size='1', mode='w')
    house.must(f'{METHOD}Assign+back+sdc', THIRD, "mode='required' _frontend-dev='xvdl'")
    house.must(f'{METHOD}Assign+back+sdx', OTHER, "mode='required'")
    answer = house.call('admin.vm.Start', THIRD)
    tap.check('a VM boots with what it requires', answer.ok and wait(
        lambda: "_frontend-dev='xvdl'" in attached(house, THIRD)), answer, attached(house, THIRD))
    house.must('admin.vm.Kill', OTHER)
    answer = house.call('admin.vm.Start', OTHER)
    tap.check('and does not start without', answer.kind == 'error' and 'sdx' in answer.text, answer)
    answer = house.call(f'{METHOD}Detach+back+sdc', THIRD)
    tap.check('what it requires is not taken from it', answer.error == 'QubesVMNotHaltedError', answer)


def ends_with_its_backend(house, tap, ear):
    since = len(ear.records)
    house.must('admin.vm.Kill', BACK)
    tap.check('with the backend its devices go', wait(lambda: attached(house, FRONT) + attached(house, THIRD) == '')
              and hears(ear, since, FRONT, 'device-detach:block'), told(ear, since, FRONT))
    tap.check('which is told', wait(lambda: sum(r.name == 'device-removed:block' for r in ear.records[since:]) == 3),
              told(ear, since, BACK))
    tap.check('and when nothing is left the process ends', wait(lambda: house.pid(BUS) == 0, 30), house.ps().get(BUS))
    tap.check('for good', house.must(f'{METHOD}Available', BACK) == '' and house.pid(BUS) == 0)


def play(tap):
    with House() as house:
        for name in (BACK, FRONT, OTHER, THIRD):
            house.create(name)
        ear = Listener(house).begin()
        daemon = Daemon(house, BACK)
        try:
            for name in (BACK, FRONT, OTHER):
                house.must('admin.vm.Start', name)
            is_listed(house, tap, ear, daemon)
            is_attached(house, tap, ear)
            dom0_exposes_disks(house, tap, ear)
            its_bus_is_nobodys_trouble(house, tap)
            is_detached(house, tap, ear)
            vanishes(house, tap, ear, daemon)
            follows_assignments(house, tap, ear, daemon)
            ends_with_its_backend(house, tap, ear)
        finally:
            daemon.end()


scenario(play)
