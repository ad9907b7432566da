# SPDX-License-Identifier: MIT
"""USB devices between VMs that run, over stand-ins for their qubesdb-daemons and for qrexec-client."""
import threading
import time

from house import House, Listener, scenario, wait
from person import Person
from stand_ins import Programs
from usb import METHOD, MOUSE, Ports, attached, hears, services, told

BUS = 'devbus-usb'
BACK, FRONT, OTHER = 'back', 'front', 'other'


def is_listed(house, tap, ear, ports):
    tap.check('while nobody exposes anything there is no such process', house.pid(BUS) == 0)
    since = len(ear.records)
    house.must(f'{METHOD}Available', BACK)
    ports.says('1-1', desc='046d:c077 Logitech USB_Mouse unknown', interfaces='030102')
    # One change or more, as its process looks between two of them, and a look of its own may find it first.
    tap.check('a device that comes is told', wait(lambda: set(told(ear, since, BACK)) == {'device-list-change:usb', 'device-added:usb'})
              and told(ear, since, BACK).count('device-added:usb') == 1, told(ear, since, BACK))
    ports.says('1-2.3', desc='one text', interfaces='zz')
    ports.says('usb9', desc='x')
    lines = house.must(f'{METHOD}Available', BACK).splitlines()
    tap.check('it is listed as its backend describes it, and what is malformed is not',
              [line.split()[0] for line in lines] == [MOUSE] and "manufacturer='Logitech'" in lines[0]
              and "interfaces='u030102'" in lines[0], lines)
    tap.check('a VM that exposes nothing has none', house.must(f'{METHOD}Available', FRONT) == '')
    tap.check('nor has dom0, without its service for them', house.must(f'{METHOD}Available') == '')


def is_attached(house, tap, ear, ports, programs):
    since = len(ear.records)
    answer = house.call(f'{METHOD}Attach+back+1-1', FRONT)
    tap.check('it is attached', answer.ok, answer)
    tap.check("by its frontend's service, as root", services(programs) == ['qubes.USBAttach dom0 input=back 1-1']
              and any('-d front' in line and 'root:QUBESRPC' in line for line in programs.calls()), programs.calls())
    tap.check('which is told before and after', hears(ear, since, FRONT, 'device-pre-attach:usb', 'device-attach:usb'),
              told(ear, since, FRONT))
    ports.connected('1-1', FRONT)
    tap.check('its backend says so, which is no news', wait(lambda: 'device-list-change:usb' in told(ear, since, BACK))
              and hears(ear, since, FRONT, 'device-pre-attach:usb', 'device-attach:usb'), told(ear, since, FRONT))
    tap.check('it is shown so', attached(house, FRONT).startswith(f'back+{MOUSE} ')
              and "attachment='front'" in house.must(f'{METHOD}Available+1-1', BACK), attached(house, FRONT))
    for vm in (OTHER, FRONT):
        answer = house.call(f'{METHOD}Attach+back+1-1', vm)
        tap.check(f'a second attachment, to {vm}, is refused', answer.error == 'DeviceAlreadyAttached', answer)
    pid = house.kill(BUS)
    answer = house.call(f'{METHOD}Attach+back+1-1', OTHER, timeout=30)
    tap.check('killed, another of it knows who has what', answer.error == 'DeviceAlreadyAttached'
              and wait(lambda: 'back+1-1' in attached(house, FRONT)) and house.pid(BUS) != pid, answer)


def is_detached(house, tap, ear, ports, programs):
    since = len(ear.records)
    answer = house.call(f'{METHOD}Detach+back+1-1', FRONT)
    ports.connected('1-1', None)
    tap.check("it is detached, by its backend's service", answer.ok and attached(house, FRONT) == ''
              and services(programs)[-1] == 'qubes.USBDetach dom0 input=1-1', answer, services(programs))
    tap.check('which is told before and after', hears(ear, since, FRONT, 'device-pre-detach:usb', 'device-detach:usb'),
              told(ear, since, FRONT))
    programs.how('qrexec-client', FRONT, '127')
    answer = house.call(f'{METHOD}Attach+back+1-1', FRONT)
    tap.check('a guest without the service is named', answer.kind == 'error' and 'usb-proxy not installed' in answer.text,
              answer)
    programs.how('qrexec-client', FRONT, '1')
    answer = house.call(f'{METHOD}Attach+back+1-1', FRONT)
    tap.check('what the service says is the error', answer.text.startswith('Device attach failed: ')
              and 'was told to fail' in answer.text and attached(house, FRONT) == '', answer)
    programs.how('qrexec-client', FRONT, None)
    answer = house.call(f'{METHOD}Attach+back+1-1', FRONT, "_read-only='yes'")
    tap.check('options are refused', answer.kind == 'error' and 'options' in answer.text, answer)


