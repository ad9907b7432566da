# SPDX-License-Identifier: MIT
"""Dom0's microphone and the VMs that may hear it, over stand-ins for qubesdb-daemons and for qrexec-client."""
import os
import signal
import time

from house import House, Listener, scenario, wait
from qubesdb import Daemon, REMOVE
from stand_ins import Programs, database

BUS, METHOD, MIC = 'devbus-mic', 'admin.vm.device.mic.', 'dom0+mic'
WORK, OTHER, SOUND = 'work', 'other', 'sound'
FOLDERS = ('audio-input-config', 'audio-input', 'audio-input-request')


def attached(house, vm):
    return house.must(f'{METHOD}Attached', vm)


def hears(house, vm, whether=True, most=10):
    return wait(lambda: bool(attached(house, vm)) == whether, most)


def allowed(house, audio, vm):
    return database(house, audio).get(f'/audio-input-config/{vm}')


def told(ear, since, subject):
    return [r.name for r in ear.records[since:] if r.subject == subject and r.name.startswith('device-')]


def is_told(ear, since, subject, *names):
    wait(lambda: len(told(ear, since, subject)) >= len(names), 5)
    return told(ear, since, subject) == list(names)


def services(programs):
    return [line.split('QUBESRPC ')[1] for line in programs.calls() if 'qubes.AudioInput' in line]


def is_listed(house, tap):
    tap.check('the class is there, and no process for it', 'mic' in house.must('admin.deviceclass.List').split()
              and house.pid(BUS) == 0)
    line = house.must(f'{METHOD}Available')
    tap.check('dom0 has one microphone', line.startswith('mic:dom0:mic::m000000 ') and line.count('\n') == 1
              and all(word in line for word in ("product='microphone'", "manufacturer='default'",
                                                "interfaces='m000000'")), line)
    tap.check('nobody else has any', house.must(f'{METHOD}Available', WORK) == ''
              and house.must(f'{METHOD}Available+other') == '')


def is_attached(house, tap, ear):
    since = len(ear.records)
    answer = house.call(f'{METHOD}Attach+{MIC}', WORK)
    tap.check('it is attached', answer.ok and attached(house, WORK).startswith('dom0+mic:dom0:mic::m000000 '), answer,
              attached(house, WORK))
    tap.check("by a word in the QubesDB of the VM that has its sound", allowed(house, 'dom0', WORK) == '1',
              database(house, 'dom0'))
    tap.check('which is told before and after', is_told(ear, since, WORK, 'device-pre-attach:mic', 'device-attach:mic'),
              told(ear, since, WORK))
    answer = house.call(f'{METHOD}Attach+{MIC}', WORK)
    tap.check('a second attachment is refused', answer.error == 'DeviceAlreadyAttached', answer)
    tap.check('another VM may hear it as well', house.call(f'{METHOD}Attach+{MIC}', OTHER).ok and attached(house, OTHER))
    pid = house.kill(BUS)
    tap.check('killed, another of it knows who may hear', wait(lambda: house.pid(BUS) not in (0, pid), 10)
              and attached(house, WORK) and attached(house, OTHER)
              and house.call(f'{METHOD}Attach+{MIC}', WORK).error == 'DeviceAlreadyAttached')
    since = len(ear.records)
    answer = house.call(f'{METHOD}Detach+{MIC}', OTHER)
    tap.check('it is detached', answer.ok and not attached(house, OTHER) and allowed(house, 'dom0', OTHER) == '0'
              and is_told(ear, since, OTHER, 'device-pre-detach:mic', 'device-detach:mic'), answer, told(ear, since, OTHER))
    answer = house.call(f'{METHOD}Detach+{MIC}', OTHER)
    tap.check('a second detachment is refused', answer.error == 'DeviceNotAssigned', answer)


def is_detached_by_a_new_bus(house, tap, dom0):
    """It has not heard yet who may hear."""
    for after in (0, 0.005, 0.02, 0.1):
        house.must(f'{METHOD}Attach+{MIC}', OTHER)
        house.kill(BUS)
        time.sleep(after)
        answer = house.call(f'{METHOD}Detach+{MIC}', OTHER, timeout=30)
        tap.check(f'killed {after} s before, another of it detaches', answer.ok and not attached(house, OTHER)
                  and allowed(house, 'dom0', OTHER) == '0' and attached(house, WORK), answer)
    house.must(f'{METHOD}Attach+{MIC}', OTHER)
    house.kill(BUS)
    dom0.put(f'/audio-input-config/{OTHER}', '0')
    tap.check('what is taken back while there is none is seen', hears(house, OTHER, False, 30) and attached(house, WORK))


