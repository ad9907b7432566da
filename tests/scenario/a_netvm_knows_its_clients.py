# SPDX-License-Identifier: MIT
"""Networks while VMs run: what netvms' QubesDB hold of their clients, and a netvm that changes."""
import threading

from house import House, Listener, scenario, wait
from stand_ins import Programs, database, since

AT_ONCE = 10.0  # a service that never ends is waited for a minute
RECORD = 'deferred-netvm-original'


def plain(ear, heard, vm):
    """Without the echo of what was written anew."""
    return [n for n in since(ear, heard, vm) if 'qdb-change' not in n]


def value(house, vm, name):
    return house.must(f'admin.vm.property.Get+{name}', vm).split(' ', 2)[2]


def provider(house, name):
    house.create(name)
    house.must('admin.vm.property.Set+provides_network', name, 'True')


def begins(house, tap, ip):
    answer = house.call('admin.vm.Start', 'work', timeout=60)
    tap.check('a VM starts behind its netvm', answer.ok and house.state('first') == 'Running', answer)
    holds = database(house, 'first')
    right = {'/connected-ips': ip, f'/mapped-ip/{ip}/visible-ip': ip,
             f'/mapped-ip/{ip}/visible-gateway': value(house, 'first', 'ip'),
             f'/qubes-firewall/{ip}/policy': 'drop', f'/qubes-firewall/{ip}/0000': 'action=accept',
             f'/qubes-firewall/{ip}': '', '/qubes-vm-type': 'NetVM',
             '/qubes-netvm-netmask': '255.255.255.255', '/qubes-netvm-primary-dns': '10.139.1.1'}
    tap.check('its netvm knows it', {k: holds.get(k) for k in right} == right, holds)
    own = database(house, 'work')
    tap.check('and it knows its network', own.get('/qubes-ip') == ip and own.get('/qubes-gateway')
              == value(house, 'first', 'ip') and own.get('/qubes-secondary-dns') == '10.139.1.2', own)


def firewall(house, tap, ip):
    house.must('admin.vm.firewall.Set', 'work', 'action=drop dst4=10.1.0.0/16\naction=accept proto=tcp dstports=443\n')
    tap.check('its rules reach the netvm when they change', wait(lambda: (
        database(house, 'first').get(f'/qubes-firewall/{ip}/0001') == 'action=accept proto=tcp dstports=443-443')),
        database(house, 'first'))
    house.must('admin.vm.firewall.Set', 'work', 'action=accept\n')
    tap.check('rules that are no more are gone there', wait(
        lambda: f'/qubes-firewall/{ip}/0001' not in database(house, 'first')), database(house, 'first'))


def changes(house, tap, ear, ip):
    answer = house.call('admin.vm.property.Set+netvm', 'work', 'second')
    tap.check('a netvm that does not run is refused', answer.error == 'QubesVMNotStartedError'
              and value(house, 'work', 'netvm') == 'first', answer)
    house.must('admin.vm.Start', 'second', timeout=60)
    wait(lambda: any(r.subject == 'second' and r.name == 'domain-start' for r in ear.records))
    heard = len(ear.records)
    answer = house.call('admin.vm.property.Set+netvm', 'work', 'second')
    new, old = database(house, 'second'), database(house, 'first')
    tap.check('answered, the new netvm holds what it should', answer.ok and new.get('/connected-ips') == ip
              and new.get(f'/qubes-firewall/{ip}/policy') == 'drop'
              and new.get(f'/mapped-ip/{ip}/visible-ip') == ip, answer, new)
    tap.check('the old one forgets it', wait(lambda: database(house, 'first').get('/connected-ips') == ''), old)
    tap.check('and the VM learns its gateway', database(house, 'work').get('/qubes-gateway')
              == value(house, 'second', 'ip'), database(house, 'work'))
    wait(lambda: 'net-domain-connect' in since(ear, heard, 'second'))
    tap.check('events are in order', plain(ear, heard, 'work') == [
        'property-pre-set:netvm', 'domain-qdb-create', 'property-set:netvm']
        and since(ear, heard, 'second') == ['net-domain-connect'], ear.records[heard:])


def record(house):
    answer = house.call(f'admin.vm.feature.Get+{RECORD}', 'work')
    return answer.text if answer.ok else None


def put_off(house, tap, ear):
    house.must('admin.vm.Pause', 'work')
    wait(lambda: house.state('work') == 'Paused')
    wait(lambda: house.call('admin.vm.property.Set+netvm', 'work', 'first').ok)
    tap.check('while it is paused a change is put off', value(house, 'work', 'netvm') == 'first'
              and record(house) == 'second', record(house))
    heard = len(ear.records)
    house.must('admin.vm.Unpause', 'work')
    tap.check('and made when it runs again', wait(lambda: record(house) is None), record(house))
    tap.check('with its events', wait(lambda: plain(ear, heard, 'work') == [
        'domain-pre-unpaused', 'domain-unpaused', 'property-pre-set:netvm', 'domain-qdb-create',
        'property-set:netvm']), since(ear, heard, 'work'))
    house.must('admin.vm.Pause', 'work')
    wait(lambda: house.state('work') == 'Paused')
    last = []
    wait(lambda: last.append(house.call('admin.vm.property.Set+netvm', 'work', 'second')) or last[-1].ok)
    tap.check('and again', record(house) == 'first' and value(house, 'work', 'netvm') == 'second', record(house),
              last[-3:])
    house.must('admin.vm.Kill', 'work')
    tap.check('what was put off ends with the VM', wait(lambda: record(house) is None), record(house))
    house.must('admin.vm.Start', 'work', timeout=60)