class Attaching:
    """An attachment whose service takes two seconds, beside us."""

    def __init__(self, house, programs, vm, called=None):
        self.answer, self.programs, self.called = None, programs, called or vm
        programs.how('qrexec-client', self.called, 'slow')
        self.thread = threading.Thread(target=self.run, args=(house, vm))
        self.thread.start()

    def run(self, house, vm):
        self.answer = house.call(f'{METHOD}Attach+back+1-1', vm, timeout=60)

    def end(self):
        self.thread.join()
        self.programs.how('qrexec-client', self.called, None)
        return self.answer


def is_allowed_meanwhile(house, tap, ports, programs):
    """A line of dom0's policy while the device is on its way, and not a moment longer."""
    line = house.dir / 'usb-policy/qubes.USB+1-1'

    def says():
        return line.read_text() if line.exists() else ''

    call = Attaching(house, programs, FRONT)
    there = wait(lambda: says().startswith('front back allow,user=root\n'))
    tap.check("while it is attached dom0's policy lets its frontend call its backend", there
              and line.stat().st_mode & 0o7777 == 0o660, says())
    answer = call.end()
    tap.check('and no longer', answer.ok and wait(lambda: not line.exists()), answer, says())
    house.must(f'{METHOD}Detach+back+1-1', FRONT)
    line.write_text('a b deny\n')
    call = Attaching(house, programs, FRONT)
    there = wait(lambda: says().startswith('front back allow,user=root\n') and says().endswith('\na b deny\n'))
    pid = house.kill('launcher')
    tap.check('killed meanwhile, the next launcher takes it back and leaves what others wrote',
              there and wait(lambda: says() == 'a b deny\n') and wait(lambda: house.serving('launcher', pid)), says())
    answer = call.end()
    tap.check('who had asked is answered', answer is not None and (answer.ok or answer.kind == 'error'), answer)
    line.unlink()
    house.call(f'{METHOD}Detach+back+1-1', FRONT)
    answer = house.call(f'{METHOD}Attach+back+1-1', FRONT, timeout=60)
    tap.check('attached again it leaves no line', answer.ok and wait(lambda: not line.exists()), answer, says())
    house.must(f'{METHOD}Detach+back+1-1', FRONT)


def is_taken_by_a_device_model(house, tap, programs):
    """An HVM VM whose device model has a qrexec agent of its own."""
    house.must('admin.vm.feature.Set+stubdom-qrexec', OTHER, '1')
    line = house.dir / 'usb-policy/qubes.USB+1-1'
    call = Attaching(house, programs, OTHER, 'other-dm')
    there = wait(lambda: line.exists() and line.read_text().startswith('other-dm back allow,user=root\n'))
    answer = call.end()
    tap.check('the stub domain of an HVM VM takes it, and is allowed to', there and answer.ok
              and any('-d other-dm' in call and 'qubes.USBAttach' in call for call in programs.calls()), answer)
    house.must(f'{METHOD}Detach+back+1-1', OTHER)
    tap.check('the guest itself lets go', services(programs)[-1] == 'qubes.USBDetach dom0 input=1-1'
              and '-d back' in programs.calls()[-1], programs.calls()[-1])


def is_let_go(house, ports):
    """As its backend does when the frontend is no more."""
    ports.connected('2-1', None)
    wait(lambda: "attachment='front'" not in house.must(f'{METHOD}Available+2-1', BACK))


def comes(house, ear, since, ports):
    """It is attached, which is told once; and its backend says so before it is looked at."""
    there = wait(lambda: 'back+2-1' in attached(house, FRONT))
    ports.connected('2-1', FRONT)

    def attachments():
        return [name for name in told(ear, since, FRONT) if name != 'device-list-change:usb']

    return there and wait(attachments) and attachments() == ['device-attach:usb']


def follows_assignments(house, tap, ear, ports):
    house.must(f'{METHOD}Assign+back+2-1', FRONT, "mode='auto-attach'")
    since = len(ear.records)
    ports.says('2-1', desc='0951:1666 Kingston Stick 1A', interfaces='080650')
    tap.check('a device that comes goes to the VM that has it assigned', comes(house, ear, since, ports),
              attached(house, FRONT), told(ear, since, FRONT))
    since = len(ear.records)
    house.must('admin.vm.Kill', FRONT)
    tap.check('with its frontend the attachment ends', hears(ear, since, FRONT, 'device-detach:usb')
              and attached(house, FRONT) == '', told(ear, since, FRONT))
    is_let_go(house, ports)
    since = len(ear.records)
    house.must('admin.vm.Start', FRONT)
    tap.check('and comes again by itself', comes(house, ear, since, ports), told(ear, since, FRONT))
    for after in (0, 0.02, 0.1):
        since = len(ear.records)
        house.must('admin.vm.Kill', FRONT)
        wait(lambda s=since: 'device-detach:usb' in told(ear, s, FRONT))
        is_let_go(house, ports)
        since = len(ear.records)
        house.must('admin.vm.Start', FRONT)
        time.sleep(after)
        actor = house.vm_actor(FRONT)
        pid = house.kill(actor)
        tap.check(f"also when its VM's process dies {after} s behind the start, and is told once",
                  wait(lambda a=actor, p=pid: house.serving(a, p)) and comes(house, ear, since, ports), told(ear, since, FRONT))


