# SPDX-License-Identifier: MIT
"""A USB device that dom0 itself exposes: a stand-in for its service lets go of it, fails, lies, floods and hangs."""
import threading

from house import House, Listener, scenario, wait
from stand_ins import Programs
from usb import METHOD, MOUSE, Ports, attached, services, told

FRONT, OTHER = 'front', 'other'


class Detaching:
    """A detachment beside us."""

    def __init__(self, house, vm, device):
        self.answer = None
        self.thread = threading.Thread(target=self.run, args=(house, vm, device))
        self.thread.start()

    def run(self, house, vm, device):
        self.answer = house.call(f'{METHOD}Detach+{device}', vm, timeout=90)

    def end(self):
        self.thread.join()
        return self.answer


def has_ended(pid):
    """Also where nobody fetches it."""
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return stat.read().rpartition(')')[2].split()[0] in 'ZX'
    except FileNotFoundError:
        return True


def dom0_is_called(programs):
    return [line.partition(' ')[2] for line in programs.calls() if line.startswith('qubes-rpc-multiplexer ')]


def is_dom0s(house, tap, ports, programs):
    ports.says('1-1', desc='046d:c077 Logitech USB_Mouse unknown', interfaces='030102')
    lines = house.must(f'{METHOD}Available').splitlines()
    tap.check('with its service for them dom0 exposes its own', [line.split()[0] for line in lines] == [MOUSE], lines)
    answer = house.call(f'{METHOD}Attach+dom0+1-1', FRONT)
    tap.check("dom0's own goes to a VM, whose service is told", answer.ok
              and services(programs) == ['qubes.USBAttach dom0 input=dom0 1-1'] and 'dom0+1-1' in attached(house, FRONT),
              answer, programs.calls())
    ports.connected('1-1', FRONT)
    answer = house.call(f'{METHOD}Detach+dom0+1-1', FRONT)
    tap.check("it is detached by dom0's own service, as root", answer.ok and attached(house, FRONT) == ''
              and dom0_is_called(programs) == ['qubes.USBDetach dom0 name dom0 input=1-1 uid=0'], answer,
              dom0_is_called(programs))
    ports.connected('1-1', None)


def fails_ill(house, tap, ear, ports, programs):
    house.must(f'{METHOD}Attach+dom0+1-1', FRONT)
    ports.connected('1-1', FRONT)
    for how, words in (('1', 'was told to fail'), ('255', 'was told to fail'), ('127', 'was told to fail'), ('crash', ''),
                       ('flood', '_' * 200)):
        programs.how('qubes-rpc-multiplexer', 'dom0', how)
        since = len(ear.records)
        answer = house.call(f'{METHOD}Detach+dom0+1-1', FRONT)
        tap.check(f'what it says is the error, and the device stays: {how}', answer.kind == 'error'
                  and answer.text.startswith('Device detach failed: ') and words in answer.text and len(answer.text) < 600
                  and 'dom0+1-1' in attached(house, FRONT) and 'device-detach:usb' not in told(ear, since, FRONT), answer)
    programs.how('qubes-rpc-multiplexer', 'dom0', None)
    since = len(ear.records)
    answer = house.call(f'{METHOD}Detach+dom0+1-1', FRONT)
    tap.check('one that lies is believed for the moment', answer.ok and attached(house, FRONT) == '', answer)
    tap.check('then dom0 is looked at, and what it says is so', wait(lambda: 'dom0+1-1' in attached(house, FRONT), 30)
              and wait(lambda: 'device-attach:usb' in told(ear, since, FRONT)), told(ear, since, FRONT))


def begins_to_hang(house, programs):
    begun = programs.dir / 'pid.qubes-rpc-multiplexer'
    begun.unlink(missing_ok=True)
    programs.how('qubes-rpc-multiplexer', 'dom0', 'begin')
    call = Detaching(house, FRONT, 'dom0+1-1')
    there = wait(lambda: begun.exists() and begun.read_text().endswith('\n'))
    programs.how('qubes-rpc-multiplexer', 'dom0', None)
    return call, int(begun.read_text()) if there else 0


def hangs(house, tap, ports, programs):
    """Whoever has nothing to do with that device does not wait."""
    ports.says('2-1', desc='0951:1666 Kingston Stick 1A', interfaces='080650')
    call, hung = begins_to_hang(house, programs)
    house.must(f'{METHOD}Attach+dom0+2-1', OTHER)
    ports.connected('2-1', OTHER)
    house.must(f'{METHOD}Detach+dom0+2-1', OTHER)
    ports.connected('2-1', None)
    tap.check('while it hangs another device goes and comes', hung and call.thread.is_alive())
    answer = call.end()
    tap.check('its caller is answered, and the device stays', answer is not None and answer.kind == 'error'
              and 'dom0+1-1' in attached(house, FRONT), answer)
    tap.check('nothing of it is left', wait(lambda: has_ended(hung)))


def hangs_without_launcher(house, tap, ports, programs):
    call, hung = begins_to_hang(house, programs)
    pid = house.kill('launcher')
    answer = call.end()
    tap.check('when launcher dies meanwhile the caller is answered', hung and answer is not None
              and wait(lambda: house.serving('launcher', pid)), answer)
    tap.check('and it ends, too', wait(lambda: has_ended(hung)))
    if not answer.ok:
        answer = house.call(f'{METHOD}Detach+dom0+1-1', FRONT)
    ports.connected('1-1', None)
    tap.check('the next launcher has the device detached', answer.ok and attached(house, FRONT) == '', answer)


def play(tap):
    programs = Programs()
    house = House(programs=programs.dir, more_devices='usb')
    (house.dir / 'dom0-usb').touch()
    try:
        with house:
            programs.serve(house)
            for name in (FRONT, OTHER):
                house.create(name)
                programs.how('qubesdb-daemon', name, 'well')
                house.must('admin.vm.Start', name)
            ear = Listener(house).begin()
            ports = Ports(house, 'dom0')
            try:
                is_dom0s(house, tap, ports, programs)
                fails_ill(house, tap, ear, ports, programs)
                hangs(house, tap, ports, programs)
                hangs_without_launcher(house, tap, ports, programs)
            finally:
                ports.daemon.end()
    finally:
        programs.end()


scenario(play)
