# SPDX-License-Identifier: MIT
"""PCI under Xen: devices that go to guests and come back, and what xenstore, sysfs and the guests say of that."""
import pathlib
import re

from bed import PATIENCE, Bed, part, run
from guests import ENDED, START
from house import Tap, wait

NET1, NET2, RNG, EDU = '00_08.0', '00_09.0', '00_0a.0-00_00.0', '00_0b.0'
SBDF = {NET1: '0000:00:08.0', NET2: '0000:00:09.0', RNG: '0000:01:00.0', EDU: '0000:00:0b.0'}
DEVICES = pathlib.Path('/sys/bus/pci/devices')
CALLS = pathlib.Path('/opt/bulkhead/programs/calls')
METHOD = 'admin.vm.device.pci.'
ATTACHED = ['device-pre-attach:pci', 'device-attach:pci']
DETACHED = ['device-pre-detach:pci', 'device-detach:pci']
LINUX = 'console=hvc0 mitigations=off tsc=reliable'
# An HVM guest boots from its disk; this one is given the bed's kernel by Xen's device model.
OVERRIDE = f"""<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
<xsl:template match="os/boot"/>
<xsl:template match="os/loader"><xsl:copy-of select="."/><kernel>/guest/vmlinuz</kernel><initrd>/guest/initrd</initrd>
<cmdline>{LINUX}</cmdline></xsl:template>
</xsl:stylesheet>"""


def driver(port: str) -> str:
    link = DEVICES / SBDF[port] / 'driver'
    return link.resolve().name if link.exists() else ''


def seized() -> int:
    """How often pciback has taken a device, ever."""
    return run('dmesg').count('xen_pciback: seizing device')


def call(bed: Bed, verb: str, name: str, port: str, payload: str = ''):
    return bed.asks(f'{METHOD}{verb}+dom0+{port}', name, payload)


def assign(bed: Bed, name: str, port: str, mode: str) -> None:
    bed.must(f'{METHOD}Assign+dom0+{port}:*', name, f"mode='{mode}'")


def has(bed: Bed, name: str) -> set[str]:
    """The ports that bulkhead says it has."""
    lines = bed.must(f'{METHOD}Attached', name).splitlines()
    return {match.group(1) for line in lines if (match := re.search(r"port_id='([^']*)'", line))}


def in_xenstore(domid: int) -> dict[str, str]:
    """Which function the domain has, and where its guest sees it: the last word of the hypervisor's store."""
    text = run('xenstore-ls', f'/local/domain/0/backend/pci/{domid}/0', check=False)
    rows = dict(re.findall(r'^([a-z0-9_-]+) = "(.*)"$', text, re.MULTILINE))
    count = int(rows.get('num_devs', '0'))
    return {rows[f'dev-{i}']: model_shows(rows.get(f'vdevfn-{i}', '')) or rows.get(f'vdev-{i}', '') for i in range(count)}


def model_shows(devfn: str) -> str:
    """Where an HVM guest's device model shows it, of which its row in pciback's form knows nothing."""
    return f'0000:00:{int(devfn, 16) >> 3:02x}.{int(devfn, 16) & 7:02x}' if devfn else ''


def guest_sees(bed: Bed, name: str) -> set[str]:
    """The functions that the Linux guest lists, as 00:02.0."""
    answer = bed.says(name, 'echo; echo SEES $(ls /sys/bus/pci/devices) END', r'^SEES .*END$')
    return {word[5:] for word in answer.split()[1:-1]}


def plan(name: str, port: str) -> str:
    return run('/opt/bulkhead/bulkhead', 'pci', 'plan', name, port, check=False)


def agree(bed: Bed, name: str, ports: set[str]) -> bool:
    """bulkhead, xenstore, sysfs: all say that the VM has these and no others."""
    return has(bed, name) == ports and set(in_xenstore(bed.domid(name))) == {SBDF[p] for p in ports} and \
        all(driver(p) == 'pciback' for p in ports)


def told(bed: Bed, name: str) -> list:
    return [has(bed, name), in_xenstore(bed.domid(name)), {p: driver(p) for p in SBDF}]


def changes(bed: Bed, tap: Tap, name: str, verb: str, port: str, then: set[str], sentence: str) -> None:
    answer = call(bed, verb, name, port)
    want = ATTACHED if verb == 'Attach' else DETACHED
    got = bed.follows(name, want, PATIENCE)
    tap.check(sentence, answer.ok and got == want and agree(bed, name, then), answer, got, *told(bed, name))


