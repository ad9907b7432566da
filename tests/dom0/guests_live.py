# SPDX-License-Identifier: MIT
"""PV, PVH and HVM guests under Xen: every way in which one begins and ends, and what is told of it."""
import pathlib

from bed import PATIENCE, Bed, part, run
from guests import ENDED, PAUSE, START, UNPAUSE
from house import Tap, wait

SECTOR = pathlib.Path(__file__).with_name('bootsector')
WORD, DISK = 508, 1 << 20  # where the sector has its letter; the disk's size


def boots_from(bed: Bed, name: str, letter: bytes) -> None:
    """An HVM guest has no kernel of dom0's: its disk begins with our sector."""
    sector = bytearray(SECTOR.read_bytes())
    sector[WORD:WORD + 1] = letter
    begun = bed.call('internal.vm.volume.ImportBegin+root', name, str(DISK), PATIENCE, 'qubesd.internal.sock')
    pathlib.Path(begun.text.split(' ', 1)[1]).write_bytes(bytes(sector) + bytes(DISK - len(sector)))
    ended = bed.call('internal.vm.volume.ImportEnd+root', name, 'ok', PATIENCE, 'qubesd.internal.sock')
    if not ended.ok:
        raise RuntimeError(f'the disk of {name}: {begun} {ended}')


def begins(bed: Bed, tap: Tap, name: str, what: str, then: tuple | list = ()) -> None:
    answer = bed.start(name)
    want = START + list(then)
    got = bed.follows(name, want, PATIENCE)
    tap.check(f'{what} starts, and its events come in their order', answer.ok and got == want, answer, got)


def pauses(bed: Bed, tap: Tap, name: str) -> None:
    for method, want, state in (('admin.vm.Pause', PAUSE, 'Paused'), ('admin.vm.Unpause', UNPAUSE, 'Running')):
        answer = bed.call(method, name, timeout=PATIENCE)
        got = bed.follows(name, want, PATIENCE)
        tap.check(f'{name} is {state}, and its events come in their order', answer.ok and got == want and
                  wait(lambda: bed.agree(name), PATIENCE) and bed.state(name) == state, answer, got)


def survives(bed: Bed, tap: Tap, name: str) -> None:
    domid, actor = bed.domid(name), bed.vm_actor(name)
    pid = bed.kill(actor)
    back = wait(lambda: bed.serving(actor, pid), PATIENCE)
    tap.check(f'the process that leads {name} is killed: its successor says the same of it, and nothing is told',
              pid > 1 and back and wait(lambda: bed.agree(name), PATIENCE) and bed.state(name) == 'Running' and
              bed.domid(name) == domid and bed.follows(name, []) == [], pid, back, bed.virsh(), bed.domid(name))


def has_ended(bed: Bed, tap: Tap, name: str, sentence: str, got: list[str], want: list[str]) -> None:
    tap.check(sentence, got == want and wait(lambda: bed.agree(name) and bed.nothing_left(name), PATIENCE) and
              bed.state(name) == 'Halted', got, bed.virsh(), run('losetup', '-a'))


def ends(bed: Bed, tap: Tap, name: str, how: str, act) -> None:
    act()
    got = bed.follows(name, ENDED, PATIENCE)
    has_ended(bed, tap, name, f'{name} {how}: its end is told once, in its order, and nothing is left', got, ENDED)


def ends_itself(bed: Bed, tap: Tap, name: str, word: str, how: str) -> None:
    bed.must('admin.vm.property.Set+kernelopts', name, f'guest.{word}')
    bed.forget(name)
    begins(bed, tap, name, f'{name}, which soon {how},', ENDED)
    has_ended(bed, tap, name, f'{name} {how}: all agree, and nothing is left', [], [])


def as_pv(bed: Bed, tap: Tap) -> None:
    bed.machine('pv', 'pv', 'mini', maxmem=48, vcpus=2)
    begins(bed, tap, 'pv', 'a PV guest')
    info, domid = bed.info('pv'), bed.domid('pv')
    tap.check('it has the memory and the processors of its properties',
              (info['Max memory'], info['Used memory'], info['CPU(s)']) == ('49152 KiB', '32768 KiB', '2'), info)
    tap.check('its number is the one that clients are told', domid > 0 and
              bed.must('admin.vm.property.Get+xid', 'pv').endswith(f' {domid}'),
              domid, bed.must('admin.vm.property.Get+xid', 'pv'))
    pauses(bed, tap, 'pv')
    ends(bed, tap, 'pv', 'is destroyed by virsh', lambda: bed.do('destroy', 'pv'))
    ends_itself(bed, tap, 'pv', 'off', 'powers itself off')
    ends_itself(bed, tap, 'pv', 'crash', 'crashes')


def as_pvh(bed: Bed, tap: Tap) -> None:
    bed.machine('pvh', 'pvh', 'mini')
    begins(bed, tap, 'pvh', 'a PVH guest')
    survives(bed, tap, 'pvh')
    pauses(bed, tap, 'pvh')
    ends(bed, tap, 'pvh', 'is destroyed by xl', lambda: run('xl', 'destroy', 'pvh'))
    ends_itself(bed, tap, 'pvh', 'reboot', 'resets itself')


def as_hvm(bed: Bed, tap: Tap) -> None:
    bed.machine('hvm', 'hvm', '', 64)
    answer = bed.start('hvm')
    wait(lambda: bed.names('hvm')[-1:] == ['domain-start-failed'], PATIENCE)
    tap.check("what this libvirt does not know, Qubes' screen, is a refusal that names it and leaves nothing",
              answer.error == 'QubesException' and 'graphics' in answer.text and
              bed.names('hvm')[-1:] == ['domain-start-failed'] and bed.nothing_left('hvm') and
              bed.state('hvm') == 'Halted', answer, bed.names('hvm')[-5:])
    bed.must('admin.vm.feature.Set+video-model', 'hvm', 'none')
    boots_from(bed, 'hvm', b'o')
    bed.forget('hvm')
    begins(bed, tap, 'hvm', 'an HVM guest, which soon powers itself off,', ENDED)
    has_ended(bed, tap, 'hvm', 'hvm powers itself off: all agree, and nothing is left', [], [])
    boots_from(bed, 'hvm', b' ')
    bed.forget('hvm')
    begins(bed, tap, 'hvm', 'an HVM guest')
    pauses(bed, tap, 'hvm')
    ends(bed, tap, 'hvm', 'is killed', lambda: bed.must('admin.vm.Kill', 'hvm', timeout=PATIENCE))


def play(bed: Bed, tap: Tap) -> None:
    as_pv(bed, tap)
    as_pvh(bed, tap)
    as_hvm(bed, tap)


if __name__ == '__main__':
    part(play)
