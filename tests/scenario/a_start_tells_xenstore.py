# SPDX-License-Identifier: MIT
"""What a start leaves in xenstore and learns from it, against a stand-in for xenstored that is well or ill."""
import threading

from house import House, Listener, scenario, wait
from stand_ins import Balancer, Programs, Xenstored, since

SILENT = 7.0  # xenstored is waited for eight seconds
MODEL = '0f6f2f61-2b0e-4a07-8a6d-2d2b7c6a9f02'


def value_of(house, name, vm):
    return house.must(f'admin.vm.property.Get+{name}', vm).rpartition(' ')[2]


def well(house, tap, store):
    house.must('admin.vm.Start', 'work')
    below = f'/local/domain/{value_of(house, "xid", "work")}/memory/'
    tap.check('a guest gets entries of its own to report its memory in', store.written.get(below + 'meminfo') == ''
              and store.written.get(below + 'swapinfo') == '', store.written)
    own = 'n' + value_of(house, 'xid', 'work')
    tap.check('which are nobody else\'s of the guests', store.owner == {below + 'meminfo': own, below + 'swapinfo': own},
              store.owner)
    tap.check('no line is left open', wait(lambda: store.open == 0), store.open)
    house.must('admin.vm.Kill', 'work')


def ill(house, tap, store, ear, how):
    store.how, store.written = how, {}
    heard = len(ear.records)
    answer = house.call('admin.vm.Start', 'work', timeout=30)
    wait(lambda: 'domain-shutdown' in since(ear, heard, 'work'))
    names = since(ear, heard, 'work')
    tap.check(f'a xenstored that does this spoils the start: {how}', answer.error == 'QubesException'
              and 'xenstore' in answer.text and answer.seconds < SILENT and house.state('work') == 'Halted', answer)
    tap.check(f'which is undone and told once: {how}', 'domain-spawn' not in names
              and names.count('domain-start-failed') == names.count('domain-stopped') == 1, names)
    tap.check(f'and no line is left open: {how}', wait(lambda: store.open == 0), store.open)
    store.how = 'well'


def of_another(house, tap, store):
    right, store.whose, store.written = store.whose, MODEL, {}
    answer = house.call('admin.vm.Start', 'work', timeout=30)
    tap.check('in a domain that xenstore calls another VM\'s nothing is written', not answer.ok
              and not store.written and house.state('work') == 'Halted', answer, store.written)
    store.whose = right


def hangs(house, tap, store):
    store.how = 'hang'
    answers = []
    thread = threading.Thread(target=lambda: answers.append(house.call('admin.vm.Start', 'work', timeout=60)))
    thread.start()
    wait(lambda: store.open > 0)
    other = house.call('admin.vm.Start', 'other', timeout=30)
    slowest = max(house.call(*row).seconds for row in (
        ('admin.vm.List',), ('admin.vm.CurrentState', 'work'), ('admin.vm.tag.Set+mark', 'work'),
        ('admin.vm.Pause', 'other'), ('admin.vm.Unpause', 'other')))
    tap.check('while it hangs, a VM that needs nothing of it starts, and host is heard', other.ok and other.seconds < SILENT
              and slowest < SILENT, other, slowest)
    thread.join(30)
    tap.check('the start that hangs fails in time', answers and answers[0].error == 'QubesException'
              and answers[0].seconds < 5 * SILENT and house.state('work') == 'Halted', answers)
    store.how = 'well'
    again = house.call('admin.vm.Start', 'work', timeout=30)
    tap.check('and the next one is well', again.ok, again)
    house.must('admin.vm.Kill', 'work')
    house.must('admin.vm.Kill', 'other')


def model(house, tap, store, programs):
    store.whose, store.model, store.model_uuid = value_of(house, 'uuid', 'win'), 4711, MODEL
    house.must('admin.vm.Start', 'win', timeout=30)
    tap.check('the device model is named', (value_of(house, 'stubdom_xid', 'win'), value_of(house, 'stubdom_uuid', 'win'))
              == ('4711', MODEL), value_of(house, 'stubdom_xid', 'win'), value_of(house, 'stubdom_uuid', 'win'))
    calls = [c for c in programs.calls() if c.startswith('qrexec-daemon') and ' win' in c]
    tap.check('and has its qrexec daemon, before the VM\'s own', len(calls) == 2
              and f'-u {MODEL} -- 4711 win-dm root' in calls[0] and calls[1].endswith(' win user nowait'), calls)
    house.kill(house.vm_actor('win'))
    tap.check('whoever takes over knows it', wait(lambda: value_of(house, 'stubdom_xid', 'win') == '4711'))
    house.must('admin.vm.Kill', 'win')
    tap.check('with its life it is forgotten', value_of(house, 'stubdom_xid', 'win') == '-1',
              value_of(house, 'stubdom_xid', 'win'))


def play(tap):
    programs, store = Programs(), Xenstored()
    try:
        with House(programs=programs.dir, xenstore=store.dir) as house:
            programs.serve(house)
            for name in ('work', 'other', 'win'):
                house.create(name)
            house.must('admin.vm.property.Set+maxmem', 'work', '4000')
            for name in ('other', 'win'):
                house.must('admin.vm.property.Set+maxmem', name, '0')
            house.must('admin.vm.property.Set+virt_mode', 'win', 'hvm')
            house.must('admin.vm.feature.Set+stubdom-qrexec', 'win', '1')
            store.whose = value_of(house, 'uuid', 'work')
            balancer = Balancer(house)
            ear = Listener(house).begin()
            well(house, tap, store)
            for how in ('refuse', 'lie', 'flood', 'end'):
                ill(house, tap, store, ear, how)
            of_another(house, tap, store)
            hangs(house, tap, store)
            model(house, tap, store, programs)
            tap.check('no memory is kept', wait(lambda: balancer.open == 0), balancer.open)
            balancer.close()
    finally:
        programs.end()
        store.end()


scenario(play)
