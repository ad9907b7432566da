# SPDX-License-Identifier: MIT
"""For what runs inside the emulated dom0: bulkhead there, its guests, Xen's own tools. See smoke.sh."""
import os
import pathlib
import re
import subprocess
import sys
import traceback

os.environ.setdefault('BULKHEAD_BUILD', '/opt/bulkhead')
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / 'scenario'))
# pylint: disable=wrong-import-position
from guests import Guests  # noqa: E402
from house import Listener, Tap, wait  # noqa: E402

CONSOLES = pathlib.Path('/var/log/xen/console')
PATIENCE = 150  # an emulator on a busy machine; alone everything takes seconds


def run(*words: str, check: bool = True) -> str:
    """What a program of the dom0 says."""
    return subprocess.run(words, check=check, timeout=PATIENCE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout.decode('utf-8', 'replace')


class Bed(Guests):
    """The bulkhead that smoke.sh has started; it is not ours to end."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.dir, self.uri = pathlib.Path('/opt/bed'), 'xen:///system'
        self.told = {}
        self.ear = Listener(self).begin()

    def __enter__(self) -> 'Bed':
        return self

    def __exit__(self, *failed: object) -> None:
        self.ear.ending = True

    def machine(self, name: str, mode: str, kernel: str, memory: int = 32, **others: object) -> None:
        """A VM without network that may be started."""
        self.create(name)
        settings = {'virt_mode': mode, 'kernel': kernel, 'netvm': '', 'memory': memory, 'maxmem': 0, 'vcpus': 1,
                    'kernelopts': 'guest.'}
        for key, value in {**settings, **others}.items():
            self.must(f'admin.vm.property.Set+{key}', name, str(value))
        self.forget(name)

    def forget(self, name: str) -> None:
        """What was told of the VM up to now is of no interest."""
        self.must('admin.vm.feature.Set+seen', name, 'x')
        wait(lambda: 'domain-feature-set:seen' in self.names(name)[self.told.get(name, 0):], PATIENCE)
        self.told[name] = self.count(name)

    def start(self, name: str):
        return self.call('admin.vm.Start', name, timeout=PATIENCE)

    def kill_vm(self, name: str) -> None:
        self.must('admin.vm.Kill', name, timeout=PATIENCE)
        wait(lambda: self.agree(name) and self.state(name) == 'Halted', PATIENCE)
        self.told[name] = self.count(name)

    def domid(self, name: str) -> int:
        """Xen's number of the domain; 0: there is none."""
        words = run('xl', 'domid', name, check=False).split()
        return int(words[0]) if words else 0

    def loops(self, name: str) -> int:
        """How many of the VM's images are in use."""
        return run('losetup', '-a').count(f'/{name}/')

    def nothing_left(self, name: str) -> bool:
        return self.domid(name) == 0 and self.loops(name) == 0 and \
            name not in run('virsh', '-q', '-c', self.uri, 'list', '--name').split()

    def info(self, name: str) -> dict[str, str]:
        rows = (line.split(':', 1) for line in self.do('dominfo', name).splitlines() if ':' in line)
        return {key.strip(): value.strip() for key, value in rows}

    # ---- a Linux guest's console ----

    def console(self, name: str) -> str:
        """What the guest has said in this life and those before."""
        try:
            text = (CONSOLES / f'guest-{name}.log').read_text('utf-8', 'replace')
        except OSError:
            return ''
        return text.replace('\r', '')

    def says(self, name: str, command: str, pattern: str, seconds: float = PATIENCE) -> str:
        """Types a line into the guest's shell; the first match in what follows, or ''."""
        before = len(self.console(name))
        tty = run('xenstore-read', f'/local/domain/{self.domid(name)}/console/tty', check=False).strip()
        if tty:
            with open(tty, 'w', encoding='ascii') as out:
                out.write(command + '\n')
        found = []

        def look() -> bool:
            match = re.search(pattern, self.console(name)[before:], re.MULTILINE)
            found[:] = [match.group(0)] if match else []
            return bool(found)
        wait(look, seconds)
        return found[0] if found else ''


def part(play) -> None:
    """Runs play(bed, tap) and ends the program; an exception is a failed test, never a missing plan."""
    tap = Tap()
    try:
        with Bed() as bed:
            play(bed, tap)
            tap.check('no event was told twice', not bed.ear.doubled, bed.ear.doubled)
    except Exception:  # pylint: disable=broad-except
        tap.check('the part plays to its end', False, traceback.format_exc())
    print(f'1..{tap.count}', flush=True)
    sys.exit(tap.failed > 0)
