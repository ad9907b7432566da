# SPDX-License-Identifier: MIT
"""The stand-ins for the host's programs (tests/stand-ins), and what a QubesDB holds."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import struct
import tempfile
import threading

from house import BUILD, TREE

class Programs:
    """A directory of stand-ins for the host's programs."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='bulkhead-programs-'))
        self.dir.chmod(0o755)
        for name in ('qubesdb-daemon', 'qrexec-daemon', 'qrexec-client', 'qubes-rpc-multiplexer'):
            shutil.copy(TREE / 'tests/stand-ins/program.sh', self.dir / name)
        (self.dir / 'qubesdb_daemon').symlink_to(BUILD / 'tests/stand-ins/qubesdb_daemon')

    def serve(self, house):
        (self.dir / 'sockets').symlink_to(house.dir / 'qubes-run')

    def how(self, program, vm, what):
        path = self.dir / f'{program}.{vm}'
        path.unlink(missing_ok=True)
        if what:
            path.write_text(what)

    def calls(self):
        path = self.dir / 'calls'
        return path.read_text().splitlines() if path.exists() else []

    def end(self):
        for path in self.dir.glob('pid.*'):
            with contextlib.suppress(OSError, ValueError):
                pid = int(path.read_text())
                if pathlib.Path(f'/proc/{pid}/comm').read_text() in ('qubesdb_daemon\n', 'sleep\n'):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)


class Socket:
    """What stands in for a daemon at its socket: each client has a thread of its own, in `serve`."""

    def listen(self, path, mode):
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(mode)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def close(self):
        """The daemon is gone, its socket stays: as after a crash."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Balancer(Socket):
    """A stand-in for qmemman's socket: it is well, hangs, refuses, lies, floods or ends; one start at a time."""

    ANSWERS = {'well': b'OK\n', 'refuse': b'FAIL\n', 'lie': b'OKAY, have it all\n', 'flood': b'x' * 65536, 'end': b''}

    def __init__(self, house):
        self.how, self.lines, self.open = 'well', [], 0
        self.path = house.dir / 'qubes-run/qmemman.sock'
        self.listen(self.path, 0o660)

    def serve(self, client):
        self.open += 1
        with client, contextlib.suppress(OSError):
            self.lines.append(client.recv(64).decode())
            if self.how != 'hang':
                client.sendall(self.ANSWERS[self.how])
            while self.how != 'end' and client.recv(64):
                pass
        self.open -= 1


def database(house, vm):
    """All that the QubesDB of a VM holds."""
    found, raw = {}, b''
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(str(house.dir / 'qubes-run' / f'qubesdb.{vm}.sock'))
        s.sendall(struct.pack('=B64s3xI', KINDS['MULTIREAD'], b'/', 0))
        while True:
            while len(raw) >= 72 and len(raw) >= 72 + struct.unpack_from('=I', raw, 68)[0]:
                length = struct.unpack_from('=I', raw, 68)[0]
                path = raw[1:65].rstrip(b'\0').decode()
                if not path:
                    return found
                found[path] = raw[72:72 + length].decode()
                raw = raw[72 + length:]
            piece = s.recv(65536)
            if not piece:
                return found
            raw += piece


def kinds():
    rows = [line.split('(')[1].split(',')[0] for line in
            (TREE / 'doors/qubesdb_message.def').read_text().splitlines() if line.startswith('QUBESDB(')]
    return {name: i for i, name in enumerate(rows)}


KINDS = kinds()


def since(ear, heard, vm):
    return [r.name for r in ear.records[heard:] if r.subject == vm and 'feature' not in r.name and 'tag' not in r.name]


class Xenstored(Socket):
    """A stand-in for xenstored's socket. Every domain is of the VM `whose`, and has the device model `model`, if
    that is set. It is well, hangs, refuses entries, lies about what was asked, floods or ends."""

    READ, WRITE, PERMIT, ERROR = 2, 11, 14, 16

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix='bulkhead-xenstore-'))
        self.dir.chmod(0o755)
        self.how, self.whose, self.model, self.model_uuid = 'well', '', 0, ''
        self.written, self.owner, self.open = {}, {}, 0
        self.listen(self.dir / 'socket', 0o600)

    def read(self, path):
        if path.endswith('/image/device-model-domid'):
            return str(self.model) if self.model else None
        if path == f'/local/domain/{self.model}/vm':
            return f'/vm/{self.model_uuid}'
        return f'/vm/{self.whose}' if path.endswith('/vm') else self.written.get(path)

    def answer(self, verb, path, value):
        if verb == self.READ:
            found = self.read(path)
            return (self.ERROR, 'ENOENT\0') if found is None else (verb, found)
        if self.how == 'refuse':
            return self.ERROR, 'EACCES\0'
        (self.written if verb == self.WRITE else self.owner)[path] = value.rstrip('\0')
        return verb, 'OK\0'

    def serve(self, client):
        self.open += 1
        stream = client.makefile('rb')
        with client, contextlib.suppress(OSError, struct.error):
            while self.how != 'end':
                verb, number, _, length = struct.unpack('=4I', stream.read(16))
                path, _, value = stream.read(length).decode().partition('\0')
                if self.how == 'hang':
                    continue
                verb, body = self.answer(verb, path, value)
                if self.how == 'lie':
                    number += 7
                client.sendall(struct.pack('=4I', verb, number, 0, len(body)) + body.encode())
                if self.how == 'flood':
                    client.sendall(b'\xff' * 65536)
        self.open -= 1

    def end(self):
        self.listener.close()
        shutil.rmtree(self.dir, ignore_errors=True)
