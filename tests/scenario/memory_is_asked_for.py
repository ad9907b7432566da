# SPDX-License-Identifier: MIT
"""Memory for a start is asked of the balancer, and what a balancer that is ill can spoil."""
import threading

from house import House, Listener, scenario, wait
from stand_ins import Balancer, since

AT_ONCE = 10.0  # a balancer is waited for two minutes
NEEDED = '459538432\n'  # pvh, memory 400, maxmem 4000, 2 vcpus


def well(house, tap, balancer):
    answer = house.call('admin.vm.Start', 'work', timeout=30)
    tap.check('a start asks for what the VM needs, once', answer.ok and balancer.lines == [NEEDED],
              answer, balancer.lines)
    tap.check('and gives it back when its domain has it', wait(lambda: balancer.open == 0), balancer.open)
    house.must('admin.vm.Kill', 'work')


def ill(house, tap, balancer, ear, how):
    balancer.how = how
    heard = len(ear.records)
    answer = house.call('admin.vm.Start', 'work', timeout=30)
    wait(lambda: 'domain-start-failed' in since(ear, heard, 'work'))
    names = since(ear, heard, 'work')
    tap.check(f'a balancer that does this spoils the start, before anything was made: {how}',
              answer.error == 'QubesMemoryError' and house.state('work') == 'Halted'
              and names == ['domain-pre-start', 'domain-verify-files', 'domain-start-failed'], answer, names)
    tap.check(f'and is left alone: {how}', wait(lambda: balancer.open == 0), balancer.open)


def hangs(house, tap, balancer):
    balancer.how = 'hang'
    before = len(balancer.lines)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'work', timeout=60)))
    thread.start()
    wait(lambda: len(balancer.lines) > before)
    balancer.how = 'well'
    other = house.call('admin.vm.Start', 'other', timeout=30)
    slowest = max(house.call(*row).seconds for row in (
        ('admin.vm.List',), ('admin.vm.CurrentState', 'work'), ('admin.vm.tag.Set+mark', 'work')))
    tap.check('while it hangs another VM starts', other.ok and other.seconds < AT_ONCE and slowest < AT_ONCE, other, slowest)
    house.kill(house.vm_actor('work'))
    thread.join(30)
    tap.check('the process that waits is killed: the start is undone and made anew', answers and answers[0].ok
              and house.state('work') == 'Running', answers)
    tap.check('nothing is kept', wait(lambda: balancer.open == 0), balancer.open)
    house.must('admin.vm.Kill', 'work')


def play(tap):
    with House() as house:
        for name in ('work', 'other'):
            house.create(name)
        house.must('admin.vm.property.Set+maxmem', 'work', '4000')
        tap.check('a host without a balancer starts its VMs', house.call('admin.vm.Start', 'work').ok)
        house.must('admin.vm.Kill', 'work')
        balancer = Balancer(house)
        ear = Listener(house).begin()
        well(house, tap, balancer)
        for how in ('refuse', 'lie', 'flood', 'end'):
            ill(house, tap, balancer, ear, how)
        hangs(house, tap, balancer)
        balancer.close()
        answer = house.call('admin.vm.Start', 'work')
        tap.check('a socket that nobody serves is an error, and no wait', answer.error == 'QubesMemoryError'
                  and answer.seconds < AT_ONCE, answer)


scenario(play)
