# SPDX-License-Identifier: MIT
"""The collection operations of devices as clients of 4.0 to 4.2 ask for them (spec devices 3 and 4)."""
from house import TREE, House, Listener, scenario, wait

METHOD = 'admin.vm.device.pci.'
HOST = TREE / 'tests/conformance/host.xml'
NET, CARD, SOUND = 'dom0+00_19.0', 'dom0+02_00.0', 'dom0+00_1b.0'
VM, OTHER = 'hvm', 'two'


def listed(house, *ports):
    return wait(lambda: house.must(f'{METHOD}List', VM).splitlines() == list(ports))


def refused(tap, house, error, verb, device, vm=VM, payload=''):
    answer = house.call(f'{METHOD}{verb}+{device}', vm, payload, timeout=30)
    tap.check(f'{verb} of {device} {payload or "as it is"} is {error}', answer.error == error, answer)


def told(ear, since):
    return [(r.subject, r.name) for r in ear.records[since:] if r.name.startswith('device-')]


def is_kept_while_halted(house, tap, ear):
    since = len(ear.records)
    refused(tap, house, 'QubesVMNotRunningError', 'Attach', NET)
    answer = house.call(f'{METHOD}Attach+{NET}', VM, 'persistent=True')
    tap.check('a halted VM is given a persistent device', answer.ok and listed(house, f'{NET} persistent=yes'), answer)
    tap.check('which is told before and after', wait(lambda: told(ear, since) == [
        (VM, 'device-pre-attach:pci'), (VM, 'device-attach:pci')]), told(ear, since))
    refused(tap, house, 'DeviceAlreadyAttached', 'Attach', NET, payload='persistent=True')
    refused(tap, house, 'QubesVMNotStartedError', 'Set.persistent', NET, payload='False')
    refused(tap, house, 'DeviceNotAttached', 'Detach', SOUND)
    refused(tap, house, 'ProtocolError', 'Attach', SOUND, payload='opt')
    answer = house.call(f'{METHOD}Attach+{CARD}', VM, 'persistent=yes no-strict-reset=True')
    tap.check('one behind a bridge goes by its address, with its options', answer.ok and listed(
        house, f'{NET} persistent=yes', f'{CARD} no-strict-reset=True persistent=yes'), answer)


def is_changed_while_it_runs(house, tap, ear):
    house.must('admin.vm.Start', VM)
    refused(tap, house, 'QubesVMNotHaltedError', 'Detach', NET)
    tap.check('it need not stay attached for good', wait(
        lambda: house.call(f'{METHOD}Set.persistent+{NET}', VM, 'False').ok)
        and listed(house, f'{NET} persistent=no', f'{CARD} no-strict-reset=True persistent=yes'))
    since = len(ear.records)
    answer = house.call(f'{METHOD}Detach+{NET}', VM)
    tap.check('then it is detached', answer.ok and listed(house, f'{CARD} no-strict-reset=True persistent=yes')
              and wait(lambda: told(ear, since) == [(VM, 'device-pre-detach:pci'), (VM, 'device-detach:pci')]), answer)
    answer = house.call(f'{METHOD}Attach+{SOUND}', VM)
    tap.check('another is attached', answer.ok and listed(
        house, f'{SOUND} persistent=no', f'{CARD} no-strict-reset=True persistent=yes'), answer)
    refused(tap, house, 'ProtocolError', 'Set.persistent', SOUND, payload='true')
    house.must(f'{METHOD}Set.persistent+{SOUND}', VM, 'True')
    tap.check('and kept', listed(house, f'{SOUND} persistent=yes', f'{CARD} no-strict-reset=True persistent=yes'))
    answer = house.call(f'{METHOD}Attach+{SOUND}', OTHER, 'persistent=True')
    tap.check('a VM that is halted may want it, too', answer.ok, answer)
    answer = house.call('admin.vm.Start', OTHER, timeout=30)
    tap.check('and does not start with it while the first has it', answer.error == 'DeviceAlreadyAttached', answer)


def play(tap):
    with House(host_xml=HOST, old_devices='yes') as house:
        for name in (VM, OTHER):
            house.create(name)
            house.must('admin.vm.property.Set+virt_mode', name, 'hvm')
        lines = house.must(f'{METHOD}Available').splitlines()
        tap.check('devices are listed by their addresses, with a description at the end', any(
            line.startswith('02_00.0 bus=02 device=00 function=0 libvirt_name=pci_0000_02_00_0 description=')
            for line in lines), lines)
        ear = Listener(house).begin()
        is_kept_while_halted(house, tap, ear)
        is_changed_while_it_runs(house, tap, ear)
    with House(host_xml=HOST) as house:
        house.create(VM)
        answer = house.call(f'{METHOD}List', VM)
        tap.check('without --old-devices there is no List', answer.error == 'ProtocolError', answer)


scenario(play)
