# SPDX-License-Identifier: MIT
"""The host goes to sleep and wakes: internal.SuspendPre and internal.SuspendPost, with stand-ins for guests."""
import threading

from house import House, Listener, scenario, wait
from stand_ins import Programs, since

INTERNAL = 'qubesd.internal.sock'
CALLED = 'domain-cmd-pre-run'
ASLEEP = [CALLED, CALLED, 'domain-pre-paused', 'domain-paused']
AWAKE = ['domain-pre-unpaused', 'domain-unpaused', CALLED]
AT_ONCE = 2.0


def internal(house, method):
    return house.call(method, 'dom0', timeout=100, sock=INTERNAL)


def services(programs, vm):
    return [c.split()[-2] for c in programs.calls() if c.startswith(f'qrexec-client -d {vm} root:QUBESRPC ')]


def there_and_back(house, tap, programs, ear):
    heard = len(ear.records)
    answer = internal(house, 'internal.SuspendPre')
    tap.check('the host may sleep', answer.ok, answer)
    tap.check('all that ran sleep', [house.state(n) for n in ('work', 'ill', 'still', 'off')]
              == ['Paused', 'Paused', 'Paused', 'Halted'])
    wait(lambda: since(ear, heard, 'work')[-1:] == ['domain-paused'])
    tap.check('its guest was told first', since(ear, heard, 'work') == ASLEEP, since(ear, heard, 'work'))
    tap.check('by both services', services(programs, 'work') == ['qubes.SuspendPreAll', 'qubes.SuspendPre'],
              services(programs, 'work'))
    heard = len(ear.records)
    answer = internal(house, 'internal.SuspendPost')
    wait(lambda: since(ear, heard, 'work')[-1:] == [CALLED])
    tap.check('the host is awake, and they with it', answer.ok and house.state('work') == 'Running'
              and house.state('ill') == 'Running', answer)
    tap.check('its guest was told when it ran again', since(ear, heard, 'work') == AWAKE
              and services(programs, 'work')[2:] == ['qubes.SuspendPostAll'], since(ear, heard, 'work'))
    tap.check('what was paused before is paused still, and heard of nothing', house.state('still') == 'Paused'
              and services(programs, 'still') == [] and since(ear, heard, 'still') == [], house.state('still'))


def a_guest_fails(house, tap, programs):
    programs.how('qrexec-client', 'ill', 'crash')
    answer = internal(house, 'internal.SuspendPre')
    tap.check('a guest that cannot be told is suspended all the same', answer.ok
              and house.state('ill') == 'Paused', answer)
    tap.check('and wakes', internal(house, 'internal.SuspendPost').ok and house.state('ill') == 'Running')
    programs.how('qrexec-client', 'ill', '')


def a_guest_hangs(house, tap, programs, kill=''):
    """In the middle a process of ours is killed, too."""
    programs.how('qrexec-client', 'ill', 'hang')
    before, answers = len(services(programs, 'ill')), []
    thread = threading.Thread(target=lambda: answers.append(internal(house, 'internal.SuspendPre')))
    thread.start()
    wait(lambda: len(services(programs, 'ill')) > before)
    slowest = max(house.call(*row).seconds for row in (
        ('admin.vm.List',), ('admin.vm.tag.Set+mark', 'ill'), ('admin.vm.CurrentState', 'work'),
        ('admin.vm.feature.Set+x', 'work', '1'), ('admin.vm.Start', 'off'), ('admin.vm.Kill', 'off')))
    tap.check(f'while a guest hangs nobody waits {kill}', slowest < 5 * AT_ONCE and thread.is_alive(), slowest)
    if kill:
        house.kill(kill)
        wait(lambda: house.serving(kill))
    house.must('admin.vm.Kill', 'ill')
    thread.join(30)
    tap.check(f'when it is killed the others go to sleep {kill}', answers and answers[0].ok
              and wait(lambda: house.state('work') == 'Paused') and house.state('ill') == 'Halted', answers)
    if kill:
        house.kill(house.vm_actor('work'))
    answer = internal(house, 'internal.SuspendPost')
    tap.check(f'and wake {kill}', answer.ok and wait(lambda: house.state('work') == 'Running')
              and house.state('still') == 'Paused', answer)
    programs.how('qrexec-client', 'ill', '')
    house.must('admin.vm.Start', 'ill')


def play(tap):
    programs = Programs()
    try:
        with House(programs=programs.dir) as house:
            programs.serve(house)
            for name in ('work', 'ill', 'still', 'off'):
                house.create(name)
                house.must('admin.vm.feature.Set+qrexec', name, '1')
            for name in ('work', 'ill', 'still'):
                house.must('admin.vm.Start', name)
            house.must('admin.vm.Pause', 'still')
            ear = Listener(house).begin()
            there_and_back(house, tap, programs, ear)
            a_guest_fails(house, tap, programs)
            a_guest_hangs(house, tap, programs)
            a_guest_hangs(house, tap, programs, kill='registry')
            answer = house.call('internal.SuspendPre')
            tap.check('the socket of all clients has no such call', answer.error == 'ProtocolError', answer)
    finally:
        programs.end()


scenario(play)
