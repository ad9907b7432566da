# SPDX-License-Identifier: MIT
"""What a backend's agent writes of its USB devices, and what is shown and told of them."""
from house import wait
from qubesdb import Daemon, REMOVE

METHOD = 'admin.vm.device.usb.'
MOUSE = '1-1:046d:c077::u030102'


class Ports:
    """What the backend's agent writes of its USB devices."""

    def __init__(self, house, backend, runs=False):
        """`runs`: the backend's daemon does so already."""
        if runs:
            self.daemon = Daemon.__new__(Daemon)
            self.daemon.path = house.dir / 'qubes-run' / f'qubesdb.{backend}.sock'
        else:
            self.daemon = Daemon(house, backend)

    def says(self, port, **words):
        for word, value in words.items():
            self.daemon.put(f'/qubes-usb-devices/{port.replace(".", "_")}/{word.replace("_", "-")}', value)
        self.daemon.put('/qubes-usb-devices')

    def connected(self, port, vm):
        if vm:
            self.says(port, connected_to=vm)
        else:
            self.daemon.say(REMOVE, f'/qubes-usb-devices/{port}/connected-to')
            self.daemon.put('/qubes-usb-devices')

    def gone(self, port):
        self.daemon.say(REMOVE, f'/qubes-usb-devices/{port}/')
        self.daemon.put('/qubes-usb-devices')


def attached(house, vm):
    return house.must(f'{METHOD}Attached', vm)


def told(ear, since, subject):
    return [r.name for r in ear.records[since:] if r.subject == subject and r.name.startswith('device-')]


def hears(ear, since, subject, *names):
    wait(lambda: len(told(ear, since, subject)) >= len(names))
    return told(ear, since, subject) == list(names)


def services(programs):
    return [line.split('QUBESRPC ')[1] for line in programs.calls() if 'qubes.USB' in line]
