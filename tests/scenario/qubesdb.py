# SPDX-License-Identifier: MIT
"""A stand-in for a VM's qubesdb-daemon (tests/stand-ins) that answers well or ill, and what its guest writes."""
import contextlib
import socket
import struct
import subprocess

from house import BUILD, wait

WRITE, REMOVE = 1, 4


class Daemon:
    """The stand-in of one VM, as its launcher would have started it."""

    def __init__(self, house, vm, mode='well'):
        self.path = house.dir / 'qubes-run' / f'qubesdb.{vm}.sock'
        self.process = subprocess.Popen([BUILD / 'tests/stand-ins/qubesdb_daemon', self.path, mode])
        if not wait(self.answers):
            raise RuntimeError(f'no stand-in at {self.path}')

    def answers(self):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.path))
            return True
        return False

    def write(self, **entries):
        """What the guest writes: word='value' below /features-request/, or below `folder`."""
        folder = entries.pop('folder', '/features-request/')
        for key, value in entries.items():
            self.put(folder + key.replace('_', '-'), value)

    def say(self, what, path, data=b''):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.path))
            s.sendall(struct.pack('=B64s3xI', what, path.encode(), len(data)) + data)
            s.recv(72)

    def put(self, path, value=''):
        self.say(WRITE, path, value.encode())

    def expose(self, name, **words):
        """A block device, and the word that the list has changed."""
        for word, value in words.items():
            self.put(f'/qubes-block-devices/{name}/{word}', value)
        self.put('/qubes-block-devices')

    def withdraw(self, name):
        self.say(REMOVE, f'/qubes-block-devices/{name}/')
        self.put('/qubes-block-devices')

    def end(self):
        self.process.kill()
        self.process.wait()
        self.path.unlink(missing_ok=True)
