# SPDX-License-Identifier: MIT
"""Many VMs start at once behind one netvm, and end at once. Nothing here is timed: tests/bench/bench_crowd.c is."""
import threading

from house import House, Listener, scenario, wait
from stand_ins import Programs, database, since

MANY = 64
STARTED = ['domain-pre-start', 'domain-verify-files', 'domain-pre-spawn', 'property-reset:xid',
           'property-reset:stubdom_xid', 'property-reset:start_time', 'domain-spawn', 'domain-qdb-create',
           'domain-pre-unpaused', 'domain-unpaused', 'domain-start']
ENDED = ['domain-stopped', 'property-reset:xid', 'property-reset:stubdom_xid', 'property-reset:start_time',
         'domain-shutdown']


def all_at_once(house, method, names):
    answers = {}

    def one(name):
        answers[name] = house.call(method, name, timeout=150)
    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    reads = []
    while any(thread.is_alive() for thread in threads):
        reads.append(house.call('admin.vm.property.Get+memory', 'resting'))
    for thread in threads:
        thread.join()
    return {name: a for name, a in answers.items() if not a.ok}, [r for r in reads if not r.ok]


def told(ear, heard, names, right):
    wrong = {}

    def look():
        wrong.clear()
        wrong.update({name: since(ear, heard, name) for name in names if since(ear, heard, name) != right})
        return not wrong
    wait(look)
    return wrong


def play(tap):
    programs = Programs()
    try:
        with House(programs=programs.dir) as house:
            programs.serve(house)
            names = [f'app-{i}' for i in range(MANY)]
            for name in ('resting', 'net', *names):
                house.create(name)
            house.must('admin.vm.property.Set+provides_network', 'net', 'True')
            for name in names:
                house.must('admin.vm.property.Set+netvm', name, 'net')
            ear = Listener(house).begin()
            heard = len(ear.records)
            refused, unread = all_at_once(house, 'admin.vm.Start', names)
            tap.check('all start', not refused, refused)
            tap.check('reads are answered meanwhile', not unread, unread)
            tap.check('all run, and their netvm', all(house.state(n) == 'Running' for n in ('net', *names)))
            wrong = told(ear, heard, ('net', *names), STARTED)
            tap.check('each was told once, in order', not wrong, wrong)
            holds = database(house, 'net')
            ips = holds.get('/connected-ips', '').split()
            tap.check('the netvm knows every one of them', len(ips) == MANY
                      and all(f'/mapped-ip/{ip}/visible-ip' in holds and f'/qubes-firewall/{ip}/0000' in holds
                              for ip in ips), holds)
            own = {name: database(house, name).get('/name') for name in names}
            tap.check('each guest has its own database', all(own[name] == name for name in names), own)
            heard = len(ear.records)
            refused, unread = all_at_once(house, 'admin.vm.Kill', names)
            tap.check('all are killed', not refused and not unread, refused, unread)
            tap.check('all are halted', all(house.state(n) == 'Halted' for n in names))
            wrong = told(ear, heard, names, ENDED)
            tap.check('each end was told once, in order', not wrong, wrong)
    finally:
        programs.end()


scenario(play)