def is_asked_for(house, tap, ports):
    person = Person(house)
    house.must(f'{METHOD}Assign+back+5-1', FRONT, "mode='ask-to-attach'")
    ports.says('5-1', desc='0951:1666 Kingston Stick 1B', interfaces='080650')
    asked = wait(lambda: person.asked)
    words = person.asked[0].words if asked else {}
    tap.check('a person is asked about a device that wants a yes, by its names',
              words.get('targets') == [FRONT] and words['device_name'].startswith('USB_Storage: Kingston')
              and not attached(house, FRONT).count('back+5-1'), words)
    pid = house.kill(BUS)
    tap.check('killed, the next of its bus asks again', wait(lambda: house.serving(BUS, pid))
              and wait(lambda: len(person.asked) == 2) and person.asked[1].port() == '5-1', len(person.asked))
    person.asked[1].say('allow:front')
    tap.check('allowed, it is attached', wait(lambda: 'back+5-1' in attached(house, FRONT)))
    house.must(f'{METHOD}Unassign+back+5-1', FRONT)
    ports.gone('5-1')
    tap.check('until it is gone', wait(lambda: 'back+5-1' not in attached(house, FRONT)))
    person.close()


def is_its_backends_word(house, tap, ear, ports):
    since = len(ear.records)
    ports.connected('1-1', OTHER)
    tap.check('what its user connects by hand is told and shown', hears(ear, since, OTHER, 'device-attach:usb')
              and 'back+1-1' in attached(house, OTHER), told(ear, since, OTHER))
    ports.connected('1-1', 'nobody')
    tap.check('a VM that there is not has nothing', hears(ear, since, OTHER, 'device-attach:usb', 'device-detach:usb')
              and wait(lambda: "attachment='nobody'" not in house.must(f'{METHOD}Available', BACK)))
    ports.gone('1-1')
    house.must('admin.vm.Kill', BACK)
    tap.check('with the backend all ends', wait(lambda: attached(house, FRONT) == '')
              and wait(lambda: house.pid(BUS) == 0), attached(house, FRONT), house.pid(BUS))


def is_a_package(tap):
    with House() as house:
        house.create(BACK)
        house.must('admin.vm.Start', BACK)
        ports = Ports(house, BACK)
        try:
            ear = Listener(house).begin()
            ports.says('1-1', desc='046d:c077 Logitech USB_Mouse unknown')
            answer = house.call(f'{METHOD}Available', BACK)
            tap.check('without --more-devices there is no such class', 'usb' not in house.must('admin.deviceclass.List')
                      and answer.error == 'ProtocolError', answer)
            tap.check('nobody hears of its devices', not wait(lambda: any('usb' in r.name for r in ear.records))
                      and house.pid(BUS) == 0, ear.records)
        finally:
            ports.daemon.end()


def play(tap):
    programs = Programs()
    try:
        with House(programs=programs.dir, more_devices='usb') as house:
            programs.serve(house)
            for name in (BACK, FRONT, OTHER):
                house.create(name)
            for name in (BACK, FRONT, OTHER):
                programs.how('qubesdb-daemon', name, 'well')
                if name == OTHER:
                    house.must('admin.vm.property.Set+virt_mode', name, 'hvm')
                house.must('admin.vm.Start', name)
            tap.check('the class is there', 'usb' in house.must('admin.deviceclass.List').split())
            ear = Listener(house).begin()
            ports = Ports(house, BACK, runs=True)
            is_listed(house, tap, ear, ports)
            is_attached(house, tap, ear, ports, programs)
            is_detached(house, tap, ear, ports, programs)
            is_allowed_meanwhile(house, tap, ports, programs)
            is_taken_by_a_device_model(house, tap, programs)
            follows_assignments(house, tap, ear, ports)
            is_asked_for(house, tap, ports)
            is_its_backends_word(house, tap, ear, ports)
    finally:
        programs.end()
    is_a_package(tap)


scenario(play)
