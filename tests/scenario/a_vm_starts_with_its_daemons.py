# SPDX-License-Identifier: MIT
"""A VM starts with its daemons: stand-ins (tests/stand-ins) that are well, or hang, lie and fail for one VM."""
import threading
import time

from house import House, Listener, scenario, wait
from stand_ins import Programs, database, since

STARTED = ['domain-pre-start', 'domain-verify-files', 'domain-pre-spawn', 'property-reset:xid',
           'property-reset:stubdom_xid', 'property-reset:start_time', 'domain-spawn', 'domain-qdb-create',
           'domain-pre-unpaused', 'domain-unpaused', 'domain-start']
LATE = 5.0  # how long the stand-in program.sh waits before it says that the agent has not come
AT_ONCE = 10.0  # what waited for the agent would wait for a minute


def starts(house, tap, programs, ear):
    heard = len(ear.records)
    answer = house.call('admin.vm.Start', 'work', timeout=60)
    tap.check('a VM starts with its daemons', answer.ok and house.state('work') == 'Running', answer)
    wait(lambda: 'domain-start' in since(ear, heard, 'work'))
    tap.check('its events come in their order', since(ear, heard, 'work') == STARTED, since(ear, heard, 'work'))
    calls = [call for call in programs.calls() if ' work' in call]
    tap.check('the daemons are called with what is known of it', len(calls) == 2
              and calls[0].endswith(' work') and calls[0].startswith('qubesdb-daemon ')
              and calls[1].startswith('qrexec-daemon -q -u ') and calls[1].endswith(' work user nowait'), calls)
    holds = database(house, 'work')
    right = {'/name': 'work', '/type': 'StandaloneVM', '/default-user': 'user', '/qubes-debug-mode': '0',
             '/qubes-vm-updateable': 'True', '/qubes-vm-persistence': 'full', '/qubes-vm-type': 'AppVM',
             '/qubes-block-devices': '', '/qubes-service/meminfo-writer': '1', '/qubes-service/cups': '1',
             '/qubes-service/off': '0', '/vm-config/x': 'y z'}
    tap.check('its QubesDB holds what it should', {k: holds.get(k) for k in right} == right
              and len(holds.get('/qubes-random-seed', '')) == 88, holds)
    house.must('admin.vm.feature.Set+service.crond', 'work', '1')
    house.must('admin.vm.feature.Remove+service.cups', 'work')
    tap.check('a feature that changes is told to the guest', wait(
        lambda: database(house, 'work').get('/qubes-service/crond') == '1'
        and '/qubes-service/cups' not in database(house, 'work')), database(house, 'work'))


def fails(house, tap, programs, ear, what, program, how, error):
    """A start that one daemon spoils: undone, told, and nobody else waits for it."""
    programs.how(program, 'ill', how)
    heard = len(ear.records)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'ill', timeout=90)))
    thread.start()
    slowest = max(house.call(*row).seconds for row in (
        ('admin.vm.List',), ('admin.vm.tag.Set+mark', 'ill'), ('admin.vm.Pause', 'work'),
        ('admin.vm.Unpause', 'work'), ('admin.vm.feature.Set+x', 'ill', '1')) for _ in range(3))
    other = house.call('admin.vm.Start', 'other', timeout=30)
    house.must('admin.vm.Kill', 'other')
    thread.join(100)
    answer = answers[0] if answers else None
    wait(lambda: 'domain-start-failed' in since(ear, heard, 'ill'))
    names = since(ear, heard, 'ill')
    tap.check(f'{what}: the start fails with its reason', answer is not None and answer.error == error, answer)
    tap.check(f'{what}: it is undone, in order', wait(lambda: house.state('ill') == 'Halted')
              and 'domain-start' not in names and names.count('domain-start-failed') == 1
              and wait(lambda: since(ear, heard, 'ill')[-1:] == ['domain-shutdown'])
              and since(ear, heard, 'ill')[-6:-5] == ['domain-start-failed'], since(ear, heard, 'ill'))
    tap.check(f'{what}: nobody else waits', slowest < AT_ONCE and other.ok and other.seconds < AT_ONCE, slowest, other)
    programs.how(program, 'ill', '')


def killed_while_it_waits(house, tap, programs, ear):
    """vm/<qid> is killed while qrexec-daemon waits for its agent; then it ends well."""
    programs.how('qrexec-daemon', 'ill', 'slow')
    heard = len(ear.records)
    before = len([c for c in programs.calls() if c.startswith('qrexec-daemon') and ' ill ' in c])
    answers = []
    thread = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'ill', timeout=60)))
    thread.start()
    wait(lambda: 'domain-unpaused' in since(ear, heard, 'ill'))
    tap.check('while qrexec is waited for, it is in transition', house.state('ill') == 'Transient',
              house.state('ill'))
    house.kill(house.vm_actor('ill'))
    thread.join(60)
    again = len([c for c in programs.calls() if c.startswith('qrexec-daemon') and ' ill ' in c])
    tap.check('its process killed meanwhile, the start ends well, and the daemon was run once',
              answers and answers[0].ok and house.state('ill') == 'Running' and again == before + 1,
              answers, house.state('ill'), before, again)
    tap.check('and was told once', wait(lambda: 'domain-start' in since(ear, heard, 'ill'))
              and since(ear, heard, 'ill').count('domain-start') == 1
              and 'domain-start-failed' not in since(ear, heard, 'ill'), since(ear, heard, 'ill'))
    house.must('admin.vm.Kill', 'ill')
    programs.how('qrexec-daemon', 'ill', '')


