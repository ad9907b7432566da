# SPDX-License-Identifier: MIT
"""Each attack, on each socket; after it and during it an ordinary client is answered, and nothing leaks."""
import contextlib
import os
import random
import resource
import socket

from house import House, scenario, wait

SOCKETS = ('qubesd.sock', 'qubesd.internal.sock', 'qubesd.misc.sock', 'qubesd.qrexec.sock', 'bulkhead.sock')
CALL = b'admin.vm.List dom0 name dom0\0'
IDLE = 1500
STORM = 3000
PROMPT = 8.0  # on a busy machine; who is held up waits until the attack is over

ATTACKS = [
    ('nothing at all', b''),
    ('one NUL', b'\0'),
    ('only NULs', b'\0' * 65536),
    ('no NUL', b'admin.vm.List dom0 name dom0'),
    ('too few fields', b'admin.vm.List dom0\0'),
    ('an unknown kind of destination', b'admin.vm.List dom0 mane dom0\0'),
    ('a name that is not ASCII', 'admin.vm.List dom0 name dömö\0'.encode()),
    ('a method that is not ASCII', b'admin.\xff\xfe.List dom0 name dom0\0'),
    ('a source with % in it', b'admin.vm.List %s%n%x name dom0\0'),
    ('an argument of 60 KiB', b'admin.vm.property.Get+' + b'a' * 60000 + b' dom0 name dom0\0'),
    ('a name of 60 KiB', b'admin.vm.List dom0 name ' + b'a' * 60000 + b'\0'),
    ('the longest request', CALL + b'x' * (65536 - len(CALL))),
    ('one byte too many', CALL + b'x' * (65537 - len(CALL))),
    ('a megabyte', b'A' * (1 << 20)),
    ('a megabyte of payload', CALL + b'x' * (1 << 20)),
    ('a payload of NULs to a change', b'admin.vm.feature.Set+k dom0 name dom0\0' + b'\0' * 1000),
    ('a payload that is not ASCII to a change', b'admin.vm.feature.Set+k dom0 name dom0\0' + bytes(range(256))),
    ('a token that is none', b'bulkhead.Events+99999999999999999999.-1.x dom0 name dom0\0'),
]


def send(house, name, data):
    """What came back; any end is fine, silence is not."""
    with house.connect(name) as s:
        s.settimeout(10)
        got = b''
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := s.recv(65536):
                got += piece
        return got


def descriptors(house, actor):
    return len(os.listdir(f'/proc/{house.pid(actor)}/fd'))


def answered(house):
    answer = house.call('admin.vm.List')
    return answer.ok and answer.seconds < PROMPT


def attacks(house, tap):
    for what, data in ATTACKS:
        late, unheard = [], []
        for name in SOCKETS:
            try:
                send(house, name, data)
            except TimeoutError:
                late.append(name)
            if not answered(house):
                unheard.append(name)
        tap.check(f'{what}: each socket ends it, and others are answered', not late and not unheard, late, unheard)


def garbage(house, tap):
    rng = random.Random(20)
    late = 0
    for _ in range(300):
        data = bytearray(CALL + rng.randbytes(rng.randrange(0, 200)))
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        name = rng.choice(SOCKETS[:4])
        try:
            send(house, name, bytes(data))
        except TimeoutError:
            late += 1
    tap.check('300 damaged requests all come to an end', late == 0 and answered(house), late)


def idle(house, tap, before):
    held = []
    try:
        for i in range(IDLE):
            s = house.connect(SOCKETS[i % 2])
            s.sendall(b'admin.vm.Li' if i % 3 else b'')
            held.append(s)
        tap.check(f'{IDLE} half-sent requests hold up nobody', answered(house))
        more = [house.connect('qubesd.sock') for _ in range(IDLE)]
        held += more
        count = descriptors(house, 'api/0')
        tap.check(f'{2 * IDLE} of them neither', answered(house), count)
        tap.check('and the descriptors that they take are bounded', count < 2300, count)
    finally:
        for s in held:
            s.close()
    tap.check('all is given back when they are gone',
              wait(lambda: descriptors(house, 'api/0') <= before + 5), descriptors(house, 'api/0'), before)


def storm(house, tap, before):
    for i in range(STORM):
        with house.connect(SOCKETS[i % len(SOCKETS)]) as s:
            if i % 4 == 0:
                s.sendall(CALL)  # and does not wait for the answer
    tap.check(f'{STORM} who connect and close hold up nobody', answered(house))
    tap.check('and leave nothing behind', wait(lambda: descriptors(house, 'api/0') <= before + 5),
              descriptors(house, 'api/0'), before)


def deaf(house, tap):
    """Listeners that never read: they are dropped, changes go on."""
    held = []
    for _ in range(20):
        s = house.connect('qubesd.sock')
        s.sendall(b'admin.Events dom0 name dom0\0')
        s.shutdown(socket.SHUT_WR)
        held.append(s)
    slow = 0.0
    for i in range(300):
        answer = house.call('admin.vm.feature.Set+big', 'target', f'{i}' + 'v' * 20000)
        slow = max(slow, answer.seconds if answer.ok else 99)
    tap.check('listeners that never read hold up no change', slow < PROMPT, slow)
    for s in held:
        s.close()


def play(tap):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, max(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with House() as house:
        house.create('target')
        before = {actor: row['pid'] for actor, row in house.ps().items()}
        fds = descriptors(house, 'api/0')
        attacks(house, tap)
        garbage(house, tap)
        idle(house, tap, fds)
        storm(house, tap, fds)
        deaf(house, tap)
        now = {actor: row['pid'] for actor, row in house.ps().items() if actor in before}
        tap.check('no process ended', now == before, now, before)


scenario(play)