def cannot_be_reset(bed: Bed, tap: Tap) -> None:
    text = plan('card', EDU)
    tap.check('the plan of a device that cannot be reset refuses it, by that check',
              re.search(r'(?m)^refused +reset', text), text)
    before = seized()
    assign(bed, 'card', NET1, 'required')
    assign(bed, 'card', EDU, 'required')
    bed.forget('card')
    answer = bed.start('card')
    wait(lambda: bed.names('card')[-1:] == ['domain-start-failed'], PATIENCE)
    tap.check('a start that requires it is refused by the same check',
              answer.error == 'QubesException' and 'check reset' in answer.text and
              bed.nothing_left('card') and bed.state('card') == 'Halted', answer, bed.names('card')[-6:])
    tap.check('before any device is taken from its driver',
              seized() == before and driver(NET1) == 'e1000e' and driver(EDU) == '', run('dmesg')[-600:],
              driver(NET1), driver(EDU))
    bed.must(f'{METHOD}Unassign+dom0+{EDU}:*', 'card')
    bed.forget('card')


def starts_with_one(bed: Bed, tap: Tap) -> None:
    before = seized()
    answer = bed.start('card')
    got = bed.follows('card', START, PATIENCE)
    tap.check('a PV guest starts with a device that it requires', answer.ok and got == START and
              seized() == before + 1, answer, got)
    tap.check('bulkhead, xenstore and sysfs agree that it has it',
              agree(bed, 'card', {NET1}), *told(bed, 'card'))
    tap.check('and so does its kernel', wait(lambda: 'XENBED-GUEST up' in bed.console('card'), PATIENCE) and
              guest_sees(bed, 'card') == {'00:00.0'}, bed.console('card')[-800:])


def refusals(bed: Bed, tap: Tap) -> None:
    answer = call(bed, 'Attach', 'card', EDU)
    tap.check('the device without reset is refused to the running guest too, and stays as it was',
              'check reset' in answer.text and driver(EDU) == '' and agree(bed, 'card', {NET1}), answer)
    answer = call(bed, 'Attach', 'card', NET1)
    tap.check('what it has it is not given again', answer.error == 'DeviceAlreadyAttached', answer)
    bed.forget('card')


def not_into_pvh(bed: Bed, tap: Tap) -> None:
    bed.machine('light', 'pvh', 'mini')
    started, before, held_by = bed.start('light'), seized(), driver(NET2)
    bed.follows('light', START, PATIENCE)
    answer = call(bed, 'Attach', 'light', NET2)
    tap.check('a PVH guest is refused a device, which stays with its driver, and nothing is told',
              started.ok and answer.error == 'QubesException' and 'pvh mode' in answer.text and has(bed, 'light') == set() and
              driver(NET2) == held_by and seized() == before and
              'device-attach:pci' not in bed.follows('light', []), started, answer, driver(NET2))
    bed.kill_vm('light')


def in_the_middle(bed: Bed, tap: Tap) -> None:
    changes(bed, tap, 'card', 'Attach', NET2, {NET1, NET2}, 'a second device is plugged into the running guest')
    changes(bed, tap, 'card', 'Attach', RNG, {NET1, NET2, RNG}, 'and a third, from behind a bridge')
    tap.check('the guest lists all three', wait(lambda: len(guest_sees(bed, 'card')) == 3, 30),
              guest_sees(bed, 'card'))
    before = in_xenstore(bed.domid('card'))
    changes(bed, tap, 'card', 'Detach', NET2, {NET1, RNG},
            'the middle one is detached: Xen numbers the rest anew, and all agree who has what')
    after = in_xenstore(bed.domid('card'))
    tap.check('what stays keeps its place in the guest', list(after) == [SBDF[NET1], SBDF[RNG]] and
              all(after[sbdf] == before[sbdf] for sbdf in after), before, after)
    tap.check('the guest was asked to let go of it by the number that it knew',
              f'input={short(before[SBDF[NET2]])}' in last_call(), before, last_call())


def short(vdev: str) -> str:
    """0000:00:02.00 as the guest's service is told it: 00:02.0."""
    return vdev[5:11] + vdev[12:] if len(vdev) == 13 else vdev


def last_call() -> str:
    calls = [line for line in CALLS.read_text('utf-8').splitlines() if 'DetachPciDevice' in line]
    return calls[-1] if calls else ''


def numbered_anew(bed: Bed, tap: Tap) -> None:
    changes(bed, tap, 'card', 'Attach', NET2, {NET1, RNG, NET2}, 'the second one is plugged in again')
    now = in_xenstore(bed.domid('card'))
    tap.check('under a number that no other has there', len(set(now.values())) == 3 and
              wait(lambda: guest_sees(bed, 'card') == {short(v) for v in now.values()}, 30), now,
              guest_sees(bed, 'card'))
    pid = bed.kill('devbus-pci')
    tap.check('devbus-pci, killed, reads again who has what',
              wait(lambda: bed.serving('devbus-pci', pid), PATIENCE) and
              wait(lambda: agree(bed, 'card', {NET1, NET2, RNG}), PATIENCE), *told(bed, 'card'))
    changes(bed, tap, 'card', 'Detach', RNG, {NET1, NET2}, 'the one that has moved is detached')
    tap.check('by its own number in the guest', f'input={short(now[SBDF[RNG]])}' in last_call(), now, last_call())


