# SPDX-License-Identifier: MIT
"""Guests that run, and a stand-in for each one's qubesdb-daemon (tests/stand-ins) that answers well or ill."""
import socket
import threading
import time

from house import Answer, House, Listener, Silence, scenario, wait
from qubesdb import Daemon

GOOD, BAD = 'good', 'bad'
AT_ONCE = 3.0  # what waited for a daemon that hangs would wait four seconds and more
ILL = ('hang', 'lie', 'truncate', 'crash', 'flood', 'foreign')


def says(house, vm, method, payload='', timeout=20.0):
    """The call as qrexec brings it: the guest is its source, dom0 its destination."""
    began, raw = time.monotonic(), b''
    with house.connect('qubesd.misc.sock', timeout) as s:
        s.settimeout(timeout)
        try:
            s.sendall(f'{method}+ {vm} name dom0\0{payload}'.encode())
            s.shutdown(socket.SHUT_WR)
            while piece := s.recv(65536):
                raw += piece
        except TimeoutError as late:
            raise Silence(f'{method} of {vm}') from late
    return Answer(raw, time.monotonic() - began)


def feature(house, vm, name):
    return house.call(f'admin.vm.feature.Get+{name}', vm).text if \
        house.call(f'admin.vm.feature.Get+{name}', vm).ok else None


def requests_are_heeded(house, tap, ear):
    daemon = Daemon(house, GOOD)
    try:
        daemon.write(qrexec='1', gui='0', os='Linux', vmexec='1')
        heard = len(ear.records)
        answer = says(house, GOOD, 'qubes.FeaturesRequest')
        tap.check('a feature request is answered', answer.ok, answer)
        wait(lambda: 'template-postinstall' in ear.names()[heard:])
        names = ear.names()[heard:]
        told = next((r for r in ear.records[heard:] if r.name == 'features-request'), None)
        tap.check('it is told with its words, and what follows from it in order',
                  told is not None and told.arguments['untrusted_features'] ==
                  "{'gui': '0', 'os': 'Linux', 'qrexec': '1', 'vmexec': '1'}" and names.index('domain-feature-set:os')
                  < names.index('features-request') < names.index('domain-feature-set:qrexec')
                  < names.index('template-postinstall'), names, told and told.arguments)
        got = {name: feature(house, GOOD, name) for name in ('qrexec', 'gui', 'os', 'vmexec')}
        tap.check('its features are set', got == {'qrexec': '1', 'gui': '', 'os': 'Linux', 'vmexec': '1'}, got)
        daemon.write(folder='/qubes-tools/', os='Windows')
        tap.check('so is what older tools say', says(house, GOOD, 'qubes.NotifyTools').ok
                  and feature(house, GOOD, 'os') == 'Windows')
        daemon.write(evil="';rm -rf")
        answer = says(house, GOOD, 'qubes.FeaturesRequest')
        tap.check('one bad word voids the whole request', answer.error == 'ProtocolError', answer)
        house.kill(house.vm_actor(GOOD, 'guest'))
        tap.check('after its guest process was killed the next one hears it',
                  wait(lambda: says(house, GOOD, 'qubes.NotifyTools').ok))
    finally:
        daemon.end()


def changes_are_told(house, tap, ear):
    daemon = Daemon(house, GOOD)
    name = 'domain-qdb-change:/qubes-block-devices'

    def told():
        daemon.put('/qubes-block-devices')
        return wait(lambda: name in ear.names(), 0.3)
    try:
        tap.check('a change of the watched path is told, though the daemon came late or again', wait(told))
        before = ear.names().count(name)
        began = time.monotonic()
        for _ in range(600):
            daemon.put('/qubes-block-devices')
        time.sleep(1)
        most = 32 + 16 * (time.monotonic() - began) + 2
        many = ear.names().count(name) - before
        tap.check('a guest that changes it without end makes a bounded number of events', 0 < many <= most,
                  many, most)
    finally:
        daemon.end()


def ill_daemons(house, tap):
    guest = house.vm_actor(BAD, 'guest')
    for mode in ILL:
        daemon = Daemon(house, BAD, mode)
        good = Daemon(house, GOOD)
        try:
            asked = []
            thread = threading.Thread(target=lambda: asked.append(says(house, BAD, 'qubes.FeaturesRequest')),
                                      daemon=True)
            thread.start()
            slowest = max(house.call(*row).seconds for row in (
                ('admin.vm.List',), ('admin.vm.tag.Set+mark', GOOD), ('admin.vm.feature.Set+x', BAD, '1'),
                ('admin.vm.Pause', BAD), ('admin.vm.Unpause', BAD)))
            other = says(house, GOOD, 'qubes.FeaturesRequest')
            thread.join(20)
            tap.check(f'a daemon that does "{mode}": its guest gets an error, nobody else waits',
                      asked and asked[0].kind == 'error' and slowest < AT_ONCE and other.ok
                      and other.seconds < AT_ONCE, asked, slowest, other)
        finally:
            daemon.end()
            good.end()
    tap.check('no process crashed of it', house.serving(guest) and
              house.ps()[guest].get('restarts', 0) == 0, house.ps().get(guest))
    tap.check('and a daemon that answers well is heard again', heard_again(house))


def heard_again(house):
    daemon = Daemon(house, BAD)
    try:
        return says(house, BAD, 'qubes.FeaturesRequest').ok
    finally:
        daemon.end()


def updates(house, tap):
    tap.check('updates are noted', says(house, GOOD, 'qubes.NotifyUpdates', ' 3\n').ok
              and feature(house, GOOD, 'updates-available') == '1')
    answer = says(house, GOOD, 'qubes.NotifyUpdates', 'many')
    tap.check('what is no number is refused and changes nothing', answer.error == 'ProtocolError'
              and feature(house, GOOD, 'updates-available') == '1', answer)


def play(tap):
    with House() as house:
        for name in (GOOD, BAD):
            house.create(name)
            house.must('admin.vm.Start', name)
        ear = Listener(house).begin()
        answer = says(house, GOOD, 'qubes.FeaturesRequest')
        tap.check('without a daemon a request is answered with an error at once',
                  answer.kind == 'error' and answer.seconds < AT_ONCE, answer)
        requests_are_heeded(house, tap, ear)
        changes_are_told(house, tap, ear)
        ill_daemons(house, tap)
        updates(house, tap)
        for name in (GOOD, BAD):
            house.must('admin.vm.Kill', name)
        answer = says(house, GOOD, 'qubes.FeaturesRequest')
        tap.check('of a VM at rest nothing is read', answer.error == 'QubesVMNotRunningError', answer)


scenario(play)