def killed_by_hand(house, tap, programs):
    programs.how('qrexec-daemon', 'ill', 'hang')
    thread = threading.Thread(target=lambda: house.call('admin.vm.Start', 'ill', timeout=90))
    thread.start()
    wait(lambda: house.state('ill') == 'Transient')
    answer = house.call('admin.vm.Kill', 'ill')
    thread.join(30)
    tap.check('a VM whose agent does not come is killed at once', answer.ok and answer.seconds < AT_ONCE
              and house.state('ill') == 'Halted' and not thread.is_alive(), answer)
    programs.how('qrexec-daemon', 'ill', '')


def shut_down_by_hand(house, tap, programs):
    """What one does with a boot that hangs: look at its console, and end it."""
    programs.how('qrexec-daemon', 'ill', 'hang')
    answers = []
    thread = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'ill', timeout=90)))
    thread.start()
    wait(lambda: house.state('ill') == 'Transient')
    console = house.call('admin.vm.Console', 'ill')
    tap.check('a VM whose agent does not come says where its console is', console.ok and console.seconds < AT_ONCE,
              console)
    answer = house.call('admin.vm.Shutdown+wait', 'ill', timeout=90)
    thread.join(90)
    tap.check('and is shut down at once', answer.ok and answer.seconds < AT_ONCE and house.state('ill') == 'Halted'
              and answers and not answers[0].ok, answer, answers)
    programs.how('qrexec-daemon', 'ill', '')


def booting(house, programs, how):
    """A start whose agent does not come, and whose answers it will be."""
    programs.how('qrexec-daemon', 'ill', how)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'ill', timeout=120)))
    thread.start()
    wait(lambda: house.state('ill') == 'Transient')
    return thread, answers


def served_while_it_boots(house, tap, programs, ear):
    """Everything else that a VM which runs may be asked, it is asked while its agent does not come."""
    heard = len(ear.records)
    thread, answers = booting(house, programs, 'hang')
    calls = [house.call(*row) for row in (
        ('admin.vm.Pause', 'ill'), ('admin.vm.CurrentState', 'ill'), ('admin.vm.Unpause', 'ill'),
        ('admin.vm.property.Set+netvm', 'ill', 'router'), ('admin.vm.property.Set+netvm', 'ill', ''),
        ('admin.vm.Suspend', 'ill'), ('admin.vm.Resume', 'ill'))]
    tap.check('it is paused, suspended, gets another netvm and none, at once', all(c.ok and c.seconds < AT_ONCE for c in calls)
              and calls[1].text.endswith('power_state=Paused'), calls)
    refused = house.call('admin.vm.device.mic.Attach+dom0+mic', 'ill', '')
    tap.check('and what is refused is refused at once', not refused.ok and refused.seconds < AT_ONCE, refused)
    tap.check('its start is what it was', house.state('ill') == 'Transient' and not answers, answers)
    house.must('admin.vm.Kill', 'ill')
    thread.join(30)
    wait(lambda: since(ear, heard, 'ill')[-1:] == ['domain-shutdown'])
    names = since(ear, heard, 'ill')
    tap.check('whoever listens hears of all that', names.count('domain-paused') == 2 and names.count('domain-pre-paused') == 2
              and names.count('property-set:netvm') == 2 and names.count('domain-start-failed') == 1, names)
    programs.how('qrexec-daemon', 'ill', '')


def asleep_while_it_boots(house, tap, programs):
    """The agent's time is over while its VM is paused: it gets it again."""
    thread, answers = booting(house, programs, 'late')
    house.must('admin.vm.Pause', 'ill')
    time.sleep(LATE + 1)
    tap.check('one that is paused is not given up for an agent that cannot come', not answers
              and house.state('ill') == 'Paused', answers, house.state('ill'))
    before = [c for c in programs.calls() if c.startswith('qrexec-daemon') and ' ill ' in c]
    programs.how('qrexec-daemon', 'ill', '')
    house.must('admin.vm.Unpause', 'ill')
    thread.join(30)
    after = [c for c in programs.calls() if c.startswith('qrexec-daemon') and ' ill ' in c]
    tap.check('awake, it starts', answers and answers[0].ok and house.state('ill') == 'Running'
              and len(after) == len(before) + 1, answers, len(before), house.state('ill'), after)
    house.must('admin.vm.Kill', 'ill')


def play(tap):
    programs = Programs()
    try:
        with House(programs=programs.dir) as house:
            programs.serve(house)
            for name in ('work', 'ill', 'other', 'router'):
                house.create(name)
            house.must('admin.vm.property.Set+provides_network', 'router', 'True')
            house.must('admin.vm.Start', 'router')
            house.must('admin.vm.property.Set+maxmem', 'work', '4000')
            for feature, value in (('service.cups', '1'), ('service.off', ''), ('vm-config.x', 'y z')):
                house.must(f'admin.vm.feature.Set+{feature}', 'work', value)
            ear = Listener(house).begin()
            starts(house, tap, programs, ear)
            fails(house, tap, programs, ear, 'an agent that does not come', 'qrexec-daemon', '3', 'QubesVMError')
            fails(house, tap, programs, ear, 'a qrexec-daemon that crashes', 'qrexec-daemon', 'crash', 'QubesVMError')
            fails(house, tap, programs, ear, 'a qubesdb-daemon that fails', 'qubesdb-daemon', '7', 'QubesException')
            fails(house, tap, programs, ear, 'a QubesDB that lies', 'qubesdb-daemon', 'deaf', 'QubesException')
            killed_while_it_waits(house, tap, programs, ear)
            killed_by_hand(house, tap, programs)
            shut_down_by_hand(house, tap, programs)
            served_while_it_boots(house, tap, programs, ear)
            asleep_while_it_boots(house, tap, programs)
    finally:
        programs.end()


scenario(play)