def is_refused(house, tap):
    answer = house.call(f'{METHOD}Attach+{MIC}', OTHER, "_gain='7'")
    tap.check('options are refused', answer.kind == 'error' and 'does not support user options' in answer.text, answer)
    house.must('admin.vm.property.Set+audiovm', OTHER, '')
    answer = house.call(f'{METHOD}Attach+{MIC}', OTHER)
    tap.check('a VM whose sound goes nowhere hears nothing', answer.error == 'QubesException'
              and answer.text == 'VM other has no AudioVM set', answer)
    house.create('rests')
    house.must('admin.vm.property.Set+audiovm', OTHER, 'rests')
    answer = house.call(f'{METHOD}Attach+{MIC}', OTHER)
    tap.check('nor one whose sound goes to a VM that rests', answer.error == 'QubesVMNotRunningError', answer)
    answer = house.call(f'{METHOD}Attach+{MIC}', 'rests')
    tap.check('nor one that rests itself', answer.error == 'QubesVMNotRunningError', answer)
    tap.check('nothing is left of that', not attached(house, OTHER) and not attached(house, 'rests'))


def moves(house, tap, sound):
    house.must('admin.vm.property.Set+audiovm', WORK, SOUND)
    tap.check('with its sound its word goes to another VM', wait(lambda: allowed(house, SOUND, WORK) == '1', 10)
              and hears(house, WORK), database(house, SOUND))
    house.must('admin.vm.property.Set+audiovm', WORK, 'rests')
    tap.check('which counts no more when its sound goes to one that rests', hears(house, WORK, False)
              and allowed(house, SOUND, WORK) == '1')
    house.must('admin.vm.property.Set+audiovm', WORK, SOUND)
    tap.check('and counts again when it comes back', hears(house, WORK))
    house.must(f'{METHOD}Detach+{MIC}', WORK)
    house.must('admin.vm.property.Set+audiovm', WORK, 'dom0')
    tap.check('a 0 goes with it like a 1', wait(lambda: allowed(house, 'dom0', WORK) == '0', 10)
              and not attached(house, WORK), database(house, 'dom0'))
    sound.say(REMOVE, f'/audio-input-config/{WORK}')
    house.must('admin.vm.property.Set+audiovm', WORK, SOUND)
    tap.check('wherever it was before', wait(lambda: allowed(house, SOUND, WORK) == '0', 10))


def is_audiovms_word(house, tap, sound):
    sound.put(f'/audio-input-config/{WORK}', '1')
    tap.check('what its user there allows by hand counts', hears(house, WORK))
    sound.put(f'/audio-input-config/{WORK}', '0')
    tap.check('and what he takes back', hears(house, WORK, False))
    sound.put(f'/audio-input-config/{OTHER}', '1')
    sound.put(f'/audio-input-config/{WORK}', '1')
    tap.check('but not about VMs whose sound is elsewhere', hears(house, WORK) and not attached(house, OTHER))
    house.must(f'{METHOD}Detach+{MIC}', WORK)


def has_its_service(house, tap, programs):
    for verb in ('Enable', 'Disable'):
        house.must(f'admin.vm.feature.Set+supported-rpc.qubes.AudioInput{verb}', SOUND, '1')
    house.must(f'{METHOD}Attach+{MIC}', WORK)
    house.must(f'{METHOD}Detach+{MIC}', WORK)
    tap.check('where there is a service for it, that is called', services(programs) == [
        f'qubes.AudioInputEnable+{WORK} dom0', f'qubes.AudioInputDisable+{WORK} dom0'], services(programs))
    tap.check('and nothing written', allowed(house, SOUND, WORK) == '0' and not attached(house, WORK))
    programs.how('qrexec-client', SOUND, '1')
    answer = house.call(f'{METHOD}Attach+{MIC}', WORK)
    tap.check('one that fails is named', answer.error == 'QubesVMError' and SOUND in answer.text
              and not attached(house, WORK), answer)
    programs.how('qrexec-client', SOUND, None)
    for verb in ('Enable', 'Disable'):
        house.must(f'admin.vm.feature.Remove+supported-rpc.qubes.AudioInput{verb}', SOUND)


