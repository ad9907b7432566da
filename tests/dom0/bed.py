# SPDX-License-Identifier: MIT
"""For what runs inside the emulated dom0: bulkhead there, its guests, Xen's own tools. See smoke.sh."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
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


class Virsh:
    """One virsh for all commands: to start and connect another costs an emulator a second each time."""

    def __init__(self, uri: str):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(['virsh', '-q', '-c', uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=dict(os.environ, TERM='dumb'))
        self.lock = threading.Lock()

    def do(self, *words: str) -> str:
        """What it says to this command; to one that fails, nothing."""
        with self.lock:
            self.process.stdin.write(' '.join(words) + '\necho END\n')
            self.process.stdin.flush()
            self.lines_until(' '.join(words))
            return ''.join(self.lines_until('echo END'))

    def lines_until(self, command: str) -> list[str]:
        """It shows each command when it comes to it, behind its prompt."""
        lines = []
        for line in self.process.stdout:
            if line.rstrip().endswith('virsh # ' + command):
                return lines
            lines.append(line)
        raise RuntimeError('virsh has ended')


class Bed(Guests):
    """The bulkhead that smoke.sh has started; it is not ours to end."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.dir, self.uri = pathlib.Path('/opt/bed'), 'xen:///system'
        self.told, self.tool_of_libvirt = {}, Virsh(self.uri)
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

    def do(self, *words: str) -> str:
        return self.tool_of_libvirt.do(*words)

    def virsh(self) -> dict[str, str]:
        rows = [line.split(None, 2) for line in self.do('list', '--all').splitlines() if line.strip()]
        return {row[1]: row[2].strip() for row in rows}

    def asks(self, method: str, name: str, payload: str = ''):
        """Asks again what libvirt was silent about: on Xen it is while it builds another part's domain."""
        for _ in range(5):
            answer = self.call(method, name, payload, PATIENCE)
            if 'libvirt has not answered' not in (answer.text or ''):
                break
            time.sleep(3)
        return answer

    def start(self, name: str):
        return self.asks('admin.vm.Start', name)

    def kill_vm(self, name: str) -> None:
        self.must('admin.vm.Kill', name, timeout=PATIENCE)
        wait(lambda: self.agree(name) and self.state(name) == 'Halted', PATIENCE)
        self.told[name] = self.count(name)

    def domid(self, name: str) -> int:
        """Xen's number of the domain; 0: there is none."""
        word = self.do('domid', name).strip()
        return int(word) if word.isdigit() else 0

    def loops(self, name: str) -> int:
        """How many of the VM's images are in use."""
        count = 0
        for file in pathlib.Path('/sys/block').glob('loop*/loop/backing_file'):
            with contextlib.suppress(OSError):  # it has just been let go
                count += f'/{name}/' in file.read_text('utf-8')
        return count

    def nothing_left(self, name: str) -> bool:
        return name not in self.do('list', '--name').split() and self.loops(name) == 0 and \
            run('xl', 'domid', name, check=False) == ''

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


def part(play, kind: type = Bed) -> None:
    """Runs play(bed, tap) and ends the program; an exception is a failed test, never a missing plan."""
    tap = Tap()
    try:
        with kind() as bed:
            play(bed, tap)
            tap.check('no event was told twice', not bed.ear.doubled, bed.ear.doubled)
    except Exception:  # pylint: disable=broad-except
        tap.check('the part plays to its end', False, traceback.format_exc())
    print(f'1..{tap.count}', flush=True)
    sys.exit(tap.failed > 0)