def obeys(bed: Bed, tap: Tap) -> None:
    answer = bed.call('admin.vm.Shutdown+wait', 'card', timeout=PATIENCE)
    want = ['domain-pre-shutdown', *ENDED]
    got = bed.follows('card', want, PATIENCE)
    tap.check('the Linux guest shuts down when asked, with two devices in it',
              answer.ok and got == want and wait(lambda: bed.nothing_left('card'), PATIENCE), answer, got)
    plans = [plan('hvmcard', port) for port in (NET1, NET2)]  # Xen leaves its rows of the dead in the store
    tap.check('nobody has them then', has(bed, 'card') == set() and
              all(re.search(r'(?m)^ok +holder', text) for text in plans), *plans,
              run('xenstore-ls', '-f', '/local/domain/0/backend/pci', check=False))


def goes_back(bed: Bed, tap: Tap) -> None:
    for port in (NET1, NET2):
        run('/opt/bulkhead/bulkhead', 'pci', 'release', port)
    tap.check('given back to the host, its own driver has them', driver(NET1) == driver(NET2) == 'e1000e',
              driver(NET1), driver(NET2))
    bed.machine('plain', 'pv', 'mini')
    bed.start('plain')
    answer = call(bed, 'Attach', 'plain', NET2)
    tap.check('a guest that was not made for devices gets none: the hypervisor refuses, typed',
              answer.kind == 'error' and answer.error != 'DeviceAlreadyAttached' and has(bed, 'plain') == set() and bed.state('plain') == 'Running', answer)
    tap.check('and the device is back with its driver', wait(lambda: driver(NET2) == 'e1000e', PATIENCE),
              driver(NET2))
    bed.kill_vm('plain')


def a_slow_start(bed: Bed, tap: Tap) -> None:
    """An HVM guest needs most of a minute for its kernel: the rest is tried meanwhile."""
    folder = pathlib.Path('/etc/qubes/templates/libvirt/xen/by-name')
    folder.mkdir(0o755, parents=True, exist_ok=True)
    (folder / 'hvmcard.xsl').write_text(OVERRIDE, 'utf-8')
    bed.machine('hvmcard', 'hvm', '', 192)
    bed.must('admin.vm.feature.Set+video-model', 'hvmcard', 'none')
    bed.must('admin.vm.feature.Set+qrexec', 'hvmcard', '1')
    assign(bed, 'hvmcard', NET2, 'ask-to-attach')
    bed.forget('hvmcard')
    answer = bed.start('hvmcard')
    got = bed.follows('hvmcard', START, PATIENCE)
    tap.check('an HVM guest starts that may take a device later, by a kernel that an override names',
              answer.ok and got == START and has(bed, 'hvmcard') == set(), answer, got)


def into_hvm(bed: Bed, tap: Tap) -> None:
    tap.check("the HVM guest's user space is up", wait(lambda: 'XENBED-GUEST up' in bed.console('hvmcard'), 300),
              bed.console('hvmcard')[-800:])
    none = guest_sees(bed, 'hvmcard')
    changes(bed, tap, 'hvmcard', 'Attach', NET2, {NET2}, 'a device is plugged into the running HVM guest')
    wait(lambda: len(guest_sees(bed, 'hvmcard')) == len(none) + 1, 60)
    more = guest_sees(bed, 'hvmcard') - none
    now = in_xenstore(bed.domid('hvmcard'))
    tap.check('which finds it where xenstore says', more == {short(v) for v in now.values()}, none, more, now)
    changes(bed, tap, 'hvmcard', 'Detach', NET2, set(), 'and unplugged')
    tap.check('the guest has let go of it', wait(lambda: guest_sees(bed, 'hvmcard') == none, 60), none,
              guest_sees(bed, 'hvmcard'))
    changes(bed, tap, 'hvmcard', 'Attach', NET2, {NET2}, 'it takes it again')
    bed.must('admin.vm.Kill', 'hvmcard', timeout=PATIENCE)
    got = bed.follows('hvmcard', ENDED, PATIENCE)
    tap.check('killed with it, the guest leaves nothing', got == ENDED and
              wait(lambda: bed.nothing_left('hvmcard'), PATIENCE) and has(bed, 'hvmcard') == set(), got)


def play(bed: Bed, tap: Tap) -> None:
    a_slow_start(bed, tap)
    bed.machine('card', 'pv', 'bed', 128, kernelopts=LINUX)
    bed.must('admin.vm.feature.Set+qrexec', 'card', '1')
    cannot_be_reset(bed, tap)
    starts_with_one(bed, tap)
    refusals(bed, tap)
    not_into_pvh(bed, tap)
    in_the_middle(bed, tap)
    numbered_anew(bed, tap)
    obeys(bed, tap)
    into_hvm(bed, tap)
    goes_back(bed, tap)


if __name__ == '__main__':
    part(play)