def suspended(house, tap, programs, ear):
    heard = len(ear.records)
    house.must('admin.vm.feature.Set+qrexec', 'work', '1')
    answer = house.call('admin.vm.Suspend', 'work', timeout=90)
    tap.check('a VM that is suspended gets its call first', answer.ok and programs.calls()[-1]
              == 'qrexec-client -d work root:QUBESRPC qubes.SuspendPre dom0', answer, programs.calls()[-1])
    tap.check('and it is told', wait(lambda: 'domain-paused' in since(ear, heard, 'work')) and [
        n for n in since(ear, heard, 'work')][:3] == ['domain-cmd-pre-run', 'domain-pre-paused', 'domain-paused'],
        since(ear, heard, 'work'))
    house.must('admin.vm.Resume', 'work')
    programs.how('qrexec-client', 'work', '5')
    answer = house.call('admin.vm.Suspend', 'work', timeout=90)
    tap.check('a guest that fails its call is suspended all the same', answer.ok
              and house.state('work') == 'Paused', answer)
    house.must('admin.vm.Resume', 'work')
    programs.how('qrexec-client', 'work', 'hang')
    thread = threading.Thread(target=lambda: house.call('admin.vm.Suspend', 'work', timeout=90))
    thread.start()
    wait(lambda: programs.calls()[-1].endswith('SuspendPre dom0'))
    slowest = max(house.call(*row).seconds for row in (
        ('admin.vm.List',), ('admin.vm.Pause', 'first'), ('admin.vm.Unpause', 'first')))
    answer = house.call('admin.vm.Kill', 'work')
    thread.join(30)
    tap.check('one that never ends delays nobody, and the VM can be killed', slowest < AT_ONCE and answer.ok
              and answer.seconds < AT_ONCE and not thread.is_alive(), slowest, answer)
    programs.how('qrexec-client', 'work', '')


def guest_dies(house, tap, ip):
    house.must('admin.vm.Start', 'work', timeout=60)
    house.kill(house.vm_actor('second', 'guest'))
    tap.check('after the death of its guest process the netvm still hears of rules', wait(lambda: (
        house.call('admin.vm.firewall.Set', 'work', 'action=drop\n').ok
        and database(house, 'second').get(f'/qubes-firewall/{ip}/0000') == 'action=drop')),
        database(house, 'second'))


def old_tables(house, tap, ip):
    """A netvm that does not say that it reads /qubes-firewall has tables of iptables, too."""
    xid = value(house, 'work', 'xid')
    table = f'/qubes-iptables-domainrules/{xid}'
    tap.check('an old netvm has its client in its tables', wait(lambda: database(house, 'second').get(table) == (
        f'*filter\n-A FORWARD -s {ip} -j DROP\n-A FORWARD -s {ip} -j DROP\nCOMMIT\n')),
        xid, database(house, 'second'))
    holds = database(house, 'second')
    tap.check('and is told to load them', holds.get('/qubes-iptables') == 'reload'
              and ':FORWARD DROP [0:0]' in holds.get('/qubes-iptables-header', ''), holds)


def shown_by(house, tap):
    """A VM that shows another's windows starts later than that one."""
    house.create('screen')
    for name in ('guivm', 'audiovm'):
        house.must(f'admin.vm.property.Set+{name}', 'work', 'screen')
    tap.check('while it rests dom0 is who shows and plays', database(house, 'work').get('/qubes-gui-domain-xid')
              == '0', database(house, 'work'))
    house.must('admin.vm.Start', 'screen', timeout=60)
    xid = value(house, 'screen', 'xid')
    tap.check('when it has started it is', wait(lambda: all(database(house, 'work').get(key) == xid for key in (
        '/qubes-gui-domain-xid', '/qubes-audio-domain-xid'))), xid, database(house, 'work'))
    house.must('admin.vm.Kill', 'screen')


def ill_netvm(house, tap, programs):
    programs.how('qubesdb-daemon', 'ill', 'deaf')
    provider(house, 'ill')
    house.create('poor')
    house.must('admin.vm.property.Set+netvm', 'poor', 'ill')
    answer = house.call('admin.vm.Start', 'poor', timeout=90)
    tap.check('behind a netvm that cannot start nothing starts, with its reason', answer.kind == 'error'
              and house.state('poor') == 'Halted' and wait(lambda: house.state('ill') == 'Halted'), answer)
    tap.check('and others run on', house.state('work') == 'Running' and house.state('second') == 'Running')


def play(tap):
    programs = Programs()
    try:
        with House(programs=programs.dir) as house:
            programs.serve(house)
            provider(house, 'first')
            provider(house, 'second')
            house.create('work')
            house.must('admin.vm.property.Set+netvm', 'work', 'first')
            ip = value(house, 'work', 'ip')
            ear = Listener(house).begin()
            begins(house, tap, ip)
            firewall(house, tap, ip)
            changes(house, tap, ear, ip)
            put_off(house, tap, ear)
            suspended(house, tap, programs, ear)
            guest_dies(house, tap, ip)
            old_tables(house, tap, ip)
            shown_by(house, tap)
            ill_netvm(house, tap, programs)
    finally:
        programs.end()


scenario(play)