def follows_assignments(house, tap, ear, sound):
    answer = house.call(f'{METHOD}Assign+{MIC}', WORK, "mode='auto-attach' _gain='7'")
    tap.check('an assignment takes no options', answer.kind == 'error' and 'options' in answer.text, answer)
    house.must(f'{METHOD}Assign+{MIC}', WORK, "mode='required'")
    since = len(ear.records)
    house.must(f'{METHOD}Attach+{MIC}', WORK)
    wait(lambda: 'device-attach:mic' in told(ear, since, WORK))
    since = len(ear.records)
    house.must('admin.vm.Kill', WORK)
    tap.check('with its VM the attachment ends', is_told(ear, since, WORK, 'device-detach:mic') and hears(house, WORK, False),
              told(ear, since, WORK))
    house.must(f'{METHOD}Unassign+{MIC}', WORK)
    for folder in FOLDERS:
        sound.put(f'/{folder}/{WORK}', '1')
    house.must('admin.vm.Start', WORK)
    tap.check('nothing that was said of it holds for its next life', wait(lambda: not any(
        f'/{folder}/{WORK}' in database(house, SOUND) for folder in FOLDERS), 10) and hears(house, WORK, False),
        database(house, SOUND))
    house.must('admin.vm.Kill', WORK)
    house.must(f'{METHOD}Assign+{MIC}', WORK, "mode='auto-attach'")
    house.must('admin.vm.Start', WORK)
    tap.check('but it is attached by itself where it is assigned', hears(house, WORK)
              and wait(lambda: allowed(house, SOUND, WORK) == '1', 5))
    house.must('admin.vm.Kill', WORK)
    since = len(ear.records)
    house.must('admin.vm.Start', WORK)
    actor = house.vm_actor(WORK)
    pid = house.kill(actor)
    tap.check('also when the process of that VM dies behind the start, and is told once',
              wait(lambda: house.serving(actor, pid)) and wait(lambda: bool(attached(house, WORK)))
              and wait(lambda: told(ear, since, WORK) == ['device-attach:mic']), told(ear, since, WORK))


def survives(house, tap):
    house.must('admin.vm.property.Set+audiovm', WORK, 'dom0')
    tap.check('it goes back to dom0', hears(house, WORK) and wait(lambda: allowed(house, 'dom0', WORK) == '1', 10))
    running, api = house.dir / 'run/supervisor.pid', house.pid('api/0')
    os.kill(int(running.read_text('ascii').split()[0]), signal.SIGKILL)
    tap.check('when all of us begin anew it is known who may hear',
              wait(lambda: house.serving('api/0', but=api) and house.state(WORK) == 'Running', 30) and hears(house, WORK))
    house.must('admin.vm.Kill', SOUND)
    house.must('admin.vm.Kill', WORK)
    tap.check('when nobody may, its process rests', wait(lambda: house.pid(BUS) == 0, 30))


def is_a_package(tap):
    with House() as house:
        answer = house.call(f'{METHOD}Available')
        tap.check('without --more-devices there is no such class', 'mic' not in house.must('admin.deviceclass.List')
                  and answer.error == 'ProtocolError', answer)


def play(tap):
    programs = Programs()
    dom0 = None
    try:
        with House(programs=programs.dir, more_devices='mic') as house:
            programs.serve(house)
            dom0 = Daemon(house, 'dom0')
            for name in (WORK, OTHER, SOUND):
                house.create(name)
                programs.how('qubesdb-daemon', name, 'well')
                house.must('admin.vm.Start', name)
            wait(lambda: house.pid(BUS) == 0, 30)
            sound = Daemon.__new__(Daemon)
            sound.path = house.dir / 'qubes-run' / f'qubesdb.{SOUND}.sock'
            ear = Listener(house).begin()
            is_listed(house, tap)
            is_attached(house, tap, ear)
            is_detached_by_a_new_bus(house, tap, dom0)
            is_refused(house, tap)
            moves(house, tap, sound)
            is_audiovms_word(house, tap, sound)
            has_its_service(house, tap, programs)
            follows_assignments(house, tap, ear, sound)
            ear.ending = True
            survives(house, tap)
    finally:
        if dom0:
            dom0.end()
        programs.end()
    is_a_package(tap)


scenario(play)
